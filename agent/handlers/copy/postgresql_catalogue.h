#pragma once

/* What the files that read a PostgreSQL catalogue share; for postgresql_catalogue*.c alone. */

#include "agent/handlers/copy/catalogue_builder.h"

/* Schemas of users, without what extensions brought. */
#define USER_SCHEMA " n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
#define NOT_OF_EXTENSION(class, oid)                                                               \
    " AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '" class "'::regclass AND "        \
                                                                         "e.objid = " oid          \
                                                                         " AND e.deptype = 'e')"

typedef struct PgReading {
    Database *database;
    CopyCatalogue *catalogue;
    QueryRows columns;
    char *schema; /* the session's own: names in it are shown without it */
} PgReading;

/* "schema"."name", in the catalogue's arena. */
char *pg_quoted_name(const PgReading *reading, const char *schema, const char *name)
    __attribute__((nonnull, returns_nonnull));
/* Keys and other constraints; foreign keys last. */
bool pg_add_constraints(PgReading *reading, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool pg_add_indexes(PgReading *reading, Error *error) __attribute__((nonnull, warn_unused_result));
bool pg_add_grants(PgReading *reading, Error *error) __attribute__((nonnull, warn_unused_result));
bool pg_add_comments(PgReading *reading, Error *error) __attribute__((nonnull, warn_unused_result));
