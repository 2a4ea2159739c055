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
    bool (*make_durable)(Database *database, Error *error); /* NULL: each commit was */
    bool (*copy)(const RowsPipe *pipe, const RowsChunk *chunk, RowDigest *ret, Error *error);
    bool (*digest)(
        Database *database, const RowsChunk *chunk, RowsMeter *meter, RowDigest *ret, Error *error);
    /* NULL: chunks are read one by one, which costs no more there */
    bool (*digest_sorted)(Database *database, const RowsSorting *sorting, RowsMeter *meter,
        RowDigest *ret, Error *error);
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
Millis rows_silence(const RowsMeter *meter) __attribute__((nonnull));
