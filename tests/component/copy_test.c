#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/copy/difference.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "tests/component/copy_lab.h"

static void copies_exactly(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(again);

    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    assert_string_equal(facts_get(&evidence, "tables"), type == DATABASE_MYSQL ? "5" : "6");
    assert_string_equal(facts_get(&evidence, "rows"), type == DATABASE_MYSQL ? "11" : "13");
    assert_non_null(strstr(facts_get(&evidence, "table:parent"), "rows=4 digest="));
    assert_string_equal(facts_get(&evidence, "not-copied:view"), "seen");
    if (type == DATABASE_MYSQL) {
        assert_string_equal(facts_get(&evidence, "not-copied:trigger"), "watch");
        assert_string_equal(facts_get(&evidence, "not-copied:procedure"), "tidy");
        assert_string_equal(facts_get(&evidence, "not-copied:event"), "nightly");
    } else {
        assert_string_equal(facts_get(&evidence, "not-copied:function"), "tidy");
    }
    assert_int_equal(lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &again),
        RESULT_ALREADY);
    assert_string_equal(facts_get(&again, "digest"), facts_get(&evidence, "digest"));
}

static void a_copy_equals_its_source_whatever_the_values(void **state)
{
    (void)state;
    copy_lab_both(copies_exactly);
}

/* The same questions to both sides, asked apart from the code under test. */
static void answers_are_equal(CopyLab *lab, const char *const *questions)
{
    for (size_t i = 0; questions[i]; i++) {
        AUTO_TEXT *production = lab_value(lab->production, "%s", questions[i]);
        AUTO_TEXT *staging = lab_value(lab->staging, "%s", questions[i]);

        assert_string_not_equal(production, "NULL");
        assert_string_equal(production, staging);
    }
}

static void mysql_server_itself_sees_no_difference(void **state)
{
    static const char *const questions[] = {
        "SELECT GROUP_CONCAT(MD5(CONCAT_WS('|', a, HEX(b), HEX(c), d, e, HEX(f * 1e0), g, h, i + "
        "0, j, k, l,"
        " m, n, o, HEX(p), HEX(q), s, `select`, HEX(u), c IS NULL, u IS NULL)) ORDER BY a) FROM "
        "odd",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', id, tenant, HEX(name), HEX(latin), latin IS NULL)"
        " ORDER BY id) FROM parent",
        "SELECT CONCAT(COUNT(*), SUM(value = 'twin')) FROM child",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, column_name, ordinal_position, column_type,"
        " is_nullable, column_default, extra, collation_name) ORDER BY table_name, "
        "ordinal_position)"
        " FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'seen'",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, index_name, seq_in_index, column_name,"
        " non_unique) ORDER BY table_name, index_name, seq_in_index)"
        " FROM information_schema.statistics WHERE table_schema = DATABASE()",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, constraint_name, delete_rule))"
        " FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()",
        "SELECT GROUP_CONCAT(CONCAT_WS('|', table_name, auto_increment, table_comment, engine,"
        " table_collation) ORDER BY table_name) FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
        NULL,
    };
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_MYSQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *next = NULL;

    (void)state;
    (void)lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    answers_are_equal(lab, questions);
    lab_run(lab->staging, "INSERT INTO parent (name) VALUES ('new')");
    next = lab_value(lab->staging, "SELECT id FROM parent WHERE name = 'new'");
    assert_string_equal(next, "5000");
}

