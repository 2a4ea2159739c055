#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"
#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

typedef struct Lab {
    const AgentDatabase *database;
    AgentConfig config;
    LabAgent *agent;
    Command command;
    Database *production, *staging;
    char *folder;
} Lab;

static const char *const mysql_rows[] = {
    "CREATE TABLE odd (a INT PRIMARY KEY, b LONGBLOB, c VARCHAR(100) CHARACTER SET utf8mb4,"
    " d TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', e VARCHAR(9) CHARACTER SET latin1,"
    " f FLOAT) DEFAULT CHARSET=latin1",
    "INSERT INTO odd VALUES (-1234, X'00FF270A0D5C1A22', _utf8mb4 X'F09F98802720', 0, X'E980', "
    "0.1),"
    " (2, '', '', '2014-02-28 10:00:00', NULL, 1.2345678), (3, NULL, 'it''s \\\\', 0, '', NULL)",
    "CREATE PROCEDURE tidy() DELETE FROM odd WHERE 1 = 0",
    "CREATE TABLE child (a INT, FOREIGN KEY (a) REFERENCES odd (a))",
    "INSERT INTO child VALUES (2), (2), (NULL)",
    NULL,
};
static const char *const pg_rows[] = {
    "CREATE TABLE odd (a int PRIMARY KEY, b bytea, c text, d timestamp, f real)",
    "INSERT INTO odd VALUES (-1234, '\\x00ff270a0d5c1a22', E'\\U0001F600'' ', '-infinity', 0.1),"
    " (2, '', '', NULL, 1.2345678), (3, NULL, E'it''s \\\\', now(), NULL)",
    "CREATE FUNCTION tidy() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE child (a int REFERENCES odd)",
    "INSERT INTO child VALUES (2), (2), (NULL)",
    NULL,
};

static Lab *lab_new(DatabaseType type)
{
    Lab *lab = memory_new(sizeof(*lab));
    const char *const *rows = type == DATABASE_MYSQL ? mysql_rows : pg_rows;
    Error error = { 0 };

    lab->database = lab_database(type, "dumped");
    lab_create(lab->database, SIDE_PRODUCTION);
    lab_create(lab->database, SIDE_STAGING);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    lab->staging = lab_open(lab->database, SIDE_STAGING);
    for (size_t i = 0; rows[i]; i++)
        lab_run(lab->production, "%s", rows[i]);
    lab->folder = lab_file("backups");
    assert_true(file_remove_tree(lab->folder, &error));
    lab->config = (AgentConfig){
        .databases = lab->database, .database_count = 1, .backup_directory = lab->folder
    };
    lab->agent = lab_agent_new(&lab->config, NULL);
    lab->command = (Command){ .kind = COMMAND_BACKUP_DATABASE,
        .id = { .run = "run-1", .step = 1, .attempt = 1 },
        .target = "dumped",
        .deadline_s = 60 };
    return lab;
}

static void lab_free(Lab *lab)
{
    database_close(lab->production);
    database_close(lab->staging);
    lab_agent_free(lab->agent);
    free(lab->folder);
    free(lab);
}
DEFINE_AUTO(Lab, lab_free)

static void for_both_types(void (*test)(DatabaseType type))
{
    test(DATABASE_MYSQL);
    test(DATABASE_POSTGRESQL);
}

static char *scratch_databases(Lab *lab)
{
    return lab_value(
        lab->staging, lab->database->type == DATABASE_MYSQL
                          ? "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name "
                            "LIKE 'dss_scratch%%'"
                          : "SELECT COUNT(*) FROM pg_database WHERE datname LIKE 'dss_scratch%%'");
}

static void assert_no_scratch(Lab *lab)
{
    AUTO_TEXT *left = scratch_databases(lab);

    assert_string_equal(left, "0");
}

static void is_restored(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    FACTS_AUTO(again);

    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &evidence),
        RESULT_DONE);
    assert_non_null(strstr(facts_get(&evidence, "restored"), ": 2 tables, 6 rows, digests equal"));
    assert_string_equal(facts_get(&evidence, "tables"), "2");
    assert_int_equal(file_kind(facts_get(&evidence, "dump"), LINKS_THEMSELVES), FILE_REGULAR);
    assert_no_scratch(lab);
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &again),
        RESULT_ALREADY);
    assert_string_equal(facts_get(&again, "dump-sha256"), facts_get(&evidence, "dump-sha256"));
}

