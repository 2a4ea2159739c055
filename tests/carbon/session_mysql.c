/* Sessions over the MySQL client library: parameters are written into the text, escaped. */
#include "agent/handlers/database/mysql_client.h"
#include "common/base/text.h"
#include "tests/carbon/session.h"

#define STATEMENT_BYTES_MAX (1 << 20)
#define CONNECT_S           5
#define ANSWER_S            30

static void *mysql_session_open(const Datasource *datasource, Error *error)
{
    MYSQL *connection = mysql_init(NULL);
    unsigned connect_s = CONNECT_S, answer_s = ANSWER_S;
    unsigned long long port = 0;

    if (!connection)
        abort();
    (void)mysql_options(connection, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s); /* known options */
    (void)mysql_options(connection, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    (void)mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!text_to_number(datasource->port, 65535, &port)) {
        (void)error_set(error, ERROR_INVALID, "Malformed URL: %s", datasource->url);
    } else if (!mysql_real_connect(connection, datasource->host, datasource->user,
                   datasource->password, datasource->database, (unsigned)port, NULL, 0)) {
        (void)error_set(error, ERROR_UNREACHABLE, "%s", mysql_error(connection));
    } else {
        return connection;
    }
    mysql_close(connection);
    return NULL;
}

static void mysql_session_close(void *connection)
{
    mysql_close(connection);
}

static void add_literal(MYSQL *connection, Text *sql, const char *value)
{
    unsigned long length = value ? strlen(value) : 0;
    AUTO_TEXT *escaped = NULL;

    if (!value) {
        text_add(sql, "NULL");
        return;
    }
    escaped = memory_new(2 * length + 1);
    (void)mysql_real_escape_string(connection, escaped, value, length); /* the length is not used */
    text_add(sql, "'%s'", escaped);
}

static bool send_statement(MYSQL *connection, const char *sql, SessionValues values, Error *error)
{
    size_t next = 0;

    TEXT_AUTO(text, STATEMENT_BYTES_MAX);
    for (const char *c = sql; *c; c++) {
        if (*c == '?' && next < values.count)
            add_literal(connection, &text, values.items[next++]);
        else
            text_add_bytes(&text, c, 1);
    }
    if (text.overflow)
        return error_set(
            error, ERROR_INVALID, "a statement is longer than %d bytes", STATEMENT_BYTES_MAX);
    if (mysql_real_query(connection, text.bytes, text.length) != 0)
        return error_set(error, ERROR_DATABASE, "%s", mysql_error(connection));
    return true;
}

static SessionRows *take_rows(MYSQL_RES *result)
{
    SessionRows *rows = session_rows_new((size_t)mysql_num_rows(result), mysql_num_fields(result));

    for (size_t r = 0; r < rows->rows; r++) {
        MYSQL_ROW row = mysql_fetch_row(result);
        const unsigned long *lengths = mysql_fetch_lengths(result);

        for (size_t c = 0; row && c < rows->columns; c++)
            if (row[c])
                rows->values[r * rows->columns + c] = memory_text_n(row[c], lengths[c]);
    }
    return rows;
}

static bool mysql_session_run(
    void *connection, const char *sql, SessionValues values, SessionRows **ret, Error *error)
{
    MYSQL_RES *result;

    if (!send_statement(connection, sql, values, error))
        return false;
    result = mysql_store_result(connection);
    if (!result && mysql_field_count(connection) != 0)
        return error_set(error, ERROR_DATABASE, "%s", mysql_error(connection));
    if (ret)
        *ret = result ? take_rows(result) : session_rows_new(0, 0);
    if (result)
        mysql_free_result(result);
    return true;
}

static bool mysql_session_insert(
    void *connection, const char *sql, SessionValues values, char ret_id[24], Error *error)
{
    if (!send_statement(connection, sql, values, error))
        return false;
    (void)snprintf(ret_id, 24, "%llu", (unsigned long long)mysql_insert_id(connection));
    return true;
}

static bool mysql_session_is_alive(void *connection)
{
    return mysql_ping(connection) == 0;
}

const SessionDriver session_mysql = {
    .open = mysql_session_open,
    .close = mysql_session_close,
    .run = mysql_session_run,
    .insert = mysql_session_insert,
    .is_alive = mysql_session_is_alive,
};