static void postgresql_server_itself_sees_no_difference(void **state)
{
    static const char *const questions[] = {
        "SELECT string_agg(md5(odd::text), ',' ORDER BY a) FROM odd",
        "SELECT string_agg(parent::text, ',' ORDER BY id) FROM parent",
        "SELECT string_agg(child::text, ',' ORDER BY child::text) FROM child",
        "SELECT last_value || is_called::text || (SELECT s FROM pg_sequences s WHERE sequencename ="
        " 'parent_pk_seq')::text FROM parent_pk_seq",
        "SELECT string_agg(last_value::text, ',' ORDER BY sequencename) FROM pg_sequences",
        "SELECT string_agg(indexdef, ',' ORDER BY schemaname, indexname) FROM pg_indexes WHERE "
        "schemaname IN"
        " ('public', 'other')",
        "SELECT string_agg(conname || pg_get_constraintdef(oid), ',' ORDER BY conname)"
        " FROM pg_constraint WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace",
        "SELECT string_agg(table_name || column_name || data_type ||"
        " COALESCE(column_default, '-') || is_nullable || COALESCE(collation_name, '-') ||"
        " COALESCE(generation_expression, '-') || COALESCE(identity_generation, '-'), ','"
        " ORDER BY table_schema, table_name, ordinal_position) FROM information_schema.columns"
        " WHERE table_schema IN ('public', 'other') AND table_name <> 'seen'",
        "SELECT string_agg(relname || COALESCE(reloptions::text, '-') || COALESCE(relacl::text, "
        "'-'),"
        " ',' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace ="
        " 'public'::regnamespace",
        "SELECT col_description('odd'::regclass, 2)",
        "SELECT string_agg(concat(attname, attstorage, attcompression), ',' ORDER BY attnum)"
        " FROM pg_attribute WHERE attrelid = 'odd'::regclass AND attnum > 0",
        NULL,
    };
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *next = NULL;

    (void)state;
    (void)lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    answers_are_equal(lab, questions);
    lab_run(lab->staging, "INSERT INTO parent (name) VALUES ('new')");
    next = lab_value(lab->staging, "SELECT id FROM parent WHERE name = 'new'");
    /* 5 and 7 were taken by a session that kept 5, 7, 9: the sequence itself stands at 9 */
    assert_string_equal(next, "11");
}

static void refuses_a_staging_of_others(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *still = NULL;
    Command later;

    lab_run(lab->staging, "CREATE TABLE precious (a INT)");
    lab_agent_fails(lab->agent, &handler_copy_database, &lab->command, ERROR_PRECONDITION,
        "holds 1 table(s) and the like that this run did not make (precious)");
    lab_agent_succeeds(lab->agent, &handler_clear_staging, &lab->command, &evidence);
    still = lab_value(lab->staging, "SELECT COUNT(*) FROM precious");
    assert_string_equal(still, "0");

    lab_run(lab->staging, "DROP TABLE precious");
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    command_copy(&later, &lab->command);
    assert_true(text_copy(later.id.run, sizeof(later.id.run), "run-2"));
    lab_agent_fails(lab->agent, &handler_copy_database, &later, ERROR_PRECONDITION,
        "that this run did not make");
    command_done(&later);
}

static void a_staging_database_of_others_is_never_written(void **state)
{
    (void)state;
    copy_lab_both(refuses_a_staging_of_others);
}

static void clears_what_it_made(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(cleared);
    FACTS_AUTO(again);
    AUTO_TEXT *left = NULL;

    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_clear_staging, &lab->command, &cleared),
        RESULT_DONE);
    left = lab_value(lab->staging, "SELECT COUNT(*) FROM information_schema.tables WHERE %s",
        type == DATABASE_MYSQL ? "table_schema = DATABASE()"
                               : "table_schema IN ('public', 'other')");
    assert_string_equal(left, "0");
    assert_int_equal(lab_agent_succeeds(lab->agent, &handler_clear_staging, &lab->command, &again),
        RESULT_ALREADY);
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &again), RESULT_DONE);
}

static void an_abort_leaves_staging_empty_and_usable(void **state)
{
    (void)state;
    copy_lab_both(clears_what_it_made);
}

static void survives_death(DatabaseType type, DeathPlace place)
{
    const Handler handler = copy_lab_small_steps();
    AUTO_TEXT *digest = NULL;

    for (unsigned entry = 1;; entry++) {
        AUTO(CopyLab) *lab = copy_lab_new(type);
        FACTS_AUTO(evidence);
        bool died = lab_agent_dies(lab->agent, &handler, &lab->command, entry, place);

        lab_agent_succeeds(lab->agent, &handler, &lab->command, &evidence);
        if (!digest)
            digest = memory_text(facts_get(&evidence, "digest"));
        assert_string_equal(facts_get(&evidence, "digest"), digest);
        if (!died) {
            assert_true(entry > 10); /* owner, definition, cuts, chunks, complete */
            return;
        }
    }
}

static void a_copy_that_was_killed_anywhere_ends_the_same(void **state)
{
    (void)state;
    survives_death(DATABASE_MYSQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_MYSQL, DIES_AFTER_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_AFTER_WRITING);
}

/* A run that died half-way was given up, and somebody emptied staging by hand. */
static void believes_no_former_run(DatabaseType type)
{
    const Handler handler = copy_lab_small_steps();
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *names = NULL;
    Command later;

    assert_true(lab_agent_dies(lab->agent, &handler, &lab->command, 6, DIES_AFTER_WRITING));
    database_close(lab->staging);
    lab_create(lab->database, SIDE_STAGING);
    lab->staging = lab_open(lab->database, SIDE_STAGING);
    lab_run(lab->production, "UPDATE parent SET name = 'nought' WHERE id = 0");
    command_copy(&later, &lab->command);
    assert_true(text_copy(later.id.run, sizeof(later.id.run), "run-2"));
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &later, &evidence), RESULT_DONE);
    names = lab_value(lab->staging, "SELECT COUNT(*) FROM parent WHERE name = 'nought'");
    assert_string_equal(names, "1");
    command_done(&later);
}

