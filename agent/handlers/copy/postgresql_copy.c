#include "agent/handlers/copy/postgresql_copy.h"

#include <poll.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/os/clock.h"

#define MESSAGE_BYTES 400
#define SLICE_MS      500 /* how soon a stop is seen at the latest */

DEFINE_AUTO(PGresult, PQclear)

/* Without DETAIL and CONTEXT: these would carry values of rows. */
static bool fail(PGconn *connection, const PGresult *result, Error *error)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *words = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    if (!state || !words || PQstatus(connection) != CONNECTION_OK)
        return error_set(error, ERROR_UNREACHABLE, "the connection broke: %.*s", MESSAGE_BYTES,
            PQerrorMessage(connection));
    return error_set(error, strcmp(state, "57014") == 0 ? ERROR_TIMEOUT : ERROR_DATABASE,
        "postgresql error %s: %.*s", state, MESSAGE_BYTES, words);
}

static bool wait_until_ready(const PgCopy *copy, short events, Error *error)
{
    struct pollfd one = { .fd = PQsocket(copy->connection), .events = events };
    Millis until = clock_now() + copy->silence;

    for (;;) {
        Millis left = until - clock_now();

        if (atomic_load(copy->stopped))
            return error_set(error, ERROR_CANCELLED, "cancelled");
        if (left <= 0)
            return error_set(error, ERROR_TIMEOUT,
                "the server has not moved for %lld s: look what it waits for, then repeat",
                (long long)copy->silence / 1000);
        if (poll(&one, 1, left < SLICE_MS ? (int)left : SLICE_MS) > 0)
            return true;
    }
}

static bool consume(const PgCopy *copy, Error *error)
{
    return PQconsumeInput(copy->connection) || fail(copy->connection, NULL, error);
}

static bool flush(const PgCopy *copy, Error *error)
{
    int left;

    while ((left = PQflush(copy->connection)) > 0)
        if (!wait_until_ready(copy, POLLIN | POLLOUT, error) || !consume(copy, error))
            return false;
    return left == 0 || fail(copy->connection, NULL, error);
}

/* *ret is NULL after the last result. */
static bool next_result(const PgCopy *copy, PGresult **ret, Error *error)
{
    while (PQisBusy(copy->connection))
        if (!wait_until_ready(copy, POLLIN, error) || !consume(copy, error))
            return false;
    *ret = PQgetResult(copy->connection);
    return true;
}

/* Reads results until there is none; the first bad one is the error. */
static bool finish(const PgCopy *copy, Error *error)
{
    bool good = true;

    for (;;) {
        AUTO(PGresult) *result = NULL;
        Error later = { 0 };

        if (!next_result(copy, &result, good ? error : &later))
            return false;
        if (!result)
            return good;
        if (good && PQresultStatus(result) != PGRES_COMMAND_OK)
            good = fail(copy->connection, result, error);
    }
}

/* What the server refused is over there: the connection can go on. */
static bool fail_starting(const PgCopy *copy, const PGresult *refusal, Error *error)
{
    Error ignored = { 0 };

    if (finish(copy, &ignored) && PQsetnonblocking(copy->connection, 0) != 0)
        return fail(copy->connection, NULL, error);
    return fail(copy->connection, refusal, error);
}

bool pg_copy_start(const PgCopy *copy, const char *sql, ExecStatusType wanted, Error *error)
{
    AUTO(PGresult) *result = NULL;

    /* blocking again when the copy is over; fails for a broken connection only */
    if (PQsetnonblocking(copy->connection, 1) != 0 || !PQsendQuery(copy->connection, sql))
        return fail(copy->connection, NULL, error);
    if (!flush(copy, error) || !next_result(copy, &result, error))
        return false;
    return PQresultStatus(result) == wanted || fail_starting(copy, result, error);
}

bool pg_copy_take(const PgCopy *copy, char **ret, size_t *ret_length, Error *error)
{
    int length;

    *ret = NULL;
    *ret_length = 0;
    while ((length = PQgetCopyData(copy->connection, ret, 1)) == 0)
        if (!wait_until_ready(copy, POLLIN, error) || !consume(copy, error))
            return false;
    if (length < 0)
        return finish(copy, error) &&
               (PQsetnonblocking(copy->connection, 0) == 0 || fail(copy->connection, NULL, error));
    *ret_length = (size_t)length;
    return true;
}

/* The server ended the copy before we did: its own words are behind what was sent. */
static bool fail_putting(const PgCopy *copy, Error *error)
{
    return finish(copy, error) && fail(copy->connection, NULL, error);
}

bool pg_copy_put(const PgCopy *copy, const char *bytes, size_t length, Error *error)
{
    return PQputCopyData(copy->connection, bytes, (int)length) == 1 ? flush(copy, error)
                                                                    : fail_putting(copy, error);
}

bool pg_copy_end_putting(const PgCopy *copy, Error *error)
{
    if (PQputCopyEnd(copy->connection, NULL) != 1)
        return fail_putting(copy, error);
    return flush(copy, error) && finish(copy, error) &&
           (PQsetnonblocking(copy->connection, 0) == 0 || fail(copy->connection, NULL, error));
}
