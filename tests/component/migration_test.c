#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/digest.h"
#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

#define ANY PROFILE_ANY_TYPE

typedef struct Lab {
    const AgentDatabase *database;
    AgentConfig config;
    Profile *own; /* of the shipped profile, to be freed */
    Profile small;
    LabAgent *agent;
    Command command;
    Database *production;
} Lab;

/* A release that moves from table A with column OLD to A with column FRESH and table B. */
static const ProfileProbe old_probes[] = { { "A", "OLD", true, ANY }, { "A", "FRESH", false, ANY },
    { "B", NULL, false, ANY } };
static const ProfileProbe new_probes[] = { { "A", "OLD", true, ANY }, { "A", "FRESH", true, ANY },
    { "B", NULL, true, ANY } };
static const ProfileLayout layouts[] = {
    { "old", old_probes, 3 },
    { "new", new_probes, 3 },
};

/* No statement of these can run twice without leaving a trace. */
static const char mysql_script[] = "SET SESSION foreign_key_checks = 0;\n"
                                   "ALTER TABLE A ADD COLUMN FRESH INT;\n"
                                   "INSERT INTO A (OLD, FRESH) VALUES (100, 1);\n"
                                   "UPDATE A SET FRESH = COALESCE(FRESH, 0) + 1;\n"
                                   "BEGIN;\n"
                                   "CREATE TABLE B (ID INT AUTO_INCREMENT PRIMARY KEY, N INT);\n"
                                   "INSERT INTO B (N) SELECT FRESH FROM A;\n"
                                   "COMMIT;\n"
                                   "ALTER TABLE B ADD INDEX (N), AUTO_INCREMENT = 50;\n"
                                   "DELETE FROM A ORDER BY OLD LIMIT 1;\n"
                                   "SET SESSION sql_mode = 'STRICT_ALL_TABLES';\n"
                                   "CREATE INDEX TWICE ON A (OLD);\n";
static const char pg_script[] = "ALTER TABLE A ADD COLUMN FRESH INT;\n"
                                "INSERT INTO A (OLD, FRESH) VALUES (100, 1);\n"
                                "UPDATE A SET FRESH = COALESCE(FRESH, 0) + 1;\n"
                                "BEGIN;\n"
                                "CREATE TABLE B (ID SERIAL PRIMARY KEY, N INT);\n"
                                "INSERT INTO B (N) SELECT FRESH FROM A ORDER BY OLD;\n"
                                "COMMIT;\n"
                                "CREATE INDEX ON B (N);\n"
                                "DELETE FROM A WHERE OLD = (SELECT MIN(OLD) FROM A);\n";

static const ProfileMigration migrations[] = {
    { .from = "old", .type = DATABASE_MYSQL, .file = "mysql.sql", .script = mysql_script },
    { .from = "old", .type = DATABASE_POSTGRESQL, .file = "pg.sql", .script = pg_script },
};

static void fill(Lab *lab)
{
    lab_create(lab->database, SIDE_PRODUCTION);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    lab_run(lab->production, "CREATE TABLE A (OLD INT)");
    lab_run(lab->production, "INSERT INTO A VALUES (1), (2), (3)");
}

static Lab *lab_new(DatabaseType type)
{
    Lab *lab = memory_new(sizeof(*lab));

    lab->database = lab_database(type, "migrated");
    fill(lab);
    lab->config = (AgentConfig){ .databases = lab->database, .database_count = 1 };
    lab->small = (Profile){ .name = "small",
        .target_layout = "new",
        .sha256 = "abc",
        .layouts = layouts,
        .layout_count = 2,
        .migrations = migrations,
        .migration_count = 2 };
    lab->agent = lab_agent_new(&lab->config, &lab->small);
    lab->command = (Command){ .kind = COMMAND_MIGRATE_DATABASE,
        .id = { .run = "run-1", .step = 1, .attempt = 1 },
        .target = "migrated",
        .deadline_s = 60 };
    facts_add(&lab->command.args, ARG_SIDE, "production");
    facts_add(&lab->command.args, ARG_STATEMENT_S, "20");
    facts_add(&lab->command.args, ARG_LOCK_S, "1");
    return lab;
}

