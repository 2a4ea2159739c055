#pragma once

/*
 * How far the migration of one database has come, as the agent's ledger knows it: keys below
 * "migrate/<database>/<side>/".
 *
 *   phase          "running", "finishing" (all statements are done), "complete"
 *   id             made up at the start; on MySQL the mark table in the database carries it too
 *   run, script, script-sha256, layout-before, statements
 *   statements/<n> what is known of the statements: migration_notes.h
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
/* "script", "script-sha256", "statements", "layout-before", "statement:<k>", "~statement-ms:<k>".
 */
bool migration_ledger_tell(const MigrationLedger *ledger, Facts *evidence, Error *error)
    __attribute__((nonnull, warn_unused_result));
