#pragma once

/*
 * Moves and digests rows, in the form that is exact for their server: PostgreSQL by binary COPY
 * with named columns, MySQL by each value's own bytes (mysql_writer.h).
 *
 *   rows_begin_reading(production)   one snapshot for everything that is read from it
 *   rows_begin_writing(staging)
 *   rows_copy()                      one chunk, in one transaction on staging; digests what it read
 *   rows_digest()                    the same digest of a chunk as it is
 *
 * Several threads may copy and digest at a time, each over connections of its own; what they share
 * is the catalogue, which nobody changes, and the meter.
 *
 * Memory: one row or one batch of 1 MiB, whichever is larger. Errors: ERROR_PRECONDITION a row that
 * staging cannot take (MySQL: max_allowed_packet), ERROR_CANCELLED a meter that was stopped, else
 * those of the server.
 */

#include <stdatomic.h>

#include "agent/core/agent_io.h"
#include "agent/handlers/copy/catalogue.h"
#include "agent/handlers/copy/row_digest.h"

/* What the readers and writers that share it have done so far, and how they are told to end. */
typedef struct RowsMeter {
    atomic_uint_least64_t rows, bytes;
    atomic_bool stopped; /* set by anybody: all end at their next rows_meter_add() */
    Millis silence;      /* how long a server may not move; 0: ROWS_SILENCE_MS */
    AgentIo *io;         /* whose screen is told now and then, where one thread does all; or NULL */
    const char *doing;   /* "copying"; goes with io */
} RowsMeter;

#define ROWS_SILENCE_MS 300000

/* Rows of one table. */
typedef struct RowsChunk {
    const CopyTable *table;
    const char *where; /* an SQL condition on its columns; NULL: all rows */
} RowsChunk;

/*
 * Where a table is cut into chunks, by a column of whole numbers: chunk i has the rows from at[i -
 * 1] up to, but without, at[i]; chunk `count` those from the last cut on, chunk `count` + 1 those
 * where the column is NULL.
 */
typedef struct RowsCuts {
    size_t column; /* of table->column */
    const int64_t *at;
    size_t count;
} RowsCuts;

/* Rows of a table to be sorted into its chunks. */
typedef struct RowsSorting {
    RowsChunk part;
    const RowsCuts *cuts;
} RowsSorting;

typedef struct RowsPipe {
    Database *from, *to;
    RowsMeter *meter;
} RowsPipe;

/* `snapshot`: of rows_share_snapshot() on another connection, or NULL for one of its own. */
bool rows_begin_reading(Database *database, const char *snapshot, Error *error)
    __attribute__((nonnull(1, 3), warn_unused_result));
/* Names the snapshot that the connection reads; *ret NULL on servers that cannot share one. */
bool rows_share_snapshot(Database *database, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool rows_begin_writing(Database *database, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool rows_copy(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Takes the chunk's rows away, as far as they are there. */
bool rows_delete(Database *staging, const RowsChunk *chunk, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool rows_digest(Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Whether chunks of staging are read that way while indexes are missing, and not one by one. */
bool rows_sorts(const Database *database) __attribute__((nonnull));
/* Adds to ret[i] what belongs to chunk i. Only for tables that are `binary`. */
bool rows_digest_sorted(Database *database, const RowsSorting *sorting, RowsMeter *meter,
    RowDigest *ret, Error *error) __attribute__((nonnull, warn_unused_result));
size_t rows_cuts_find(const RowsCuts *cuts, int64_t value) __attribute__((nonnull));
/* What rows_copy() wrote survives a crash of the server from here on. */
bool rows_make_durable(Database *database, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Counts what was done since the last call, every some thousand rows; false (ERROR_CANCELLED) when
 * the meter was stopped. */
bool rows_meter_add(RowsMeter *meter, const CopyTable *table, uint64_t rows, uint64_t bytes,
    Error *error) __attribute__((nonnull, warn_unused_result));
