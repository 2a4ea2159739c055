#include "agent/handlers/same_server.h"

#include <assert.h>

#include "common/base/memory.h"

/* Not server_uuid: MariaDB has none, and a cloned MySQL server keeps that of the other one. */
static const char *const identity_queries[] = {
    [DATABASE_MYSQL] = "SELECT CONCAT(@@hostname, ' ', @@port, ' ', @@datadir, ' ', @@socket)",
    [DATABASE_POSTGRESQL] = "SELECT (SELECT system_identifier FROM pg_control_system()) || ' '"
                            " || pg_postmaster_start_time() || ' ' || current_setting('port')",
};
static_assert(sizeof(identity_queries) / sizeof(identity_queries[0]) == DATABASE_TYPE_COUNT,
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
