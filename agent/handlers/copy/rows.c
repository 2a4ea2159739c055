#include "agent/handlers/copy/rows.h"

#include <assert.h>

#include "agent/handlers/copy/rows_driver.h"

#define PROGRESS_EVERY 4096 /* rows */

static const RowsDriver *const drivers[] = {
    [DATABASE_MYSQL] = &rows_mysql,
    [DATABASE_POSTGRESQL] = &rows_postgresql,
};
static_assert(
    sizeof(drivers) / sizeof(drivers[0]) == DATABASE_TYPE_COUNT, "every DatabaseType is copied");

bool rows_begin_reading(Database *database, Error *error)
{
    return drivers[database_type(database)]->begin_reading(database, error);
}

bool rows_begin_writing(Database *database, Error *error)
{
    return drivers[database_type(database)]->begin_writing(database, error);
}

bool rows_copy(const RowsPipe *pipe, const CopyTable *table, RowDigest *ret, Error *error)
{
    *ret = (RowDigest){ 0 };
    return drivers[database_type(pipe->from)]->copy(pipe, table, ret, error) ||
           error_prefix(error, "copying %s: ", table->name);
}

bool rows_digest(
    AgentIo *io, Database *database, const CopyTable *table, RowDigest *ret, Error *error)
{
    *ret = (RowDigest){ 0 };
    return drivers[database_type(database)]->digest(io, database, table, ret, error) ||
           error_prefix(error, "reading %s: ", table->name);
}

void rows_progress(AgentIo *io, const char *doing, const CopyTable *table, uint64_t rows)
{
    AUTO_TEXT *what = NULL;

    if (rows % PROGRESS_EVERY != 0)
        return;
    what = memory_format("%s %s", doing, table->name);
    io->progress(io->self, what, rows, table->estimated > rows ? table->estimated : rows);
}
