#pragma once

/*
 * How a catalogue grows while it is read; for the catalogue files alone.
 *
 * Owns: the catalogue is the caller's; lists live in its arena and are grown by copying.
 */

#include "agent/handlers/copy/catalogue.h"
#include "agent/handlers/database/query_rows.h"

CopyTable *catalogue_add_table(CopyCatalogue *catalogue, const CopyTable *table)
    __attribute__((nonnull, returns_nonnull));
void catalogue_add_step(CopyCatalogue *catalogue, CopyStepKind kind, const char *name,
    const char *done, const char *sql) __attribute__((nonnull(1, 3, 5)));
/* The same with all members. */
void catalogue_add_table_step(CopyCatalogue *catalogue, const CopyStep *step)
    __attribute__((nonnull));
/* The table can be cut by that column, if it is one of those that are copied. */
void catalogue_set_cut(CopyCatalogue *catalogue, CopyTable *table, Database *database,
    const char *column) __attribute__((nonnull));
void catalogue_add_leftover(CopyCatalogue *catalogue, const char *kind, const char *name)
    __attribute__((nonnull));
/* Adds "kind", "name" rows of a query as leftovers. */
bool catalogue_add_leftovers(CopyCatalogue *catalogue, Database *database, const char *sql,
    Error *error) __attribute__((nonnull, warn_unused_result));
char *catalogue_format(CopyCatalogue *catalogue, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull, returns_nonnull));

bool catalogue_read_mysql(Database *database, CopyCatalogue *catalogue, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool catalogue_read_postgresql(Database *database, CopyCatalogue *catalogue, Error *error)
    __attribute__((nonnull, warn_unused_result));
