#pragma once

/*
 * Moves and digests the rows of one table, in the form that is exact for its server: PostgreSQL by
 * binary COPY with named columns, MySQL by multi-row INSERT of each value's own bytes.
 *
 *   rows_begin_reading(production)   one snapshot for everything that is read from it
 *   rows_begin_writing(staging)
 *   rows_copy()                      one table, in one transaction on staging; digests what it read
 *   rows_digest()                    the same digest of a table as it is
 *
 * Memory: one row or one batch of 1 MiB, whichever is larger. Errors: ERROR_PRECONDITION a row that
 * staging cannot take (MySQL: max_allowed_packet), else those of the server.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/copy/catalogue.h"
#include "agent/handlers/copy/row_digest.h"

typedef struct RowsPipe {
    AgentIo *io;
    Database *from, *to;
} RowsPipe;

bool rows_begin_reading(Database *database, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool rows_begin_writing(Database *database, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool rows_copy(const RowsPipe *pipe, const CopyTable *table, RowDigest *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool rows_digest(AgentIo *io, Database *database, const CopyTable *table, RowDigest *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Tells the screen now and then: "rows of REG_LOG". */
void rows_progress(AgentIo *io, const char *doing, const CopyTable *table, uint64_t rows)
    __attribute__((nonnull));
