/*
 * MySQL and MariaDB, through the C API that both clients have in common: mysql_init, mysql_options,
 * mysql_real_connect, mysql_send_query, mysql_read_query_result, mysql_use_result,
 * mysql_real_escape_string.
 *
 * The limits: MYSQL_OPT_CONNECT_TIMEOUT and MYSQL_OPT_READ_TIMEOUT at the client; at the server
 * max_statement_time (MariaDB, seconds, every statement) or max_execution_time (MySQL,
 * milliseconds, SELECT only: other statements there end by the client's limit), lock_wait_timeout
 * for metadata locks and innodb_lock_wait_timeout for rows.
 */

#include <poll.h>
#include <sys/socket.h>

#include "agent/handlers/database/database_driver.h"
#include "agent/handlers/database/mysql_blockers.h"
#include "agent/handlers/database/mysql_client.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"

/* Numbers of the servers' own lists of errors (mysqld_error.h of either has only some of them). */
enum {
    SERVER_TOO_MANY_CONNECTIONS = 1040,
    SERVER_SHUTDOWN = 1053,
    SERVER_TOO_MANY_USER_CONNECTIONS = 1203,
    SERVER_LOCK_WAIT_TIMEOUT = 1205,
    SERVER_CONNECTION_KILLED = 1927, /* MariaDB */
    SERVER_STATEMENT_TIMEOUT = 1969, /* MariaDB */
    SERVER_QUERY_TIMEOUT = 3024,     /* MySQL */
    SERVER_CLIENT_TIMEOUT = 4031,    /* MySQL 8 */
    CLIENT_ERROR_MIN = 2000,
    CLIENT_ERROR_MAX = 2999,
};

static void result_free(MYSQL_RES *result)
{
    if (result)
        mysql_free_result(result);
}
DEFINE_AUTO(MYSQL_RES, result_free)

/* LOAD DATA LOCAL is on for copy/, which brings its own source; until then every file is refused.
 */
static int refuse_infile(void **ret, const char *name, void *self)
{
    (void)name;
    (void)self;
    *ret = NULL;
    return 1;
}

static int refuse_infile_read(void *self, char *buffer, unsigned int length)
{
    (void)self;
    (void)buffer;
    (void)length;
    return -1;
}

static void refuse_infile_end(void *self)
{
    (void)self;
}

static int refuse_infile_error(void *self, char *ret, unsigned int length)
{
    (void)self;
    (void)snprintf(ret, length, "no file may be sent to the server");
    return CR_UNKNOWN_ERROR;
}

/* MySQL has no mysql_get_socket(). */
static int socket_of(const MYSQL *mysql)
{
    return (int)mysql->net.fd;
}

static ErrorKind kind_of_code(unsigned code)
{
    switch (code) {
    case SERVER_LOCK_WAIT_TIMEOUT:
    case SERVER_STATEMENT_TIMEOUT:
    case SERVER_QUERY_TIMEOUT:
    case SERVER_CLIENT_TIMEOUT:
        return ERROR_TIMEOUT;
    case SERVER_TOO_MANY_CONNECTIONS:
    case SERVER_TOO_MANY_USER_CONNECTIONS:
    case SERVER_SHUTDOWN:
    case SERVER_CONNECTION_KILLED:
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_UNKNOWN_HOST:
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_STMT_CLOSED: /* the connection broke since it was prepared */
        return ERROR_UNREACHABLE;
    default:
        return ERROR_DATABASE;
    }
}

/* Nobody looks while a prepared statement waits: afterwards the oldest transaction is named. */
static void guess_holder(Database *database)
{
    AUTO_TEXT *words = NULL;
    Error ignored = { 0 };

    if (database_value(database,
            "SELECT CONCAT('perhaps session ', p.id, ' of ', p.user, ' from ', p.host)"
            " FROM information_schema.INNODB_TRX t"
            " JOIN information_schema.PROCESSLIST p ON p.id = t.trx_mysql_thread_id"
            " WHERE p.id <> CONNECTION_ID() ORDER BY t.trx_started LIMIT 1",
            &words, &ignored) &&
        words)
        (void)text_copy(database->statement.blockers, sizeof(database->statement.blockers), words);
}

