#pragma once

/*
 * How far the migration of one database has come, as the agent's ledger knows it: keys below
 * "migrate/<database>/<side>/".
 *
 *   phase          "running", "finishing" (all statements are done), "complete"
 *   id             made up at the start; on MySQL the mark table in the database carries it too
 *   run, script, script-sha256, layout-before, statements
 *   statement/<k>  "begun <fingerprint>", then "done[, <rows> rows]"; milliseconds in ms/<k>
 *
 * Owns: a text that migration_ledger_get() gives is the caller's. Errors: those of AgentIo.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/database/database.h"
#include "common/model/command.h"

typedef enum MigrationPhase {
    MIGRATION_NONE,
    MIGRATION_RUNNING,
    MIGRATION_FINISHING,
    MIGRATION_COMPLETE,
} MigrationPhase;

typedef struct MigrationLedger {
    AgentIo *io;
    char prefix[NAME_MAX_BYTES + 32];
} MigrationLedger;

void migration_ledger_init(MigrationLedger *ledger, AgentIo *io, const Command *command,
    const char *side) __attribute__((nonnull));
bool migration_ledger_put(const MigrationLedger *ledger, const char *name, const char *value,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* *ret is NULL when nothing is known. */
bool migration_ledger_get(const MigrationLedger *ledger, const char *name, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool migration_ledger_forget(const MigrationLedger *ledger, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool migration_ledger_phase(const MigrationLedger *ledger, MigrationPhase *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool migration_ledger_set_phase(const MigrationLedger *ledger, MigrationPhase phase, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Statement k, from 1: what is known of it, or NULL. */
bool migration_ledger_statement(const MigrationLedger *ledger, size_t number, char **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
bool migration_ledger_begun(const MigrationLedger *ledger, size_t number, const char *fingerprint,
    Error *error) __attribute__((nonnull, warn_unused_result));
bool migration_ledger_done(const MigrationLedger *ledger, size_t number, const char *words,
    Millis took, Error *error) __attribute__((nonnull(1, 3, 5), warn_unused_result));
/*
 * "script", "script-sha256", "statements", "layout-before", "statement:<k>" and
 * "~statement-ms:<k>", from the ledger.
 */
bool migration_ledger_tell(const MigrationLedger *ledger, Facts *evidence, Error *error)
    __attribute__((nonnull, warn_unused_result));
