/*
 * PostgreSQL: COPY from one connection to the other, column names always given, in the binary
 * format unless a type has no safe one. libpq hands out one row per message; in the binary format
 * the first one begins with the file header and the last one is the trailer. Source: PostgreSQL 15
 * manual, COPY, "Binary Format"; libpq, "Functions for Receiving COPY Data".
 */

#include <libpq-fe.h>

#include "agent/handlers/copy/rows_driver.h"
#include "common/base/text.h"

#define HEADER_BYTES  19 /* signature, flags, length of an empty extension */
#define MESSAGE_BYTES 400

DEFINE_AUTO(PGresult, PQclear)

static void free_copy_data(char **slot)
{
    PQfreemem(*slot);
}
#define AUTO_COPY_DATA __attribute__((cleanup(free_copy_data))) char

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

static bool start(PGconn *connection, const char *sql, ExecStatusType wanted, Error *error)
{
    AUTO(PGresult) *result = PQexec(connection, sql);

    return PQresultStatus(result) == wanted || fail(connection, result, error);
}

/* Reads results until there is none; the first bad one is the error. */
static bool finish(PGconn *connection, Error *error)
{
    bool good = true;

    while (true) {
        AUTO(PGresult) *result = PQgetResult(connection);

        if (!result)
            return good;
        if (good && PQresultStatus(result) != PGRES_COMMAND_OK)
            good = fail(connection, result, error);
    }
}

static bool begin_reading(Database *database, const char *snapshot, Error *error)
{
    AUTO_TEXT *literal = snapshot ? database_quote(database, snapshot) : NULL;
    AUTO_TEXT *take = memory_format("SET TRANSACTION SNAPSHOT %s", literal ? literal : "");

    return database_run(database, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, error) &&
           (!snapshot || database_run(database, take, NULL, error));
}

static bool share_snapshot(Database *database, char **ret, Error *error)
{
    return database_value(database, "SELECT pg_catalog.pg_export_snapshot()", ret, error);
}

static bool begin_writing(Database *database, Error *error)
{
    (void)database;
    (void)error;
    return true; /* the names in all statements are whole, and keys are made after the rows */
}

typedef struct Stream {
    const CopyTable *table;
    RowHasher *hasher;
    RowsCount count;
    bool header_seen;
} Stream;

static uint32_t number_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool malformed(Error *error)
{
    return error_set(error, ERROR_CORRUPT, "the server sent a row that is not in COPY's format");
}

static bool hash_fields(Stream *stream, const unsigned char *bytes, size_t length, Error *error)
{
    size_t fields = (size_t)bytes[0] << 8 | bytes[1], at = 2;

    for (size_t i = 0; i < fields; i++) {
        uint32_t size;

        if (at + 4 > length)
            return malformed(error);
        size = number_at(bytes + at);
        at += 4;
        if (size != UINT32_MAX && size > length - at)
            return malformed(error);
        row_hasher_value(
            stream->hasher, size == UINT32_MAX ? NULL : bytes + at, size == UINT32_MAX ? 0 : size);
        at += size == UINT32_MAX ? 0 : size;
    }
    return at == length || malformed(error);
}

static bool hash_message(Stream *stream, const char *message, size_t length, Error *error)
{
    const unsigned char *bytes = (const unsigned char *)message;

    if (!stream->table->binary) {
        row_hasher_value(stream->hasher, message, length);
    } else {
        size_t header = stream->header_seen ? 0 : HEADER_BYTES;

        if (length < header + 2)
            return malformed(error);
        stream->header_seen = true;
        bytes += header;
        length -= header;
        if (length == 2 && bytes[0] == 0xff && bytes[1] == 0xff)
            return true; /* the trailer */
        if (!hash_fields(stream, bytes, length, error))
            return false;
    }
    row_hasher_end(stream->hasher, stream->count.digest);
    return rows_count(&stream->count, error);
}

static bool put(PGconn *to, const char *message, int length, Error *error)
{
    return !to || PQputCopyData(to, message, length) == 1 || fail(to, NULL, error);
}

/* Reads the COPY of `from` to its end, hashes it, and hands it to `to` unless that is NULL. */
static bool pump(Stream *stream, PGconn *from, PGconn *to, Error *error)
{
    while (true) {
        AUTO_COPY_DATA *message = NULL;
        int length = PQgetCopyData(from, &message, 0);

        if (length < 0)
            return finish(from, error);
        if (!hash_message(stream, message, (size_t)length, error) ||
            !put(to, message, length, error))
            return false;
    }
}

static char *copy_out(const RowsChunk *chunk)
{
    const CopyTable *table = chunk->table;
    const char *format = table->binary ? " (FORMAT binary)" : "";

    if (!chunk->where)
        return memory_format("COPY %s (%s) TO STDOUT%s", table->quoted, table->columns, format);
    return memory_format("COPY (SELECT %s FROM %s WHERE %s) TO STDOUT%s", table->columns,
        table->quoted, chunk->where, format);
}

static char *copy_in(const CopyTable *table)
{
    return memory_format("COPY %s (%s) FROM STDIN%s", table->quoted, table->columns,
        table->binary ? " (FORMAT binary)" : "");
}

static bool copy_rows(const RowsPipe *pipe, const RowsChunk *chunk, Stream *stream, Error *error)
{
    PGconn *from = database_native(pipe->from), *to = database_native(pipe->to);
    AUTO_TEXT *out = copy_out(chunk);
    AUTO_TEXT *in = copy_in(chunk->table);
    bool pumped;

    if (!start(from, out, PGRES_COPY_OUT, error) || !start(to, in, PGRES_COPY_IN, error))
        return false;
    pumped = pump(stream, from, to, error);
    if (PQputCopyEnd(to, pumped ? NULL : "the source failed") != 1)
        return pumped && fail(to, NULL, error);
    if (!pumped) {
        Error ignored = { 0 }; /* the first failure is the one to tell */

        (void)finish(to, &ignored);
        return false;
    }
    return finish(to, error);
}

static bool copy(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *delete = rows_delete_statement(chunk);
    Stream stream = {
        .table = chunk->table, .hasher = hasher, .count = { pipe->meter, chunk->table, ret, 0, 0 }
    };

    return database_run(pipe->to, "BEGIN", NULL, error) &&
           (!chunk->again || database_run(pipe->to, delete, NULL, error)) &&
           copy_rows(pipe, chunk, &stream, error) && database_run(pipe->to, "COMMIT", NULL, error);
}

static bool digest(
    Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *out = copy_out(chunk);
    PGconn *connection = database_native(database);
    Stream stream = {
        .table = chunk->table, .hasher = hasher, .count = { meter, chunk->table, ret, 0, 0 }
    };

    return start(connection, out, PGRES_COPY_OUT, error) && pump(&stream, connection, NULL, error);
}

const RowsDriver rows_postgresql = {
    .begin_reading = begin_reading,
    .share_snapshot = share_snapshot,
    .begin_writing = begin_writing,
    .copy = copy,
    .digest = digest,
};