static void what_a_former_run_copied_is_not_believed(void **state)
{
    (void)state;
    copy_lab_both(believes_no_former_run);
}

/* Between two attempts of one run a table was emptied there, and a row was changed here. */
static void copies_again_what_changed(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *changed = NULL;

    /* nothing but "complete" is missing */
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    lab_agent_forget(lab->agent, "copy/copied/complete");
    lab_run(lab->production, "UPDATE child SET value = 'later' WHERE value = ''");
    lab_run(lab->staging, "DROP TABLE odd");
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    changed = lab_value(lab->staging, "SELECT COUNT(*) FROM child WHERE value = 'later'");
    assert_string_equal(changed, "1");
}

static void what_changed_since_an_attempt_is_copied_again(void **state)
{
    (void)state;
    copy_lab_both(copies_again_what_changed);
}

/* A wrong agent.xml: both logins lead to one database. */
static void refuses_one_database(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    AgentDatabase wrong = *lab->database;
    FACTS_AUTO(evidence);
    AUTO_TEXT *rows = NULL;

    wrong.production = wrong.staging;
    lab->config.databases = &wrong;
    lab_agent_fails(lab->agent, &handler_copy_database, &lab->command, ERROR_PRECONDITION,
        "are one and the same database");
    lab->config.databases = lab->database;
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    lab->config.databases = &wrong;
    lab_agent_fails(lab->agent, &handler_clear_staging, &lab->command, ERROR_PRECONDITION,
        "are one and the same database");
    rows = lab_value(lab->staging, "SELECT COUNT(*) FROM parent");
    assert_string_equal(rows, "4");
}

static void a_database_is_never_copied_into_itself_or_cleared_as_its_own_copy(void **state)
{
    (void)state;
    copy_lab_both(refuses_one_database);
}

/* The servers' account owns a schema of its own there, and found it by a setting of the database.
 */
static void the_account_can_use_what_postgresql_copied(void **state)
{
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *may = NULL;

    (void)state;
    for (int side = 0; side < SIDE_COUNT; side++)
        lab_run(side == SIDE_PRODUCTION ? lab->production : lab->staging,
            "DO $$ BEGIN CREATE ROLE schema_owner; CREATE ROLE schema_user; EXCEPTION WHEN"
            " duplicate_object THEN NULL; END $$");
    lab_run(lab->production, "CREATE SCHEMA carbon_s AUTHORIZATION schema_owner");
    lab_run(lab->production, "GRANT USAGE ON SCHEMA carbon_s TO schema_user");
    lab_run(lab->production, "CREATE TABLE carbon_s.um_user (um_id int)");
    lab_run(lab->production, "ALTER TABLE carbon_s.um_user OWNER TO schema_owner");
    lab_run(lab->production, "ALTER DATABASE copied SET search_path = carbon_s");
    lab_run(lab->staging, "ALTER DATABASE copied SET search_path = carbon_s");
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    may = lab_value(lab->staging,
        "SELECT concat(has_schema_privilege('schema_owner', 'carbon_s', 'USAGE'),"
        " has_schema_privilege('schema_owner', 'carbon_s', 'CREATE'),"
        " has_schema_privilege('schema_user', 'carbon_s', 'USAGE'),"
        " has_schema_privilege('schema_user', 'carbon_s', 'CREATE'))");
    assert_string_equal(may, "tttf");
    assert_string_equal(facts_get(&evidence, "not-copied:setting"), "search_path=carbon_s");
    lab_run(lab->staging, "SET ROLE schema_owner");
    lab_run(lab->staging, "ALTER TABLE carbon_s.um_user ADD COLUMN later int");
    lab_run(lab->staging, "INSERT INTO carbon_s.um_user VALUES (1, 2)");
    lab_run(lab->staging, "RESET ROLE");
}

