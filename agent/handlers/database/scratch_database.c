#include "agent/handlers/database/scratch_database.h"

#include <sys/random.h>

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"

#define RANDOM_BYTES 8

/* What follows the name in CREATE DATABASE. */
static const char *const manner_queries[] = {
    [DATABASE_MYSQL] = "SELECT CONCAT('CHARACTER SET ', default_character_set_name, ' COLLATE ',"
                       " default_collation_name) FROM information_schema.SCHEMATA"
                       " WHERE schema_name = DATABASE()",
    [DATABASE_POSTGRESQL] =
        "SELECT format('TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',"
        " pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database"
        " WHERE datname = current_database()",
};

static char *name_key(const Command *command)
{
    return memory_format("scratch/%s/name", command->target);
}

static bool make_name(char **ret, Error *error)
{
    unsigned char bytes[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return error_set(error, ERROR_IO, "no random number can be had");
    text_hex(bytes, sizeof(bytes), hex);
    *ret = memory_format("dss_scratch_%s", hex);
    return true;
}

bool scratch_make(
    AgentIo *io, const Command *command, Database *production, char **ret_name, Error *error)
{
    AUTO(Database) *staging = NULL;
    AUTO_TEXT *key = name_key(command);
    AUTO_TEXT *name = NULL;
    AUTO_TEXT *manner = NULL;
    AUTO_TEXT *sql = NULL;

    if (!make_name(&name, error) ||
        !database_value(production, manner_queries[database_type(production)], &manner, error) ||
        !target_open(io, command, SIDE_STAGING, &staging, error) ||
        !io->remember(io->self, key, name, error))
        return false;
    sql = memory_format("CREATE DATABASE %s %s", name, manner ? manner : "");
    if (!database_run(staging, sql, NULL, error))
        return error_prefix(error,
            "making scratch database %s (the login needs the right to create "
            "databases on the staging server): ",
            name);
    *ret_name = TAKE(name);
    return true;
}

/* *ret is NULL for none. */
static bool recall_name(AgentIo *io, const Command *command, char **ret, Error *error)
{
    AUTO_TEXT *key = name_key(command);
    AUTO_TEXT *name = NULL;

    if (!io->recall(io->self, key, &name, error))
        return false;
    *ret = name && name[0] != '\0' ? TAKE(name) : NULL;
    return true;
}

bool scratch_is_known(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    AUTO_TEXT *name = NULL;

    if (!recall_name(io, command, &name, error))
        return false;
    *ret = name != NULL;
    return true;
}

bool scratch_find(AgentIo *io, const Command *command, char **ret_name, Error *error)
{
    AUTO_TEXT *name = NULL;

    if (!recall_name(io, command, &name, error))
        return false;
    if (!name)
        return error_set(error, ERROR_PRECONDITION,
            "there is no scratch database of %s any more: rehearse again", command->target);
    *ret_name = TAKE(name);
    return true;
}

/* PostgreSQL drops nothing that a session uses: that of a killed worker may not have ended yet. */
static bool end_sessions(Database *staging, const char *name, Error *error)
{
    AUTO_TEXT *sql = memory_format("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                   " WHERE datname = '%s'",
        name);
    AUTO_TEXT *count = NULL;

    return database_type(staging) == DATABASE_MYSQL || database_value(staging, sql, &count, error);
}

bool scratch_drop(AgentIo *io, const Command *command, Error *error)
{
    AUTO(Database) *staging = NULL;
    AUTO_TEXT *key = name_key(command);
    AUTO_TEXT *name = NULL;
    AUTO_TEXT *sql = NULL;

    if (!recall_name(io, command, &name, error))
        return false;
    if (!name)
        return true;
    sql = memory_format("DROP DATABASE IF EXISTS %s", name);
    return target_open(io, command, SIDE_STAGING, &staging, error) &&
           end_sessions(staging, name, error) && database_run(staging, sql, NULL, error) &&
           io->remember(io->self, key, "", error);
}
