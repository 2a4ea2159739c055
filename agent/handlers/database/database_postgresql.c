/*
 * PostgreSQL, through libpq's asynchronous half: every wait is a poll() with a limit of ours, and
 * while a statement waits for a lock a second connection asks who holds it.
 *
 * Statements go by the extended protocol: one statement per call, whatever the text says.
 */

#include <libpq-fe.h>
#include <poll.h>

#include "agent/handlers/database/database_driver.h"
#include "agent/handlers/database/service_file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"

#define MESSAGE_MAX       600 /* of the server's words in a message of ours, bytes */
#define SERVICE_WORDS_MAX 40  /* keywords that libpq knows in one service */

DEFINE_AUTO(PGresult, PQclear)
DEFINE_AUTO(PGcancel, PQfreeCancel)

typedef struct Waiting {
    Database *database;
    Millis deadline;
    bool drains; /* what is waited for is thrown away */
} Waiting;

/* libpq's messages have several lines and end with one. */
static void add_in_one_line(Text *text, const char *words)
{
    for (const char *c = words; *c; c++)
        text_add(text, "%c", *c == '\n' || *c == '\t' ? ' ' : *c);
    while (text->length > 0 && text->bytes[text->length - 1] == ' ')
        text->bytes[--text->length] = '\0';
}

static void keep_notice(void *self, const PGresult *notice)
{
    DatabaseRemarks *remarks = &((Database *)self)->remarks;
    const char *words = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    TEXT_AUTO(line, sizeof(remarks->first) - 1);

    if (remarks->count++ > 0 || !words)
        return;
    add_in_one_line(&line, words);
    (void)text_copy(remarks->first, sizeof(remarks->first), line.bytes);
}

static bool fail_connection(Database *database, const char *doing, Error *error)
{
    TEXT_AUTO(words, MESSAGE_MAX);

    add_in_one_line(&words, PQerrorMessage(database->handle));
    return error_set(error, ERROR_UNREACHABLE, "%s: %s", doing, words.bytes);
}

static ErrorKind kind_of_state(const char *state)
{
    static const char *const gone[] = { "57P01", "57P02", "57P03", "53300" };

    if (strcmp(state, "57014") == 0 || strcmp(state, "55P03") == 0)
        return ERROR_TIMEOUT;
    if (strncmp(state, "08", 2) == 0)
        return ERROR_UNREACHABLE;
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        if (strcmp(state, gone[i]) == 0)
            return ERROR_UNREACHABLE;
    return ERROR_DATABASE;
}

static bool set_error(const Waiting *waiting, const PGresult *result, Error *error)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const DatabaseLimits *limits = &waiting->database->limits;
    TEXT_AUTO(words, MESSAGE_MAX);

    if (!state || !primary) /* made by libpq itself: the connection is gone */
        return fail_connection(waiting->database, "the connection broke", error);
    add_in_one_line(&words, primary);
    if (strcmp(state, "55P03") == 0)
        return error_set(error, ERROR_TIMEOUT,
            "a lock was not given within %u s (postgresql error %s); held by: %s", limits->lock_s,
            state, database_blockers(waiting->database));
    if (strcmp(state, "57014") == 0)
        return error_set(error, ERROR_TIMEOUT,
            "the statement did not end within %u s (postgresql error %s: %s)", limits->statement_s,
            state, words.bytes);
    /* "Failing row contains (...)" would carry a user's row, password digest included. */
    if (detail && strncmp(detail, "Failing row", 11) != 0) {
        text_add(&words, " (");
        add_in_one_line(&words, detail);
        text_add(&words, ")");
    }
    return error_set(error, kind_of_state(state), "postgresql error %s: %s", state, words.bytes);
}

static bool find_blockers(
    Database *asking, const Database *waiting, DatabaseRowFunction *row, void *self, Error *error)
{
    AUTO_TEXT *sql = memory_format(
        "SELECT pid, usename, COALESCE(host(client_addr), 'local'),"
        " floor(extract(epoch FROM clock_timestamp() - COALESCE(xact_start, state_change))),"
        " COALESCE(NULLIF(application_name, ''), 'no name') || ', ' || COALESCE(state, '?') || ': '"
        " || COALESCE(query, '')"
        " FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%d)) ORDER BY xact_start LIMIT "
        "%d",
        PQbackendPID(waiting->handle), DATABASE_BLOCKERS_MAX);

    return database_query(asking, sql, row, self, error);
}

static void cancel(Database *database)
{
    AUTO(PGcancel) *order = PQgetCancel(database->handle);
    char words[256];

    /* A cancel that fails leaves the server's own statement_timeout. */
    if (order)
        (void)PQcancel(order, words, sizeof(words));
}

