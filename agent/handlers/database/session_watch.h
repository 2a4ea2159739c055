#pragma once

/*
 * Looks out for intruders while a command works: every session at production that is not the
 * agent's own login's, asked for each second, and at the end, on a connection and a thread of its
 * own.
 *
 *   session_watch_start()   fails at once when somebody is there already
 *   ... the work ...
 *   session_watch_end()     fails with the intruder's user, host, program and time
 *
 * The goal of the command may hold in spite of an intruder; what was copied or saved while somebody
 * could write may not be what production holds. A look that fails is tried again: the work goes
 * unwatched meanwhile, and for how long is told ("~unwatched-s" in the evidence).
 *
 * Owns: the watch is freed by session_watch_end(). The configuration has to outlive it.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/database/database.h"
#include "common/model/command.h"

typedef struct SessionWatch SessionWatch;

bool session_watch_start(AgentIo *io, const Command *command, SessionWatch **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Whether somebody was seen so far. */
bool session_watch_saw(SessionWatch *watch) __attribute__((nonnull));
/* `error` may hold the work's own failure: it is kept, and the intruder's name added. */
bool session_watch_end(SessionWatch *watch, bool worked, Error *error) __attribute__((nonnull));

typedef bool WatchedWork(AgentIo *io, const Command *command, Error *error);

/* All three: the work of a command, under watch; a rehearsal's without, it has no intruders. */
bool session_watched(AgentIo *io, const Command *command, WatchedWork *work, Error *error)
    __attribute__((nonnull, warn_unused_result));
