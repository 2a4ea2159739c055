/* A migration rehearsed on a scratch database beside a production that goes on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/core/profile.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

#define ANY PROFILE_ANY_TYPE

typedef struct Lab {
    const AgentDatabase *database;
    AgentConfig config;
    Profile profile;
    LabAgent *agent;
    Command command;
    Database *production, *staging;
    AgentDatabase of_server; /* production by the login of a Carbon server */
    char *login;
    Database *server; /* its session: it stays while a rehearsal works */
    char *backups;
} Lab;

/* A release that adds a unique key's column and a table. */
static const ProfileProbe old_probes[] = { { "A", "OLD", true, ANY }, { "A", "FRESH", false, ANY },
    { "B", NULL, false, ANY } };
static const ProfileProbe new_probes[] = { { "A", "OLD", true, ANY }, { "A", "FRESH", true, ANY },
    { "B", NULL, true, ANY } };
static const ProfileLayout layouts[] = {
    { "old", old_probes, 3 },
    { "new", new_probes, 3 },
};
static const char script[] = "ALTER TABLE A ADD COLUMN FRESH INT;\n"
                             "UPDATE A SET FRESH = OLD;\n"
                             "ALTER TABLE A ADD UNIQUE (OLD);\n"
                             "CREATE TABLE B (ID INT PRIMARY KEY);\n";
static const ProfileMigration migrations[] = {
    { .from = "old", .type = DATABASE_MYSQL, .file = "mysql.sql", .script = script },
    { .from = "old", .type = DATABASE_POSTGRESQL, .file = "pg.sql", .script = script },
};
static const ProfileCheckpoint checkpoints[] = { { .id = "rows",
    .meaning = "all rows are there",
    .type = ANY,
    .expect = "3",
    .sql = "SELECT COUNT(*) FROM A WHERE FRESH = OLD" } };
static const ProfileInvariant invariants[] = {
    { "values", "what is in A", "old", ANY, "SELECT OLD FROM A ORDER BY 1" },
    { "values", "what is in A", "new", ANY, "SELECT OLD FROM A ORDER BY 1" },
};

static void log_in_as_server(Lab *lab)
{
    const bool mysql = lab->database->type == DATABASE_MYSQL;
    AUTO_TEXT *port = lab_value(lab->production,
        mysql ? "SELECT @@port" : "SELECT setting FROM pg_settings WHERE name = 'port'");
    AUTO_TEXT *text = memory_format("[%s]\nhost=127.0.0.1\nport=%s\nuser=server\npassword=secret\n",
        mysql ? "client" : "server", port);
    Error error = { 0 };

    if (mysql) {
        lab_run(lab->production, "CREATE OR REPLACE USER server@'%%' IDENTIFIED BY 'secret'");
        lab_run(lab->production, "GRANT ALL ON rehearsed.* TO server@'%%'");
    } else {
        lab_run(lab->production, "DROP ROLE IF EXISTS server");
        lab_run(lab->production, "CREATE ROLE server LOGIN PASSWORD 'secret'");
        lab_run(lab->production, "GRANT ALL ON ALL TABLES IN SCHEMA public TO server");
    }
    lab->login = lab_file(mysql ? "server.cnf" : "server.conf");
    assert_true(file_replace(lab->login, text, strlen(text), 0600, &error));
    lab->of_server = *lab->database;
    lab->of_server.production.option_file = mysql ? lab->login : NULL;
    lab->of_server.production.service_file = mysql ? NULL : lab->login;
    lab->of_server.production.service = "server";
    lab->server = lab_open(&lab->of_server, SIDE_PRODUCTION);
}

