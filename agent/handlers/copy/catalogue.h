#pragma once

/*
 * What has to be copied of one database, read from its own catalogue: the tables, what makes them
 * before the rows come, and the steps that complete them afterwards (indexes, keys, sequences,
 * counters, owners).
 *
 * A document: built once by copy_catalogue_read(), read-only, freed in one call. Names are as the
 * catalogue spells them. Errors: ERROR_PRECONDITION for tables of a kind that is not copied (their
 * names are in the text), ERROR_DATABASE and the like from the server.
 */

#include "agent/handlers/database/database.h"
#include "common/base/memory.h"

typedef struct CopyColumn {
    const char *name;
    bool as_bytes; /* MySQL: sent as _binary'…', because its bytes are the value */
    bool in_key;   /* of the primary key, or of a unique key without NULL */
} CopyColumn;

typedef struct CopyTable {
    const char *name; /* for people and the ledger; "schema.table" outside of the current schema */
    const char *quoted;  /* for SQL */
    const char *columns; /* quoted, with commas; without generated ones */
    const char *reads;   /* the same as expressions that give each value exactly */
    const char *create;  /* CREATE TABLE, without secondary indexes and foreign keys */
    CopyColumn *column;  /* column_count of them */
    size_t column_count;
    bool has_key;
    bool has_primary;   /* MySQL: a primary key, whose order is that of the rows */
    bool binary;        /* PostgreSQL: COPY in the binary format is safe for all its types */
    uint64_t estimated; /* rows */
    uint64_t bytes;     /* on disk, without indexes; an estimate as well */
    const char *cut;    /* quoted: a column of whole numbers that an index begins with; or NULL */
    size_t cut_column;  /* of column */
    bool cut_null;      /* it may be NULL */
} CopyTable;

typedef enum CopyStepKind {
    COPY_STEP_BEFORE, /* before the tables: schemas, sequences */
    COPY_STEP_INDEX,  /* several of one table at a time do not hinder each other */
    COPY_STEP_KEY,    /* constraints, some by an index that is there; alone on its table */
    COPY_STEP_FOREIGN_KEY,
    COPY_STEP_ORPHANS, /* a query that counts rows of the child without a parent */
    COPY_STEP_COUNTER, /* sequence values, counters */
    COPY_STEP_OWNER,
    COPY_STEP_KIND_COUNT,
} CopyStepKind;

/* One statement on the staging database. */
typedef struct CopyStep {
    CopyStepKind kind;
    const char *name;
    const char *table;  /* quoted: whose it is; NULL: of none, or of several */
    const char *parent; /* quoted: the other table of a foreign key; NULL: several */
    const char *done; /* a query whose number is not 0 when the step was done; NULL: do it again */
    const char *sql;
} CopyStep;

/* What the copy does not take along: kind ("view", "trigger", …) and name. */
typedef struct CopyLeftover {
    const char *kind, *name;
} CopyLeftover;

typedef struct CopyCatalogue {
    DatabaseType type;
    CopyTable *tables;
    size_t table_count;
    CopyStep *steps;
    size_t step_count;
    CopyLeftover *leftovers;
    size_t leftover_count;
    Arena *arena;
} CopyCatalogue;

bool copy_catalogue_read(Database *database, CopyCatalogue **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void copy_catalogue_free(CopyCatalogue *catalogue);
const CopyTable *copy_catalogue_table(const CopyCatalogue *catalogue, const char *name)
    __attribute__((nonnull)); /* or NULL */

DEFINE_AUTO(CopyCatalogue, copy_catalogue_free)
