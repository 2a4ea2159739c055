#pragma once

/*
 * Stopping and starting the server of one home, for the four handlers of server.c.
 *
 * Remembered under "server/NODE/old|new/": "log" (place in the log before our start), "arguments"
 * (words behind the main class of the JVM that was stopped, a line each: how the site starts it).
 */

#include "agent/handlers/node/carbon_home.h"

/* No JVM and no wrapper of the home, and nobody listens on its https port. */
bool server_is_stopped(AgentIo *io, const Home *home, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* TERM, and KILL for what is left after `deadline_s`. */
bool server_stop(AgentIo *io, const Home *home, unsigned deadline_s, Error *error)
    __attribute__((nonnull, warn_unused_result));

bool server_is_up(AgentIo *io, const Home *home, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Starts it unless it runs, and waits until it is up. */
bool server_start(AgentIo *io, const Home *home, unsigned deadline_s, Error *error)
    __attribute__((nonnull, warn_unused_result));
