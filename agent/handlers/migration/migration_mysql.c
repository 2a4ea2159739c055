#include <inttypes.h>

#include "agent/handlers/database/structure.h"
#include "agent/handlers/migration/migration_run.h"
#include "agent/handlers/migration/sql_lexer.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define MARKS_MAX ((size_t)1 << 20) /* bytes of one statement that writes marks */

typedef struct Run {
    const Migration *migration;
    MigrationNotes notes;
    char structure[SHA256_HEX_BYTES]; /* fingerprint as it is now */
    bool in_group;                    /* a transaction with changes of rows is open */
    Text marks;                       /* of its statements: "(2, 17), (3, 1)" */
} Run;

static void run_done(Run *self)
{
    migration_notes_done(&self->notes);
    text_done(&self->marks);
}

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

static Millis now(const Run *self)
{
    return self->migration->io->now(self->migration->io->self);
}

/* The marks tell after a crash that all of it happened. */
static bool commit_rows(Run *self, Error *error)
{
    AUTO_TEXT *marks =
        memory_format("INSERT INTO " MIGRATION_MARK_TABLE " (STATEMENT, ROWS_CHANGED) VALUES %s",
            self->marks.bytes);
    const bool open = self->in_group, changed = self->marks.length > 0;

    self->in_group = false;
    text_clear(&self->marks);
    return !open ||
           ((!changed || run(self, marks, NULL, error)) && run(self, "COMMIT", NULL, error)) ||
           error_prefix(error, "committing the changes of rows up to here: ");
}

/* The notes are for the report. */
static bool commit_group(Run *self, Error *error)
{
    return commit_rows(self, error) && migration_notes_flush(&self->notes, error);
}

/*
 * After a failed statement those before it stay, unless the server took the whole transaction back
 * (a deadlock), which only the answer to a later statement tells. What fails here is no news: the
 * session ends, and the next one asks for the marks.
 */
static void keep_group(Run *self)
{
    Error ignored = { 0 };

    if (self->in_group && run(self, "DO 0", NULL, &ignored) &&
        database_in_transaction(self->migration->database))
        (void)commit_group(self, &ignored);
}

static bool note_begun(Run *self, size_t number, const char *words, Error *error)
{
    migration_notes_add(&self->notes, number, words, 0);
    return migration_notes_flush(&self->notes, error);
}

static bool note_done(Run *self, size_t number, Millis took, Error *error)
{
    migration_notes_add(&self->notes, number, "done", took);
    return migration_notes_flush(&self->notes, error) && note_structure(self, error);
}

static bool run_definition(Run *self, size_t number, const char *sql, Error *error)
{
    AUTO_TEXT *begun = memory_format("begun %s", self->structure);
    Millis started = now(self);

    return note_begun(self, number, begun, error) && run(self, sql, NULL, error) &&
           note_done(self, number, now(self) - started, error);
}

/* The fingerprint before the statement is known: another one now means that it happened. */
static bool resume_definition(
    Run *self, size_t number, const char *sql, const char *before, Error *error)
{
    if (strcmp(before, self->structure) == 0)
        return run_definition(self, number, sql, error);
    migration_notes_add(
        &self->notes, number, "done, seen in the catalogue after an interruption", 0);
    return migration_notes_flush(&self->notes, error);
}

static void note_rows(Run *self, size_t number, uint64_t rows, Millis took)
{
    AUTO_TEXT *words = memory_format("done, %" PRIu64 " rows", rows);

    migration_notes_add(&self->notes, number, words, took);
}

static bool run_rows(Run *self, size_t number, const char *sql, Error *error)
{
    Millis started = now(self);
    uint64_t rows = 0;

    if (!self->in_group && !run(self, "START TRANSACTION", NULL, error))
        return false;
    self->in_group = true;
    if (!run(self, sql, &rows, error))
        return false;
    text_add(
        &self->marks, "%s(%zu, %" PRIu64 ")", self->marks.length > 0 ? ", " : "", number, rows);
    note_rows(self, number, rows, now(self) - started);
    return true;
}

static bool run_routine(Run *self, size_t number, const char *sql, Error *error)
{
    Millis started = now(self);

    return note_begun(self, number, "begun routine", error) && run(self, sql, NULL, error) &&
           note_done(self, number, now(self) - started, error);
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
    if (!run(self, sql, NULL, error))
        return false;
    migration_notes_add(&self->notes, number, "done", 0);
    return true;
}

