#pragma once

/*
 * Ends all processes of a session, those whose leader has died already included.
 *
 * A program started with a session of its own is ended together with what it started, but for what
 * went into a session of its own (process_detach()).
 */

#include <sys/types.h>

/* Sends SIGKILL until nobody of the session is left that can be seen; returns how many it ended. */
unsigned session_kill(pid_t session);
