#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/component/migration_lab.h"

#define MANY 600 /* more than fit into two transactions */

/* Every statement leaves a row that a second run of it would double. */
static void use_many_statements(MigrationLab *lab)
{
    TEXT_AUTO(script, 100000);

    text_add(&script, "ALTER TABLE A ADD COLUMN FRESH INT;\nCREATE TABLE B (ID INT);\n");
    for (unsigned i = 1; i <= MANY; i++)
        text_add(&script, "INSERT INTO B (ID) VALUES (%u);\n", i);
    migration_lab_use_script(lab, script.bytes);
}

static void assert_many_ran_once(MigrationLab *lab, const Facts *evidence)
{
    AUTO_TEXT *all =
        lab_value(lab->production, "SELECT COUNT(*) FROM B WHERE ID BETWEEN 1 AND %d", MANY);
    AUTO_TEXT *different = lab_value(lab->production, "SELECT COUNT(DISTINCT ID) FROM B");

    assert_string_equal(all, "600");
    assert_string_equal(different, "600");
    for (unsigned k = 3; k <= MANY + 2; k++) {
        AUTO_TEXT *fact = memory_format("statement:%u", k);
        AUTO_TEXT *duration = memory_format("~statement-ms:%u", k);

        assert_string_equal(facts_get(evidence, fact), "done, 1 rows");
        assert_non_null(facts_get(evidence, duration));
    }
}

/* Says whether it died there. */
static bool many_survive_death(DatabaseType type, unsigned at, DeathPlace place)
{
    AUTO(MigrationLab) *lab = migration_lab_new(type);
    FACTS_AUTO(evidence);
    bool died;

    use_many_statements(lab);
    died = lab_agent_dies(lab->agent, &handler_migrate_database, &lab->command, at, place);
    migration_lab_succeeds(lab, &evidence);
    assert_many_ran_once(lab, &evidence);
    return died;
}

static void a_migration_that_was_killed_among_many_statements_runs_none_twice(void **state)
{
    static const unsigned pauses[] = { 3, 100, 258, 259, 260, 400, 514, 515, 602 };

    (void)state;
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++)
        assert_true(many_survive_death(DATABASE_MYSQL, pauses[i], DIES_AT_PAUSE));
    for (unsigned entry = 12; many_survive_death(DATABASE_MYSQL, entry, DIES_BEFORE_WRITING);)
        entry++;
    for (unsigned entry = 12; many_survive_death(DATABASE_MYSQL, entry, DIES_AFTER_WRITING);)
        entry++;
    assert_true(many_survive_death(DATABASE_POSTGRESQL, 400, DIES_AT_PAUSE));
}

/* Far fewer entries than statements: each of them waits for the disk. */
static void many_statements_share_an_entry_of_the_ledger(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_POSTGRESQL);
    FACTS_AUTO(evidence);

    (void)state;
    use_many_statements(lab);
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    assert_true(lab_agent_entries(lab->agent) < MANY / 2);
    assert_many_ran_once(lab, &evidence);
}

/* What stood before it in the same transaction is kept and not repeated. */
static void a_failure_among_changes_of_rows_keeps_those_before_it(void **state)
{
    AUTO(MigrationLab) *lab = migration_lab_new(DATABASE_MYSQL);
    AUTO_TEXT *rows = NULL;
    AUTO_TEXT *marks = NULL;
    FACTS_AUTO(evidence);

    (void)state;
    migration_lab_use_script(lab,
        "ALTER TABLE A ADD COLUMN FRESH INT;\nCREATE TABLE B (ID INT PRIMARY KEY);\n"
        "INSERT INTO A (OLD) VALUES (100);\nUPDATE A SET OLD = OLD + 1;\n"
        "INSERT INTO B SELECT OLD FROM A;\nUPDATE A SET OLD = OLD + 1;\n");
    lab_run(lab->production, "INSERT INTO A VALUES (3)");
    migration_lab_fails(lab, ERROR_DATABASE, "statement 5 of 6 (line 5): ");
    rows = lab_value(lab->production, "SELECT GROUP_CONCAT(OLD ORDER BY OLD) FROM A");
    assert_string_equal(rows, "2,3,4,4,101");
    marks = lab_value(lab->production,
        "SELECT GROUP_CONCAT(CONCAT(STATEMENT, ':', ROWS_CHANGED)) FROM DSS_UPGRADE_LEDGER");
    assert_string_equal(marks, "3:1,4:5");
    lab_run(lab->production, "DELETE FROM A WHERE OLD = 4 LIMIT 1");
    assert_int_equal(migration_lab_succeeds(lab, &evidence), RESULT_DONE);
    free(rows);
    rows = lab_value(lab->production, "SELECT GROUP_CONCAT(OLD ORDER BY OLD) FROM A");
    assert_string_equal(rows, "3,4,5,102");
    assert_string_equal(facts_get(&evidence, "statement:4"), "done, 5 rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_migration_that_was_killed_among_many_statements_runs_none_twice),
        cmocka_unit_test(many_statements_share_an_entry_of_the_ledger),
        cmocka_unit_test(a_failure_among_changes_of_rows_keeps_those_before_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
