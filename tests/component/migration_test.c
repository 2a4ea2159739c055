#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/component/migration_lab.h"

static void for_both_types(void (*test)(DatabaseType type))
{
    test(DATABASE_MYSQL);
    test(DATABASE_POSTGRESQL);
}

/*
 * All rows of both tables, and what else the script left behind. Numbers that MySQL gave in a
 * transaction that was taken back are not given again, so those of B are told from the first on.
 */
static char *result_of(MigrationLab *lab)
{
    const bool mysql = lab->database->type == DATABASE_MYSQL;
    AUTO_TEXT *a = lab_value(lab->production,
        mysql ? "SELECT GROUP_CONCAT(CONCAT_WS(',', OLD, FRESH) ORDER BY OLD SEPARATOR ' ') FROM A"
              : "SELECT string_agg(OLD || ',' || FRESH, ' ' ORDER BY OLD) FROM A");
    AUTO_TEXT *b = lab_value(
        lab->production, mysql ? "SELECT GROUP_CONCAT(CONCAT_WS(',', ID - (SELECT MIN(ID) - 1 FROM "
                                 "B), N) ORDER BY ID SEPARATOR ' ') FROM B"
                               : "SELECT string_agg(ID || ',' || N, ' ' ORDER BY ID) FROM B");
    AUTO_TEXT *tables = lab_value(lab->production,
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s",
        mysql ? "DATABASE()" : "'public'");
    AUTO_TEXT *indexes = lab_value(lab->production,
        mysql ? "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()"
              : "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = 'public'");

    return memory_format("A: %s; B: %s; %s tables, %s indexes", a, b, tables, indexes);
}

static void assert_result(MigrationLab *lab)
{
    AUTO_TEXT *result = result_of(lab);

    if (lab->database->type == DATABASE_MYSQL)
        assert_string_equal(result, "A: 2,1 3,1 100,2; B: 1,1 2,1 3,1 4,2; 2 tables, 3 indexes");
    else
        assert_string_equal(result, "A: 2,1 3,1 100,2; B: 1,1 2,1 3,1 4,2; 2 tables, 2 indexes");
}

static void runs_once(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(again);
    FACTS_AUTO(later);

    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    assert_result(lab);
    assert_string_equal(
        facts_get(&evidence, "script"), type == DATABASE_MYSQL ? "mysql.sql" : "pg.sql");
    assert_string_equal(facts_get(&evidence, "statements"), type == DATABASE_MYSQL ? "12" : "9");
    assert_string_equal(facts_get(&evidence, "layout-before"), "old");
    assert_string_equal(facts_get(&evidence, "layout-after"), "new");
    assert_string_equal(facts_get(&evidence, "statement:3"),
        type == DATABASE_MYSQL ? "done, 1 rows" : "done, 4 rows");
    assert_non_null(facts_get(&evidence, "~statement-ms:3"));

    assert_int_equal(migration_lab_succeeds(lab, &again), RESULT_ALREADY);
    assert_string_equal(facts_get(&again, "statement:3"), facts_get(&evidence, "statement:3"));

    assert_true(text_copy(lab->command.id.run, sizeof(lab->command.id.run), "run-2"));
    assert_int_equal(migration_lab_succeeds(lab, &later), RESULT_ALREADY);
    assert_string_equal(facts_get(&later, "script"), "already done");
    assert_string_equal(facts_get(&later, "layout-before"), "new");
    assert_null(facts_get(&later, "statement:3"));
}

static void a_migration_runs_once_and_tells_each_statement(void **state)
{
    (void)state;
    for_both_types(runs_once);
}

static void survives_death(DatabaseType type, DeathPlace place)
{
    for (unsigned entry = 1;; entry++) {
        AUTO(MigrationLab) *lab = migration_lab_new(type);
        FACTS_AUTO(evidence);
        bool died =
            lab_agent_dies(lab->agent, &handler_migrate_database, &lab->command, entry, place);

        migration_lab_succeeds(lab, &evidence);
        assert_result(lab);
        if (!died) {
            assert_true(entry > (type == DATABASE_MYSQL && place != DIES_AT_PAUSE ? 15 : 9));
            return;
        }
    }
}

