#pragma once

/*
 * Starting: the stages in the order of the real server, each with what it says when it fails.
 *
 * A stage that fails is logged with the server's own lines, and the boot ends there: the process
 * stays, without the line that says it started.
 */

#include "tests/carbon/listener.h"
#include "tests/carbon/server.h"

typedef struct Boot {
    Server *server;
    Home *home;
    Millis ready_at;    /* listeners are not opened before: how long the start takes */
    Listener *listener; /* set by the last stage */
} Boot;

void boot_sleep_until(Millis when);
/* All stages; false when one failed (it is logged). */
bool boot_run(Boot *boot) __attribute__((nonnull, warn_unused_result));
/* The lines of a server that is up; `seconds` since the start. */
void boot_log_started(const Server *server, long seconds) __attribute__((nonnull));
