/* The store on a real disk: what it acknowledged is there after a kill, and damage is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/store/store.h"

#define KILLS 25

static const char *const migrations[] = {
    "CREATE TABLE item (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes BLOB);",
    "CREATE TABLE part (item INTEGER NOT NULL REFERENCES item(number));",
};

typedef struct Place {
    char folder[64], path[96];
} Place;

static int make_place(void **state)
{
    Place *place = memory_new(sizeof(*place));

    *place = (Place){ .folder = "/tmp/store_test.XXXXXX" };
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof(place->path), "%s/s.db", place->folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    Place *place = *state;

    (void)chmod(place->folder, 0700);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        AUTO_TEXT *path = memory_format("%s%s", place->path, ends[i]);

        (void)unlink(path); /* not every test made it */
    }
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static Store *opened(const Place *place)
{
    Error error = { 0 };
    Store *store = NULL;

    if (!store_open(place->path, migrations, 2, &store, &error))
        fail_msg("%s", error.text);
    return store;
}

static bool add_item(Store *store, int64_t number, const char *name, Error *error)
{
    AUTO(Statement) *insert = NULL;

    if (!store_prepare(store, "INSERT INTO item VALUES (?1, ?2, ?3)", &insert, error))
        return false;
    statement_bind_number(insert, 1, number);
    statement_bind_text(insert, 2, name);
    statement_bind_blob(insert, 3, name, strlen(name) + 1);
    return statement_run(insert, error);
}

static int64_t one_number(Store *store, const char *sql)
{
    AUTO(Statement) *row = NULL;
    Error error = { 0 };

    assert_true(store_prepare(store, sql, &row, &error));
    assert_int_equal(statement_step(row, &error), ROW_FOUND);
    return statement_number(row, 0);
}

static void what_is_written_is_read_again(void **state)
{
    AUTO(Store) *store = opened(*state);
    AUTO(Statement) *row = NULL;
    Error error = { 0 };
    size_t length = 0;

    assert_true(add_item(store, INT64_MIN, "smallest", &error));
    assert_int_equal(store_changes(store), 1);
    assert_true(store_prepare(
        store, "SELECT number, name, bytes, NULL FROM item WHERE name = ?1", &row, &error));
    statement_bind_text(row, 1, "smallest");
    assert_int_equal(statement_step(row, &error), ROW_FOUND);
    assert_true(statement_number(row, 0) == INT64_MIN);
    assert_string_equal(statement_text(row, 1), "smallest");
    assert_string_equal(statement_blob(row, 2, &length), "smallest");
    assert_int_equal(length, 9);
    assert_true(statement_is_null(row, 3));
    assert_string_equal(statement_text(row, 3), "");
    assert_int_equal(statement_step(row, &error), ROW_END);
    statement_reset(row);
    statement_bind_text(row, 1, "another");
    assert_int_equal(statement_step(row, &error), ROW_END);
}

static void only_the_owner_reads_the_files(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    Place *place = *state;
    AUTO(Store) *store = opened(place);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        AUTO_TEXT *path = memory_format("%s%s", place->path, ends[i]);
        struct stat status;

        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    assert_int_equal(one_number(store, "PRAGMA synchronous"), 2);
    assert_int_equal(one_number(store, "PRAGMA foreign_keys"), 1);
}

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    AUTO(Store) *store = opened(*state);
    Error error = { 0 };

    assert_true(store_begin(store, &error));
    assert_true(add_item(store, 1, "one", &error));
    store_rollback(store);
    store_rollback(store);
    assert_int_equal(one_number(store, "SELECT count(*) FROM item"), 0);
    assert_true(store_begin(store, &error));
    assert_true(add_item(store, 1, "one", &error));
    assert_true(store_commit(store, &error));
    assert_int_equal(one_number(store, "SELECT count(*) FROM item"), 1);
}