static void lab_free(Lab *lab)
{
    database_close(lab->production);
    lab_agent_free(lab->agent);
    profile_free(lab->own);
    command_done(&lab->command);
    free(lab);
}
DEFINE_AUTO(Lab, lab_free)

static void use_script(Lab *lab, const char *script)
{
    char digest[SHA256_HEX_BYTES];

    digest_of(script, strlen(script), digest);
    facts_add(&lab->command.args, ARG_SCRIPT, script);
    facts_add(&lab->command.args, ARG_SCRIPT_SHA256, digest);
}

static void for_both_types(void (*test)(DatabaseType type))
{
    test(DATABASE_MYSQL);
    test(DATABASE_POSTGRESQL);
}

static void fails(Lab *lab, ErrorKind kind, const char *words)
{
    lab_agent_fails(lab->agent, &handler_migrate_database, &lab->command, kind, words);
}

static ResultState succeeds(Lab *lab, Facts *evidence)
{
    return lab_agent_succeeds(lab->agent, &handler_migrate_database, &lab->command, evidence);
}

/* All rows of both tables, and what else the script left behind. */
static char *result_of(Lab *lab)
{
    const bool mysql = lab->database->type == DATABASE_MYSQL;
    AUTO_TEXT *a = lab_value(lab->production,
        mysql ? "SELECT GROUP_CONCAT(CONCAT_WS(',', OLD, FRESH) ORDER BY OLD SEPARATOR ' ') FROM A"
              : "SELECT string_agg(OLD || ',' || FRESH, ' ' ORDER BY OLD) FROM A");
    AUTO_TEXT *b = lab_value(lab->production,
        mysql ? "SELECT GROUP_CONCAT(CONCAT_WS(',', ID, N) ORDER BY ID SEPARATOR ' ') FROM B"
              : "SELECT string_agg(ID || ',' || N, ' ' ORDER BY ID) FROM B");
    AUTO_TEXT *tables = lab_value(lab->production,
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s",
        mysql ? "DATABASE()" : "'public'");
    AUTO_TEXT *indexes = lab_value(lab->production,
        mysql ? "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE()"
              : "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = 'public'");

    return memory_format("A: %s; B: %s; %s tables, %s indexes", a, b, tables, indexes);
}

static void assert_result(Lab *lab)
{
    AUTO_TEXT *result = result_of(lab);

    if (lab->database->type == DATABASE_MYSQL)
        assert_string_equal(result, "A: 2,1 3,1 100,2; B: 1,1 2,1 3,1 4,2; 2 tables, 3 indexes");
    else
        assert_string_equal(result, "A: 2,1 3,1 100,2; B: 1,1 2,1 3,1 4,2; 2 tables, 2 indexes");
}

static void runs_once(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(again);
    FACTS_AUTO(later);

    assert_int_equal(succeeds(lab, &evidence), RESULT_DONE);
    assert_result(lab);
    assert_string_equal(
        facts_get(&evidence, "script"), type == DATABASE_MYSQL ? "mysql.sql" : "pg.sql");
    assert_string_equal(facts_get(&evidence, "statements"), type == DATABASE_MYSQL ? "12" : "9");
    assert_string_equal(facts_get(&evidence, "layout-before"), "old");
    assert_string_equal(facts_get(&evidence, "layout-after"), "new");
    assert_string_equal(facts_get(&evidence, "statement:3"),
        type == DATABASE_MYSQL ? "done, 1 rows" : "done, 4 rows");
    assert_non_null(facts_get(&evidence, "~statement-ms:3"));

    assert_int_equal(succeeds(lab, &again), RESULT_ALREADY);
    assert_string_equal(facts_get(&again, "statement:3"), facts_get(&evidence, "statement:3"));

    assert_true(text_copy(lab->command.id.run, sizeof(lab->command.id.run), "run-2"));
    assert_int_equal(succeeds(lab, &later), RESULT_ALREADY);
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
        AUTO(Lab) *lab = lab_new(type);
        FACTS_AUTO(evidence);
        bool died =
            lab_agent_dies(lab->agent, &handler_migrate_database, &lab->command, entry, place);

        succeeds(lab, &evidence);
        assert_result(lab);
        if (!died) {
            assert_true(entry > 20);
            return;
        }
    }
}