bool mysql_client_error(Database *database, MYSQL_STMT *statement, Millis started, Error *error)
{
    MYSQL *mysql = database->handle;
    unsigned code = statement ? mysql_stmt_errno(statement) : mysql_errno(mysql);
    ErrorKind kind = kind_of_code(code);
    bool waited_long = clock_now() - started >= (Millis)database->limits.statement_s * 1000;

    if (kind == ERROR_UNREACHABLE && waited_long)
        return error_set(error, ERROR_TIMEOUT,
            "no answer from the server within %u s, its effect has to be probed (mysql error %u)",
            database->limits.statement_s, code);
    if (code == SERVER_LOCK_WAIT_TIMEOUT && statement)
        guess_holder(database);
    if (code == SERVER_LOCK_WAIT_TIMEOUT)
        return error_set(error, ERROR_TIMEOUT,
            "a lock was not given within %u s (mysql error %u); held by: %s",
            database->limits.lock_s, code, database_blockers(database));
    if (kind == ERROR_TIMEOUT)
        return error_set(error, kind, "the statement did not end within %u s (mysql error %u)",
            database->limits.statement_s, code);
    return error_set(error, kind, "mysql error %u (%s): %s", code,
        statement ? mysql_stmt_sqlstate(statement) : mysql_sqlstate(mysql),
        statement ? mysql_stmt_error(statement) : mysql_error(mysql));
}

static bool deliver_rows(
    Database *database, MYSQL_RES *result, DatabaseRowFunction *row, void *self, Error *error)
{
    unsigned count = mysql_num_fields(result);
    Millis started = clock_now();
    MYSQL_ROW values;

    while ((values = mysql_fetch_row(result))) {
        DatabaseRow one = { (const char *const *)values, mysql_fetch_lengths(result), count };

        if (row && !row(self, &one, error))
            return false;
    }
    if (mysql_errno(database->handle) != 0)
        return mysql_client_error(database, NULL, started, error);
    return true;
}

/* Between the two halves of mysql_real_query(); what went wrong is told by the second one. */
static void wait_for_answer(Database *database, Millis started)
{
    const Millis deadline =
        started + (Millis)(database->limits.statement_s + DATABASE_GRACE_S) * 1000;
    struct pollfd one = { .fd = socket_of(database->handle), .events = POLLIN };

    for (;;) {
        Millis now = clock_now();
        Millis until = deadline;

        if (now >= deadline) {
            (void)shutdown(one.fd, SHUT_RDWR); /* a late answer must not be taken for the next */
            return;
        }
        if (!database->is_watcher && database->statement.next_look < until)
            until = database->statement.next_look;
        if (poll(&one, 1, until > now ? (int)(until - now) : 0) > 0)
            return;
        database_watch_look(database);
    }
}

static bool query(Database *database, const char *sql, DatabaseRowFunction *row, void *self,
    uint64_t *ret_rows, Error *error)
{
    MYSQL *mysql = database->handle;
    Millis started = clock_now();
    AUTO(MYSQL_RES) *result = NULL;

    if (mysql_send_query(mysql, sql, strlen(sql)) != 0)
        return mysql_client_error(database, NULL, started, error);
    wait_for_answer(database, started);
    if (mysql_read_query_result(mysql) != 0)
        return mysql_client_error(database, NULL, started, error);
    result = mysql_use_result(mysql);
    if (!result && mysql_field_count(mysql) > 0)
        return mysql_client_error(database, NULL, started, error);
    if (result && !deliver_rows(database, result, row, self, error))
        return false;
    if (ret_rows)
        *ret_rows = result ? mysql_num_rows(result) : mysql_affected_rows(mysql);
    return true;
}

static bool set_up_session(Database *database, Error *error)
{
    const DatabaseLimits *limits = &database->limits;
    bool mariadb = strstr(database->version, "MariaDB") != NULL;
    TEXT_AUTO(sql, 2000);

    text_add(&sql,
        "SET SESSION time_zone = '+00:00', autocommit = 1,"
        " sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,"
        "NO_ENGINE_SUBSTITUTION',"
        " group_concat_max_len = 1048576, wait_timeout = 28800,"
        " net_read_timeout = %u, net_write_timeout = %u,"
        " lock_wait_timeout = %u, innodb_lock_wait_timeout = %u, %s = %u",
        limits->statement_s, limits->statement_s, limits->lock_s, limits->lock_s,
        mariadb ? "max_statement_time" : "max_execution_time",
        mariadb ? limits->statement_s : limits->statement_s * 1000);
    return database_run(database, sql.bytes, NULL, error);
}

