#pragma once

/*
 * The profile's invariants: queries whose whole result is the same before and after a migration.
 *
 *   invariants_record()    before the first statement, in a layout that has a text of the query
 *   invariants_compare()   afterwards, in the target layout
 *
 * A record is kept with remember(), key "invariant/<database>/<id>", value "<digest> <rows>". It
 * is about the data, not about a server: what was recorded on production is compared on staging.
 *
 * Errors: ERROR_MISMATCH the first that differs; ERROR_PRECONDITION a layout without the query.
 */

#include "agent/core/profile.h"
#include "agent/handlers/database.h"

/* Writes anew what is recorded of `name`, the database's name in the agent's configuration. */
bool invariants_record(AgentIo *io, Database *database, const char *name, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Evidence "invariant:<id>" = "same: <rows> rows: <meaning>". What was never recorded is recorded.
 */
bool invariants_compare(AgentIo *io, Database *database, const char *name, Error *error)
    __attribute__((nonnull, warn_unused_result));
