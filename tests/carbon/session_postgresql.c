/* Sessions over libpq: '?' becomes $1, $2, …; values go beside the text. */
#include <libpq-fe.h>

#include "common/base/text.h"
#include "tests/carbon/session.h"

#define STATEMENT_BYTES_MAX 65536

DEFINE_AUTO(PGresult, PQclear)

static void *postgresql_open(const Datasource *datasource, Error *error)
{
    const char *const keywords[] = { "host", "port", "dbname", "user", "password",
        "connect_timeout", "client_encoding", NULL };
    const char *const values[] = { datasource->host, datasource->port, datasource->database,
        datasource->user, datasource->password, "5", "UTF8", NULL };
    PGconn *connection = PQconnectdbParams(keywords, values, 0);

    if (PQstatus(connection) == CONNECTION_OK)
        return connection;
    (void)error_set(error, ERROR_UNREACHABLE, "%s", PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

static void postgresql_close(void *connection)
{
    PQfinish(connection);
}

static bool send_statement(
    PGconn *connection, const char *sql, SessionValues values, PGresult **ret, Error *error)
{
    size_t next = 0;
    ExecStatusType status;

    TEXT_AUTO(text, STATEMENT_BYTES_MAX);
    for (const char *c = sql; *c; c++) {
        if (*c == '?')
            text_add(&text, "$%zu", ++next);
        else
            text_add_bytes(&text, c, 1);
    }
    *ret =
        PQexecParams(connection, text.bytes, (int)values.count, NULL, values.items, NULL, NULL, 0);
    status = PQresultStatus(*ret);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return error_set(error, ERROR_DATABASE, "%s", PQerrorMessage(connection));
    return true;
}

static SessionRows *take_rows(const PGresult *result)
{
    SessionRows *rows = session_rows_new((size_t)PQntuples(result), (size_t)PQnfields(result));

    for (size_t i = 0; i < rows->rows * rows->columns; i++) {
        int row = (int)(i / rows->columns), column = (int)(i % rows->columns);

        if (!PQgetisnull(result, row, column))
            rows->values[i] = memory_text(PQgetvalue(result, row, column));
    }
    return rows;
}

static bool postgresql_run(
    void *connection, const char *sql, SessionValues values, SessionRows **ret, Error *error)
{
    AUTO(PGresult) *result = NULL;

    if (!send_statement(connection, sql, values, &result, error))
        return false;
    if (ret)
        *ret = take_rows(result);
    return true;
}

static bool postgresql_insert(
    void *connection, const char *sql, SessionValues values, char ret_id[24], Error *error)
{
    AUTO_TEXT *returning = memory_format("%s RETURNING UM_ID", sql);
    AUTO(PGresult) *result = NULL;

    if (!send_statement(connection, returning, values, &result, error))
        return false;
    if (PQntuples(result) != 1)
        return error_set(error, ERROR_DATABASE, "no row came back from %s", sql);
    (void)text_copy(ret_id, 24, PQgetvalue(result, 0, 0)); /* an integer always fits */
    return true;
}

static bool postgresql_is_alive(void *connection)
{
    AUTO(PGresult) *result = PQexec(connection, "SELECT 1");

    return PQresultStatus(result) == PGRES_TUPLES_OK;
}

const SessionDriver session_postgresql = {
    .open = postgresql_open,
    .close = postgresql_close,
    .run = postgresql_run,
    .insert = postgresql_insert,
    .is_alive = postgresql_is_alive,
};