static void a_broken_rule_of_the_tables_is_a_precondition(void **state)
{
    AUTO(Store) *store = opened(*state);
    Error twice = { 0 }, orphan = { 0 }, error = { 0 };

    assert_true(add_item(store, 1, "one", &error));
    assert_false(add_item(store, 2, "one", &twice));
    assert_int_equal(twice.kind, ERROR_PRECONDITION);
    assert_non_null(strstr(twice.text, "UNIQUE"));
    assert_false(store_run(store, "INSERT INTO part VALUES (99)", &orphan));
    assert_int_equal(orphan.kind, ERROR_PRECONDITION);
}

static void migrations_run_once_and_a_newer_file_is_refused(void **state)
{
    Place *place = *state;
    Error error = { 0 };

    {
        AUTO(Store) *first = NULL;

        assert_true(store_open(place->path, migrations, 1, &first, &error));
        assert_true(add_item(first, 1, "one", &error));
    }
    {
        AUTO(Store) *second = opened(place);

        assert_int_equal(one_number(second, "SELECT count(*) FROM item"), 1);
        assert_int_equal(one_number(second, "PRAGMA user_version"), 2);
    }
    {
        AUTO(Store) *older = NULL;

        assert_false(store_open(place->path, migrations, 1, &older, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
        assert_non_null(strstr(error.text, "layout 2, this program knows 1"));
    }
}

static void a_migration_that_fails_leaves_the_file_as_it_was(void **state)
{
    static const char *const broken[] = { "CREATE TABLE item (number INTEGER);",
        "CREATE TABLE half (number INTEGER); CREATE TABLE item (number INTEGER);" };
    Place *place = *state;
    AUTO(Store) *store = NULL;
    Error error = { 0 };

    assert_false(store_open(place->path, broken, 2, &store, &error));
    assert_non_null(strstr(error.text, "layout 2: "));
    error = (Error){ 0 };
    assert_true(store_open(place->path, broken, 1, &store, &error));
    assert_int_equal(
        one_number(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
}

/* Forked before the parent opens anything: SQLite's state may not cross a fork. */
static pid_t writer_started_by(const Place *place, int go)
{
    pid_t child = fork();
    Error error = { 0 };
    Store *store = NULL;
    char byte;

    if (child != 0)
        return child;
    if (read(go, &byte, 1) != 1 || !store_open(place->path, migrations, 2, &store, &error))
        _exit(2);
    _exit(add_item(store, 3, "three", &error) ? 0 : 1);
}

static void a_second_writer_waits_and_a_reader_does_not(void **state)
{
    Place *place = *state;
    AUTO(Store) *writer = NULL;
    AUTO(Store) *reader = NULL;
    Error error = { 0 };
    int ends[2], status = 0;
    pid_t child;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = writer_started_by(place, ends[0]);
    writer = opened(place);
    assert_true(add_item(writer, 1, "one", &error));
    assert_true(store_begin(writer, &error));
    assert_true(add_item(writer, 2, "two", &error));
    assert_true(store_open_to_read(place->path, &reader, &error));
    assert_int_equal(one_number(reader, "SELECT count(*) FROM item"), 1);
    assert_int_equal(write(ends[1], "g", 1), 1);
    (void)usleep(200000); /* time to finish, if nothing held it */
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    assert_true(store_commit(writer, &error));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(one_number(reader, "SELECT count(*) FROM item"), 3);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_reader_cannot_write_and_makes_no_file(void **state)
{
    Place *place = *state;
    AUTO(Store) *reader = NULL;
    Error absent = { 0 }, refused = { 0 }, error = { 0 };

    assert_false(store_open_to_read(place->path, &reader, &absent));
    assert_int_equal(absent.kind, ERROR_IO);
    assert_int_equal(access(place->path, F_OK), -1);
    store_close(opened(place));
    assert_true(store_open_to_read(place->path, &reader, &error));
    assert_false(add_item(reader, 1, "one", &refused));
    assert_int_equal(refused.kind, ERROR_IO);
}

static void overwrite(const char *path, off_t at, size_t length)
{
    AUTO_FD file = open(path, O_WRONLY | O_CLOEXEC);
    AUTO_TEXT *noise = memory_new(length);

    memset(noise, 0x5a, length);
    assert_int_equal(pwrite(file, noise, length, at), length);
}

static void a_damaged_file_is_corrupt_and_not_repaired(void **state)
{
    Place *place = *state;
    AUTO(Store) *head = NULL;
    Error page = { 0 }, error = { 0 };

    {
        AUTO(Store) *store = opened(place);

        assert_true(add_item(store, 1, "one", &error));
    }
    overwrite(place->path, 4096, 4096); /* page 2: the table's root */
    {
        AUTO(Store) *store = opened(place);

        assert_false(add_item(store, 2, "two", &page));
        assert_int_equal(page.kind, ERROR_CORRUPT);
    }
    overwrite(place->path, 0, 100); /* the header */
    assert_false(store_open(place->path, migrations, 2, &head, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
}

static void a_full_disk_is_an_io_error_and_loses_nothing(void **state)
{
    AUTO(Store) *store = opened(*state);
    Error full = { 0 }, error = { 0 };
    AUTO_TEXT *big = memory_new(200000);

    memset(big, 'x', 199999);
    big[199999] = '\0';
    assert_true(add_item(store, 1, "one", &error));
    assert_int_equal(one_number(store, "PRAGMA max_page_count = 10"), 10);
    assert_false(add_item(store, 2, big, &full));
    assert_int_equal(full.kind, ERROR_IO);
    assert_int_equal(one_number(store, "SELECT count(*) FROM item"), 1);
}

/* Writes items for ever and tells each number on the pipe once it is acknowledged. */
static _Noreturn void write_and_tell(const Place *place, int pipe)
{
    Error error = { 0 };
    Store *store = NULL;
    int64_t next;

    if (!store_open(place->path, migrations, 2, &store, &error))
        _exit(2);
    for (next = one_number(store, "SELECT coalesce(max(number), 0) + 1 FROM item");; next++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%" PRId64, next);
        if (!add_item(store, next, name, &error) ||
            write(pipe, &next, sizeof(next)) != (ssize_t)sizeof(next))
            _exit(3);
    }
}

static int64_t last_told(int pipe)
{
    int64_t number = 0, last = 0;

    while (read(pipe, &number, sizeof(number)) == (ssize_t)sizeof(number))
        last = number;
    return last;
}

static void nothing_acknowledged_is_lost_by_kill(void **state)
{
    Place *place = *state;
    int64_t told = 0;

    store_close(opened(place));
    for (unsigned i = 0; i < KILLS; i++) {
        int ends[2], status = 0;
        int64_t last;
        pid_t child;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        child = fork();
        if (child == 0) {
            (void)close(ends[0]);
            write_and_tell(place, ends[1]);
        }
        (void)close(ends[1]);
        assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
        (void)usleep(i * 1700); /* when the kill comes is chance on purpose */
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        last = last_told(ends[0]);
        (void)close(ends[0]);
        if (last > told)
            told = last;
        {
            AUTO(Store) *store = opened(place);

            assert_true(one_number(store, "SELECT count(*) FROM item") >= told);
            assert_int_equal(one_number(store, "SELECT count(*) - max(number) FROM item"), 0);
        }
    }
    assert_true(told > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_again, make_place, remove_place),
        cmocka_unit_test_setup_teardown(only_the_owner_reads_the_files, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_rolled_back_transaction_leaves_nothing, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_broken_rule_of_the_tables_is_a_precondition, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            migrations_run_once_and_a_newer_file_is_refused, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_migration_that_fails_leaves_the_file_as_it_was, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_second_writer_waits_and_a_reader_does_not, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_reader_cannot_write_and_makes_no_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_damaged_file_is_corrupt_and_not_repaired, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            a_full_disk_is_an_io_error_and_loses_nothing, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            nothing_acknowledged_is_lost_by_kill, make_place, remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
