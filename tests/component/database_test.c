/* The door to the databases, on real servers of both types. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "tests/component/database_lab.h"

#define TYPE_OF(state) (*(const DatabaseType *)*(state))

static const DatabaseLimits short_limits = { .connect_s = 2, .statement_s = 4, .lock_s = 1 };

static int make_database(void **state)
{
    lab_create(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    return 0;
}

static Database *open_short(DatabaseType type)
{
    Database *database = NULL;
    Error error = { 0 };

    if (!database_open(
            lab_database(type, "door"), SIDE_PRODUCTION, NULL, &short_limits, &database, &error))
        fail_msg("%s", error.text);
    return database;
}

typedef struct Seen {
    unsigned rows;
    unsigned long length_of_second;
    bool third_is_null, stop;
} Seen;

static bool see(void *self, const DatabaseRow *row, Error *error)
{
    Seen *seen = self;

    seen->rows++;
    if (row->count == 3) {
        seen->length_of_second = row->lengths[1];
        seen->third_is_null = row->values[2] == NULL;
    }
    return !seen->stop || error_set(error, ERROR_CANCELLED, "enough");
}

static void values_are_text_with_lengths_and_nulls(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    const char *sql = TYPE_OF(state) == DATABASE_MYSQL ? "SELECT 1, x'610062', NULL"
                                                       : "SELECT 1, 'a' || chr(1) || 'b', NULL";
    Seen seen = { 0 };
    Error error = { 0 };

    assert_true(database_query(database, sql, see, &seen, &error));
    assert_int_equal(seen.rows, 1);
    assert_int_equal(seen.length_of_second, 3);
    assert_true(seen.third_is_null);
}

static void the_first_value_of_the_first_row_counts(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    AUTO_TEXT *value = lab_value(database, "SELECT NULL UNION ALL SELECT 'b'");
    AUTO_TEXT *none = lab_value(database, "SELECT 1 FROM (SELECT 1 AS a) t WHERE a = 2");

    assert_string_equal(value, "NULL");
    assert_string_equal(none, "NULL");
}

static void changed_rows_are_counted(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    uint64_t rows = 0;
    Error error = { 0 };

    lab_run(database, "CREATE TABLE t (id INTEGER)");
    assert_true(database_run(database, "INSERT INTO t VALUES (1), (2), (3)", &rows, &error));
    assert_int_equal(rows, 3);
    assert_true(database_run(database, "DELETE FROM t WHERE id > 1", &rows, &error));
    assert_int_equal(rows, 2);
}

static void one_call_is_one_statement(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    Error error = { 0 };

    assert_false(database_run(database, "SELECT 1; SELECT 2", NULL, &error));
    assert_int_equal(error.kind, ERROR_DATABASE);
    lab_run(database, "SELECT 1"); /* the connection goes on */
}

static void a_row_function_can_stop_the_stream(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    Seen seen = { .stop = true };
    Error error = { 0 };

    assert_false(database_query(
        database, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", see, &seen, &error));
    assert_int_equal(error.kind, ERROR_CANCELLED);
    assert_int_equal(seen.rows, 1);
    lab_run(database, "SELECT 1");
}

static void names_and_values_are_quoted(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    AUTO_TEXT *name = database_quote_name(database, "odd`\"name");
    AUTO_TEXT *value = database_quote(database, "it's \\ \"odd\" \xc3\xa4");
    AUTO_TEXT *back = NULL;

    lab_run(database, "CREATE TABLE %s (v VARCHAR(50))", name);
    lab_run(database, "INSERT INTO %s VALUES (%s)", name, value);
    back = lab_value(database, "SELECT v FROM %s", name);
    assert_string_equal(back, "it's \\ \"odd\" \xc3\xa4");
}

static void a_statement_ends_at_its_limit(void **state)
{
    AUTO(Database) *database = open_short(TYPE_OF(state));
    const char *sql = TYPE_OF(state) == DATABASE_MYSQL ? "SELECT SLEEP(30), 1 FROM (SELECT 1) t"
                                                       : "SELECT pg_sleep(30)";
    Error error = { 0 };

    assert_false(database_run(database, sql, NULL, &error));
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(error.text, "within 4 s"));
}

static void a_lock_that_is_not_given_names_its_holder(void **state)
{
    const AgentDatabase *config = lab_database(TYPE_OF(state), "door");
    AUTO(Database) *holder = lab_open(config, SIDE_PRODUCTION);
    AUTO(Database) *database = open_short(TYPE_OF(state));
    AUTO_TEXT *id = NULL;
    AUTO_TEXT *session = NULL;
    Error error = { 0 };

    lab_run(holder, "CREATE TABLE held (id INTEGER)");
    lab_run(holder, "INSERT INTO held VALUES (1)");
    lab_run(holder, "BEGIN");
    lab_run(holder, "UPDATE held SET id = 2");
    id = lab_value(holder,
        TYPE_OF(state) == DATABASE_MYSQL ? "SELECT CONNECTION_ID()" : "SELECT pg_backend_pid()");
    session = memory_format("session %s of dss_upgrade from 127.0.0.1", id);
    assert_false(database_run(database, "ALTER TABLE held ADD COLUMN more INTEGER", NULL, &error));
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(error.text, "within 1 s"));
    if (!strstr(error.text, session) || !strstr(error.text, ", for "))
        fail_msg("%s does not name %s", error.text, session);

    error = (Error){ 0 };
    assert_false(database_run(database, "UPDATE held SET id = 3", NULL, &error));
    assert_int_equal(error.kind, ERROR_TIMEOUT);
    if (!strstr(error.text, session))
        fail_msg("%s does not name %s", error.text, session);
    lab_run(holder, "ROLLBACK");
    lab_run(database, "ALTER TABLE held ADD COLUMN more INTEGER");
}

