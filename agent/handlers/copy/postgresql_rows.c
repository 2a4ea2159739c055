/*
 * PostgreSQL: COPY from one connection to the other, column names always given, in the binary
 * format unless a type has no safe one. libpq hands out one row per message; in the binary format
 * the first one begins with the file header and the last one is the trailer. A row is hashed as the
 * bytes of its message, which are its number of values and each value with its length. Source:
 * PostgreSQL 15 manual, COPY, "Binary Format"; libpq, "Functions for Receiving COPY Data".
 *
 * Rows are gathered before they are sent, and large ones are sent in pieces: the server does not
 * look at where a message ends, and neither side needs memory for more than what it has in hand.
 */

#include <endian.h>

#include "agent/handlers/copy/postgresql_copy.h"
#include "agent/handlers/copy/rows_driver.h"
#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"

#define HEADER_BYTES 19 /* signature, flags, length of an empty extension */
#define SEND_BYTES   ((size_t)64 << 10)

static void free_copy_data(char **slot)
{
    PQfreemem(*slot);
}
#define AUTO_COPY_DATA __attribute__((cleanup(free_copy_data))) char

/* Rows come in the order in which they lie there; nothing is compiled or spread for one reading. */
static bool begin_reading(Database *database, const char *snapshot, Error *error)
{
    AUTO_TEXT *literal = snapshot ? database_quote(database, snapshot) : NULL;
    AUTO_TEXT *take = memory_format("SET TRANSACTION SNAPSHOT %s", literal ? literal : "");

    return database_run(database,
               "SELECT set_config(name, value, false) FROM (VALUES"
               " ('synchronize_seqscans', 'off'), ('jit', 'off'),"
               " ('max_parallel_workers_per_gather', '0')) wanted (name, value)"
               " WHERE name IN (SELECT name FROM pg_catalog.pg_settings)",
               NULL, error) &&
           database_run(database, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, error) &&
           (!snapshot || database_run(database, take, NULL, error));
}

static bool share_snapshot(Database *database, char **ret, Error *error)
{
    return database_value(database, "SELECT pg_catalog.pg_export_snapshot()", ret, error);
}

/*
 * Nothing waits for the disk until all is there: make_durable() does, once. New values are
 * compressed by lz4 where the server has it; a column with a method of its own keeps that.
 */
static bool begin_writing(Database *database, Error *error)
{
    return database_run(database,
        "SELECT set_config(name, value, false) FROM (VALUES"
        " ('synchronous_commit', 'off'), ('jit', 'off'), ('synchronize_seqscans', 'off'),"
        " ('max_parallel_workers_per_gather', '0'), ('max_parallel_maintenance_workers', '0'),"
        " ('default_toast_compression', 'lz4'), ('maintenance_work_mem', '256MB'))"
        " wanted (name, value)"
        " JOIN pg_catalog.pg_settings s USING (name)"
        " WHERE (s.enumvals IS NULL OR value = ANY (s.enumvals))"
        " AND NOT (name = 'maintenance_work_mem' AND s.setting::bigint > 256 * 1024)",
        NULL, error);
}

/*
 * A commit that waits: what was written to the log before it, by any session, is on disk then. It
 * waits only for a transaction that wrote something itself, hence a message that nobody reads.
 * Source: PostgreSQL 15, xact.c, RecordTransactionCommit().
 */
static bool make_durable(Database *database, Error *error)
{
    return database_run(database, "SET synchronous_commit = on", NULL, error) &&
           database_run(database,
               "SELECT pg_catalog.pg_logical_emit_message(true, 'dss-upgrade', '')", NULL, error) &&
           database_run(database, "SET synchronous_commit = off", NULL, error);
}

typedef struct Stream {
    PgCopy from, to; /* to.connection NULL: nobody */
    const CopyTable *table;
    RowsCount count;
    const RowsCuts *cuts; /* NULL: not sorted */
    RowDigest *sorted;    /* cuts->count + 2 of them */
    bool header_seen;
    char *gathered; /* SEND_BYTES */
    size_t gathered_length;
} Stream;

static uint32_t number_at(const char *bytes)
{
    uint32_t number;

    (void)memcpy(&number, bytes, sizeof(number));
    return be32toh(number);
}

static bool malformed(Error *error)
{
    return error_set(error, ERROR_CORRUPT, "the server sent a row that is not in COPY's format");
}

