#include "tests/carbon/session.h"

struct Session {
    const SessionDriver *driver;
    void *connection;
};

static const SessionDriver *const drivers[JDBC_KIND_COUNT] = {
    [JDBC_MYSQL] = &session_mysql,
    [JDBC_POSTGRESQL] = &session_postgresql,
};

bool session_open(const Datasource *datasource, Session **ret, Error *error)
{
    const SessionDriver *driver = drivers[datasource->kind];
    void *connection;

    if (!driver)
        return error_set(
            error, ERROR_INVALID, "%s has no sessions: it is a local file", datasource->url);
    connection = driver->open(datasource, error);
    if (!connection)
        return false;
    *ret = memory_new(sizeof **ret);
    **ret = (Session){ .driver = driver, .connection = connection };
    return true;
}

void session_close(Session *session)
{
    if (!session)
        return;
    session->driver->close(session->connection);
    free(session);
}

bool session_run(
    Session *session, const char *sql, SessionValues values, SessionRows **ret, Error *error)
{
    return session->driver->run(session->connection, sql, values, ret, error);
}

bool session_insert(
    Session *session, const char *sql, SessionValues values, char ret_id[24], Error *error)
{
    return session->driver->insert(session->connection, sql, values, ret_id, error);
}

void session_roll_back(Session *session)
{
    Error ignored = { 0 };

    (void)session->driver->run(session->connection, "ROLLBACK", SESSION_NO_VALUES, NULL, &ignored);
}

bool session_is_alive(Session *session)
{
    return session->driver->is_alive(session->connection);
}

SessionRows *session_rows_new(size_t rows, size_t columns)
{
    SessionRows *made = memory_new(sizeof *made);

    *made = (SessionRows){ .rows = rows, .columns = columns };
    made->values = memory_new((rows * columns + 1) * sizeof *made->values);
    return made;
}

void session_rows_free(SessionRows *rows)
{
    if (!rows)
        return;
    for (size_t i = 0; i < rows->rows * rows->columns; i++)
        free(rows->values[i]);
    free(rows->values);
    free(rows);
}

const char *session_cell(const SessionRows *rows, size_t row, size_t column)
{
    return rows->values[row * rows->columns + column];
}
