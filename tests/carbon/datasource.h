#pragma once

/*
 * repository/conf/datasources: every file that ends in -datasources.xml, master- first, as the real
 * server reads them. One bad entry makes the whole reading fail.
 *
 * Errors: ERROR_INVALID with the server's own words. Owns: all in the given arena.
 */

#include <stddef.h>

#include "common/base/error.h"
#include "common/base/memory.h"

typedef enum JdbcKind {
    JDBC_H2, /* a file of the home: no session */
    JDBC_MYSQL,
    JDBC_POSTGRESQL,
    JDBC_KIND_COUNT,
} JdbcKind;

typedef struct Datasource {
    const char *name, *jndi, *url, *user, *password, *driver;
    JdbcKind kind;
    const char *host, *port, *database; /* MySQL, PostgreSQL; for H2 `database` is its file */
} Datasource;

typedef struct DatasourceList {
    Datasource *items;
    size_t count;
} DatasourceList;

bool datasource_read_all(Arena *arena, const char *home, DatasourceList *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* By JNDI name; NULL: unknown. */
const Datasource *datasource_find(const DatasourceList *list, const char *jndi)
    __attribute__((nonnull));
/* By the name of the datasource itself, as data services refer to it; NULL: unknown. */
const Datasource *datasource_named(const DatasourceList *list, const char *name)
    __attribute__((nonnull));
/* Fills kind, host, port and database from `url`. */
bool datasource_parse_url(Arena *arena, Datasource *datasource, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Whether a jar in repository/components/lib or dropins of the home holds the driver's class. */
bool datasource_has_driver(const char *home, const Datasource *datasource) __attribute__((nonnull));