/* After a copy: changes something in staging's table and asks which row differs. */
static void expect_difference(
    CopyLab *lab, const char *table_name, const char *change, const char *expected)
{
    AUTO(CopyCatalogue) *catalogue = NULL;
    AUTO(Database) *reader = lab_open(lab->database, SIDE_PRODUCTION);
    RowsMeter meter = { .io = NULL };
    const CopyTable *table;
    RowsChunk all;
    RowDigest production, staging;
    Error error = { 0 };
    TEXT_AUTO(difference, 1000);

    assert_true(copy_catalogue_read(reader, &catalogue, &error));
    table = copy_catalogue_table(catalogue, table_name);
    assert_non_null(table);
    all = (RowsChunk){ .table = table };
    assert_true(rows_digest(lab->production, &all, &meter, &production, &error));
    assert_true(rows_digest(lab->staging, &all, &meter, &staging, &error));
    assert_true(row_digest_equal(&production, &staging));
    lab_run(lab->staging, "%s", change);
    assert_true(rows_digest(lab->staging, &all, &meter, &staging, &error));
    assert_false(row_digest_equal(&production, &staging));
    assert_true(difference_find(lab->production, lab->staging, table, &difference, &error));
    assert_string_equal(difference.bytes, expected);
}

static void finds_changed_rows(DatabaseType type)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);

    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    expect_difference(lab, "odd", "UPDATE odd SET b = NULL WHERE a = 2",
        "1 row(s) of staging are not in production, the first with a=2; "
        "1 row(s) of production are not in staging, the first with a=2");
    expect_difference(lab, "parent", "DELETE FROM parent WHERE id = -7",
        "1 row(s) of production are not in staging, the first with id=-7, tenant=1");
    expect_difference(lab, "child", "UPDATE child SET value = 'twim' WHERE value = ''",
        "1 row(s) of staging are not in production; 1 row(s) of production are not in staging");
}

static void a_changed_row_is_found_and_named_by_its_key(void **state)
{
    (void)state;
    copy_lab_both(finds_changed_rows);
}

static void a_row_that_is_there_once_more_is_found(void **state)
{
    AUTO(CopyLab) *lab = copy_lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);

    (void)state;
    lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence);
    expect_difference(lab, "child", "INSERT INTO child VALUES (1, -1234, 'twin')",
        "the same rows, but not equally often");
}

static void copies_layout(DatabaseType type, const char *layout, unsigned megabytes)
{
    AUTO(CopyLab) *lab = copy_lab_new(type);
    FACTS_AUTO(evidence);
    Millis started;

    database_close(TAKE(lab->production));
    lab_make_layout(lab->database, SIDE_PRODUCTION, layout, megabytes);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    started = clock_now();
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_copy_database, &lab->command, &evidence),
        RESULT_DONE);
    print_message("%s, layout %s: %s rows, %s bytes in %lld ms\n", database_type_name(type), layout,
        facts_get(&evidence, "rows"), facts_get(&evidence, "~bytes"),
        (long long)(clock_now() - started));
    assert_true(facts_number(&evidence, "tables", 0) >= 32);
    assert_true(facts_number(&evidence, "rows", 0) > 100);
}

/* DSS_TEST_MEGABYTES: how much of it, for measuring. */
static void every_layout_is_copied_with_its_rows(void **state)
{
    const char *words = getenv("DSS_TEST_MEGABYTES");
    unsigned long long megabytes = 1;

    (void)state;
    if (words)
        assert_true(text_to_number(words, 10000, &megabytes));
    copies_layout(DATABASE_MYSQL, "4.0", (unsigned)megabytes);
    copies_layout(DATABASE_MYSQL, "4.2", (unsigned)megabytes);
    copies_layout(DATABASE_POSTGRESQL, "4.0", (unsigned)megabytes);
    copies_layout(DATABASE_POSTGRESQL, "4.2", (unsigned)megabytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_equals_its_source_whatever_the_values),
        cmocka_unit_test(mysql_server_itself_sees_no_difference),
        cmocka_unit_test(postgresql_server_itself_sees_no_difference),
        cmocka_unit_test(a_staging_database_of_others_is_never_written),
        cmocka_unit_test(an_abort_leaves_staging_empty_and_usable),
        cmocka_unit_test(a_copy_that_was_killed_anywhere_ends_the_same),
        cmocka_unit_test(the_account_can_use_what_postgresql_copied),
        cmocka_unit_test(what_a_former_run_copied_is_not_believed),
        cmocka_unit_test(what_changed_since_an_attempt_is_copied_again),
        cmocka_unit_test(a_database_is_never_copied_into_itself_or_cleared_as_its_own_copy),
        cmocka_unit_test(a_changed_row_is_found_and_named_by_its_key),
        cmocka_unit_test(every_layout_is_copied_with_its_rows),
        cmocka_unit_test(a_row_that_is_there_once_more_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
