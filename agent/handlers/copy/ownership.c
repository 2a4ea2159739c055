#include "agent/handlers/copy/ownership.h"

#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/database/same_server.h"
#include "common/base/text.h"

#define NAMES_SHOWN 3

static const char *const identity_queries[] = {
    [DATABASE_MYSQL] = "SELECT CONCAT(@@hostname, ':', @@port, @@datadir, ' ', DATABASE())",
    [DATABASE_POSTGRESQL] = "SELECT (SELECT system_identifier FROM pg_control_system()) || ' ' ||"
                            " oid || ' ' || datname FROM pg_database"
                            " WHERE datname = current_database()",
};

/* name, statement that drops it; parents last does not matter: keys are off or cascade */
static const char *const content_queries[] = {
    [DATABASE_MYSQL] =
        "SELECT table_name, CONCAT('DROP ', CASE WHEN table_type LIKE '%VIEW' THEN 'VIEW'"
        " WHEN table_type = 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END,"
        " ' IF EXISTS `', REPLACE(table_name, '`', '``'), '`')"
        " FROM information_schema.TABLES WHERE table_schema = DATABASE() ORDER BY table_name",
    [DATABASE_POSTGRESQL] =
        "SELECT c.relname, format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind"
        " WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'"
        " WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, n.nspname, c.relname)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')"
        " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
        " AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass"
        "   AND e.objid = c.oid AND e.deptype IN ('e', 'i'))"
        " ORDER BY c.relkind = 'S', n.nspname, c.relname",
};

static char *owner_key(const Command *command)
{
    return memory_format("staging-owner/%s", command->target);
}

static bool owner_value(const Command *command, Database *staging, char **ret, Error *error)
{
    AUTO_TEXT *identity = NULL;

    if (!database_value(staging, identity_queries[database_type(staging)], &identity, error))
        return false;
    *ret = memory_format("%s %s", command->id.run, identity ? identity : "");
    return true;
}

static bool read_content(Database *staging, Arena *arena, QueryRows *ret, Error *error)
{
    return query_rows(staging, arena, content_queries[database_type(staging)], ret, error);
}

static bool is_marked(
    AgentIo *io, const Command *command, Database *staging, bool *ret, Error *error)
{
    AUTO_TEXT *key = owner_key(command);
    AUTO_TEXT *known = NULL;
    AUTO_TEXT *wanted = NULL;

    if (!owner_value(command, staging, &wanted, error) || !io->recall(io->self, key, &known, error))
        return false;
    *ret = known && strcmp(known, wanted) == 0;
    return true;
}

bool staging_owner(
    AgentIo *io, const Command *command, Database *staging, StagingOwner *ret, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    QueryRows content;
    bool marked;

    if (!is_marked(io, command, staging, &marked, error) ||
        !read_content(staging, arena, &content, error))
        return false;
    if (marked)
        *ret = STAGING_OURS;
    else
        *ret = content.count == 0 ? STAGING_EMPTY : STAGING_FOREIGN;
    return true;
}

bool staging_is_apart(const Command *command, Database *production, Database *staging, Error *error)
{
    bool same = true;

    if (!same_database(production, staging, &same, error))
        return false;
    return !same || error_set(error, ERROR_PRECONDITION,
                        "production and staging of %s are one and the same database: correct the "
                        "logins in agent.xml",
                        command->target);
}

static bool refuse_foreign(const Command *command, Database *staging, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    QueryRows content;
    TEXT_AUTO(names, 300);

    if (!read_content(staging, arena, &content, error))
        return false;
    for (size_t i = 0; i < content.count && i < NAMES_SHOWN; i++)
        text_add(&names, "%s%.60s", i > 0 ? ", " : "", content.rows[i][0]);
    return error_set(error, ERROR_PRECONDITION,
        "staging database %s holds %zu table(s) and the like that this run did not make (%s%s): "
        "abort the run that made them, or name an empty database",
        command->target, content.count, names.bytes, content.count > NAMES_SHOWN ? ", …" : "");
}

bool staging_claim(AgentIo *io, const Command *command, Database *staging, Error *error)
{
    AUTO_TEXT *key = owner_key(command);
    AUTO_TEXT *value = NULL;
    StagingOwner owner;

    if (!staging_owner(io, command, staging, &owner, error))
        return false;
    if (owner == STAGING_OURS)
        return true;
    if (owner == STAGING_FOREIGN)
        return refuse_foreign(command, staging, error);
    /* what the ledger knows is about a database that is no more: its content was taken away */
    return staging_forget_content(io, command, error) &&
           owner_value(command, staging, &value, error) &&
           io->remember(io->self, key, value, error);
}

bool staging_forget_content(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *copy = memory_format("copy/%s/", command->target);
    AUTO_TEXT *migration = memory_format("migrate/%s/staging/", command->target);

    return io->forget(io->self, copy, error) && io->forget(io->self, migration, error);
}

bool staging_release(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *owner = owner_key(command);

    /* not forget(): a prefix, and another database's name may begin with this one's */
    return staging_forget_content(io, command, error) && io->remember(io->self, owner, "", error);
}

bool staging_drop_all(Database *staging, uint64_t *ret_dropped, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    QueryRows content;

    if (database_type(staging) == DATABASE_MYSQL &&
        !database_run(staging, "SET SESSION foreign_key_checks = 0", NULL, error))
        return false;
    if (!read_content(staging, arena, &content, error))
        return false;
    for (size_t i = 0; i < content.count; i++)
        if (!database_run(staging, content.rows[i][1], NULL, error))
            return error_prefix(error, "clearing staging of %s: ", content.rows[i][0]);
    *ret_dropped = content.count;
    return true;
}