static void a_migration_that_was_killed_anywhere_runs_no_statement_twice(void **state)
{
    (void)state;
    survives_death(DATABASE_MYSQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_MYSQL, DIES_AFTER_WRITING);
    survives_death(DATABASE_MYSQL, DIES_AT_PAUSE);
    survives_death(DATABASE_POSTGRESQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_AFTER_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_AT_PAUSE);
}

/* The first eight are those of the start. */
static unsigned survivable_entries(DatabaseType type, unsigned deaths)
{
    if (type == DATABASE_POSTGRESQL)
        return 1 + 2 * deaths;
    return deaths == 0 ? 9 : 4;
}

static void survives_many_deaths(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    FACTS_AUTO(evidence);
    unsigned deaths = 0;

    /* each child gets a few entries further; PostgreSQL starts anew each time */
    while (lab_agent_dies(lab->agent, &handler_migrate_database, &lab->command,
        survivable_entries(type, deaths), deaths % 2 ? DIES_BEFORE_WRITING : DIES_AFTER_WRITING))
        deaths++;
    assert_true(deaths > 3);
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_ALREADY);
    assert_result(lab);
}

static void a_migration_gets_through_death_after_death(void **state)
{
    (void)state;
    for_both_types(survives_many_deaths);
}

static void reaches_layout_42(const char *from, DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    AUTO_TEXT *folder = lab_source("sql/profiles/dss-3.2.0");
    FACTS_AUTO(evidence);
    Error error = { 0 };

    if (!profile_load(folder, &lab->own, &error))
        fail_msg("%s", error.text);
    database_close(TAKE(lab->production));
    lab_agent_free(TAKE(lab->agent));
    lab_make_layout(lab->database, SIDE_PRODUCTION, from, 0);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    lab->agent = lab_agent_new(&lab->config, lab->own);
    facts_add(&lab->command.args, ARG_PROFILE_SHA256, lab->own->sha256);
    assert_int_equal(migration_lab_succeeds(lab, &evidence),
        strcmp(from, "4.2") == 0 ? RESULT_ALREADY : RESULT_DONE);
    assert_string_equal(facts_get(&evidence, "layout-before"), from);
    assert_string_equal(facts_get(&evidence, "layout-after"), "4.2");
    if (strcmp(from, "4.2") == 0)
        assert_string_equal(facts_get(&evidence, "script"), "already done");
}

static void the_shipped_scripts_lead_to_layout_42(void **state)
{
    (void)state;
    reaches_layout_42("4.0", DATABASE_MYSQL);
    reaches_layout_42("4.1", DATABASE_MYSQL);
    reaches_layout_42("4.2", DATABASE_MYSQL);
    reaches_layout_42("4.0", DATABASE_POSTGRESQL);
    reaches_layout_42("4.1", DATABASE_POSTGRESQL);
    reaches_layout_42("4.2", DATABASE_POSTGRESQL);
}

static void refuses_scripts(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    AUTO_TEXT *rows = NULL;

    migration_lab_use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT;\nDROP TABLE A;");
    migration_lab_fails(lab, ERROR_INVALID, "script: statement 2 (line 2) drops tables");
    facts_done(&lab->command.args);
    facts_add(&lab->command.args, ARG_SIDE, "production");
    facts_add(&lab->command.args, ARG_SCRIPT, "ALTER TABLE A ADD COLUMN FRESH INT");
    facts_add(&lab->command.args, ARG_SCRIPT_SHA256, "0123");
    migration_lab_fails(lab, ERROR_OUTDATED, "the plan has 0123: make a new plan");
    facts_done(&lab->command.args);
    facts_add(&lab->command.args, ARG_SIDE, "production");
    facts_add(&lab->command.args, ARG_PROFILE_SHA256, "def");
    migration_lab_fails(lab, ERROR_OUTDATED, "the profile on this host has the digest abc");
    rows = lab_value(lab->production, "SELECT COUNT(*) FROM information_schema.columns"
                                      " WHERE table_name IN ('A', 'a')");
    assert_string_equal(rows, "1");
}

