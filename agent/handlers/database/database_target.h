#pragma once

/*
 * The database that a command is aimed at, by the agent's own configuration.
 * Errors: ERROR_INVALID for a name or side that is none, then those of database_open().
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/database/database.h"
#include "common/model/command.h"

bool target_config(const AgentIo *io, const Command *command, const AgentDatabase **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/*
 * On which database a migration or a checkpoint works: "production" or "staging" by ARG_SIDE,
 * absent is an error; "rehearsal" for the commands of one: the scratch database that it made.
 */
bool target_side(const Command *command, const char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Opens it, with the limits that the command has. */
bool target_open_side(AgentIo *io, const Command *command, Database **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Whether ARG_ACCOUNT names it; whether ARG_WATCHED does, which leaves it as it is. */
bool target_has_account(const Command *command, const char *user) __attribute__((nonnull));
bool target_only_watches(const Command *command, const char *user) __attribute__((nonnull));
/* With the limits of ARG_STATEMENT_S and ARG_LOCK_S, where the command has them. */
bool target_open(const AgentIo *io, const Command *command, DatabaseSide side, Database **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
