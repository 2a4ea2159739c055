/*
 * MySQL and MariaDB. Values are read without conversion (character_set_results NULL), in the order
 * of the primary key: by a covering secondary index the server would take longer.
 */

#include "agent/handlers/copy/mysql_writer.h"
#include "agent/handlers/copy/rows_driver.h"

/* A snapshot cannot be shared here: each connection takes its own, and nothing writes meanwhile. */
static bool begin_reading(Database *database, const char *snapshot, Error *error)
{
    (void)snapshot;
    return database_run(database, "SET SESSION character_set_results = NULL", NULL, error) &&
           database_run(
               database, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", NULL, error) &&
           database_run(database, "START TRANSACTION WITH CONSISTENT SNAPSHOT", NULL, error);
}

static bool share_snapshot(Database *database, char **ret, Error *error)
{
    (void)database;
    (void)error;
    *ret = NULL;
    return true;
}

/* A setting that only some servers have, or let a session have. */
static bool set_where_possible(Database *database, const char *setting, Error *error)
{
    AUTO_TEXT *sql = memory_format("SET SESSION %s", setting);
    Error refused = { 0 };

    return database_run(database, sql, NULL, &refused) || refused.kind == ERROR_DATABASE ||
           error_set(error, refused.kind, "%s", refused.text);
}

/*
 * TIMESTAMP columns are made as they are written, without implicit defaults: where that cannot be
 * set, a difference shows when definitions are compared. MariaDB joins by hash tables, which counts
 * orphans in half the time, only where it is told to; MySQL does by itself.
 */
static bool begin_writing(Database *database, Error *error)
{
    return set_where_possible(database, "explicit_defaults_for_timestamp = 1", error) &&
           set_where_possible(
               database, "join_cache_level = 4, join_buffer_size = 33554432", error) &&
           database_run(database,
               "SET SESSION foreign_key_checks = 0, unique_checks = 1,"
               " character_set_results = NULL",
               NULL, error);
}

static char *select_rows(const RowsChunk *chunk)
{
    return memory_format("SELECT %s FROM %s%s%s%s", chunk->table->reads, chunk->table->quoted,
        chunk->table->has_primary ? " FORCE INDEX (PRIMARY)" : "", chunk->where ? " WHERE " : "",
        chunk->where ? chunk->where : "");
}

/* Both readings: with a writer each row goes there too. */
typedef struct Reading {
    MysqlWriter *writer;
    RowHasher *hasher;
    RowsCount count;
} Reading;

static bool read_row(void *self, const DatabaseRow *row, Error *error)
{
    Reading *reading = self;

    for (unsigned i = 0; i < row->count; i++)
        row_hasher_value(reading->hasher, row->values[i], row->lengths[i]);
    row_hasher_end(reading->hasher, reading->count.digest);
    return (!reading->writer || mysql_writer_add(reading->writer, row, error)) &&
           rows_count(&reading->count, error);
}

static bool copy(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO(MysqlWriter) *writer = NULL;
    AUTO_TEXT *sql = select_rows(chunk);
    Reading reading = { .hasher = hasher, .count = { pipe->meter, chunk->table, ret, 0, 0 } };

    if (!mysql_writer_new(mysql_writer_kind(pipe->to), pipe->to, chunk->table, &writer, error))
        return false;
    reading.writer = writer;
    return database_run(pipe->to, "START TRANSACTION", NULL, error) &&
           database_query(pipe->from, sql, read_row, &reading, error) &&
           mysql_writer_end(writer, error) && database_run(pipe->to, "COMMIT", NULL, error);
}

static bool digest(
    Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *sql = select_rows(chunk);
    Reading reading = { .hasher = hasher, .count = { meter, chunk->table, ret, 0, 0 } };

    return database_query(database, sql, read_row, &reading, error);
}

const RowsDriver rows_mysql = {
    .begin_reading = begin_reading,
    .share_snapshot = share_snapshot,
    .begin_writing = begin_writing,
    .copy = copy,
    .digest = digest,
};
