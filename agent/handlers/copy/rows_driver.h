#pragma once

/* What a database type brings for rows.h; for rows*.c alone. */

#include "agent/handlers/copy/rows.h"

typedef struct RowsDriver {
    bool (*begin_reading)(Database *database, Error *error);
    bool (*begin_writing)(Database *database, Error *error);
    bool (*copy)(const RowsPipe *pipe, const CopyTable *table, RowDigest *ret, Error *error);
    bool (*digest)(
        AgentIo *io, Database *database, const CopyTable *table, RowDigest *ret, Error *error);
} RowsDriver;

extern const RowsDriver rows_mysql;
extern const RowsDriver rows_postgresql;
