#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/copy/copy.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/model/finding.h"
#include "tests/component/copy_lab.h"

static void assert_same(CopyLab *lab, const char *question)
{
    AUTO_TEXT *production = lab_value(lab->production, "%s", question);
    AUTO_TEXT *staging = lab_value(lab->staging, "%s", question);

    assert_string_not_equal(production, "NULL");
    assert_string_equal(production, staging);
}

static void copies_what_was_in_flight(DatabaseType type)
{
    const Handler handler = copy_lab_small_steps();
    const unsigned written = 12; /* owner, definition, cuts, and 9 chunks */
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    const char *cuts;
    uint64_t chunks;

    copy_lab_add_chunky(lab);
    assert_true(lab_agent_dies(lab->agent, &handler, &lab->command, written, DIES_AFTER_WRITING));
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler, &lab->command, &evidence), RESULT_DONE);
    chunks = facts_number(&evidence, "~chunks", 0);
    assert_true(chunks > 20);
    assert_int_equal(facts_number(&evidence, "~chunks-copied", 0), chunks - (written - 3));
    assert_same(lab, "SELECT CONCAT(COUNT(*), ' ', SUM(CAST(id AS DECIMAL(40))), ' ', MIN(note),"
                     " MAX(note)) FROM chunky");
    assert_same(lab, "SELECT CONCAT(COUNT(*), ' ', COUNT(ref), ' ', SUM(ref)) FROM keyless");
    cuts = lab_agent_known(lab->agent, "copy/copied/cuts");
    assert_non_null(strstr(cuts, "chunky"));
    /* without a primary key MySQL has nothing to read a part by */
    assert_int_equal(strstr(cuts, "keyless") != NULL, type == DATABASE_POSTGRESQL);
}

static void after_a_kill_only_chunks_in_flight_are_copied_again(void **state)
{
    (void)state;
    copy_lab_both(copies_what_was_in_flight);
}

static bool has_table(Database *database, const char *name)
{
    AUTO_TEXT *count = lab_value(database,
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '%s'"
        " AND table_schema IN ('copied', 'public')",
        name);

    return strcmp(count, "0") != 0;
}

/* What the ledger says of a chunk is not believed: one was changed here, one there. */
static void copies_changed_chunks_again(DatabaseType type)
{
    const Handler handler = copy_lab_small_steps();
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *changed = NULL;
    uint64_t chunks;

    copy_lab_add_chunky(lab);
    /* which table comes how far is the threads' business */
    for (unsigned entry = 33; !has_table(lab->staging, "chunky"); entry = 5)
        assert_true(lab_agent_dies(lab->agent, &handler, &lab->command, entry, DIES_AFTER_WRITING));
    lab_run(lab->production, "UPDATE chunky SET note = 'later' WHERE id = -200");
    lab_run(lab->staging, "UPDATE chunky SET note = 'damaged' WHERE id IN (-200, 0, 151000000)");
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler, &lab->command, &evidence), RESULT_DONE);
    changed = lab_value(lab->staging, "SELECT COUNT(*) FROM chunky WHERE note = 'later'");
    assert_string_equal(changed, "1");
    chunks = facts_number(&evidence, "~chunks", 0);
    assert_true(facts_number(&evidence, "~chunks-copied", 0) < chunks);
}

static void a_chunk_that_changed_is_copied_again(void **state)
{
    (void)state;
    copy_lab_both(copies_changed_chunks_again);
}

/* Something happens to a finished copy; the command says what, and makes it anew. */
static void expect_named(CopyLab *lab, const char *change, const char *words)
{
    FACTS_AUTO(evidence);
    FACTS_AUTO(again);
    size_t position = 0;
    const Fact *fact;
    bool named = false;

    lab_run(lab->staging, "%s", change);
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    while ((fact = facts_each(&evidence, FINDING_FACT, &position)))
        named |= strstr(fact->value, "COPY-CHANGED") && strstr(fact->value, words);
    if (!named)
        fail_msg("%s: no finding says '%s'", change, words);
    assert_int_equal(lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &again),
        RESULT_ALREADY);
}

static void names_what_changed(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    const bool mysql = type == DATABASE_MYSQL;

    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    expect_named(lab, "UPDATE parent SET name = 'admim' WHERE id = 1",
        "1 row(s) of staging are not in production, the first with id=1, tenant=-1234");
    expect_named(lab, "DELETE FROM child WHERE value = ''", "table child");
    expect_named(lab, mysql ? "ALTER TABLE parent DROP KEY twice_again" : "DROP INDEX by_note",
        mysql ? "index or constraint parent is not the same on staging"
              : "index or constraint by_note is missing on staging");
    expect_named(lab,
        mysql ? "ALTER TABLE parent AUTO_INCREMENT = 6000" : "SELECT setval('parent_pk_seq', 3)",
        mysql ? "AUTO_INCREMENT=6000" : "parent_pk_seq");
    if (!mysql)
        expect_named(lab, "ALTER TABLE child DROP CONSTRAINT child_parent", "child_parent");
}