static void a_migration_that_was_killed_anywhere_runs_no_statement_twice(void **state)
{
    (void)state;
    survives_death(DATABASE_MYSQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_MYSQL, DIES_AFTER_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_BEFORE_WRITING);
    survives_death(DATABASE_POSTGRESQL, DIES_AFTER_WRITING);
}

static void survives_many_deaths(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    unsigned deaths = 0;

    /* each child gets at most nine entries further; PostgreSQL starts anew each time */
    while (lab_agent_dies(lab->agent, &handler_migrate_database, &lab->command,
        type == DATABASE_MYSQL ? 9 : 9 + 2 * deaths,
        deaths % 2 ? DIES_BEFORE_WRITING : DIES_AFTER_WRITING))
        deaths++;
    assert_true(deaths > 3);
    assert_int_equal(succeeds(lab, &evidence), RESULT_ALREADY);
    assert_result(lab);
}

static void a_migration_gets_through_death_after_death(void **state)
{
    (void)state;
    for_both_types(survives_many_deaths);
}

static void reaches_layout_42(const char *from, DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
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
    assert_int_equal(
        succeeds(lab, &evidence), strcmp(from, "4.2") == 0 ? RESULT_ALREADY : RESULT_DONE);
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
    AUTO(Lab) *lab = lab_new(type);
    AUTO_TEXT *rows = NULL;

    use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT;\nDROP TABLE A;");
    fails(lab, ERROR_INVALID, "script: statement 2 (line 2) drops tables");
    facts_done(&lab->command.args);
    facts_add(&lab->command.args, ARG_SIDE, "production");
    facts_add(&lab->command.args, ARG_SCRIPT, "ALTER TABLE A ADD COLUMN FRESH INT");
    facts_add(&lab->command.args, ARG_SCRIPT_SHA256, "0123");
    fails(lab, ERROR_OUTDATED, "the plan has 0123: make a new plan");
    facts_done(&lab->command.args);
    facts_add(&lab->command.args, ARG_SIDE, "production");
    facts_add(&lab->command.args, ARG_PROFILE_SHA256, "def");
    fails(lab, ERROR_OUTDATED, "the profile on this host has the digest abc");
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
    AUTO(Lab) *lab = lab_new(type);

    lab_run(lab->production, "CREATE TABLE B (ID INT)");
    fails(lab, ERROR_PRECONDITION, "is a mixture of layouts (");
    lab_run(lab->production, "DROP TABLE A");
    lab_run(lab->production, "DROP TABLE B");
    fails(lab, ERROR_PRECONDITION, "has no layout that the profile knows");
}

static void a_database_that_nobody_understands_is_left_alone(void **state)
{
    (void)state;
    for_both_types(refuses_layouts);
}

static void a_mark_of_another_agent_is_respected(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);

    (void)state;
    lab_run(lab->production, "CREATE TABLE DSS_UPGRADE_LEDGER (STATEMENT INT) COMMENT='else'");
    fails(lab, ERROR_PRECONDITION, "that this agent's ledger does not know (else)");
}

static void a_table_without_transactions_is_refused(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);

    (void)state;
    lab_run(lab->production, "CREATE TABLE C (ID INT) ENGINE=MyISAM");
    fails(lab, ERROR_PRECONDITION, "table C (MyISAM) has no transactions");
}

/* MySQL keeps what was done and goes on there; PostgreSQL takes all back. */
static void goes_on_after_failure(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AUTO_TEXT *columns = NULL;

    use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT;\nCREATE TABLE B (ID INT);\n"
                    "INSERT INTO B VALUES (7);\nCREATE UNIQUE INDEX U ON A (OLD);");
    lab_run(lab->production, "INSERT INTO A VALUES (3)");
    fails(lab, ERROR_DATABASE, "statement 4 of 4 (line 4): ");
    columns = lab_value(lab->production,
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = %s AND table_name"
        " IN ('A', 'a')",
        type == DATABASE_MYSQL ? "DATABASE()" : "'public'");
    assert_string_equal(columns, type == DATABASE_MYSQL ? "2" : "1");
    lab_run(lab->production, type == DATABASE_MYSQL ? "DELETE FROM A WHERE OLD = 3 LIMIT 1"
                                                    : "DELETE FROM A WHERE OLD = 3");
    assert_int_equal(succeeds(lab, &evidence), RESULT_DONE);
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
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);
    FACTS_AUTO(evidence);

    (void)state;
    assert_true(lab_agent_dies(
        lab->agent, &handler_migrate_database, &lab->command, 12, DIES_AFTER_WRITING));
    assert_true(text_copy(lab->command.id.run, sizeof(lab->command.id.run), "run-2"));
    assert_int_equal(succeeds(lab, &evidence), RESULT_DONE);
    assert_string_equal(facts_get(&evidence, "script"), "mysql.sql");
    assert_string_equal(lab_agent_known(lab->agent, "migrate/migrated/production/run"), "run-2");
}