static void a_wrong_script_or_digest_changes_nothing(void **state)
{
    (void)state;
    for_both_types(refuses_scripts);
}

static void refuses_layouts(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);

    lab_run(lab->production, "CREATE TABLE B (ID INT)");
    migration_lab_fails(lab, ERROR_PRECONDITION, "is a mixture of layouts (");
    lab_run(lab->production, "DROP TABLE A");
    lab_run(lab->production, "DROP TABLE B");
    migration_lab_fails(lab, ERROR_PRECONDITION, "has no layout that the profile knows");
}

static void a_database_that_nobody_understands_is_left_alone(void **state)
{
    (void)state;
    for_both_types(refuses_layouts);
}

static void a_mark_of_another_agent_is_respected(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_MYSQL);

    (void)state;
    lab_run(lab->production, "CREATE TABLE DSS_UPGRADE_LEDGER (STATEMENT INT) COMMENT='else'");
    migration_lab_fails(lab, ERROR_PRECONDITION, "that this agent's ledger does not know (else)");
}

static void a_table_without_transactions_is_refused(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_MYSQL);

    (void)state;
    lab_run(lab->production, "CREATE TABLE C (ID INT) ENGINE=MyISAM");
    migration_lab_fails(lab, ERROR_PRECONDITION, "table C (MyISAM) has no transactions");
}

/* MySQL keeps what was done and goes on there; PostgreSQL takes all back. */
static void goes_on_after_failure(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *columns = NULL;

    migration_lab_use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT;\nCREATE TABLE B (ID INT);\n"
                                  "INSERT INTO B VALUES (7);\nCREATE UNIQUE INDEX U ON A (OLD);");
    lab_run(lab->production, "INSERT INTO A VALUES (3)");
    migration_lab_fails(lab, ERROR_DATABASE, "statement 4 of 4 (line 4): ");
    columns = lab_value(lab->production,
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = %s AND table_name"
        " IN ('A', 'a')",
        type == DATABASE_MYSQL ? "DATABASE()" : "'public'");
    assert_string_equal(columns, type == DATABASE_MYSQL ? "2" : "1");
    lab_run(lab->production, type == DATABASE_MYSQL ? "DELETE FROM A WHERE OLD = 3 LIMIT 1"
                                                    : "DELETE FROM A WHERE OLD = 3");
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    free(columns);
    columns = lab_value(lab->production, "SELECT COUNT(*) FROM B");
    assert_string_equal(columns, "1");
}

static void a_failure_is_mended_and_the_migration_ends(void **state)
{
    (void)state;
    for_both_types(goes_on_after_failure);
}

/* Its run is lost, the next run ends it and tells all of it. */
static void another_run_ends_what_one_began(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_MYSQL);
    FACTS_AUTO(evidence);

    (void)state;
    assert_true(lab_agent_dies(
        lab->agent, &handler_migrate_database, &lab->command, 12, DIES_AFTER_WRITING));
    assert_true(text_copy(lab->command.id.run, sizeof(lab->command.id.run), "run-2"));
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    assert_string_equal(facts_get(&evidence, "script"), "mysql.sql");
    assert_string_equal(lab_agent_known(lab->agent, "migrate/migrated/production/run"), "run-2");
}

static void an_unfinished_migration_takes_no_other_script(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_MYSQL);

    (void)state;
    assert_true(lab_agent_dies(
        lab->agent, &handler_migrate_database, &lab->command, 15, DIES_AFTER_WRITING));
    migration_lab_use_script(lab, "CREATE TABLE B (ID INT)");
    migration_lab_fails(lab, ERROR_PRECONDITION, "it cannot be continued with");
}

static void misses_target(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);

    migration_lab_use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT");
    migration_lab_fails(
        lab, ERROR_MISMATCH, "the script ran to its end, but the layout is 'mixture' and not new");
}

