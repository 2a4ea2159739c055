#include "common/base/wall_time.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define EARLIEST (-62167219200000LL) /* 0000-01-01T00:00:00.000Z */
#define LATEST   253402300799999LL   /* 9999-12-31T23:59:59.999Z */

int64_t wall_now(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void wall_text(int64_t wall_ms, char ret[WALL_TEXT_BYTES])
{
    struct tm parts = { 0 };
    int64_t within = wall_ms < EARLIEST ? EARLIEST : wall_ms > LATEST ? LATEST : wall_ms;
    int64_t ms = (within % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((within - ms) / 1000);
    char whole[128];

    (void)gmtime_r(&seconds, &parts); /* the year is within 0..9999 */
    (void)snprintf(whole, sizeof(whole), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
        parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
        parts.tm_sec, (int)ms);
    assert(strlen(whole) == WALL_TEXT_BYTES - 1);
    memcpy(ret, whole, WALL_TEXT_BYTES);
}
