/*
 * MariaDB's bulk execution (STMT_ATTR_ARRAY_SIZE with arrays of pointers, COM_STMT_BULK_EXECUTE).
 * Sources: Connector/C, libmariadb/mariadb_stmt.c; MariaDB Knowledge Base, "Bulk Inserts
 * (Column-wise Binding)". Values of bytes are bound as BLOB: their character set is binary, and
 * storing that into any column converts nothing, as with a _binary'…' literal. All else is bound as
 * text, which is how it was read.
 */

#include "agent/handlers/database/mysql_client.h"

#include "agent/handlers/copy/mysql_writer_driver.h"
#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"

#define BATCH_ROWS    4000
#define BATCH_CELLS   48000             /* rows × columns: 17 bytes of memory each */
#define PIECE_BYTES   ((size_t)1 << 20) /* of a long value */
#define LONG_BYTES    1024              /* from here on a value of a large row goes in pieces */
#define CELL_OVERHEAD 10                /* the most that the protocol adds to a value */
#define PACKET_MARGIN 1024              /* for what goes before the values */
#define INSERT_MAX    ((size_t)4 << 20)

/* One parameter over the rows of a batch. */
typedef struct Cells {
    const char **values;
    unsigned long *lengths;
    char *indicators;
} Cells;

typedef struct Bulk {
    char *insert;
    MYSQL_STMT *statement;
    MYSQL_BIND *batch, *single; /* parameters of a batch, of a large row */
    Cells *cells;
    char *bytes;         /* the values of a batch */
    size_t used, needed; /* of bytes; of the message, at most */
    size_t needed_max;
    unsigned rows, rows_max;
    uint64_t longest; /* value that staging takes in pieces */
} Bulk;