static void a_backup_is_one_that_was_restored(void **state)
{
    (void)state;
    for_both_types(is_restored);
}

static void flip_a_bit(const char *path, off_t at)
{
    AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static off_t size_of(const char *path)
{
    struct stat about;

    assert_int_equal(stat(path, &about), 0);
    return about.st_size;
}

static void finds_flipped_bit(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);
    const char *dump;
    off_t size;

    lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &evidence);
    dump = facts_get(&evidence, "dump");
    size = size_of(dump);
    for (off_t part = 0; part <= 2; part++) {
        FACTS_AUTO(again);
        off_t at = part * (size - 1) / 2;

        flip_a_bit(dump, at);
        lab_agent_fails(lab->agent, &handler_backup_database, &lab->command, ERROR_MISMATCH,
            "does not hold what was written");
        flip_a_bit(dump, at);
        assert_int_equal(
            lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &again),
            RESULT_ALREADY);
    }
}

static void one_flipped_bit_is_found(void **state)
{
    (void)state;
    for_both_types(finds_flipped_bit);
}

/* As an administrator would: the words that the README gives. */
static void restores_by_hand(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    const DatabaseLogin *login = &lab->database->staging;
    FACTS_AUTO(evidence);
    AUTO_TEXT *words = NULL;
    AUTO_TEXT *rows = NULL;

    lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &evidence);
    words = type == DATABASE_MYSQL
                ? memory_format("zstd -dc %s | mariadb --defaults-file=%s --binary-mode"
                                " --max-allowed-packet=1G --default-character-set=utf8mb4 dumped",
                      facts_get(&evidence, "dump"), login->option_file)
                : memory_format("zstd -dc %s | PGSERVICEFILE=%s pg_restore --exit-on-error"
                                " --no-owner --dbname='service=staging dbname=dumped'",
                      facts_get(&evidence, "dump"), login->service_file);
    lab_shell(words);
    rows = lab_value(lab->staging, "SELECT COUNT(*) FROM odd JOIN child ON odd.a = child.a");
    assert_string_equal(rows, "2");
}

static void the_dump_can_be_restored_by_hand(void **state)
{
    (void)state;
    for_both_types(restores_by_hand);
}

static void survives_death(DatabaseType type)
{
    for (unsigned entry = 1;; entry++) {
        AUTO(Lab) *lab = lab_new(type);
        FACTS_AUTO(evidence);
        bool died = lab_agent_dies(
            lab->agent, &handler_backup_database, &lab->command, entry, DIES_AFTER_WRITING);

        lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &evidence);
        assert_no_scratch(lab);
        if (!died) {
            assert_true(entry > 1);
            return;
        }
    }
}

static void a_scratch_database_that_a_crash_left_is_dropped(void **state)
{
    (void)state;
    for_both_types(survives_death);
}

/* A view of a table that is gone is dumped, but cannot be restored. */
static void fails_restore(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    AUTO_TEXT *partial = memory_format("%s/dumped/run-1/dump.sql.zst.partial", lab->folder);

    if (type == DATABASE_MYSQL) {
        lab_run(lab->production, "CREATE TABLE base (a INT)");
        lab_run(lab->production, "CREATE FUNCTION f() RETURNS INT RETURN 1");
        lab_run(lab->production, "CREATE VIEW v AS SELECT a FROM base");
        lab_run(lab->production, "DROP TABLE base");
        lab_agent_fails(
            lab->agent, &handler_backup_database, &lab->command, ERROR_COMMAND_FAILED, "dump: ");
        assert_int_equal(file_kind(partial, LINKS_THEMSELVES), FILE_ABSENT);
    } else {
        /* the function is there when the rows were written, and refuses when they are restored */
        lab_run(lab->production, "CREATE FUNCTION good(int) RETURNS bool IMMUTABLE LANGUAGE sql"
                                 " AS 'SELECT true'");
        lab_run(lab->production, "CREATE TABLE checked (a int CHECK (good(a)))");
        lab_run(lab->production, "INSERT INTO checked VALUES (1)");
        lab_run(lab->production, "CREATE OR REPLACE FUNCTION good(int) RETURNS bool IMMUTABLE"
                                 " LANGUAGE sql AS 'SELECT false'");
        lab_agent_fails(
            lab->agent, &handler_backup_database, &lab->command, ERROR_COMMAND_FAILED, "restore: ");
    }
    assert_no_scratch(lab);
}