static void what_changed_in_a_finished_copy_is_named(void **state)
{
    (void)state;
    copy_lab_both(names_what_changed);
}

static void staging_in_use_is_not_cleared(void **state)
{
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_POSTGRESQL);
    AUTO(Database) *session = lab_open(lab->database, SIDE_STAGING);
    FACTS_AUTO(evidence);
    AUTO_TEXT *rows = NULL;

    (void)state;
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    lab_run(session, "SET application_name = 'carbon'");
    lab_run(session, "DELETE FROM child WHERE value = ''");
    lab_agent_fails(lab->agent, &handler_copy_database, &lab->command, ERROR_PRECONDITION,
        "somebody uses it: session ");
    rows = lab_value(lab->staging, "SELECT count(*) FROM child");
    assert_string_equal(rows, "3");
}

/* A cancel that comes while a server works on something long. */
static bool refuse_the_third_pause(void *self, Millis duration, Error *error)
{
    static int pauses;

    (void)self;
    (void)duration;
    return ++pauses % 3 != 0 || error_set(error, ERROR_CANCELLED, "cancelled");
}

static void ends_when_cancelled(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    AgentIo io = lab_agent_io(lab->agent, &evidence);
    AUTO_TEXT *busy = NULL;
    ResultState state;
    Error error = { 0 };

    if (type == DATABASE_MYSQL) {
        lab_run(lab->production, "LOCK TABLES odd WRITE");
    } else {
        lab_run(lab->production, "SET dss.nap = '0'");
        lab_run(lab->production, "ALTER TABLE child ADD CONSTRAINT nap CHECK ("
                                 "pg_sleep(COALESCE(current_setting('dss.nap', true), '200')"
                                 "::float8)::text = '')");
    }
    io.pause = refuse_the_third_pause;
    assert_false(handler_run(&handler_copy_database, &io, &lab->command, &state, &error));
    assert_int_equal(error.kind, ERROR_CANCELLED);
    busy = type == DATABASE_MYSQL
               ? lab_value(lab->production, "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
                                            " WHERE info LIKE 'SELECT %%`odd`%%'"
                                            " AND id <> CONNECTION_ID()")
               : lab_value(lab->staging, "SELECT count(*) FROM pg_stat_activity"
                                         " WHERE query LIKE 'ALTER TABLE%%' AND state = 'active'"
                                         " AND pid <> pg_backend_pid()");
    assert_string_equal(busy, "0");
}

static void a_cancel_ends_what_the_servers_do(void **state)
{
    (void)state;
    copy_lab_both(ends_when_cancelled);
}

static bool apply_without_patience(AgentIo *io, const Command *command, Error *error)
{
    CopyTuning tuning = copy_tuning_default;

    tuning.silence = 1000;
    return copy_apply(io, command, &tuning, error);
}

/* Every table of staging gets a trigger that sleeps, as soon as it is made. */
static void a_server_that_falls_silent_ends_the_copy(void **state)
{
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_POSTGRESQL);
    Handler handler = handler_copy_database;

    (void)state;
    lab_run(lab->staging, "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS"
                          " 'BEGIN PERFORM pg_sleep(200); RETURN NEW; END'");
    lab_run(lab->staging,
        "CREATE FUNCTION put() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        " DECLARE made record; BEGIN FOR made IN SELECT * FROM pg_event_trigger_ddl_commands()"
        " WHERE object_type = 'table' LOOP EXECUTE format('CREATE TRIGGER nap BEFORE INSERT ON %%s"
        " FOR EACH ROW EXECUTE FUNCTION public.nap()', made.object_identity); END LOOP; END $$");
    lab_run(lab->staging, "CREATE EVENT TRIGGER put ON ddl_command_end"
                          " WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION put()");
    handler.apply = apply_without_patience;
    lab_agent_fails(
        lab->agent, &handler, &lab->command, ERROR_TIMEOUT, "the server has not moved for 1 s");
}

static void what_is_made_durable_is_on_the_servers_disk(void **state)
{
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_POSTGRESQL);
    AUTO_TEXT *written = NULL;
    AUTO_TEXT *flushed = NULL;
    Error error = { 0 };

    (void)state;
    assert_true(rows_begin_writing(lab->staging, &error));
    lab_run(lab->staging, "CREATE TABLE fresh AS SELECT generate_series(1, 1000) AS id");
    written = lab_value(lab->staging, "SELECT pg_current_wal_insert_lsn()");
    assert_true(rows_make_durable(lab->staging, &error));
    flushed = lab_value(lab->staging, "SELECT pg_current_wal_flush_lsn() >= '%s'", written);
    assert_string_equal(flushed, "t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_kill_only_chunks_in_flight_are_copied_again),
        cmocka_unit_test(a_chunk_that_changed_is_copied_again),
        cmocka_unit_test(what_changed_in_a_finished_copy_is_named),
        cmocka_unit_test(staging_in_use_is_not_cleared),
        cmocka_unit_test(a_cancel_ends_what_the_servers_do),
        cmocka_unit_test(a_server_that_falls_silent_ends_the_copy),
        cmocka_unit_test(what_is_made_durable_is_on_the_servers_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
