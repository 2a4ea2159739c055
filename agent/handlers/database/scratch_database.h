#pragma once

/*
 * A database on the staging server that exists for one restore test, or for one rehearsal. Its name
 * is remembered before it is made, so that one which a crash left behind is dropped by the next
 * test. There is one at a time for each database.
 *
 * Key "scratch/<database>/name". Character set, collation and encoding are those of production.
 * Owns: *ret_name is the caller's. Errors: those of database.h; ERROR_PRECONDITION no right.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/database/database.h"
#include "common/model/command.h"

bool scratch_make(AgentIo *io, const Command *command, Database *production, char **ret_name,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Whether the ledger names one. */
bool scratch_is_known(AgentIo *io, const Command *command, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The name of the one that there is; ERROR_PRECONDITION for none. The caller frees. */
bool scratch_find(AgentIo *io, const Command *command, char **ret_name, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Drops the one that the ledger names, if any, whoever is connected to it. */
bool scratch_drop(AgentIo *io, const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));
