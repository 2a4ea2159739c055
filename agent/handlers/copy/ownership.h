#pragma once

/*
 * Whose the staging database is. The tool writes only into one that is empty or that this run has
 * marked as its own in the agent's ledger before it made the first table there; after a finished
 * upgrade the staging database is the one in use, and no later run may take it for its own.
 *
 * Key "staging-owner/<database>", value "<run> <server and database>". Errors: ERROR_PRECONDITION.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/database/database.h"
#include "common/model/command.h"

typedef enum StagingOwner {
    STAGING_EMPTY,
    STAGING_OURS,    /* this run marked it */
    STAGING_FOREIGN, /* it holds something that this run did not make */
} StagingOwner;

bool staging_owner(AgentIo *io, const Command *command, Database *staging, StagingOwner *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Refuses where both logins lead to one database: nothing is written or dropped before that. */
bool staging_is_apart(const Command *command, Database *production, Database *staging, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Marks it, or refuses a foreign one with the names of what is in it. */
bool staging_claim(AgentIo *io, const Command *command, Database *staging, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Forgets all that the ledger knows about what is in it, but not whose it is. */
bool staging_forget_content(AgentIo *io, const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Forgets the mark as well. */
bool staging_release(AgentIo *io, const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Drops every table, view and sequence; *ret_dropped: how many. */
bool staging_drop_all(Database *staging, uint64_t *ret_dropped, Error *error)
    __attribute__((nonnull, warn_unused_result));