static void an_unfinished_migration_takes_no_other_script(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);

    (void)state;
    assert_true(lab_agent_dies(
        lab->agent, &handler_migrate_database, &lab->command, 15, DIES_AFTER_WRITING));
    use_script(lab, "CREATE TABLE B (ID INT)");
    fails(lab, ERROR_PRECONDITION, "it cannot be continued with");
}

static void misses_target(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);

    use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT");
    fails(
        lab, ERROR_MISMATCH, "the script ran to its end, but the layout is 'mixture' and not new");
}

static void a_script_that_does_not_lead_there_is_no_success(void **state)
{
    AUTO(Lab) *lab = NULL;
    AUTO_TEXT *columns = NULL;

    (void)state;
    misses_target(DATABASE_MYSQL);
    misses_target(DATABASE_POSTGRESQL);
    lab = lab_new(DATABASE_POSTGRESQL);
    use_script(lab, "ALTER TABLE A ADD COLUMN FRESH INT");
    fails(lab, ERROR_MISMATCH, "");
    columns = lab_value(
        lab->production, "SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'a'");
    assert_string_equal(columns, "1");
}

static void waits_no_longer_than_told(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    AUTO(Database) *other = lab_open(lab->database, SIDE_PRODUCTION);
    FACTS_AUTO(evidence);

    lab_run(other, "BEGIN");
    lab_run(other, "UPDATE A SET OLD = OLD");
    fails(lab, ERROR_TIMEOUT, "a lock was not given within 1 s");
    lab_run(other, "ROLLBACK");
    assert_int_equal(succeeds(lab, &evidence), RESULT_DONE);
    assert_result(lab);
}

static void a_blocked_statement_ends_in_time_and_can_be_repeated(void **state)
{
    (void)state;
    for_both_types(waits_no_longer_than_told);
}

static void new_tables_of_postgresql_belong_to_the_owner_of_the_old(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);
    AUTO_TEXT *owners = NULL;

    (void)state;
    lab_run(lab->production, "DO $$ BEGIN CREATE ROLE carbon; EXCEPTION WHEN duplicate_object THEN"
                             " NULL; END $$");
    lab_run(lab->production, "DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN"
                             " NULL; END $$");
    lab_run(lab->production, "GRANT SELECT ON A TO reader");
    lab_run(lab->production, "ALTER TABLE A OWNER TO carbon");
    assert_int_equal(succeeds(lab, &evidence), RESULT_DONE);
    owners = lab_value(lab->production,
        "SELECT string_agg(relname || '=' || pg_get_userbyid(relowner) ||"
        " has_table_privilege('reader', c.oid, 'SELECT'), ' ' ORDER BY relname) FROM pg_class c"
        " WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace");
    assert_string_equal(owners, "a=carbontrue b=carbontrue b_id_seq=carbonfalse");
}

static void a_call_that_was_interrupted_is_not_repeated(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);

    (void)state;
    use_script(lab, "DELIMITER //\nCREATE PROCEDURE P() BEGIN UPDATE A SET OLD = OLD + 1; END//\n"
                    "DELIMITER ;\nCALL P();");
    /* seven of the start, the phase, definition begun, its time and end, call begun */
    assert_true(lab_agent_dies(
        lab->agent, &handler_migrate_database, &lab->command, 12, DIES_AFTER_WRITING));
    fails(lab, ERROR_PRECONDITION, "it calls a routine, and the agent died while that ran");
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