/* A signed number of 2, 4 or 8 bytes, as the binary format has it. */
static int64_t integer_at(const char *bytes, size_t length)
{
    uint64_t number = (unsigned char)bytes[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < length; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return (int64_t)number;
}

/* Which chunk the row belongs to, by the value of the column that cuts the table. */
static bool find_chunk(
    const RowsCuts *cuts, const char *bytes, size_t length, size_t *ret, Error *error)
{
    size_t at = 2;

    for (size_t i = 0; at + 4 <= length; i++) {
        uint32_t size = number_at(bytes + at);

        at += 4;
        if (size != UINT32_MAX && size > length - at)
            return malformed(error);
        if (i == cuts->column) {
            if (size != UINT32_MAX && (size < 2 || size > 8))
                return malformed(error);
            *ret = size == UINT32_MAX ? cuts->count + 1
                                      : rows_cuts_find(cuts, integer_at(bytes + at, size));
            return true;
        }
        at += size == UINT32_MAX ? 0 : size;
    }
    return malformed(error);
}

static bool digest_row(Stream *stream, const char *bytes, size_t length, Error *error)
{
    RowDigest *all = stream->count.digest;
    size_t chunk;

    if (!stream->cuts) {
        row_digest_add_row(all, bytes, length);
    } else {
        if (!find_chunk(stream->cuts, bytes, length, &chunk, error))
            return false;
        row_digest_add_row(&stream->sorted[chunk], bytes, length);
        all->rows++;
        all->bytes += length;
    }
    return rows_count(&stream->count, error);
}

static bool digest_message(Stream *stream, const char *bytes, size_t length, Error *error)
{
    if (stream->table->binary) {
        size_t header = stream->header_seen ? 0 : HEADER_BYTES;

        if (length < header + 2)
            return malformed(error);
        stream->header_seen = true;
        bytes += header;
        length -= header;
        if (length == 2 && memcmp(bytes, "\xff\xff", 2) == 0)
            return true; /* the trailer */
    }
    return digest_row(stream, bytes, length, error);
}

static bool send_gathered(Stream *stream, Error *error)
{
    size_t length = stream->gathered_length;

    stream->gathered_length = 0;
    return length == 0 || pg_copy_put(&stream->to, stream->gathered, length, error);
}

static bool pass_on(Stream *stream, const char *bytes, size_t length, Error *error)
{
    while (length > 0) {
        size_t room = SEND_BYTES - stream->gathered_length;
        size_t part = length < room ? length : room;

        (void)memcpy(stream->gathered + stream->gathered_length, bytes, part);
        stream->gathered_length += part;
        bytes += part;
        length -= part;
        if (stream->gathered_length == SEND_BYTES && !send_gathered(stream, error))
            return false;
    }
    return true;
}

/* Reads the COPY to its end, digests it, and passes it on where there is somebody. */
static bool pump(Stream *stream, Error *error)
{
    for (;;) {
        AUTO_COPY_DATA *message = NULL;
        size_t length;

        if (!pg_copy_take(&stream->from, &message, &length, error))
            return false;
        if (!message)
            return !stream->gathered || send_gathered(stream, error);
        if (!digest_message(stream, message, length, error) ||
            (stream->gathered && !pass_on(stream, message, length, error)))
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

static PgCopy copy_over(Database *database, const RowsMeter *meter)
{
    return (PgCopy){ database_native(database), &meter->stopped, rows_silence(meter) };
}

static bool copy_rows(const RowsChunk *chunk, Stream *stream, Error *error)
{
    AUTO_TEXT *out = copy_out(chunk);
    AUTO_TEXT *in = copy_in(chunk->table);

    return pg_copy_start(&stream->from, out, PGRES_COPY_OUT, error) &&
           pg_copy_start(&stream->to, in, PGRES_COPY_IN, error) && pump(stream, error) &&
           pg_copy_end_putting(&stream->to, error);
}

static bool copy(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error)
{
    AUTO_TEXT *gathered = memory_new(SEND_BYTES);
    Stream stream = { .from = copy_over(pipe->from, pipe->meter),
        .to = copy_over(pipe->to, pipe->meter),
        .table = chunk->table,
        .count = { pipe->meter, chunk->table, ret, 0, 0 },
        .gathered = gathered };

    return database_run(pipe->to, "BEGIN", NULL, error) && copy_rows(chunk, &stream, error) &&
           database_run(pipe->to, "COMMIT", NULL, error);
}

static bool digest_stream(Database *database, const RowsChunk *chunk, Stream *stream, Error *error)
{
    AUTO_TEXT *out = copy_out(chunk);

    stream->from = copy_over(database, stream->count.meter);
    stream->table = chunk->table;
    return pg_copy_start(&stream->from, out, PGRES_COPY_OUT, error) && pump(stream, error);
}

static bool digest(
    Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error)
{
    Stream stream = { .count = { meter, chunk->table, ret, 0, 0 } };

    return digest_stream(database, chunk, &stream, error);
}

static bool digest_sorted(
    Database *database, const RowsSorting *sorting, RowsMeter *meter, RowDigest *ret, Error *error)
{
    RowDigest all = { 0 };
    Stream stream = {
        .count = { meter, sorting->part.table, &all, 0, 0 }, .cuts = sorting->cuts, .sorted = ret
    };

    return digest_stream(database, &sorting->part, &stream, error);
}

const RowsDriver rows_postgresql = {
    .begin_reading = begin_reading,
    .share_snapshot = share_snapshot,
    .begin_writing = begin_writing,
    .make_durable = make_durable,
    .copy = copy,
    .digest = digest,
    .digest_sorted = digest_sorted,
};
