#pragma once

/*
 * The profile's invariants: queries whose whole result is the same before and after a migration.
 *
 *   invariants_record()    before the first statement, in a layout that has a text of the query
 *   invariants_compare()   afterwards, in the target layout
 *
 * A record is kept with remember(), key "invariant/<database>/<id>", value "<run> <digest> <rows>";
 * "migrated/<database>" has the run that began or took over the migration.
 * It is about the data, not about a server: what was recorded on production is compared on staging.
 * It holds for its run alone: after a run that was given up the old servers work on, and what users
 * may do changes rightly.
 *
 * Errors: ERROR_MISMATCH the first that differs; ERROR_PRECONDITION a layout without the query.
 */

#include "agent/core/profile.h"
#include "agent/handlers/database/database.h"
#include "common/model/command.h"

/* Writes anew what is recorded of the command's target. */
bool invariants_record(AgentIo *io, Database *database, const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Whether what is compared was migrated by this run: recorded or adopted. */
bool invariants_by_this_run(AgentIo *io, const Command *command, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Takes over what another run recorded before a migration that this one ends. */
bool invariants_adopt(AgentIo *io, const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));
/*
 * Evidence "invariant:<id>" = "same: <rows> rows: <meaning>". What this run never recorded is
 * recorded.
 */
bool invariants_compare(AgentIo *io, Database *database, const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));
