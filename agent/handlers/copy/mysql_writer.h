#pragma once

/*
 * Puts rows into a table of MySQL or MariaDB, each value by its own bytes whatever the character
 * sets, in one of two ways:
 *
 *   MYSQL_WRITES_BULK      one prepared INSERT with many rows of parameters (MariaDB 10.2 and
 *                          later): nothing is escaped or parsed; values of bytes are bound as BLOB,
 *                          which the server stores without conversion. A row above 1 MiB goes by
 *                          itself, its long values in pieces.
 *   MYSQL_WRITES_INSERTS   multi-row INSERT statements of _binary'…' literals, for all servers
 *
 *   mysql_writer_new() → mysql_writer_add() for each row → mysql_writer_end() → free
 *
 * The rows have the columns of CopyTable.columns, in this order. What was added is there for good
 * when mysql_writer_end() succeeded and the caller's transaction is committed.
 *
 * Memory: 2 MiB, beyond the rows of the caller (BULK); twice the largest row (INSERTS). Owns: the
 * writer is freed by mysql_writer_free(); database and table are borrowed. Errors:
 * ERROR_PRECONDITION a value or a row that staging's limits forbid, else those of the server.
 */

#include "agent/handlers/copy/catalogue.h"

typedef enum MysqlWriterKind {
    MYSQL_WRITES_BULK,
    MYSQL_WRITES_INSERTS,
    MYSQL_WRITER_KIND_COUNT,
} MysqlWriterKind;

typedef struct MysqlWriter MysqlWriter;

/* The faster kind that client library and server both know. */
MysqlWriterKind mysql_writer_kind(Database *database) __attribute__((nonnull));

bool mysql_writer_new(MysqlWriterKind kind, Database *database, const CopyTable *table,
    MysqlWriter **ret, Error *error) __attribute__((nonnull, warn_unused_result));
void mysql_writer_free(MysqlWriter *writer);
bool mysql_writer_add(MysqlWriter *writer, const DatabaseRow *row, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Sends what is left. */
bool mysql_writer_end(MysqlWriter *writer, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(MysqlWriter, mysql_writer_free)
