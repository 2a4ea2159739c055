#include "agent/handlers/database/same_server.h"

#include <assert.h>
#include <strings.h>

#include "common/base/memory.h"

/* Not server_uuid: MariaDB has none, and a cloned MySQL server keeps that of the other one. */
static const char *const identity_queries[] = {
    [DATABASE_MYSQL] = "SELECT CONCAT(@@hostname, ' ', @@port, ' ', @@datadir, ' ', @@socket)",
    [DATABASE_POSTGRESQL] = "SELECT (SELECT system_identifier FROM pg_control_system()) || ' '"
                            " || pg_postmaster_start_time() || ' ' || current_setting('port')",
};
static_assert(sizeof(identity_queries) / sizeof(identity_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static const char *const name_queries[] = {
    [DATABASE_MYSQL] = "SELECT DATABASE()",
    [DATABASE_POSTGRESQL] = "SELECT current_database()",
};
static_assert(sizeof(name_queries) / sizeof(name_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

bool same_server(Database *a, Database *b, bool *ret, Error *error)
{
    AUTO_TEXT *first = NULL;
    AUTO_TEXT *second = NULL;

    if (database_type(a) != database_type(b)) {
        *ret = false;
        return true;
    }
    if (!database_value(a, identity_queries[database_type(a)], &first, error) ||
        !database_value(b, identity_queries[database_type(b)], &second, error))
        return error_prefix(error, "the servers do not say who they are: ");
    *ret = first && second && strcmp(first, second) == 0;
    return true;
}

bool same_database(Database *a, Database *b, bool *ret, Error *error)
{
    AUTO_TEXT *first = NULL;
    AUTO_TEXT *second = NULL;

    if (!same_server(a, b, ret, error))
        return false;
    if (!*ret)
        return true;
    if (!database_value(a, name_queries[database_type(a)], &first, error) ||
        !database_value(b, name_queries[database_type(b)], &second, error))
        return false;
    /* without regard to case: a server may keep names so, and one false alarm costs little */
    *ret = !first || !second || strcasecmp(first, second) == 0;
    return true;
}