typedef struct Watched {
    unsigned looks;
    char blockers[500];
} Watched;

static void keep_look(void *self, Millis running, const char *blockers)
{
    Watched *watched = self;

    assert_true(running > 0);
    watched->looks++;
    (void)snprintf(watched->blockers, sizeof(watched->blockers), "%s", blockers);
}

/* What holds it is told while it waits; nobody is accused when it is only slow. */
static void who_holds_a_statement_is_seen_while_it_waits(void **state)
{
    const AgentDatabase *config = lab_database(TYPE_OF(state), "door");
    const bool mysql = TYPE_OF(state) == DATABASE_MYSQL;
    AUTO(Database) *holder = lab_open(config, SIDE_PRODUCTION);
    AUTO(Database) *database = open_short(TYPE_OF(state));
    Watched watched = { 0 };
    Error error = { 0 };

    lab_run(holder, "CREATE TABLE watched (id INTEGER)");
    lab_run(holder, "BEGIN");
    lab_run(holder, "SELECT * FROM watched");
    database_watch(database, keep_look, &watched);
    assert_false(database_run(database, "ALTER TABLE watched ADD COLUMN c INT", NULL, &error));
    assert_true(watched.looks > 0);
    assert_non_null(strstr(watched.blockers, "of dss_upgrade from 127.0.0.1"));
    assert_non_null(strstr(error.text, watched.blockers));

    watched = (Watched){ 0 };
    lab_run(database, mysql ? "DO SLEEP(1.2)" : "SELECT pg_sleep(1.2)");
    assert_true(watched.looks > 0);
    assert_string_equal(watched.blockers, "");
    lab_run(holder, "ROLLBACK");
}

static void remarks_of_the_server_are_told(void **state)
{
    const bool mysql = TYPE_OF(state) == DATABASE_MYSQL;
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    DatabaseRemarks remarks;
    Error error = { 0 };

    lab_run(database, "DROP TABLE IF EXISTS never_was");
    assert_true(database_remarks(database, &remarks, &error));
    assert_int_equal(remarks.count, 1);
    assert_string_equal(remarks.first, mysql ? "Note 1051: Unknown table 'door.never_was'"
                                             : "table \"never_was\" does not exist, skipping");
    lab_run(database, "SELECT 1");
    assert_true(database_remarks(database, &remarks, &error));
    assert_int_equal(remarks.count, 0);
    assert_string_equal(remarks.first, "");
}

static void whether_a_transaction_is_open_is_known(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);

    assert_false(database_in_transaction(database));
    lab_run(database, "START TRANSACTION");
    assert_true(database_in_transaction(database));
    lab_run(database, "COMMIT");
    assert_false(database_in_transaction(database));
    if (TYPE_OF(state) != DATABASE_MYSQL)
        return;
    lab_run(database, "START TRANSACTION");
    lab_run(database, "CREATE TABLE commits_by_itself (id INTEGER)");
    assert_false(database_in_transaction(database));
}

static void the_session_is_strict_and_in_utc(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    Error error = { 0 };

    lab_run(database, "CREATE TABLE short (v VARCHAR(3))");
    assert_false(database_run(database, "INSERT INTO short VALUES ('four')", NULL, &error));
    if (TYPE_OF(state) == DATABASE_MYSQL) {
        AUTO_TEXT *zone = lab_value(database, "SELECT @@session.time_zone");

        assert_string_equal(zone, "+00:00");
        lab_run(database, "CREATE TABLE zero (t DATETIME)");
        lab_run(database, "INSERT INTO zero VALUES ('0000-00-00 00:00:00')");
    } else {
        AUTO_TEXT *zone = lab_value(database, "SHOW TimeZone");
        AUTO_TEXT *name = lab_value(database, "SHOW application_name");

        assert_string_equal(zone, "UTC");
        assert_string_equal(name, "dss-upgrade");
    }
}

