#pragma once

/* Monotonic time and durations in milliseconds; never a wall clock. */

#include <stdint.h>

typedef int64_t Millis;
