/*
 * MySQL and MariaDB, through the C API that both clients have in common: mysql_init, mysql_options,
 * mysql_real_connect, mysql_real_query, mysql_use_result, mysql_real_escape_string.
 *
 * The limits: MYSQL_OPT_CONNECT_TIMEOUT and MYSQL_OPT_READ_TIMEOUT at the client; at the server
 * max_statement_time (MariaDB, seconds, every statement) or max_execution_time (MySQL,
 * milliseconds, SELECT only: other statements there end by the client's limit), lock_wait_timeout
 * for metadata locks and innodb_lock_wait_timeout for rows.
 */

#include "agent/handlers/database/database_driver.h"
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

/*
 * Who may hold what a statement waited for: first the holders of metadata locks on tables that the
 * statement names (MariaDB's plugin, MySQL's performance schema), then open transactions, then the
 * other sessions of the database. The first question that the server can answer counts.
 */
#define BLOCKER_COLUMNS                                                                            \
    "SELECT DISTINCT p.id, p.user, p.host, COALESCE(p.info, p.command)"                            \
    " FROM information_schema.PROCESSLIST p"
#define NOT_OURS " p.id NOT IN (@dss_waiting, CONNECTION_ID())"

static const char *const blocker_queries[] = {
    BLOCKER_COLUMNS " JOIN information_schema.METADATA_LOCK_INFO m ON m.thread_id = p.id"
                    " WHERE m.table_schema = @dss_database"
                    " AND LOCATE(LOWER(m.table_name), LOWER(@dss_statement)) > 0 AND" NOT_OURS,
    BLOCKER_COLUMNS " JOIN performance_schema.threads t ON t.processlist_id = p.id"
                    " JOIN performance_schema.metadata_locks m ON m.owner_thread_id = t.thread_id"
                    " WHERE m.object_schema = @dss_database AND m.lock_status = 'GRANTED'"
                    " AND LOCATE(LOWER(m.object_name), LOWER(@dss_statement)) > 0 AND" NOT_OURS,
    BLOCKER_COLUMNS " JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = p.id"
                    " WHERE p.db = @dss_database AND" NOT_OURS,
    BLOCKER_COLUMNS " WHERE p.db = @dss_database AND" NOT_OURS,
};
#define BLOCKER_QUERY_COUNT (sizeof(blocker_queries) / sizeof(blocker_queries[0]))

static bool add_blocker(void *self, const DatabaseRow *row, Error *error)
{
    Text *text = self;

    (void)error;
    text_add(text, "%ssession %s of %s from %s (%.80s)", text->length > 0 ? "; " : "",
        row->values[0], row->values[1], row->values[2], row->values[3] ? row->values[3] : "idle");
    return true;
}

static void find_blockers(const Database *waiting, const char *sql, Text *ret)
{
    const DatabaseLimits limits = { .connect_s = 5, .statement_s = 5, .lock_s = 1 };
    AUTO(Database) *second = NULL;
    AUTO_TEXT *name = NULL;
    AUTO_TEXT *statement = NULL;
    TEXT_AUTO(variables, 4 * 1024 * 1024);
    Error ignored = { 0 };

    if (!database_open(waiting->config, waiting->side, waiting->name, &limits, &second, &ignored))
        return; /* the caller's message goes out without the names */
    name = database_quote(second, waiting->name);
    statement = database_quote(second, sql);
    text_add(&variables, "SET @dss_database = %s, @dss_waiting = %lu, @dss_statement = %s", name,
        mysql_thread_id(waiting->handle), statement);
    if (!database_run(second, variables.bytes, NULL, &ignored))
        return;
    for (size_t i = 0; i < BLOCKER_QUERY_COUNT && ret->length == 0; i++) {
        AUTO_TEXT *query_text =
            memory_format("%s ORDER BY 1 LIMIT %d", blocker_queries[i], DATABASE_BLOCKERS_MAX);

        ignored = (Error){ 0 };
        if (!database_query(second, query_text, add_blocker, ret, &ignored))
            continue; /* a server without that table: the next question */
    }
}

bool mysql_client_error(
    Database *database, MYSQL_STMT *statement, const char *sql, Millis started, Error *error)
{
    MYSQL *mysql = database->handle;
    unsigned code = statement ? mysql_stmt_errno(statement) : mysql_errno(mysql);
    ErrorKind kind = kind_of_code(code);
    bool waited_long = clock_now() - started >= (Millis)database->limits.statement_s * 1000;

    if (kind == ERROR_UNREACHABLE && waited_long)
        return error_set(error, ERROR_TIMEOUT,
            "no answer from the server within %u s, its effect has to be probed (mysql error %u)",
            database->limits.statement_s, code);
    if (code == SERVER_LOCK_WAIT_TIMEOUT) {
        TEXT_AUTO(blockers, ERROR_TEXT_MAX / 2);

        find_blockers(database, sql, &blockers);
        return error_set(error, ERROR_TIMEOUT,
            "a lock was not given within %u s (mysql error %u); held by: %s",
            database->limits.lock_s, code, blockers.length > 0 ? blockers.bytes : "not visible");
    }
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
        return mysql_client_error(database, NULL, "", started, error);
    return true;
}

static bool query(Database *database, const char *sql, DatabaseRowFunction *row, void *self,
    uint64_t *ret_rows, Error *error)
{
    MYSQL *mysql = database->handle;
    Millis started = clock_now();
    AUTO(MYSQL_RES) *result = NULL;

    if (mysql_real_query(mysql, sql, strlen(sql)) != 0)
        return mysql_client_error(database, NULL, sql, started, error);
    result = mysql_use_result(mysql);
    if (!result && mysql_field_count(mysql) > 0)
        return mysql_client_error(database, NULL, sql, started, error);
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
    return query(database, sql.bytes, NULL, NULL, NULL, error);
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
    .quote = quote,
    .quote_name = quote_name,
};
