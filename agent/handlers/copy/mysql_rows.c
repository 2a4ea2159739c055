/*
 * MySQL and MariaDB. Values are read without conversion (character_set_results NULL) and written
 * as _binary'…' literals, so that strings and blobs keep their bytes whatever the character sets;
 * numbers, dates and JSON go as the text that the server prints. INSERT rather than LOAD DATA
 * LOCAL: no server setting (local_infile) is needed, and NULL, '' and '\N' cannot be confused.
 */

#include "agent/handlers/copy/rows_driver.h"
#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"

#define BATCH_BYTES   ((size_t)1 << 20)
#define PACKET_MARGIN 1024 /* for the protocol's own bytes */

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

static bool begin_writing(Database *database, Error *error)
{
    Error refused = { 0 };

    /* TIMESTAMP columns are made as they are written, without implicit defaults. */
    if (!database_run(
            database, "SET SESSION explicit_defaults_for_timestamp = 1", NULL, &refused) &&
        refused.kind != ERROR_DATABASE)
        return error_set(error, refused.kind, "%s", refused.text);
    /* Where the session may not set it, a difference shows when definitions are compared. */
    return database_run(database,
        "SET SESSION foreign_key_checks = 0, unique_checks = 1, character_set_results = NULL", NULL,
        error);
}

typedef struct Batch {
    const RowsPipe *pipe;
    const CopyTable *table;
    RowHasher *hasher;
    RowsCount count;
    Text insert;
    size_t rows;
} Batch;

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

static bool send_batch(Batch *batch, Error *error)
{
    if (batch->rows == 0)
        return true;
    if (batch->insert.overflow)
        return error_set(error, ERROR_PRECONDITION,
            "a row needs more than the %zu bytes that staging's max_allowed_packet allows: raise "
            "it there",
            batch->insert.max);
    if (!database_run(batch->pipe->to, batch->insert.bytes, NULL, error))
        return false;
    text_clear(&batch->insert);
    batch->rows = 0;
    return true;
}

static bool add_row(void *self, const DatabaseRow *row, Error *error)
{
    Batch *batch = self;
    const CopyTable *table = batch->table;
    size_t most = 0;

    for (unsigned i = 0; i < row->count; i++) {
        row_hasher_value(batch->hasher, row->values[i], row->lengths[i]);
        most += 2 * row->lengths[i] + 12; /* all escaped, with introducer, quotes and comma */
    }
    row_hasher_end(batch->hasher, batch->count.digest);
    if (batch->insert.length + most > BATCH_BYTES && !send_batch(batch, error))
        return false;
    if (batch->rows++ == 0)
        text_add(&batch->insert, "INSERT INTO %s (%s) VALUES (", table->quoted, table->columns);
    else
        text_add_bytes(&batch->insert, ",(", 2);
    for (unsigned i = 0; i < row->count; i++) {
        if (i > 0)
            text_add_bytes(&batch->insert, ",", 1);
        add_value(&batch->insert, &table->column[i], row->values[i], row->lengths[i]);
    }
    text_add_bytes(&batch->insert, ")", 1);
    return rows_count(&batch->count, error);
}

static char *select_rows(const RowsChunk *chunk)
{
    return memory_format("SELECT %s FROM %s%s%s", chunk->table->reads, chunk->table->quoted,
        chunk->where ? " WHERE " : "", chunk->where ? chunk->where : "");
}

static bool copy(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *sql = select_rows(chunk);
    AUTO_TEXT *delete = rows_delete_statement(chunk);
    Batch batch = { .pipe = pipe,
        .table = chunk->table,
        .hasher = hasher,
        .count = { pipe->meter, chunk->table, ret, 0, 0 } };
    uint64_t packet = 0;
    bool copied;

    if (!query_number(pipe->to, "SELECT @@max_allowed_packet", &packet, error))
        return false;
    text_init(&batch.insert, (size_t)packet - PACKET_MARGIN); /* the least it can be is 1024 */
    copied = database_run(pipe->to, "START TRANSACTION", NULL, error) &&
             (!chunk->again || database_run(pipe->to, delete, NULL, error)) &&
             database_query(pipe->from, sql, add_row, &batch, error) && send_batch(&batch, error) &&
             database_run(pipe->to, "COMMIT", NULL, error);
    text_done(&batch.insert);
    return copied;
}

typedef struct Digesting {
    RowHasher *hasher;
    RowsCount count;
} Digesting;

static bool digest_row(void *self, const DatabaseRow *row, Error *error)
{
    Digesting *digesting = self;

    for (unsigned i = 0; i < row->count; i++)
        row_hasher_value(digesting->hasher, row->values[i], row->lengths[i]);
    row_hasher_end(digesting->hasher, digesting->count.digest);
    return rows_count(&digesting->count, error);
}

static bool digest(
    Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *sql = select_rows(chunk);
    Digesting digesting = { hasher, { meter, chunk->table, ret, 0, 0 } };

    return database_query(database, sql, digest_row, &digesting, error);
}

const RowsDriver rows_mysql = {
    .begin_reading = begin_reading,
    .share_snapshot = share_snapshot,
    .begin_writing = begin_writing,
    .copy = copy,
    .digest = digest,
};