static Lab *lab_new(DatabaseType type)
{
    Lab *lab = memory_new(sizeof(*lab));
    Error error = { 0 };

    lab->database = lab_database(type, "rehearsed");
    lab_create(lab->database, SIDE_PRODUCTION);
    lab_create(lab->database, SIDE_STAGING);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    lab->staging = lab_open(lab->database, SIDE_STAGING);
    lab_run(lab->production, "CREATE TABLE A (OLD INT)");
    lab_run(lab->production, "INSERT INTO A VALUES (1), (2), (3)");
    log_in_as_server(lab);
    lab->backups = lab_file("backups");
    assert_true(file_remove_tree(lab->backups, &error));
    lab->config = (AgentConfig){
        .databases = lab->database, .database_count = 1, .backup_directory = lab->backups
    };
    lab->profile = (Profile){ .name = "small",
        .target_layout = "new",
        .sha256 = "abc",
        .layouts = layouts,
        .layout_count = 2,
        .migrations = migrations,
        .migration_count = 2,
        .checkpoints = checkpoints,
        .checkpoint_count = 1,
        .invariants = invariants,
        .invariant_count = 2 };
    lab->agent = lab_agent_new(&lab->config, &lab->profile);
    lab->command = (Command){
        .id = { .run = "run-1", .step = 1, .attempt = 1 }, .target = "rehearsed", .deadline_s = 60
    };
    return lab;
}

static void lab_free(Lab *lab)
{
    database_close(lab->production);
    database_close(lab->staging);
    database_close(lab->server);
    free(lab->login);
    lab_agent_free(lab->agent);
    command_done(&lab->command);
    free(lab->backups);
    free(lab);
}
DEFINE_AUTO(Lab, lab_free)

static void for_both_types(void (*test)(DatabaseType type))
{
    test(DATABASE_MYSQL);
    test(DATABASE_POSTGRESQL);
}

static const Command *command_of(Lab *lab, CommandKind kind)
{
    lab->command.kind = kind;
    lab->command.id.step = (uint32_t)kind;
    return &lab->command;
}

static void succeeds(Lab *lab, CommandKind kind, Facts *evidence)
{
    lab_agent_succeeds(lab->agent, handler_for(kind), command_of(lab, kind), evidence);
}

static void fails(Lab *lab, CommandKind kind, ErrorKind error, const char *words)
{
    lab_agent_fails(lab->agent, handler_for(kind), command_of(lab, kind), error, words);
}

/* The names of all databases that are scratch, or "NULL". */
static char *scratch_database(Lab *lab)
{
    return lab_value(
        lab->staging, lab->database->type == DATABASE_MYSQL
                          ? "SELECT MIN(schema_name) FROM information_schema.schemata WHERE "
                            "schema_name LIKE 'dss_scratch%%'"
                          : "SELECT MIN(datname) FROM pg_database WHERE datname LIKE "
                            "'dss_scratch%%'");
}

static char *tables_of(Database *database)
{
    return lab_value(database,
        database_type(database) == DATABASE_MYSQL
            ? "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
            : "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'");
}

static void assert_nothing_is_left(Lab *lab)
{
    AUTO_TEXT *scratch = scratch_database(lab);
    AUTO_TEXT *in_staging = tables_of(lab->staging);
    AUTO_TEXT *in_production = tables_of(lab->production);
    AUTO_TEXT *dump = memory_format("%s/rehearsed/run-1", lab->backups);

    assert_string_equal(scratch, "NULL");
    assert_string_equal(in_staging, "0");
    assert_string_equal(in_production, "1");
    assert_int_equal(file_kind(dump, LINKS_THEMSELVES), FILE_ABSENT);
}

static void is_rehearsed(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(backup);
    FACTS_AUTO(migration);
    FACTS_AUTO(checkpoint);
    FACTS_AUTO(end);

    succeeds(lab, COMMAND_REHEARSE_BACKUP, &backup);
    assert_non_null(strstr(facts_get(&backup, "restored"), "1 tables, 3 rows, digests equal"));
    assert_non_null(facts_get(&backup, "~dump-ms"));
    assert_non_null(facts_get(&backup, "~restore-ms"));
    assert_non_null(facts_get(&backup, "~compare-ms"));
    assert_null(facts_get(&backup, "not-compared"));
    succeeds(lab, COMMAND_REHEARSE_MIGRATION, &migration);
    assert_string_equal(facts_get(&migration, "layout-before"), "old");
    assert_string_equal(facts_get(&migration, "layout-after"), "new");
    assert_string_equal(facts_get(&migration, "statements"), "4");
    succeeds(lab, COMMAND_REHEARSE_CHECKPOINT, &checkpoint);
    assert_non_null(strstr(facts_get(&checkpoint, "checkpoint:rows"), "ok"));
    assert_non_null(strstr(facts_get(&checkpoint, "invariant:values"), "same: 3 rows"));
    succeeds(lab, COMMAND_END_REHEARSAL, &end);
    assert_non_null(strstr(facts_get(&end, "production"), "structure as before"));
    assert_nothing_is_left(lab);
}