/* `begun`: what was noted before an interruption, or NULL. */
static bool run_outside_group(Run *self, size_t number, const char *begun, Error *error)
{
    const SqlStatement *statement = &self->migration->script->items[number - 1];

    if (!commit_group(self, error))
        return false;
    switch (statement->kind) {
    case SQL_DEFINITION:
        return begun ? resume_definition(
                           self, number, statement->text, begun + strlen("begun "), error)
                     : run_definition(self, number, statement->text, error);
    case SQL_ROUTINE:
        return begun ? resume_routine(error) : run_routine(self, number, statement->text, error);
    case SQL_SESSION:
        return run_session(self, number, statement->text, error);
    case SQL_ROWS:
    case SQL_TRANSACTION:
    case SQL_OTHER:
    case SQL_KIND_COUNT:
        break;
    }
    return error_set(error, ERROR_INVALID, "it is of a kind that is never run");
}

/*
 * A rollback does not take back the numbers that AUTO_INCREMENT gave: a statement that may have
 * asked for some is by itself, so that a death hardly ever makes it ask again.
 */
static bool makes_rows(const SqlStatement *statement)
{
    SqlLexer lexer;
    SqlToken token;
    Error ignored = { 0 };

    sql_lexer_init(&lexer, statement->text, DATABASE_MYSQL);
    return sql_lexer_next(&lexer, &token, &ignored) &&
           (sql_token_is(&token, "INSERT") || sql_token_is(&token, "REPLACE"));
}

static bool run_or_resume(Run *self, size_t number, const char *begun, Error *error)
{
    const SqlStatement *statement = &self->migration->script->items[number - 1];

    if (statement->kind == SQL_ROWS && !makes_rows(statement))
        return run_rows(self, number, statement->text, error);
    if (statement->kind == SQL_ROWS)
        return commit_rows(self, error) && run_rows(self, number, statement->text, error) &&
               commit_rows(self, error);
    if (statement->kind == SQL_TRANSACTION) {
        migration_notes_add(&self->notes, number, MIGRATION_LEFT_OUT, 0);
        return true;
    }
    return run_outside_group(self, number, begun, error);
}

static bool take_statement(Run *self, size_t number, Error *error)
{
    const Migration *migration = self->migration;
    const SqlStatement *statement = &migration->script->items[number - 1];
    const MigrationNote *known = migration_notes_of(&self->notes, number);

    migration->io->progress(
        migration->io->self, "statements", number - 1, migration->script->count);
    if (!migration->io->pause(migration->io->self, 0, error))
        return false;
    if (migration_note_is_done(known))
        return statement->kind != SQL_SESSION || run(self, statement->text, NULL, error);
    return run_or_resume(self, number, known->words, error) &&
           (!migration_notes_are_due(&self->notes) || commit_group(self, error));
}

static bool take_mark(void *data, const DatabaseRow *row, Error *error)
{
    Run *self = data;
    unsigned long long number, rows;

    if (!text_to_number(row->values[0], self->notes.count, &number) || number == 0 ||
        !text_to_number(row->values[1], UINT64_MAX, &rows))
        return error_set(error, ERROR_CORRUPT,
            "table " MIGRATION_MARK_TABLE " has a mark for statement %s with %s rows, the script "
            "has %zu statements: restore the backup of the database",
            row->values[0], row->values[1], self->notes.count);
    if (!migration_note_is_done(migration_notes_of(&self->notes, number)))
        note_rows(self, number, rows, 0);
    return true;
}

/* What was committed before a crash, whether or not there was time to note it. */
static bool take_marks(Run *self, Error *error)
{
    return database_query(self->migration->database,
               "SELECT STATEMENT, ROWS_CHANGED FROM " MIGRATION_MARK_TABLE " ORDER BY STATEMENT",
               take_mark, self, error) &&
           migration_notes_flush(&self->notes, error);
}

static bool run_statements(Run *self, Error *error)
{
    const Migration *migration = self->migration;

    for (size_t number = 1; number <= migration->script->count; number++)
        if (!take_statement(self, number, error)) {
            keep_group(self);
            return migration_fail_statement(migration, number, error);
        }
    return commit_group(self, error);
}

static bool run_all(const Migration *migration, Error *error)
{
    __attribute__((cleanup(run_done))) Run self = { .migration = migration };

    text_init(&self.marks, MARKS_MAX);
    return migration_notes_open(&self.notes, &migration->ledger, migration->script->count, error) &&
           check_engines(&self, error) && make_mark_table(&self, error) &&
           note_structure(&self, error) && take_marks(&self, error) &&
           run_statements(&self, error) && migration_check_layout(migration, error) &&
           migration_ledger_set_phase(&migration->ledger, MIGRATION_FINISHING, error);
}

bool migration_run_mysql(const Migration *migration, Error *error)
{
    MigrationPhase phase;

    if (!migration_ledger_phase(&migration->ledger, &phase, error))
        return false;
    if (phase == MIGRATION_RUNNING && !run_all(migration, error))
        return false;
    return database_run(
               migration->database, "DROP TABLE IF EXISTS " MIGRATION_MARK_TABLE, NULL, error) &&
           migration_ledger_set_phase(&migration->ledger, MIGRATION_COMPLETE, error);
}