static void a_script_that_does_not_lead_there_is_no_success(void **state)
{
    AUTO(MigrationLab) *lab = NULL;
    AUTO_TEXT *columns = NULL;

    (void)state;
    misses_target(DATABASE_MYSQL);
    misses_target(DATABASE_POSTGRESQL);
    lab = migration_lab_new(DATABASE_POSTGRESQL);
    migration_lab_use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT");
    migration_lab_fails(lab, ERROR_MISMATCH, "");
    columns = lab_value(
        lab->production, "SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'a'");
    assert_string_equal(columns, "1");
}

static void waits_no_longer_than_told(DatabaseType type)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    AUTO(Database) *other = lab_open(lab->database, SIDE_PRODUCTION);
    FACTS_AUTO(evidence);

    lab_run(other, "BEGIN");
    lab_run(other, "UPDATE A SET OLD = OLD");
    migration_lab_fails(lab, ERROR_TIMEOUT, "a lock was not given within 1 s");
    lab_run(other, "ROLLBACK");
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    assert_result(lab);
}

static void a_blocked_statement_ends_in_time_and_can_be_repeated(void **state)
{
    (void)state;
    for_both_types(waits_no_longer_than_told);
}

static void new_tables_of_postgresql_belong_to_the_owner_of_the_old(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *owners = NULL;

    (void)state;
    lab_run(lab->production, "DO $$ BEGIN CREATE ROLE carbon; EXCEPTION WHEN duplicate_object THEN"
                             " NULL; END $$");
    lab_run(lab->production, "DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN"
                             " NULL; END $$");
    lab_run(lab->production, "GRANT SELECT ON A TO reader");
    lab_run(lab->production, "ALTER TABLE A OWNER TO carbon");
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    owners = lab_value(lab->production,
        "SELECT string_agg(relname || '=' || pg_get_userbyid(relowner) ||"
        " has_table_privilege('reader', c.oid, 'SELECT'), ' ' ORDER BY relname) FROM pg_class c"
        " WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace");
    assert_string_equal(owners, "a=carbontrue b=carbontrue b_id_seq=carbonfalse");
}

static void a_call_that_was_interrupted_is_not_repeated(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_MYSQL);

    (void)state;
    migration_lab_use_script(lab,
        "DELIMITER //\nCREATE PROCEDURE P() BEGIN UPDATE A SET OLD = OLD + 1; END//\n"
        "DELIMITER ;\nCALL P();");
    /* seven of the start, the phase, definition begun and done, call begun */
    assert_true(lab_agent_dies(
        lab->agent, &handler_migrate_database, &lab->command, 11, DIES_AFTER_WRITING));
    migration_lab_fails(
        lab, ERROR_PRECONDITION, "it calls a routine, and the agent died while that ran");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_migration_runs_once_and_tells_each_statement),
        cmocka_unit_test(a_migration_that_was_killed_anywhere_runs_no_statement_twice),
        cmocka_unit_test(a_migration_gets_through_death_after_death),
        cmocka_unit_test(the_shipped_scripts_lead_to_layout_42),
        cmocka_unit_test(a_wrong_script_or_digest_changes_nothing),
        cmocka_unit_test(a_database_that_nobody_understands_is_left_alone),
        cmocka_unit_test(a_mark_of_another_agent_is_respected),
        cmocka_unit_test(a_table_without_transactions_is_refused),
        cmocka_unit_test(a_failure_is_mended_and_the_migration_ends),
        cmocka_unit_test(another_run_ends_what_one_began),
        cmocka_unit_test(an_unfinished_migration_takes_no_other_script),
        cmocka_unit_test(a_script_that_does_not_lead_there_is_no_success),
        cmocka_unit_test(a_blocked_statement_ends_in_time_and_can_be_repeated),
        cmocka_unit_test(new_tables_of_postgresql_belong_to_the_owner_of_the_old),
        cmocka_unit_test(a_call_that_was_interrupted_is_not_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
