#include "agent/handlers/copy/mysql_writer.h"

#include <assert.h>

#include "agent/handlers/copy/mysql_writer_driver.h"
#include "agent/handlers/database/query_rows.h"

static const MysqlWriterDriver *const drivers[] = {
    [MYSQL_WRITES_BULK] = &mysql_writer_bulk,
    [MYSQL_WRITES_INSERTS] = &mysql_writer_inserts,
};
static_assert(sizeof(drivers) / sizeof(drivers[0]) == MYSQL_WRITER_KIND_COUNT,
    "every MysqlWriterKind has a driver");

MysqlWriterKind mysql_writer_kind(Database *database)
{
    return mysql_writer_bulk_works(database) ? MYSQL_WRITES_BULK : MYSQL_WRITES_INSERTS;
}

bool mysql_writer_new(MysqlWriterKind kind, Database *database, const CopyTable *table,
    MysqlWriter **ret, Error *error)
{
    AUTO(MysqlWriter) *writer = memory_new(sizeof(*writer));

    writer->kind = kind;
    writer->database = database;
    writer->table = table;
    if (!query_number(database, "SELECT @@max_allowed_packet", &writer->max_packet, error) ||
        !drivers[kind]->begin(writer, error))
        return false;
    *ret = TAKE(writer);
    return true;
}

void mysql_writer_free(MysqlWriter *writer)
{
    if (!writer)
        return;
    if (writer->self)
        drivers[writer->kind]->done(writer);
    free(writer);
}

bool mysql_writer_add(MysqlWriter *writer, const DatabaseRow *row, Error *error)
{
    assert(row->count == writer->table->column_count);
    return drivers[writer->kind]->add(writer, row, error);
}

bool mysql_writer_end(MysqlWriter *writer, Error *error)
{
    return drivers[writer->kind]->flush(writer, error);
}

bool mysql_writer_refuse(const MysqlWriter *writer, uint64_t bytes, Error *error)
{
    return error_set(error, ERROR_PRECONDITION,
        "a row needs a message of %llu bytes and staging's max_allowed_packet is %llu: raise it "
        "there",
        (unsigned long long)bytes, (unsigned long long)writer->max_packet);
}
