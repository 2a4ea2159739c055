#pragma once

/*
 * Runs the statements of a migration script on one database; for migration*.c alone.
 *
 * The two types differ in what survives a crash. PostgreSQL does all in one transaction: either
 * everything happened or nothing, and the layout tells which. MySQL and MariaDB commit each
 * definition by itself, so it stands in the ledger before it runs, and the catalogue tells whether
 * it happened. Changes of rows that follow one another share a transaction, and marks in the same
 * transaction tell of each whether it happened.
 */

#include "agent/handlers/database/database.h"
#include "agent/handlers/migration/migration_notes.h"
#include "agent/handlers/migration/sql_splitter.h"

/* In the migrated database while a migration runs on MySQL; gone when it is finished. */
#define MIGRATION_MARK_TABLE "DSS_UPGRADE_LEDGER"
/* The note of a BEGIN or COMMIT of the script. */
#define MIGRATION_LEFT_OUT "done, left out: the tool draws the transactions itself"

typedef struct Migration {
    AgentIo *io;
    const Command *command;
    Database *database;
    MigrationLedger ledger;
    const SqlScript *script;
    const char *id;
} Migration;

/* The id of the migration that left its mark table there, or NULL; always NULL on PostgreSQL. */
bool migration_mark(Database *database, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Runs or goes on; the ledger's phase is MIGRATION_RUNNING or MIGRATION_FINISHING. */
bool migration_run_mysql(const Migration *migration, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool migration_run_postgresql(const Migration *migration, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* ERROR_MISMATCH unless the database now has the profile's target layout. */
bool migration_check_layout(const Migration *migration, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Puts "statement k of n (line l): " before the error; returns false. */
bool migration_fail_statement(const Migration *migration, size_t number, Error *error)
    __attribute__((nonnull));