/* Waits until the socket is ready, somebody has to be looked for, or the deadline passed. */
static bool wait_for_socket(Waiting *waiting, short events, Error *error)
{
    struct pollfd one = { .fd = PQsocket(waiting->database->handle), .events = events };
    Millis now = clock_now();
    Millis until = waiting->deadline;

    if (now >= waiting->deadline) {
        cancel(waiting->database);
        return error_set(error, ERROR_TIMEOUT,
            "no answer from the server within its time limit of %u s, the effect has to be probed",
            waiting->database->limits.statement_s);
    }
    if (!waiting->drains) {
        database_watch_look(waiting->database);
        if (waiting->database->statement.next_look < until && !waiting->database->is_watcher)
            until = waiting->database->statement.next_look;
    }
    now = clock_now();
    (void)poll(&one, 1, until > now ? (int)(until - now) : 0); /* EINTR: the caller's loop */
    return true;
}

/* *ret is NULL after the last result. */
static bool next_result(Waiting *waiting, PGresult **ret, Error *error)
{
    PGconn *connection = waiting->database->handle;
    int unsent;

    while ((unsent = PQflush(connection)) > 0 || PQisBusy(connection)) {
        if (!wait_for_socket(waiting, unsent > 0 ? POLLIN | POLLOUT : POLLIN, error))
            return false;
        if (!PQconsumeInput(connection))
            return fail_connection(waiting->database, "the connection broke", error);
    }
    *ret = PQgetResult(connection);
    return true;
}

static bool deliver_row(const PGresult *result, DatabaseRowFunction *row, void *self, Error *error)
{
    unsigned count = (unsigned)PQnfields(result);
    const char **values = memory_new(count * sizeof(*values));
    unsigned long *lengths = memory_new(count * sizeof(*lengths));
    DatabaseRow one = { values, lengths, count };
    bool wanted;

    for (unsigned i = 0; i < count; i++) {
        values[i] = PQgetisnull(result, 0, (int)i) ? NULL : PQgetvalue(result, 0, (int)i);
        lengths[i] = (unsigned long)PQgetlength(result, 0, (int)i);
    }
    wanted = row(self, &one, error);
    free(values);
    free(lengths);
    return wanted;
}

typedef struct Delivery {
    DatabaseRowFunction *row;
    void *self;
    uint64_t rows;
} Delivery;

static bool take_result(Waiting *waiting, PGresult *result, Delivery *delivery, Error *error)
{
    unsigned long long changed;

    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        return !delivery->row || deliver_row(result, delivery->row, delivery->self, error);
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (text_to_number(PQcmdTuples(result), UINT64_MAX, &changed))
            delivery->rows = changed;
        return true;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return error_set(error, ERROR_INVALID, "COPY to or from the client is not for this door");
    case PGRES_EMPTY_QUERY:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
    case PGRES_PIPELINE_SYNC:
    case PGRES_PIPELINE_ABORTED:
    default:
        return set_error(waiting, result, error);
    }
}

/* After a failure the rest of the answer is thrown away, so that the connection can go on. */
static void drain(Waiting *waiting)
{
    PGconn *connection = waiting->database->handle;
    Error ignored = { 0 };

    waiting->deadline = clock_now() + DATABASE_GRACE_S * (Millis)1000;
    waiting->drains = true;
    cancel(waiting->database);
    for (;;) {
        AUTO(PGresult) *result = NULL;

        if (!next_result(waiting, &result, &ignored) || !result)
            return;
        if (PQresultStatus(result) == PGRES_COPY_IN &&
            PQputCopyEnd(connection, "not for this door") < 0)
            return;
        if (PQresultStatus(result) == PGRES_COPY_OUT)
            return; /* unusable from here on: the next statement says so */
    }
}

static bool take_results(Waiting *waiting, Delivery *delivery, Error *error)
{
    for (;;) {
        AUTO(PGresult) *result = NULL;

        if (!next_result(waiting, &result, error))
            return false;
        if (!result)
            return true;
        if (!take_result(waiting, result, delivery, error)) {
            drain(waiting);
            return false;
        }
    }
}

static bool query(Database *database, const char *sql, DatabaseRowFunction *row, void *self,
    uint64_t *ret_rows, Error *error)
{
    PGconn *connection = database->handle;
    const DatabaseLimits *limits = &database->limits;
    Millis now = clock_now();
    Waiting waiting = {
        .database = database,
        .deadline = now + (Millis)(limits->statement_s + DATABASE_GRACE_S) * 1000,
    };
    Delivery delivery = { row, self, 0 };

    if (!PQsendQueryParams(connection, sql, 0, NULL, NULL, NULL, NULL, 0) ||
        !PQsetSingleRowMode(connection))
        return fail_connection(database, "the statement cannot be sent", error);
    if (!take_results(&waiting, &delivery, error))
        return false;
    if (ret_rows)
        *ret_rows = delivery.rows;
    return true;
}

