/* What a restored dump lacks of production's definitions is found and named. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/handlers/backup/dump_tool.h"
#include "agent/handlers/copy/definitions.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

#define LIMIT_MS 60000

typedef struct Damage {
    const char *sql;      /* run on what was restored */
    const char *words[2]; /* of the error; the second may be NULL */
} Damage;

static const char *const mysql_setup[] = {
    "CREATE TABLE parent (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) DEFAULT 'x',"
    " n INT, UNIQUE KEY by_name (name), KEY by_n (n)) AUTO_INCREMENT=50",
    "INSERT INTO parent VALUES (1, 'a', 1), (2, 'b', 2)",
    "CREATE TABLE child (p INT, CONSTRAINT to_parent FOREIGN KEY (p) REFERENCES parent (id))",
    "INSERT INTO child VALUES (1), (1)",
    "CREATE VIEW seen AS SELECT name FROM parent",
    "CREATE TRIGGER fired BEFORE INSERT ON child FOR EACH ROW SET NEW.p = NEW.p",
    "CREATE PROCEDURE called() SELECT 1",
    "CREATE EVENT happened ON SCHEDULE EVERY 1 YEAR DO DELETE FROM child WHERE 1 = 0",
    NULL,
};
static const Damage mysql_damages[] = {
    { "DROP INDEX by_n ON parent",
        { "index or constraint parent is not the same on the restored dump", "ADD KEY `by_n`" } },
    { "DROP INDEX by_name ON parent",
        { "index or constraint parent is not the same", "ADD UNIQUE KEY `by_name`" } },
    { "ALTER TABLE child DROP FOREIGN KEY to_parent",
        { "foreign key child is missing on the restored dump", "`to_parent`" } },
    { "ALTER TABLE parent AUTO_INCREMENT = 3",
        { "table parent is not the same on the restored dump", "AUTO_INCREMENT=50" } },
    { "ALTER TABLE parent ALTER name SET DEFAULT 'y'",
        { "table parent is not the same on the restored dump", "DEFAULT 'y'" } },
    { "DROP VIEW seen", { "view seen is missing on the restored dump", NULL } },
    { "DROP TRIGGER fired", { "trigger fired is missing on the restored dump", NULL } },
    { "DROP PROCEDURE called", { "procedure called is missing on the restored dump", NULL } },
    { "DROP EVENT happened", { "event happened is missing on the restored dump", NULL } },
};

static const char *const pg_setup[] = {
    "CREATE SEQUENCE loose START WITH 7",
    "CREATE TABLE parent (id serial PRIMARY KEY, name varchar(20) DEFAULT 'x'"
    " CHECK (name IN ('a', 'b')), n int, CONSTRAINT by_name UNIQUE (name))",
    "CREATE INDEX by_n ON parent (n) WHERE name IN ('a', 'b')",
    "INSERT INTO parent VALUES (1, 'a', 1), (2, 'b', 2)",
    "SELECT setval('parent_id_seq', 50, false)",
    "CREATE TABLE child (p int CONSTRAINT to_parent REFERENCES parent (id))",
    "INSERT INTO child VALUES (1), (1)",
    "CREATE VIEW seen AS SELECT name FROM parent",
    "CREATE FUNCTION called() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER fired BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION called()",
    NULL,
};
static const Damage pg_damages[] = {
    { "DROP INDEX by_n",
        { "index or constraint by_n is missing on the restored dump", "CREATE INDEX by_n" } },
    { "ALTER TABLE parent DROP CONSTRAINT by_name",
        { "index or constraint by_name is missing on the restored dump", "UNIQUE INDEX by_name" } },
    { "ALTER TABLE parent DROP CONSTRAINT parent_name_check",
        { "constraint parent_name_check is missing on the restored dump", "CHECK" } },
    { "ALTER TABLE child DROP CONSTRAINT to_parent",
        { "foreign key to_parent is missing on the restored dump", NULL } },
    { "SELECT setval('parent_id_seq', 49, false)",
        { "sequence value parent_id_seq is not the same on the restored dump", "50, false" } },
    { "SELECT setval('loose', 7, true)",
        { "sequence value loose is not the same on the restored dump", "7, true" } },
    { "DROP SEQUENCE loose",
        { "schema or sequence loose is missing on the restored dump", "START WITH 7" } },
    { "ALTER TABLE parent ALTER name SET DEFAULT 'y'",
        { "table parent is not the same on the restored dump", "DEFAULT 'y'" } },
    { "CREATE INDEX more ON child (p)",
        { "index or constraint more is only on the restored dump", NULL } },
    { "DROP VIEW seen", { "view seen is missing on the restored dump", NULL } },
    { "DROP TRIGGER fired ON child", { "trigger fired is missing on the restored dump", NULL } },
};

static const struct {
    const char *const *setup;
    const Damage *damages;
    size_t damage_count;
} cases[] = {
    [DATABASE_MYSQL] = { mysql_setup, mysql_damages,
        sizeof(mysql_damages) / sizeof(mysql_damages[0]) },
    [DATABASE_POSTGRESQL] = { pg_setup, pg_damages, sizeof(pg_damages) / sizeof(pg_damages[0]) },
};

