#pragma once

/* What a database type brings for rows.h; for rows*.c alone. */

#include "agent/handlers/copy/rows.h"

/* A driver calls rows_meter_add() after so many rows, or bytes, whichever comes first. */
#define ROWS_METER_ROWS  4096
#define ROWS_METER_BYTES ((uint64_t)1 << 20)

typedef struct RowsDriver {
    bool (*begin_reading)(Database *database, const char *snapshot, Error *error);
    bool (*share_snapshot)(Database *database, char **ret, Error *error);
    bool (*begin_writing)(Database *database, Error *error);
    bool (*copy)(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error);
    bool (*digest)(
        Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error);
} RowsDriver;

extern const RowsDriver rows_mysql;
extern const RowsDriver rows_postgresql;

/* Counts one row into the meter, in steps: a part of a driver's state. */
typedef struct RowsCount {
    RowsMeter *meter;
    const CopyTable *table;
    RowDigest *digest;    /* grows with the rows */
    uint64_t rows, bytes; /* of the digest, that the meter knows */
} RowsCount;

bool rows_count(RowsCount *count, Error *error) __attribute__((nonnull, warn_unused_result));
/* Takes the chunk's rows away from staging; the caller frees. */
char *rows_delete_statement(const RowsChunk *chunk) __attribute__((nonnull, returns_nonnull));
