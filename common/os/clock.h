#pragma once

/* Monotonic time: for deadlines and durations, the same for all processes since boot. */

#include "common/base/millis.h"

Millis clock_now(void);
/* Sleeps, signals notwithstanding. */
void clock_sleep(Millis duration);
