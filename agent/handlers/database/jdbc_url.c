#include "agent/handlers/database/jdbc_url.h"

#include <assert.h>
#include <ctype.h>
#include <strings.h>

#include "common/base/text.h"

#define WRAPPER "jdbc:log4jdbc:" /* the real url follows, without its jdbc: */

typedef struct Scheme {
    const char *begins; /* without jdbc: */
    JdbcKind kind;
} Scheme;

/* The longer one first where one begins another. */
static const Scheme schemes[] = {
    { "mysql:", JDBC_MYSQL },
    { "mariadb:", JDBC_MARIADB },
    { "postgresql:", JDBC_POSTGRESQL },
    { "h2:", JDBC_H2 },
    { "oracle:", JDBC_ORACLE },
    { "jtds:sqlserver:", JDBC_MSSQL },
    { "sqlserver:", JDBC_MSSQL },
    { "microsoft:sqlserver:", JDBC_MSSQL },
    { "db2:", JDBC_DB2 },
    { "derby:", JDBC_DERBY },
    { "informix-sqli:", JDBC_INFORMIX },
    { "datadirect:openedge:", JDBC_OPENEDGE },
    { "hsqldb:", JDBC_HSQLDB },
    { "sybase:", JDBC_SYBASE },
};

static const struct {
    const char *name;
    DatabaseType type;
    const char *port;
} kinds[] = {
    [JDBC_MYSQL] = { "MySQL", DATABASE_MYSQL, "3306" },
    [JDBC_MARIADB] = { "MariaDB", DATABASE_MYSQL, "3306" },
    [JDBC_POSTGRESQL] = { "PostgreSQL", DATABASE_POSTGRESQL, "5432" },
    [JDBC_H2] = { "H2", DATABASE_TYPE_COUNT, NULL },
    [JDBC_ORACLE] = { "Oracle", DATABASE_TYPE_COUNT, NULL },
    [JDBC_MSSQL] = { "Microsoft SQL Server", DATABASE_TYPE_COUNT, NULL },
    [JDBC_DB2] = { "DB2", DATABASE_TYPE_COUNT, NULL },
    [JDBC_DERBY] = { "Derby", DATABASE_TYPE_COUNT, NULL },
    [JDBC_INFORMIX] = { "Informix", DATABASE_TYPE_COUNT, NULL },
    [JDBC_OPENEDGE] = { "OpenEdge", DATABASE_TYPE_COUNT, NULL },
    [JDBC_HSQLDB] = { "HSQLDB", DATABASE_TYPE_COUNT, NULL },
    [JDBC_SYBASE] = { "Sybase", DATABASE_TYPE_COUNT, NULL },
    [JDBC_UNKNOWN] = { "unknown", DATABASE_TYPE_COUNT, NULL },
};
static_assert(
    sizeof(kinds) / sizeof(kinds[0]) == JDBC_KIND_COUNT, "every kind of database has a row");

const char *jdbc_kind_name(JdbcKind kind)
{
    assert(kind < JDBC_KIND_COUNT);
    return kinds[kind].name;
}

DatabaseType jdbc_database_type(JdbcKind kind)
{
    assert(kind < JDBC_KIND_COUNT);
    return kinds[kind].type;
}

/* A database in the server's process, not one that a network leads to. */
static bool is_embedded(JdbcKind kind, const char *rest)
{
    if (kind == JDBC_H2)
        return strncasecmp(rest, "tcp:", 4) != 0 && strncasecmp(rest, "ssl:", 4) != 0;
    if (kind == JDBC_DERBY)
        return strncmp(rest, "//", 2) != 0;
    return kind == JDBC_HSQLDB && strncasecmp(rest, "hsql:", 5) != 0 &&
           strncasecmp(rest, "http", 4) != 0;
}