/* Whatever time a server gives an idle session: the dump in between may take longer. */
static void waits_for_the_dump(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    FACTS_AUTO(evidence);

    if (type == DATABASE_POSTGRESQL)
        lab_run(lab->production,
            "ALTER DATABASE dumped SET idle_in_transaction_session_timeout = '5ms'");
    else
        lab_run(lab->production, "SET GLOBAL wait_timeout = 1");
    assert_int_equal(
        lab_agent_succeeds(lab->agent, &handler_backup_database, &lab->command, &evidence),
        RESULT_DONE);
    if (type == DATABASE_MYSQL)
        lab_run(lab->production, "SET GLOBAL wait_timeout = 28800");
}

static void a_server_that_ends_idle_sessions_is_backed_up(void **state)
{
    (void)state;
    for_both_types(waits_for_the_dump);
}

static void tells_of_space(DatabaseType type)
{
    AUTO(Lab) *lab = lab_new(type);
    AUTO_TEXT *folder = memory_format("%s/dumped/run-1", lab->folder);
    Error error = { 0 };

    assert_true(file_make_folders(folder, 0700, &error));
    if (mount("none", folder, "tmpfs", 0, "size=64k,mode=700") != 0)
        skip();
    lab_run(lab->production, type == DATABASE_MYSQL
                                 ? "INSERT INTO odd (a, b) VALUES (9, RANDOM_BYTES(1000)), "
                                   "(10, REPEAT('x', 2000000))"
                                 : "INSERT INTO odd (a, b) SELECT i, sha512(i::text::bytea) "
                                   "FROM generate_series(10, 9000) i");
    if (type == DATABASE_MYSQL)
        lab_run(lab->production, "ANALYZE TABLE odd"); /* it knows a table's size by that */
    lab_agent_fails(lab->agent, &handler_backup_database, &lab->command, ERROR_PRECONDITION,
        "make room there, or set another backup directory");
    assert_int_equal(umount(folder), 0);
}

static void too_little_space_is_told_before(void **state)
{
    (void)state;
    for_both_types(tells_of_space);
}

static void a_dump_that_cannot_be_made_or_restored_is_no_backup(void **state)
{
    (void)state;
    for_both_types(fails_restore);
}

/* Two codes of cp932 mean one character: the dump, which is utf8mb4, brings back the other code. */
static void a_row_that_comes_back_otherwise_is_named(void **state)
{
    AUTO(Lab) *lab = lab_new(DATABASE_MYSQL);

    (void)state;
    lab_run(lab->production,
        "CREATE TABLE signs (id INT PRIMARY KEY, c VARCHAR(9) CHARACTER SET cp932)");
    lab_run(lab->production, "INSERT INTO signs VALUES (1, _cp932 X'81CA'), (7, _cp932 X'EEF9')");
    lab_agent_fails(lab->agent, &handler_backup_database, &lab->command, ERROR_MISMATCH,
        "the restored dump differs in table signs: production has 2 row(s), the restored one 2; "
        "1 row(s) of staging are not in production, the first with id=7");
    assert_no_scratch(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_one_that_was_restored),
        cmocka_unit_test(a_row_that_comes_back_otherwise_is_named),
        cmocka_unit_test(the_dump_can_be_restored_by_hand),
        cmocka_unit_test(one_flipped_bit_is_found),
        cmocka_unit_test(a_scratch_database_that_a_crash_left_is_dropped),
        cmocka_unit_test(a_server_that_ends_idle_sessions_is_backed_up),
        cmocka_unit_test(too_little_space_is_told_before),
        cmocka_unit_test(a_dump_that_cannot_be_made_or_restored_is_no_backup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