static void no_file_of_the_client_is_ever_sent(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    Error error = { 0 };

    lab_run(database, "CREATE TABLE stolen (v VARCHAR(500))");
    assert_false(database_run(database,
        TYPE_OF(state) == DATABASE_MYSQL ? "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE stolen"
                                         : "COPY stolen FROM STDIN",
        NULL, &error));
    lab_run(database, "SELECT 1");
}

static void a_database_that_is_not_there_is_named(void **state)
{
    AgentDatabase config = *lab_database(TYPE_OF(state), "nowhere");
    Database *database = NULL;
    Error error = { 0 };

    assert_false(
        database_open(&config, SIDE_STAGING, NULL, &database_limits_default, &database, &error));
    assert_non_null(strstr(error.text, "staging database nowhere"));

    config.production.option_file = "/nonexistent/file";
    config.production.service_file = "/nonexistent/file";
    error = (Error){ 0 };
    assert_false(
        database_open(&config, SIDE_PRODUCTION, NULL, &database_limits_default, &database, &error));
    assert_non_null(strstr(error.text, "/nonexistent/file"));
}

static void a_server_that_never_answers_is_given_up(void **state)
{
    AgentDatabase config = *lab_database(TYPE_OF(state), "door");
    AUTO_FD listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    AUTO_TEXT *path = lab_file("silent");
    Database *database = NULL;
    Error error = { 0 };
    struct timespec before, after;
    FILE *file = fopen(path, "we");

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_non_null(file);
    (void)fprintf(file, "[%s]\nhost=127.0.0.1\nport=%u\nuser=u\npassword=p\n",
        TYPE_OF(state) == DATABASE_MYSQL ? "client" : "production", ntohs(address.sin_port));
    assert_int_equal(fclose(file), 0);
    config.production.option_file = path;
    config.production.service_file = path;
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    assert_false(database_open(&config, SIDE_PRODUCTION, NULL, &short_limits, &database, &error));
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    assert_int_equal(error.kind, ERROR_UNREACHABLE);
    assert_true(after.tv_sec - before.tv_sec <= 6);
}

#define ON(type_name, test)                                                                        \
    {                                                                                              \
#test " (" type_name ")", test, make_database, NULL,                                       \
            (void *)(uintptr_t)(strcmp(type_name, "mysql") == 0 ? &mysql : &postgresql)            \
    }
#define ON_BOTH(test) ON("mysql", test), ON("postgresql", test)

static void a_session_that_only_reads_changes_nothing(void **state)
{
    AUTO(Database) *database = lab_open(lab_database(TYPE_OF(state), "door"), SIDE_PRODUCTION);
    AUTO_TEXT *rows = NULL;
    Error error = { 0 };

    lab_run(database, "CREATE TABLE kept (a INT)");
    assert_true(database_only_reads(database, &error));
    assert_false(database_run(database, "INSERT INTO kept VALUES (1)", NULL, &error));
    assert_int_equal(error.kind, ERROR_DATABASE);
    error = (Error){ 0 };
    assert_false(database_run(database, "DROP TABLE kept", NULL, &error));
    rows = lab_value(database, "SELECT COUNT(*) FROM kept");
    assert_string_equal(rows, "0");
}

int main(void)
{
    static const DatabaseType mysql = DATABASE_MYSQL, postgresql = DATABASE_POSTGRESQL;
    const struct CMUnitTest tests[] = {
        ON_BOTH(values_are_text_with_lengths_and_nulls),
        ON_BOTH(the_first_value_of_the_first_row_counts),
        ON_BOTH(changed_rows_are_counted),
        ON_BOTH(one_call_is_one_statement),
        ON_BOTH(a_row_function_can_stop_the_stream),
        ON_BOTH(names_and_values_are_quoted),
        ON_BOTH(a_statement_ends_at_its_limit),
        ON_BOTH(a_lock_that_is_not_given_names_its_holder),
        ON_BOTH(a_session_that_only_reads_changes_nothing),
        ON_BOTH(who_holds_a_statement_is_seen_while_it_waits),
        ON_BOTH(remarks_of_the_server_are_told),
        ON_BOTH(whether_a_transaction_is_open_is_known),
        ON_BOTH(the_session_is_strict_and_in_utc),
        ON_BOTH(no_file_of_the_client_is_ever_sent),
        ON_BOTH(a_database_that_is_not_there_is_named),
        ON_BOTH(a_server_that_never_answers_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
