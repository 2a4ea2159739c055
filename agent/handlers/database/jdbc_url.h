#pragma once

/*
 * What a JDBC url leads to: which kind of database, which hosts, which database there.
 *
 * The kind is told by the scheme at the url's beginning; a search in the whole text, as Carbon does
 * it, calls jdbc:db2://h2host/... an H2. Only MySQL, MariaDB and PostgreSQL can be upgraded; all
 * others that Carbon knows are recognised, to be refused by name.
 *
 * Owns: its texts are inside. Errors: ERROR_INVALID.
 */

#include "agent/core/agent_config.h"
#include "common/base/error.h"

#define JDBC_HOSTS_MAX    16
#define JDBC_HOST_BYTES   272 /* name:port */
#define JDBC_DATABASE_MAX 128

typedef enum JdbcKind {
    JDBC_MYSQL,
    JDBC_MARIADB,
    JDBC_POSTGRESQL,
    JDBC_H2,
    JDBC_ORACLE,
    JDBC_MSSQL,
    JDBC_DB2,
    JDBC_DERBY,
    JDBC_INFORMIX,
    JDBC_OPENEDGE,
    JDBC_HSQLDB,
    JDBC_SYBASE,
    JDBC_UNKNOWN,
    JDBC_KIND_COUNT,
} JdbcKind;

typedef struct JdbcUrl {
    JdbcKind kind;
    bool embedded; /* in the server's own process: a file of its home, or memory */
    char hosts[JDBC_HOSTS_MAX][JDBC_HOST_BYTES]; /* "db1.example.com:3306", lower case */
    size_t host_count;
    char database[JDBC_DATABASE_MAX];
} JdbcUrl;

/* Hosts and database are only filled in for the kinds that can be upgraded. */
bool jdbc_url_parse(const char *url, JdbcUrl *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* As people write it: "Oracle". */
const char *jdbc_kind_name(JdbcKind kind);
/* The type that this tool works with, or DATABASE_TYPE_COUNT. */
DatabaseType jdbc_database_type(JdbcKind kind);
/* Whether both lead to one database: the same name on a host that both name. */
bool jdbc_same_database(const JdbcUrl *a, const JdbcUrl *b) __attribute__((nonnull));
/* False too when one of them cannot be parsed. */
bool jdbc_urls_lead_to_same(const char *a, const char *b) __attribute__((nonnull));