bool mysql_writer_bulk_works(Database *database)
{
    unsigned long capabilities = 0; /* the upper half of the flags */

    return mariadb_get_infov(database_native(database),
               MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities) == 0 &&
           (capabilities & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
}

static void bind_cells(MysqlWriter *writer)
{
    const CopyTable *table = writer->table;
    Bulk *bulk = writer->self;

    bulk->batch = memory_new(table->column_count * sizeof(MYSQL_BIND));
    bulk->single = memory_new(table->column_count * sizeof(MYSQL_BIND));
    bulk->cells = memory_new(table->column_count * sizeof(Cells));
    for (size_t i = 0; i < table->column_count; i++) {
        Cells *cells = &bulk->cells[i];

        cells->values = memory_new(bulk->rows_max * sizeof(cells->values[0]));
        cells->lengths = memory_new(bulk->rows_max * sizeof(cells->lengths[0]));
        cells->indicators = memory_new(bulk->rows_max);
        bulk->batch[i].buffer_type =
            table->column[i].as_bytes ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
        bulk->batch[i].buffer = (void *)cells->values;
        bulk->batch[i].length = cells->lengths;
        bulk->batch[i].u.indicator = cells->indicators;
    }
}

static void free_cells(const MysqlWriter *writer, Bulk *bulk)
{
    for (size_t i = 0; bulk->cells && i < writer->table->column_count; i++) {
        free((void *)bulk->cells[i].values);
        free(bulk->cells[i].lengths);
        free(bulk->cells[i].indicators);
    }
    free(bulk->cells);
    free(bulk->batch);
    free(bulk->single);
}

static bool fail(const MysqlWriter *writer, Millis started, Error *error)
{
    const Bulk *bulk = writer->self;

    return mysql_client_error(writer->database, bulk->statement, started, error);
}

static bool prepare(MysqlWriter *writer, Error *error)
{
    const CopyTable *table = writer->table;
    Bulk *bulk = writer->self;
    Millis started = clock_now();
    TEXT_AUTO(insert, INSERT_MAX);

    text_add(&insert, "INSERT INTO %s (%s) VALUES (", table->quoted, table->columns);
    for (size_t i = 0; i < table->column_count; i++)
        text_add(&insert, "%s", i > 0 ? ",?" : "?");
    text_add(&insert, ")");
    bulk->insert = text_take(&insert);
    bulk->statement = mysql_stmt_init(database_native(writer->database));
    if (!bulk->statement)
        return error_set(error, ERROR_DATABASE, "the client library cannot prepare statements");
    return mysql_stmt_prepare(bulk->statement, bulk->insert, strlen(bulk->insert)) == 0 ||
           fail(writer, started, error);
}

static bool begin(MysqlWriter *writer, Error *error)
{
    size_t columns = writer->table->column_count;
    size_t head = PACKET_MARGIN + 2 * columns;
    Bulk *bulk = memory_new(sizeof(*bulk));

    writer->self = bulk;
    bulk->rows_max =
        (unsigned)(columns > BATCH_CELLS / BATCH_ROWS ? BATCH_CELLS / columns + 1 : BATCH_ROWS);
    bulk->needed_max = writer->max_packet > head ? writer->max_packet - head : 0;
    if (bulk->needed_max > BATCH_BYTES)
        bulk->needed_max = BATCH_BYTES;
    bulk->bytes = memory_new(BATCH_BYTES);
    bind_cells(writer);
    /* MariaDB before 10.5 has a limit of its own for pieces */
    return query_number(writer->database,
               "SELECT MIN(CAST(variable_value AS UNSIGNED))"
               " FROM information_schema.SESSION_VARIABLES"
               " WHERE variable_name IN ('MAX_ALLOWED_PACKET', 'MAX_LONG_DATA_SIZE')",
               &bulk->longest, error) &&
           prepare(writer, error);
}

static void done(MysqlWriter *writer)
{
    Bulk *bulk = writer->self;

    if (bulk->statement)
        (void)mysql_stmt_close(bulk->statement); /* with the connection gone it is closed there */
    free_cells(writer, bulk);
    free(bulk->bytes);
    free(bulk->insert);
    free(bulk);
}

/* `rows` 0: one row, by itself. */
static bool bind(MysqlWriter *writer, unsigned rows, MYSQL_BIND *parameters, Error *error)
{
    Bulk *bulk = writer->self;

    return (mysql_stmt_attr_set(bulk->statement, STMT_ATTR_ARRAY_SIZE, &rows) == 0 &&
               mysql_stmt_bind_param(bulk->statement, parameters) == 0) ||
           fail(writer, clock_now(), error);
}

static bool execute(MysqlWriter *writer, Error *error)
{
    Bulk *bulk = writer->self;
    Millis started = clock_now();

    return mysql_stmt_execute(bulk->statement) == 0 || fail(writer, started, error);
}

static bool flush(MysqlWriter *writer, Error *error)
{
    Bulk *bulk = writer->self;

    if (bulk->rows == 0)
        return true;
    if (!bind(writer, bulk->rows, bulk->batch, error) || !execute(writer, error))
        return false;
    bulk->rows = 0;
    bulk->used = bulk->needed = 0;
    return true;
}

static bool send_in_pieces(
    MysqlWriter *writer, unsigned column, const char *value, unsigned long length, Error *error)
{
    Bulk *bulk = writer->self;
    size_t piece_max = writer->max_packet / 2 < PIECE_BYTES ? writer->max_packet / 2 : PIECE_BYTES;
    Millis started = clock_now();

    if (length > bulk->longest)
        return error_set(error, ERROR_PRECONDITION,
            "a value of column %s has %lu bytes and staging's max_allowed_packet is %llu: raise it "
            "there",
            writer->table->column[column].name, length, (unsigned long long)bulk->longest);
    for (unsigned long sent = 0; sent < length; sent += piece_max) {
        unsigned long rest = length - sent;

        if (mysql_stmt_send_long_data(
                bulk->statement, column, value + sent, rest < piece_max ? rest : piece_max) != 0)
            return fail(writer, started, error);
    }
    return true;
}

/* A row that is too large for a batch: by itself, its long values in pieces before it. */
static bool add_large(MysqlWriter *writer, const DatabaseRow *row, Error *error)
{
    Bulk *bulk = writer->self;
    uint64_t needed = PACKET_MARGIN;

    for (unsigned i = 0; i < row->count; i++) {
        MYSQL_BIND *parameter = &bulk->single[i];

        *parameter = (MYSQL_BIND){
            .buffer_type = row->values[i] ? bulk->batch[i].buffer_type : MYSQL_TYPE_NULL,
            .buffer = (void *)(uintptr_t)row->values[i],
            .buffer_length = row->lengths[i],
        };
        needed += CELL_OVERHEAD + (row->lengths[i] < LONG_BYTES ? row->lengths[i] : 0);
    }
    if (needed > writer->max_packet)
        return mysql_writer_refuse(writer, needed, error);
    if (!flush(writer, error) || !bind(writer, 0, bulk->single, error))
        return false;
    for (unsigned i = 0; i < row->count; i++)
        if (row->lengths[i] >= LONG_BYTES &&
            !send_in_pieces(writer, i, row->values[i], row->lengths[i], error))
            return false;
    return execute(writer, error);
}

static bool add(MysqlWriter *writer, const DatabaseRow *row, Error *error)
{
    Bulk *bulk = writer->self;
    size_t needed = 0;

    for (unsigned i = 0; i < row->count; i++)
        needed += row->lengths[i] + CELL_OVERHEAD;
    if (needed > bulk->needed_max)
        return add_large(writer, row, error);
    if ((bulk->rows == bulk->rows_max || bulk->needed + needed > bulk->needed_max) &&
        !flush(writer, error))
        return false;
    for (unsigned i = 0; i < row->count; i++) {
        const Cells *cells = &bulk->cells[i];

        cells->indicators[bulk->rows] = row->values[i] ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
        cells->lengths[bulk->rows] = row->lengths[i];
        cells->values[bulk->rows] = bulk->bytes + bulk->used;
        if (row->values[i])
            memcpy(bulk->bytes + bulk->used, row->values[i], row->lengths[i]);
        bulk->used += row->lengths[i];
    }
    bulk->rows++;
    bulk->needed += needed;
    return true;
}

const MysqlWriterDriver mysql_writer_bulk = {
    .begin = begin,
    .done = done,
    .add = add,
    .flush = flush,
};
