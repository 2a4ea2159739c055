#include <inttypes.h>

#include "agent/handlers/migration/migration_run.h"
#include "common/base/memory.h"

/*
 * What the script makes belongs to the agent's login, but the product's account has to use it:
 * it is given to the owner of most other tables, with the rights that all of these have.
 */
static const char tables_before[] =
    "SELECT COALESCE(string_agg(c.oid::text, ','), '0') FROM pg_class c"
    " WHERE c.relkind IN ('r', 'S') AND c.relnamespace = current_schema()::regnamespace";

static const char hand_over[] =
    "DO $do$ DECLARE owner text; r record; g record; BEGIN"
    " SELECT pg_get_userbyid(relowner) INTO owner FROM pg_class WHERE relkind = 'r'"
    "   AND oid IN (%s) GROUP BY relowner ORDER BY count(*) DESC LIMIT 1;"
    " FOR r IN SELECT c.oid::regclass AS name, c.relkind FROM pg_class c"
    "   WHERE c.relkind IN ('r', 'S') AND c.relnamespace = current_schema()::regnamespace"
    "   AND c.oid NOT IN (%s) AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid"
    "     AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND c.relkind = 'S')"
    " LOOP"
    "   FOR g IN SELECT a.privilege_type, a.grantee FROM pg_class t, aclexplode(t.relacl) a"
    "     WHERE t.relkind = r.relkind AND t.oid IN (%s) AND a.grantee <> t.relowner"
    "     GROUP BY 1, 2 HAVING count(*) = (SELECT count(*) FROM pg_class"
    "       WHERE relkind = r.relkind AND oid IN (%s))"
    "   LOOP"
    "     EXECUTE format('GRANT %%s ON %%s %%s TO %%s', g.privilege_type,"
    "       CASE r.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, r.name,"
    "       CASE g.grantee WHEN 0 THEN 'PUBLIC'"
    "         ELSE quote_ident(pg_get_userbyid(g.grantee)) END);"
    "   END LOOP;"
    "   IF owner IS NOT NULL THEN EXECUTE format('ALTER %%s %%s OWNER TO %%I',"
    "     CASE r.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, r.name, owner); END IF;"
    " END LOOP; END $do$";

static bool run_statement(
    const Migration *migration, MigrationNotes *notes, size_t number, Error *error)
{
    const SqlStatement *statement = &migration->script->items[number - 1];
    AgentIo *io = migration->io;
    Millis started = io->now(io->self);
    AUTO_TEXT *words = NULL;
    uint64_t rows = 0;

    io->progress(io->self, "statements", number - 1, migration->script->count);
    if (!io->pause(io->self, 0, error))
        return false;
    if (statement->kind == SQL_TRANSACTION) {
        migration_notes_add(notes, number, MIGRATION_LEFT_OUT, 0);
        return true;
    }
    if (!database_run(migration->database, statement->text, &rows, error))
        return false;
    words = statement->kind == SQL_ROWS ? memory_format("done, %" PRIu64 " rows", rows)
                                        : memory_text("done");
    migration_notes_add(notes, number, words, io->now(io->self) - started);
    return !migration_notes_are_due(notes) || migration_notes_flush(notes, error);
}

static bool run_statements(const Migration *migration, Error *error)
{
    __attribute__((cleanup(migration_notes_done))) MigrationNotes notes = { 0 };

    if (!migration_notes_open(&notes, &migration->ledger, migration->script->count, error))
        return false;
    for (size_t number = 1; number <= migration->script->count; number++)
        if (!run_statement(migration, &notes, number, error))
            return migration_fail_statement(migration, number, error);
    return migration_notes_flush(&notes, error);
}

static bool run_all(const Migration *migration, Error *error)
{
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *sql = NULL;

    if (!database_value(migration->database, tables_before, &before, error) ||
        !run_statements(migration, error))
        return false;
    sql = memory_format(hand_over, before, before, before, before);
    if (!database_run(migration->database, sql, NULL, error))
        return error_prefix(error, "giving the new tables to the owner of the others: ");
    return migration_check_layout(migration, error);
}

bool migration_run_postgresql(const Migration *migration, Error *error)
{
    Database *database = migration->database;

    /* after a failure the session ends, and the transaction with it */
    return database_run(database, "BEGIN", NULL, error) && run_all(migration, error) &&
           database_run(database, "COMMIT", NULL, error) &&
           migration_ledger_set_phase(&migration->ledger, MIGRATION_COMPLETE, error);
}