static void a_rehearsal_migrates_a_copy_and_leaves_nothing(void **state)
{
    (void)state;
    for_both_types(is_rehearsed);
}

/* By what the server itself wrote down: MariaDB's general log, PostgreSQL's counters. */
static void begin_watching(Lab *lab)
{
    if (lab->database->type == DATABASE_MYSQL) {
        lab_run(lab->production, "SET GLOBAL log_output = 'TABLE'");
        lab_run(lab->production, "TRUNCATE mysql.general_log");
        lab_run(lab->production, "SET GLOBAL general_log = ON");
    } else {
        free(lab_value(lab->production, "SELECT pg_stat_force_next_flush()"));
    }
}

/* Statements that changed or locked something; on PostgreSQL, rows that were changed. */
static char *what_was_changed(Lab *lab)
{
    if (lab->database->type == DATABASE_POSTGRESQL)
        return lab_value(lab->production,
            "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database"
            " WHERE datname = current_database()");
    lab_run(lab->production, "SET GLOBAL general_log = OFF");
    return lab_value(lab->production,
        "SELECT COUNT(*) FROM mysql.general_log WHERE command_type IN ('Query', 'Execute')"
        " AND CONVERT(argument USING utf8mb4) REGEXP '^[[:space:]]*(INSERT|UPDATE|DELETE|REPLACE|"
        "LOAD|CREATE|ALTER|DROP|TRUNCATE|RENAME|GRANT|REVOKE|LOCK|FLUSH|OPTIMIZE|ANALYZE|KILL)'");
}

static void only_reads(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;
    AUTO_TEXT *seen = NULL;
    FACTS_AUTO(evidence);

    begin_watching(lab);
    before = type == DATABASE_MYSQL ? memory_text("0") : what_was_changed(lab);
    succeeds(lab, COMMAND_REHEARSE_BACKUP, &evidence);
    succeeds(lab, COMMAND_REHEARSE_MIGRATION, &evidence);
    succeeds(lab, COMMAND_REHEARSE_CHECKPOINT, &evidence);
    succeeds(lab, COMMAND_END_REHEARSAL, &evidence);
    after = what_was_changed(lab);
    assert_string_equal(before, after);
    if (type == DATABASE_POSTGRESQL)
        return;
    seen = lab_value(lab->production, "SELECT COUNT(*) > 20 FROM mysql.general_log");
    assert_string_equal(seen, "1"); /* the log was on */
}

static void production_is_read_and_never_locked(void **state)
{
    (void)state;
    for_both_types(only_reads);
}

/* A server's writing, between the snapshot that was digested and the dump. */
static Database *writer;

static void write_at_dump(void *self, const char *what, uint64_t done, uint64_t total)
{
    (void)self;
    (void)done;
    (void)total;
    if (strcmp(what, "dump") == 0)
        lab_run(writer, "INSERT INTO A VALUES (4)");
}