static bool finish_connecting(Database *database, Error *error)
{
    PGconn *connection = database->handle;
    Millis deadline = clock_now() + (Millis)database->limits.connect_s * 1000;
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;

    while (wants != PGRES_POLLING_OK) {
        struct pollfd one = { .fd = PQsocket(connection),
            .events = wants == PGRES_POLLING_WRITING ? POLLOUT : POLLIN };
        Millis now = clock_now();

        if (now >= deadline)
            return error_set(
                error, ERROR_UNREACHABLE, "no connection within %u s", database->limits.connect_s);
        if (poll(&one, 1, (int)(deadline - now)) <= 0)
            continue;
        wants = PQconnectPoll(connection);
        if (wants == PGRES_POLLING_FAILED)
            return fail_connection(database, "cannot connect", error);
    }
    return true;
}

static bool start_connecting(Database *database, const Facts *service, Error *error)
{
    const char *words[SERVICE_WORDS_MAX + 7], *values[SERVICE_WORDS_MAX + 7];
    AUTO_TEXT *port = memory_format("%u", database->port);
    size_t count = 0;

    if (service->count > SERVICE_WORDS_MAX)
        return error_set(error, ERROR_INVALID, "service %s has more than %d lines",
            database->login->service, SERVICE_WORDS_MAX);
    for (; count < service->count; count++) {
        words[count] = service->items[count].name;
        values[count] = service->items[count].value;
    }
    words[count] = "dbname"; /* of a keyword that occurs twice the last counts */
    values[count++] = database->name;
    words[count] = "application_name";
    values[count++] = "dss-upgrade";
    words[count] = "client_encoding";
    values[count++] = "UTF8";
    if (database->host) {
        words[count] = "hostaddr"; /* would win over host */
        values[count++] = "";
        words[count] = "host";
        values[count++] = database->host;
        words[count] = "port";
        values[count++] = port;
    }
    words[count] = NULL;
    values[count] = NULL;
    database->handle = PQconnectStartParams(words, values, 0);
    if (!database->handle)
        return error_set(error, ERROR_DATABASE, "the client library cannot be used");
    if (PQstatus(database->handle) == CONNECTION_BAD)
        return fail_connection(database, "cannot connect", error);
    (void)PQsetNoticeReceiver(database->handle, keep_notice, database);
    if (!finish_connecting(database, error))
        return false;
    database->order = PQgetCancel(database->handle); /* NULL, which PQcancel() takes: no memory */
    return true;
}

static bool set_up_session(Database *database, Error *error)
{
    AUTO_TEXT *sql = memory_format(
        "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, YMD', false),"
        " set_config('IntervalStyle', 'postgres', false),"
        " set_config('standard_conforming_strings', 'on', false),"
        " set_config('bytea_output', 'hex', false), set_config('extra_float_digits', '3', false),"
        " set_config('client_min_messages', 'notice', false),"
        " set_config('idle_in_transaction_session_timeout', '0', false),"
        " set_config('statement_timeout', '%us', false), set_config('lock_timeout', '%us', false)",
        database->limits.statement_s, database->limits.lock_s);

    return database_run(database, sql, NULL, error);
}

static bool connect_postgresql(Database *database, Error *error)
{
    const DatabaseLogin *login = database->login;
    FACTS_AUTO(service);

    if (!login->service_file || !login->service)
        return error_set(error, ERROR_INVALID, "no service file and service are configured");
    if (!service_file_read(login->service_file, login->service, &service, error))
        return false;
    if (!start_connecting(database, &service, error) || !set_up_session(database, error))
        return error_prefix(error, "service %s of %s: ", login->service, login->service_file);
    return database_value(database, "SHOW server_version", &database->version, error);
}

static void interrupt(Database *database)
{
    char words[256];

    (void)PQcancel(database->order, words, sizeof(words));
}

static void disconnect_postgresql(Database *database)
{
    PQfreeCancel(database->order);
    PQfinish(database->handle);
}

static bool remarks(Database *database, DatabaseRemarks *ret, Error *error)
{
    (void)error;
    *ret = database->remarks;
    return true;
}

static bool in_transaction(const Database *database)
{
    return PQtransactionStatus(database->handle) == PQTRANS_INTRANS;
}

/* Enough, because set_up_session() switches standard_conforming_strings on. */
static char *quote(Database *database, const char *value)
{
    (void)database;
    return database_double_marks(value, '\'');
}

static char *quote_name(Database *database, const char *name)
{
    (void)database;
    return database_double_marks(name, '"');
}

const DatabaseDriver database_postgresql = {
    .type_name = "postgresql",
    .connect = connect_postgresql,
    .disconnect = disconnect_postgresql,
    .query = query,
    .find_blockers = find_blockers,
    .remarks = remarks,
    .in_transaction = in_transaction,
    .interrupt = interrupt,
    .quote = quote,
    .quote_name = quote_name,
};
