#include <inttypes.h>

#include "agent/handlers/database/structure.h"
#include "agent/handlers/migration/migration_run.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define LEFT_OUT "done, left out: the tool draws the transactions itself"

typedef struct Run {
    const Migration *migration;
    char structure[SHA256_HEX_BYTES]; /* fingerprint as it is now */
} Run;

static bool run(const Run *self, const char *sql, uint64_t *ret_rows, Error *error)
{
    return database_run(self->migration->database, sql, ret_rows, error);
}

bool migration_mark(Database *database, char **ret, Error *error)
{
    *ret = NULL;
    return database_type(database) != DATABASE_MYSQL ||
           database_value(database,
               "SELECT table_comment FROM information_schema.TABLES WHERE table_schema = DATABASE()"
               " AND table_name = '" MIGRATION_MARK_TABLE "'",
               ret, error);
}

/* A change of rows can only be part of a transaction in InnoDB. */
static bool check_engines(const Run *self, Error *error)
{
    AUTO_TEXT *other = NULL;

    if (!database_value(self->migration->database,
            "SELECT CONCAT(table_name, ' (', engine, ')') FROM information_schema.TABLES"
            " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'"
            " ORDER BY table_name LIMIT 1",
            &other, error))
        return false;
    if (other)
        return error_set(error, ERROR_PRECONDITION,
            "table %s has no transactions, so a crash could not be undone: convert it to InnoDB",
            other);
    return true;
}

/* The comment carries the id, so that the mark and its owner come into being at once. */
static bool make_mark_table(const Run *self, Error *error)
{
    AUTO_TEXT *sql =
        memory_format("CREATE TABLE IF NOT EXISTS " MIGRATION_MARK_TABLE
                      " (STATEMENT INTEGER NOT NULL PRIMARY KEY, ROWS_CHANGED BIGINT NOT NULL)"
                      " ENGINE=InnoDB COMMENT='%s'",
            self->migration->id);

    return run(self, sql, NULL, error);
}

static bool note_structure(Run *self, Error *error)
{
    return structure_fingerprint_mysql(self->migration->database, self->structure, error);
}

static char *done_with_rows(uint64_t rows)
{
    return memory_format("done, %" PRIu64 " rows", rows);
}

static Millis now(const Run *self)
{
    return self->migration->io->now(self->migration->io->self);
}

static bool run_definition(Run *self, size_t number, const char *sql, Error *error)
{
    const MigrationLedger *ledger = &self->migration->ledger;
    Millis started = now(self);

    return migration_ledger_begun(ledger, number, self->structure, error) &&
           run(self, sql, NULL, error) &&
           migration_ledger_done(ledger, number, "done", now(self) - started, error) &&
           note_structure(self, error);
}

/* The fingerprint before the statement is known: another one now means that it happened. */
static bool resume_definition(
    Run *self, size_t number, const char *sql, const char *before, Error *error)
{
    if (strcmp(before, self->structure) == 0)
        return run_definition(self, number, sql, error);
    return migration_ledger_done(&self->migration->ledger, number,
        "done, seen in the catalogue after an interruption", 0, error);
}

static bool run_in_transaction(
    const Run *self, size_t number, const char *sql, uint64_t *ret_rows, Error *error)
{
    AUTO_TEXT *mark = NULL;

    if (!run(self, "START TRANSACTION", NULL, error) || !run(self, sql, ret_rows, error))
        return false;
    mark = memory_format("INSERT INTO " MIGRATION_MARK_TABLE
                         " (STATEMENT, ROWS_CHANGED) VALUES (%zu, %" PRIu64 ")",
        number, *ret_rows);
    return run(self, mark, NULL, error) && run(self, "COMMIT", NULL, error);
}

static bool run_rows(Run *self, size_t number, const char *sql, Error *error)
{
    const MigrationLedger *ledger = &self->migration->ledger;
    Millis started = now(self);
    AUTO_TEXT *words = NULL;
    uint64_t rows = 0;

    /* after a failure the session ends, and the transaction with it */
    if (!migration_ledger_begun(ledger, number, "rows", error) ||
        !run_in_transaction(self, number, sql, &rows, error))
        return false;
    words = done_with_rows(rows);
    return migration_ledger_done(ledger, number, words, now(self) - started, error);
}

