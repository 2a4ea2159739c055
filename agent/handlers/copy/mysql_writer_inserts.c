/*
 * Values of bytes go as _binary'…' literals, so that strings and blobs keep them whatever the
 * character sets; numbers, dates and JSON as the text that the server printed. INSERT rather than
 * LOAD DATA LOCAL: no server setting (local_infile) is needed, and NULL, '' and '\N' cannot be
 * confused.
 */

#include "agent/handlers/copy/mysql_writer_driver.h"
#include "common/base/text.h"

#define PACKET_MARGIN 1024 /* for the protocol's own bytes; max_allowed_packet is never less */

typedef struct Inserts {
    Text statement;
    size_t batch_bytes, rows;
} Inserts;

static bool begin(MysqlWriter *writer, Error *error)
{
    Inserts *inserts = memory_new(sizeof(*inserts));

    (void)error;
    text_init(&inserts->statement, (size_t)writer->max_packet - PACKET_MARGIN);
    inserts->batch_bytes =
        inserts->statement.max < BATCH_BYTES ? inserts->statement.max : BATCH_BYTES;
    writer->self = inserts;
    return true;
}

static void done(MysqlWriter *writer)
{
    Inserts *inserts = writer->self;

    text_done(&inserts->statement);
    free(inserts);
}

static bool flush(MysqlWriter *writer, Error *error)
{
    Inserts *inserts = writer->self;

    if (inserts->rows == 0)
        return true;
    if (!database_run(writer->database, inserts->statement.bytes, NULL, error))
        return false;
    text_clear(&inserts->statement);
    inserts->rows = 0;
    return true;
}

static void add_escaped(Text *text, const char *value, size_t length)
{
    size_t begin = 0;

    for (size_t i = 0; i < length; i++) {
        if (value[i] != '\'' && value[i] != '\\' && value[i] != '\0')
            continue;
        text_add_bytes(text, value + begin, i - begin);
        if (value[i] == '\0')
            text_add_bytes(text, "\\0", 2);
        else
            text_add_bytes(text, value[i] == '\'' ? "\\'" : "\\\\", 2);
        begin = i + 1;
    }
    text_add_bytes(text, value + begin, length - begin);
}

static void add_value(Text *text, const CopyColumn *column, const char *value, size_t length)
{
    if (!value) {
        text_add_bytes(text, "NULL", 4);
        return;
    }
    if (column->as_bytes)
        text_add_bytes(text, "_binary'", 8);
    else
        text_add_bytes(text, "'", 1);
    add_escaped(text, value, length);
    text_add_bytes(text, "'", 1);
}

/* The most that the row can need: all escaped, with introducer, quotes and comma. */
static size_t most_bytes(const DatabaseRow *row)
{
    size_t most = 0;

    for (unsigned i = 0; i < row->count; i++)
        most += 2 * row->lengths[i] + 12;
    return most;
}

static bool add(MysqlWriter *writer, const DatabaseRow *row, Error *error)
{
    Inserts *inserts = writer->self;
    Text *statement = &inserts->statement;
    const CopyTable *table = writer->table;
    size_t most = most_bytes(row);

    if (statement->length + most > inserts->batch_bytes && !flush(writer, error))
        return false;
    if (inserts->rows++ == 0)
        text_add(statement, "INSERT INTO %s (%s) VALUES (", table->quoted, table->columns);
    else
        text_add_bytes(statement, ",(", 2);
    for (unsigned i = 0; i < row->count; i++) {
        if (i > 0)
            text_add_bytes(statement, ",", 1);
        add_value(statement, &table->column[i], row->values[i], row->lengths[i]);
    }
    text_add_bytes(statement, ")", 1);
    return !statement->overflow || mysql_writer_refuse(writer, most, error);
}

const MysqlWriterDriver mysql_writer_inserts = {
    .begin = begin,
    .done = done,
    .add = add,
    .flush = flush,
};