typedef struct Lab {
    const AgentDatabase *database;
    AgentConfig config;
    LabAgent *agent;
    Command command;
    Database *production;
} Lab;

static Lab *lab_new(DatabaseType type)
{
    Lab *lab = memory_new(sizeof(*lab));

    lab->database = lab_database(type, "proved");
    lab_create(lab->database, SIDE_PRODUCTION);
    lab_create(lab->database, SIDE_STAGING);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    for (size_t i = 0; cases[type].setup[i]; i++)
        lab_run(lab->production, "%s", cases[type].setup[i]);
    lab->config = (AgentConfig){ .databases = lab->database,
        .database_count = 1,
        .backup_directory = getenv("DSS_TEST_FOLDER") };
    lab->agent = lab_agent_new(&lab->config, NULL);
    lab->command = (Command){ .kind = COMMAND_BACKUP_DATABASE,
        .id = { .run = "run-1", .step = 1, .attempt = 1 },
        .target = "proved",
        .deadline_s = 60 };
    return lab;
}

static void lab_free(Lab *lab)
{
    database_close(lab->production);
    lab_agent_free(lab->agent);
    free(lab);
}
DEFINE_AUTO(Lab, lab_free)

/* Production's dump, restored into the staging database. */
static void restore(const Lab *lab)
{
    AUTO_TEXT *dump = lab_file("proved.zst");
    CompressedFile file = { 0 };
    Error error = { 0 };

    if (!dump_tool_dump(lab->database, dump, LIMIT_MS, &file, &error) ||
        !dump_tool_restore(lab->database, "proved", dump, LIMIT_MS, &error))
        fail_msg("%s", error.text);
    (void)unlink(dump);
}

static bool is_the_same(const Lab *lab, Error *error)
{
    FACTS_AUTO(evidence);
    AUTO(Database) *reader = lab_open(lab->database, SIDE_PRODUCTION);
    AUTO(Database) *restored = lab_open(lab->database, SIDE_STAGING);
    AUTO(CopyCatalogue) *catalogue = NULL;
    DefinitionsOf of = { .production = reader, .made = restored, .where = "the restored dump" };

    assert_true(rows_begin_reading(reader, NULL, error));
    assert_true(copy_catalogue_read(reader, &catalogue, error));
    of.catalogue = catalogue;
    return definitions_compare(&of, &evidence, error) && definitions_compare_leftovers(&of, error);
}

static void finds(DatabaseType type, const Damage *damage)
{
    AUTO(Lab) *lab = lab_new(type);
    AUTO(Database) *restored = lab_open(lab->database, SIDE_STAGING);
    Error error = { 0 };

    restore(lab);
    if (!is_the_same(lab, &error))
        fail_msg("%s", error.text);
    lab_run(restored, "%s", damage->sql);
    assert_false(is_the_same(lab, &error));
    assert_int_equal(error.kind, ERROR_MISMATCH);
    for (size_t i = 0; i < 2 && damage->words[i]; i++)
        if (!strstr(error.text, damage->words[i]))
            fail_msg("'%s' is not in: %s", damage->words[i], error.text);
}

static void what_a_restored_dump_lacks_is_named(void **state)
{
    (void)state;
    for (DatabaseType type = 0; type < DATABASE_TYPE_COUNT; type++)
        for (size_t i = 0; i < cases[type].damage_count; i++)
            finds(type, &cases[type].damages[i]);
}

/* After the catalogue was read and before the dump is made: rows stay, a counter moves. */
static Lab *moved;
static void (*real_progress)(void *self, const char *what, uint64_t done, uint64_t total);

static void move_counter(void *self, const char *what, uint64_t done, uint64_t total)
{
    real_progress(self, what, done, total);
    if (strcmp(what, "dump") != 0)
        return;
    if (moved->database->type == DATABASE_POSTGRESQL) {
        lab_run(moved->production, "SELECT setval('loose', 7, true)");
        return;
    }
    lab_run(moved->production, "INSERT INTO parent VALUES (90, 'z', 1)");
    lab_run(moved->production, "DELETE FROM parent WHERE id = 90");
}

static void a_dump_with_another_counter_is_no_backup(void **state)
{
    static const char *const words[] = {
        [DATABASE_MYSQL] = "AUTO_INCREMENT=91",
        [DATABASE_POSTGRESQL] = "sequence value loose is not the same on the restored dump",
    };

    (void)state;
    for (DatabaseType type = 0; type < DATABASE_TYPE_COUNT; type++) {
        AUTO(Lab) *lab = lab_new(type);
        FACTS_AUTO(evidence);
        AgentIo io = lab_agent_io(lab->agent, &evidence);
        ResultState result;
        Error error = { 0 };

        moved = lab;
        real_progress = io.progress;
        io.progress = move_counter;
        assert_false(handler_run(&handler_backup_database, &io, &lab->command, &result, &error));
        assert_int_equal(error.kind, ERROR_MISMATCH);
        if (!strstr(error.text, words[type]))
            fail_msg("'%s' is not in: %s", words[type], error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_restored_dump_lacks_is_named),
        cmocka_unit_test(a_dump_with_another_counter_is_no_backup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
