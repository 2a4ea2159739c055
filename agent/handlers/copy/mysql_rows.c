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

static bool begin_reading(Database *database, Error *error)
{
    return database_run(database, "SET SESSION character_set_results = NULL", NULL, error) &&
           database_run(
               database, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", NULL, error) &&
           database_run(database, "START TRANSACTION WITH CONSISTENT SNAPSHOT", NULL, error);
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
    RowDigest *digest;
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
    row_hasher_end(batch->hasher, batch->digest);
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
    rows_progress(batch->pipe->io, "copying", table, batch->digest->rows);
    return true;
}

static char *select_all(const CopyTable *table)
{
    return memory_format("SELECT %s FROM %s", table->reads, table->quoted);
}

static bool copy(const RowsPipe *pipe, const CopyTable *table, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *sql = select_all(table);
    Batch batch = { .pipe = pipe, .table = table, .hasher = hasher, .digest = ret };
    uint64_t packet = 0;
    bool copied;

    if (!query_number(pipe->to, "SELECT @@max_allowed_packet", &packet, error))
        return false;
    text_init(&batch.insert, (size_t)packet - PACKET_MARGIN); /* the least it can be is 1024 */
    copied = database_run(pipe->to, "START TRANSACTION", NULL, error) &&
             database_query(pipe->from, sql, add_row, &batch, error) && send_batch(&batch, error) &&
             database_run(pipe->to, "COMMIT", NULL, error);
    text_done(&batch.insert);
    return copied;
}

typedef struct Digesting {
    AgentIo *io;
    const CopyTable *table;
    RowHasher *hasher;
    RowDigest *digest;
} Digesting;

static bool digest_row(void *self, const DatabaseRow *row, Error *error)
{
    Digesting *digesting = self;

    (void)error;
    for (unsigned i = 0; i < row->count; i++)
        row_hasher_value(digesting->hasher, row->values[i], row->lengths[i]);
    row_hasher_end(digesting->hasher, digesting->digest);
    rows_progress(digesting->io, "verifying", digesting->table, digesting->digest->rows);
    return true;
}

static bool digest(
    AgentIo *io, Database *database, const CopyTable *table, RowDigest *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    AUTO_TEXT *sql = select_all(table);
    Digesting digesting = { io, table, hasher, ret };

    return database_query(database, sql, digest_row, &digesting, error);
}

const RowsDriver rows_mysql = {
    .begin_reading = begin_reading,
    .begin_writing = begin_writing,
    .copy = copy,
    .digest = digest,
};
