#include "agent/handlers/copy/rows.h"

#include <assert.h>

#include "agent/handlers/copy/rows_driver.h"

static const RowsDriver *const drivers[] = {
    [DATABASE_MYSQL] = &rows_mysql,
    [DATABASE_POSTGRESQL] = &rows_postgresql,
};
static_assert(
    sizeof(drivers) / sizeof(drivers[0]) == DATABASE_TYPE_COUNT, "every DatabaseType is copied");

bool rows_begin_reading(Database *database, const char *snapshot, Error *error)
{
    return drivers[database_type(database)]->begin_reading(database, snapshot, error);
}

bool rows_share_snapshot(Database *database, char **ret, Error *error)
{
    return drivers[database_type(database)]->share_snapshot(database, ret, error);
}

bool rows_begin_writing(Database *database, Error *error)
{
    return drivers[database_type(database)]->begin_writing(database, error);
}

bool rows_copy(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error)
{
    *ret = (RowDigest){ 0 };
    return drivers[database_type(pipe->from)]->copy(pipe, chunk, ret, error) ||
           error_prefix(error, "copying %s: ", chunk->table->name);
}

bool rows_digest(
    Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error)
{
    *ret = (RowDigest){ 0 };
    return drivers[database_type(database)]->digest(database, chunk, meter, ret, error) ||
           error_prefix(error, "reading %s: ", chunk->table->name);
}

bool rows_digest_sorted(
    Database *database, const RowsSorting *sorting, RowsMeter *meter, RowDigest *ret, Error *error)
{
    return drivers[database_type(database)]->digest_sorted(database, sorting, meter, ret, error) ||
           error_prefix(error, "reading %s: ", sorting->part.table->name);
}

bool rows_sorts(const Database *database)
{
    return drivers[database_type(database)]->digest_sorted != NULL;
}

size_t rows_cuts_find(const RowsCuts *cuts, int64_t value)
{
    size_t low = 0, high = cuts->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (value < cuts->at[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool rows_make_durable(Database *database, Error *error)
{
    const RowsDriver *driver = drivers[database_type(database)];

    return !driver->make_durable || driver->make_durable(database, error);
}

Millis rows_silence(const RowsMeter *meter)
{
    return meter->silence > 0 ? meter->silence : ROWS_SILENCE_MS;
}

bool rows_meter_add(
    RowsMeter *meter, const CopyTable *table, uint64_t rows, uint64_t bytes, Error *error)
{
    uint64_t all = atomic_fetch_add(&meter->rows, rows) + rows;

    (void)atomic_fetch_add(&meter->bytes, bytes);
    if (meter->io) {
        AUTO_TEXT *what = memory_format("%s %s", meter->doing, table->name);

        meter->io->progress(
            meter->io->self, what, all, table->estimated > all ? table->estimated : all);
    }
    return !atomic_load(&meter->stopped) || error_set(error, ERROR_CANCELLED, "cancelled");
}

bool rows_count(RowsCount *count, Error *error)
{
    uint64_t rows = count->digest->rows - count->rows, bytes = count->digest->bytes - count->bytes;

    if (rows < ROWS_METER_ROWS && bytes < ROWS_METER_BYTES)
        return true;
    count->rows = count->digest->rows;
    count->bytes = count->digest->bytes;
    return rows_meter_add(count->meter, count->table, rows, bytes, error);
}

bool rows_delete(Database *staging, const RowsChunk *chunk, Error *error)
{
    AUTO_TEXT *sql = memory_format("DELETE FROM %s%s%s", chunk->table->quoted,
        chunk->where ? " WHERE " : "", chunk->where ? chunk->where : "");

    return database_run(staging, sql, NULL, error) ||
           error_prefix(error, "taking rows of %s away again: ", chunk->table->name);
}
