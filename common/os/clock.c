#include "common/os/clock.h"

#include <errno.h>

Millis clock_now(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (Millis)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_sleep(Millis duration)
{
    struct timespec left = { .tv_sec = duration / 1000, .tv_nsec = duration % 1000 * 1000000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}