static void goes_on_under_writers(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    AgentIo io = lab_agent_io(lab->agent, &evidence);
    ResultState state = RESULT_FAILED;
    Error error = { 0 };

    writer = lab->server;
    lab_run(lab->production, "CREATE TABLE still (N INT)");
    lab_run(lab->production, "INSERT INTO still VALUES (1), (2)");
    io.progress = write_at_dump;
    if (!handler_run(handler_for(COMMAND_REHEARSE_BACKUP), &io,
            command_of(lab, COMMAND_REHEARSE_BACKUP), &state, &error))
        fail_msg("%s", error.text);
    assert_non_null(strstr(facts_get(&evidence, "restored"), "1 tables, 2 rows, digests equal"));
    assert_string_equal(facts_get(&evidence, "not-compared"),
        type == DATABASE_MYSQL ? "A: servers wrote to it meanwhile"
                               : "a: servers wrote to it meanwhile");
    /* the same under a backup, for which everything has to be stopped */
    database_close(lab->server);
    lab->server = NULL;
    writer = lab->production;
    lab->command.id.run[4] = '2';
    assert_false(handler_run(handler_for(COMMAND_BACKUP_DATABASE), &io,
        command_of(lab, COMMAND_BACKUP_DATABASE), &state, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    assert_non_null(strstr(error.text, "stop everything that writes"));
}

static void servers_may_write_meanwhile(void **state)
{
    (void)state;
    for_both_types(goes_on_under_writers);
}

static void names_duplicates(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);

    lab_run(lab->production, "INSERT INTO A VALUES (2)");
    succeeds(lab, COMMAND_REHEARSE_BACKUP, &evidence);
    fails(lab, COMMAND_REHEARSE_MIGRATION, ERROR_DATABASE, "statement 3 of 4 (line 3): ");
    fails(lab, COMMAND_REHEARSE_CHECKPOINT, ERROR_MISMATCH, "the layout of rehearsed is");
    succeeds(lab, COMMAND_DROP_REHEARSAL, &evidence);
    assert_nothing_is_left(lab);
    fails(lab, COMMAND_REHEARSE_MIGRATION, ERROR_PRECONDITION, "rehearse again");
}

static void duplicates_that_break_a_key_are_named_before_the_night(void **state)
{
    (void)state;
    for_both_types(names_duplicates);
}

static void notices_change(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);

    fails(lab, COMMAND_END_REHEARSAL, ERROR_PRECONDITION, "knows nothing of production");
    succeeds(lab, COMMAND_REHEARSE_BACKUP, &evidence);
    lab_run(lab->production, "ALTER TABLE A ADD COLUMN EXTRA INT");
    fails(lab, COMMAND_END_REHEARSAL, ERROR_MISMATCH, "see who changed it");
    assert_nothing_is_left(lab);
}

static void a_production_that_changed_is_noticed(void **state)
{
    (void)state;
    for_both_types(notices_change);
}

/* What a killed worker leaves is dropped, and so is what somebody still looks at. */
static void survives_death(DatabaseType type)
{
    for (unsigned entry = 1;; entry++) {
        AUTO(Lab) *lab = lab_new(type);
        FACTS_AUTO(evidence);
        bool died = lab_agent_dies(lab->agent, handler_for(COMMAND_REHEARSE_BACKUP),
            command_of(lab, COMMAND_REHEARSE_BACKUP), entry, DIES_AFTER_WRITING);

        succeeds(lab, COMMAND_REHEARSE_BACKUP, &evidence);
        succeeds(lab, COMMAND_REHEARSE_MIGRATION, &evidence);
        succeeds(lab, COMMAND_END_REHEARSAL, &evidence);
        assert_nothing_is_left(lab);
        if (!died) {
            assert_true(entry > 1);
            return;
        }
    }
}

static void a_death_at_any_entry_leaves_nothing(void **state)
{
    (void)state;
    for_both_types(survives_death);
}

static void dying_drop(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    AUTO(Database) *looking = NULL;
    AUTO_TEXT *name = NULL;
    FACTS_AUTO(evidence);
    Error error = { 0 };

    succeeds(lab, COMMAND_REHEARSE_BACKUP, &evidence);
    name = scratch_database(lab);
    assert_true(database_open(
        lab->database, SIDE_STAGING, name, &database_limits_default, &looking, &error));
    assert_true(lab_agent_dies(lab->agent, handler_for(COMMAND_DROP_REHEARSAL),
        command_of(lab, COMMAND_DROP_REHEARSAL), 1, DIES_BEFORE_WRITING));
    succeeds(lab, COMMAND_DROP_REHEARSAL, &evidence);
    assert_nothing_is_left(lab);
}

static void a_scratch_database_is_dropped_whoever_uses_it(void **state)
{
    (void)state;
    for_both_types(dying_drop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rehearsal_migrates_a_copy_and_leaves_nothing),
        cmocka_unit_test(production_is_read_and_never_locked),
        cmocka_unit_test(servers_may_write_meanwhile),
        cmocka_unit_test(duplicates_that_break_a_key_are_named_before_the_night),
        cmocka_unit_test(a_production_that_changed_is_noticed),
        cmocka_unit_test(a_death_at_any_entry_leaves_nothing),
        cmocka_unit_test(a_scratch_database_is_dropped_whoever_uses_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