/* "name", "name:port", "[::1]:port" -> "name:port" in lower case. */
static bool add_host(JdbcUrl *url, const char *text, size_t length)
{
    const char *port = kinds[url->kind].port;
    const char *bracket = memrchr(text, ']', length);
    const char *from = bracket ? bracket : text;
    const char *colon = memchr(from, ':', length - (size_t)(from - text));
    char *host;
    int written;

    if (length == 0 || url->host_count == JDBC_HOSTS_MAX || memchr(text, '(', length))
        return false;
    host = url->hosts[url->host_count++];
    written = snprintf(
        host, JDBC_HOST_BYTES, "%.*s%s%s", (int)length, text, colon ? "" : ":", colon ? "" : port);
    for (char *each = host; *each; each++)
        *each = (char)tolower((unsigned char)*each);
    if (strncmp(host, "localhost:", 10) == 0)
        written = snprintf(host, JDBC_HOST_BYTES, "127.0.0.1:%.*s", 5, colon ? colon + 1 : port);
    return written > 0 && written < JDBC_HOST_BYTES;
}

/* What follows the scheme: "//host[:port][,host…]/database?…", or "database?…" on this host. */
static bool parse_place(JdbcUrl *url, const char *rest)
{
    size_t length = strcspn(rest, "?;#");
    const char *end = rest + length;
    const char *slashes = memmem(rest, length, "//", 2);
    const char *database = rest;

    if (slashes) {
        const char *at = slashes + 2;

        database = memchr(at, '/', (size_t)(end - at));
        if (!database)
            return false;
        while (at <= database) {
            size_t width = strcspn(at, ",/");

            if (!add_host(url, at, width))
                return false;
            at += width + 1;
        }
        database++;
    } else if (!add_host(url, "127.0.0.1", 9)) {
        return false;
    }
    if (database == end || (size_t)(end - database) >= JDBC_DATABASE_MAX)
        return false;
    memcpy(url->database, database, (size_t)(end - database));
    return true;
}

bool jdbc_url_parse(const char *url, JdbcUrl *ret, Error *error)
{
    const char *rest = url;

    *ret = (JdbcUrl){ .kind = JDBC_UNKNOWN };
    if (strncasecmp(url, WRAPPER, strlen(WRAPPER)) == 0)
        rest += strlen(WRAPPER);
    else if (strncasecmp(url, "jdbc:", 5) == 0)
        rest += 5;
    else
        return error_set(error, ERROR_INVALID, "a database url does not begin with jdbc:");
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncasecmp(rest, schemes[i].begins, strlen(schemes[i].begins)) == 0) {
            ret->kind = schemes[i].kind;
            rest += strlen(schemes[i].begins);
            break;
        }
    ret->embedded = is_embedded(ret->kind, rest);
    if (jdbc_database_type(ret->kind) != DATABASE_TYPE_COUNT && !parse_place(ret, rest))
        return error_set(error, ERROR_INVALID,
            "a %s url has no host or no database: it has to be like jdbc:%s://host:port/database",
            jdbc_kind_name(ret->kind), ret->kind == JDBC_POSTGRESQL ? "postgresql" : "mysql");
    return true;
}

bool jdbc_same_database(const JdbcUrl *a, const JdbcUrl *b)
{
    if (jdbc_database_type(a->kind) == DATABASE_TYPE_COUNT ||
        jdbc_database_type(a->kind) != jdbc_database_type(b->kind) ||
        strcmp(a->database, b->database) != 0)
        return false;
    for (size_t i = 0; i < a->host_count; i++)
        for (size_t k = 0; k < b->host_count; k++)
            if (strcmp(a->hosts[i], b->hosts[k]) == 0)
                return true;
    return false;
}

bool jdbc_urls_lead_to_same(const char *a, const char *b)
{
    JdbcUrl url_a, url_b;
    Error ignored = { 0 };

    return jdbc_url_parse(a, &url_a, &ignored) && jdbc_url_parse(b, &url_b, &ignored) &&
           jdbc_same_database(&url_a, &url_b);
}
