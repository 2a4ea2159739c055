#pragma once

/* The wall clock, for people and records; it may jump. Durations are measured with Millis. */

#include <stdint.h>

/* Milliseconds since 1970, UTC. */
int64_t wall_now(void);

#define WALL_TEXT_BYTES 25 /* "2024-02-29T23:59:59.123Z" and the end */

/* RFC 3339, UTC, milliseconds. Years outside 0..9999 become the nearest that fits. */
void wall_text(int64_t wall_ms, char ret[WALL_TEXT_BYTES]) __attribute__((nonnull));
