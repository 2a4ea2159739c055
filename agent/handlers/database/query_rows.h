#pragma once

/*
 * All rows of one query at once, for questions to a catalogue; never for a table's own rows.
 *
 * Owns: everything lies in the arena that the caller gives. Values are C strings, NULL as NULL.
 * Errors: those of database_query(), and ERROR_INVALID beyond QUERY_ROWS_MAX rows.
 */

#include "agent/handlers/database/database.h"
#include "common/base/memory.h"

#define QUERY_ROWS_MAX 100000

typedef struct QueryRows {
    const char *const **rows; /* rows[i][column] */
    size_t count;
} QueryRows;

bool query_rows(Database *database, Arena *arena, const char *sql, QueryRows *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The one value of a query as a number; NULL, no row or no number is 0. */
bool query_number(Database *database, const char *sql, uint64_t *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