static void set_options(const Database *database, MYSQL *mysql)
{
    unsigned connect_s = database->limits.connect_s;
    unsigned read_s = database->limits.statement_s + DATABASE_GRACE_S;
    unsigned local_infile = 1;

    /* The only failure of mysql_options() is an unknown option, and these are in both clients. */
    (void)mysql_options(mysql, MYSQL_READ_DEFAULT_FILE, database->login->option_file);
    (void)mysql_options(mysql, MYSQL_READ_DEFAULT_GROUP, "client");
    (void)mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    (void)mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read_s);
    (void)mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
    (void)mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &local_infile);
    (void)mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "dss-upgrade");
}

static bool read_version(Database *database, Error *error)
{
    if (!database_value(database, "SELECT VERSION()", &database->version, error))
        return false;
    if (!database->version)
        return error_set(error, ERROR_DATABASE, "the server does not say its version");
    return true;
}

static bool connect_mysql(Database *database, Error *error)
{
    const char *file = database->login->option_file;
    MYSQL *mysql;

    if (!file || access(file, R_OK) != 0)
        return error_set(error, ERROR_INVALID, "cannot read option file %s",
            file ? file : "(none is configured)");
    mysql = mysql_init(NULL);
    if (!mysql)
        return error_set(error, ERROR_DATABASE, "the client library cannot be used");
    database->handle = mysql;
    set_options(database, mysql);
    if (!mysql_real_connect(
            mysql, database->host, NULL, NULL, database->name, database->port, NULL, 0)) {
        unsigned code = mysql_errno(mysql);

        return error_set(error,
            code >= CLIENT_ERROR_MIN && code <= CLIENT_ERROR_MAX ? ERROR_UNREACHABLE
                                                                 : kind_of_code(code),
            "cannot connect by option file %s: mysql error %u: %s", file, code, mysql_error(mysql));
    }
    mysql_set_local_infile_handler(
        mysql, refuse_infile, refuse_infile_read, refuse_infile_end, refuse_infile_error, NULL);
    return read_version(database, error) && set_up_session(database, error);
}

static bool keep_remark(void *self, const DatabaseRow *row, Error *error)
{
    DatabaseRemarks *remarks = self;

    (void)error;
    (void)snprintf(remarks->first, sizeof(remarks->first), "%s %s: %s", row->values[0],
        row->values[1], row->values[2]);
    return true;
}

static bool remarks(Database *database, DatabaseRemarks *ret, Error *error)
{
    *ret = (DatabaseRemarks){ .count = mysql_warning_count(database->handle) };
    return ret->count == 0 ||
           database_query(database, "SHOW WARNINGS LIMIT 1", keep_remark, ret, error);
}

static bool in_transaction(const Database *database)
{
    return (((const MYSQL *)database->handle)->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

/* The number of the connection was set when it was made. */
static void interrupt(Database *database)
{
    const DatabaseLimits limits = { .connect_s = 5, .statement_s = 5, .lock_s = 1 };
    AUTO(Database) *second = NULL;
    AUTO_TEXT *sql = memory_format("KILL QUERY %lu", mysql_thread_id(database->handle));
    Error ignored = { 0 };

    if (database_open(database->config, database->side, database->name, &limits, &second, &ignored))
        (void)query(second, sql, NULL, NULL, NULL, &ignored);
}

static void disconnect_mysql(Database *database)
{
    mysql_close(database->handle);
}

static char *quote(Database *database, const char *value)
{
    size_t length = strlen(value);
    char *quoted = memory_new(2 * length + 3);
    unsigned long used =
        mysql_real_escape_string(database->handle, quoted + 1, value, (unsigned long)length);

    quoted[0] = '\'';
    quoted[used + 1] = '\'';
    quoted[used + 2] = '\0';
    return quoted;
}

static char *quote_name(Database *database, const char *name)
{
    (void)database;
    return database_double_marks(name, '`');
}

const DatabaseDriver database_mysql = {
    .type_name = "mysql",
    .connect = connect_mysql,
    .disconnect = disconnect_mysql,
    .query = query,
    .find_blockers = mysql_find_blockers,
    .remarks = remarks,
    .in_transaction = in_transaction,
    .interrupt = interrupt,
    .quote = quote,
    .quote_name = quote_name,
};