/* The mark was written in the statement's own transaction: it is there when that was committed. */
static bool resume_rows(Run *self, size_t number, const char *sql, Error *error)
{
    AUTO_TEXT *question = memory_format(
        "SELECT ROWS_CHANGED FROM " MIGRATION_MARK_TABLE " WHERE STATEMENT = %zu", number);
    AUTO_TEXT *mark = NULL;
    AUTO_TEXT *words = NULL;

    if (!database_value(self->migration->database, question, &mark, error))
        return false;
    if (!mark)
        return run_rows(self, number, sql, error);
    words = memory_format("done, %s rows", mark);
    return migration_ledger_done(&self->migration->ledger, number, words, 0, error);
}

static bool run_routine(Run *self, size_t number, const char *sql, Error *error)
{
    const MigrationLedger *ledger = &self->migration->ledger;
    Millis started = now(self);

    return migration_ledger_begun(ledger, number, "routine", error) &&
           run(self, sql, NULL, error) &&
           migration_ledger_done(ledger, number, "done", now(self) - started, error) &&
           note_structure(self, error);
}

static bool resume_routine(Error *error)
{
    return error_set(error, ERROR_PRECONDITION,
        "it calls a routine, and the agent died while that ran: nobody can tell how far it came. "
        "Restore the backup of the database, then run the migration again");
}

/* What holds for the session only is done again in every session. */
static bool run_session(Run *self, size_t number, const char *sql, Error *error)
{
    return run(self, sql, NULL, error) &&
           migration_ledger_done(&self->migration->ledger, number, "done", 0, error);
}

/* `known`: what the ledger says, NULL for nothing, "begun …" after an interruption. */
static bool run_or_resume(Run *self, size_t number, const char *known, Error *error)
{
    const SqlStatement *statement = &self->migration->script->items[number - 1];

    switch (statement->kind) {
    case SQL_DEFINITION:
        return known ? resume_definition(
                           self, number, statement->text, known + strlen("begun "), error)
                     : run_definition(self, number, statement->text, error);
    case SQL_ROWS:
        return known ? resume_rows(self, number, statement->text, error)
                     : run_rows(self, number, statement->text, error);
    case SQL_ROUTINE:
        return known ? resume_routine(error) : run_routine(self, number, statement->text, error);
    case SQL_SESSION:
        return run_session(self, number, statement->text, error);
    case SQL_TRANSACTION:
        return migration_ledger_done(&self->migration->ledger, number, LEFT_OUT, 0, error);
    case SQL_OTHER:
    case SQL_KIND_COUNT:
        break;
    }
    return error_set(error, ERROR_INVALID, "it is of a kind that is never run");
}

static bool take_statement(Run *self, size_t number, Error *error)
{
    const Migration *migration = self->migration;
    const SqlStatement *statement = &migration->script->items[number - 1];
    AUTO_TEXT *known = NULL;

    migration->io->progress(
        migration->io->self, "statements", number - 1, migration->script->count);
    if (!migration->io->pause(migration->io->self, 0, error) ||
        !migration_ledger_statement(&migration->ledger, number, &known, error))
        return false;
    if (known && strncmp(known, "done", 4) == 0)
        return statement->kind != SQL_SESSION || run(self, statement->text, NULL, error);
    return run_or_resume(self, number, known, error);
}

static bool run_all(Run *self, Error *error)
{
    const Migration *migration = self->migration;

    if (!check_engines(self, error) || !make_mark_table(self, error) ||
        !note_structure(self, error))
        return false;
    for (size_t number = 1; number <= migration->script->count; number++)
        if (!take_statement(self, number, error))
            return migration_fail_statement(migration, number, error);
    return migration_check_layout(migration, error) &&
           migration_ledger_set_phase(&migration->ledger, MIGRATION_FINISHING, error);
}

bool migration_run_mysql(const Migration *migration, Error *error)
{
    Run self = { .migration = migration };
    MigrationPhase phase;

    if (!migration_ledger_phase(&migration->ledger, &phase, error))
        return false;
    if (phase == MIGRATION_RUNNING && !run_all(&self, error))
        return false;
    return run(&self, "DROP TABLE IF EXISTS " MIGRATION_MARK_TABLE, NULL, error) &&
           migration_ledger_set_phase(&migration->ledger, MIGRATION_COMPLETE, error);
}
