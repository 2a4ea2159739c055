/* Checks of the staging database, and of what it and production have to have in common. */

#include <assert.h>

#include "agent/handlers/copy/ownership.h"
#include "agent/handlers/database/jdbc_url.h"
#include "agent/handlers/database/same_server.h"
#include "agent/handlers/inspection/database_checks.h"
#include "agent/handlers/inspection/takeover_checks.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define SHOWN 6

/* urls */

static const char *url_of(const Inspection *inspection, DatabaseSide side)
{
    return facts_get(
        &inspection->command->args, side == SIDE_PRODUCTION ? ARG_PRODUCTION_URL : ARG_STAGING_URL);
}

/* Why an url is none of a database that is moved; false when it is one. */
static bool is_refused(const char *text, char **ret_why)
{
    JdbcUrl url;
    Error wrong = { 0 };

    if (!text)
        *ret_why = memory_text("the inventory has no url");
    else if (!jdbc_url_parse(text, &url, &wrong))
        *ret_why = memory_text(wrong.text);
    else if (url.kind == JDBC_UNKNOWN)
        *ret_why = memory_text("the url is of no kind of database that the servers know");
    else if (url.kind == JDBC_MARIADB)
        *ret_why = memory_text("the servers do not know MariaDB's own driver: write jdbc:mysql: "
                               "and use MySQL's driver");
    else if (jdbc_database_type(url.kind) == DATABASE_TYPE_COUNT)
        *ret_why = memory_format(
            "%s is not supported: MySQL, MariaDB and PostgreSQL are", jdbc_kind_name(url.kind));
    else
        return false;
    return true;
}

static bool check_supported(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    (void)error;
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++) {
        AUTO_TEXT *why = NULL;

        if (!is_refused(url_of(inspection, side), &why))
            continue;
        CHECK_FAILS(inspection, check, "%s: %s", database_side_name(side), why);
        return true;
    }
    CHECK_PASSES(inspection, check, "both urls name a type that is moved");
    return true;
}

/* False for an url that DB-TYPE-SUPPORTED has refused. */
static bool parsed_url(const Inspection *inspection, DatabaseSide side, JdbcUrl *ret)
{
    const char *text = url_of(inspection, side);
    Error ignored = { 0 };

    return text && jdbc_url_parse(text, ret, &ignored) &&
           jdbc_database_type(ret->kind) != DATABASE_TYPE_COUNT;
}

static bool check_same_type(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *configured = database_type_name(inspection->config->type);

    (void)error;
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++) {
        JdbcUrl url;

        if (!parsed_url(inspection, side, &url))
            return true;
        if (jdbc_database_type(url.kind) != inspection->config->type) {
            CHECK_FAILS(inspection, check, "the %s url is one of %s, agent.xml says %s",
                database_side_name(side), jdbc_kind_name(url.kind), configured);
            return true;
        }
    }
    CHECK_PASSES(inspection, check, "both urls and agent.xml say %s", configured);
    return true;
}

/* Goes where the url leads with the agent's login; true: it is the database of that side. */
static bool url_is_proven(Inspection *inspection, const DatabaseCheck *check, DatabaseSide side,
    const char *place, Error *error)
{
    const DatabaseLimits limits = { .connect_s = 5, .statement_s = 10, .lock_s = 5 };
    const char *name = database_side_name(side);
    AUTO(Database) *there = NULL;
    Error refusal = { 0 };
    bool same = false, crossed = false;

    if (!database_open_at(inspection->config, side, place, &limits, &there, &refusal)) {
        if (refusal.kind == ERROR_UNREACHABLE)
            CHECK_WARNS(inspection, check, "the %s url leads to a server not reached from here: %s",
                name, refusal.text);
        else
            CHECK_FAILS(inspection, check,
                "the %s url leads to a server that refuses the agent's login to %s: %s", name, name,
                refusal.text);
        return false;
    }
    if (!same_database(there, inspection->side[side], &same, error) ||
        !same_server(there, inspection->side[SIDE_COUNT - 1 - side], &crossed, error))
        return false;
    if (!same)
        CHECK_FAILS(inspection, check, "the %s url leads to %s, and that is %s", name, place,
            crossed ? "the server of the other side" : "another server than the agent's login has");
    return same;
}

static bool check_url_matches(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++) {
        const DatabaseLogin *login = side == SIDE_PRODUCTION ? &inspection->config->production
                                                             : &inspection->config->staging;
        JdbcUrl url;

        if (!parsed_url(inspection, side, &url))
            return true;
        if (strcasecmp(url.database, login->database) != 0) {
            CHECK_FAILS(inspection, check,
                "the %s url leads to database '%s', the agent's login to '%s'",
                database_side_name(side), url.database, login->database);
            return true;
        }
        for (size_t i = 0; i < url.host_count; i++)
            if (!url_is_proven(inspection, check, side, url.hosts[i], error))
                return error->kind == ERROR_NONE;
    }
    CHECK_PASSES(
        inspection, check, "each url leads to the database that the agent's login reaches");
    return true;
}

/* versions */

typedef struct Version {
    unsigned long major, minor;
    bool mariadb;
} Version;

static Version version_of(const Database *database)
{
    const char *text = database_server_version(database);
    char *end = NULL;
    Version version = { .mariadb = strstr(text, "MariaDB") != NULL };

    version.major = strtoul(text, &end, 10);
    if (*end == '.')
        version.minor = strtoul(end + 1, NULL, 10);
    /* PostgreSQL from 10 on: the second number is a patch */
    if (database_type(database) == DATABASE_POSTGRESQL && version.major >= 10)
        version.minor = 0;
    return version;
}

static bool check_version(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *old_text = database_server_version(inspection->side[SIDE_PRODUCTION]);
    const char *new_text = database_server_version(inspection->side[SIDE_STAGING]);
    Version before = version_of(inspection->side[SIDE_PRODUCTION]);
    Version after = version_of(inspection->side[SIDE_STAGING]);

    (void)error;
    if (before.mariadb != after.mariadb)
        CHECK_WARNS(inspection, check, "production is %s and staging is %s", old_text, new_text);
    else if (after.major < before.major ||
             (after.major == before.major && after.minor < before.minor))
        CHECK_FAILS(
            inspection, check, "staging is %s, older than production with %s", new_text, old_text);
    else if (after.major != before.major || after.minor != before.minor)
        CHECK_WARNS(inspection, check, "production is %s and staging is %s", old_text, new_text);
    else
        CHECK_PASSES(inspection, check, "production %s, staging %s", old_text, new_text);
    return true;
}

/* Whether a value that both servers have is the same. */
static bool compare_value(
    Inspection *inspection, const DatabaseCheck *check, const char *sql, Error *error)
{
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;

    if (!database_value(inspection->side[SIDE_PRODUCTION], sql, &before, error) ||
        !database_value(inspection->side[SIDE_STAGING], sql, &after, error))
        return false;
    if (strcmp(before ? before : "", after ? after : "") == 0)
        CHECK_PASSES(inspection, check, "both have %s", before ? before : "none");
    else
        CHECK_FAILS(inspection, check, "production has %s, staging has %s",
            before ? before : "none", after ? after : "none");
    return true;
}

static bool check_charset(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    return compare_value(inspection, check,
        inspection->config->type == DATABASE_MYSQL ? "SELECT @@character_set_database"
                                                   : "SELECT current_setting('server_encoding')",
        error);
}

static bool check_collation(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    return compare_value(inspection, check,
        inspection->config->type == DATABASE_MYSQL
            ? "SELECT @@collation_database"
            : "SELECT datcollate || ' ' || datctype FROM pg_database"
              " WHERE datname = current_database()",
        error);
}

static bool check_name_case(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    if (inspection->config->type != DATABASE_MYSQL)
        return true; /* PostgreSQL has no such setting */
    return compare_value(inspection, check, "SELECT @@lower_case_table_names", error);
}

/* Names without a schema have to lead to the copied tables as they led to those of production. */
static bool check_search_path(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *account = NULL;
    AUTO_TEXT *sql = NULL;

    if (inspection->config->type != DATABASE_POSTGRESQL)
        return true; /* a database of MySQL has no schemas */
    account = database_quote(inspection->side[SIDE_PRODUCTION],
        facts_get_or(&inspection->command->args, ARG_ACCOUNT, ""));
    sql = memory_format(
        "SELECT current_setting('search_path') || COALESCE((SELECT ', and for the account '"
        " || STRING_AGG(c, ' ' ORDER BY s.setdatabase, c) FROM pg_db_role_setting s"
        " JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN UNNEST(s.setconfig) c"
        " LEFT JOIN pg_database d ON d.oid = s.setdatabase WHERE r.rolname = %s"
        " AND (s.setdatabase = 0 OR d.datname = current_database())"
        " AND c LIKE 'search_path=%%'), '')",
        account);
    return compare_value(inspection, check, sql, error);
}

/* what is in it, and what we may do there */

static const char *const content_queries[] = {
    [DATABASE_MYSQL] = "SELECT CONCAT(LOWER(table_type), ' ', table_name)"
                       " FROM information_schema.tables WHERE table_schema = DATABASE()"
                       " UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_name)"
                       " FROM information_schema.routines WHERE routine_schema = DATABASE()"
                       " ORDER BY 1",
    [DATABASE_POSTGRESQL] =
        "SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END"
        " || ' ' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'"
        " AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') ORDER BY 1",
};
static_assert(sizeof(content_queries) / sizeof(content_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static bool check_empty(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *content = NULL;
    size_t count = 0;
    StagingOwner owner = STAGING_FOREIGN;

    if (!staging_owner(
            inspection->io, inspection->command, inspection->side[SIDE_STAGING], &owner, error) ||
        !database_checks_list(inspection->side[SIDE_STAGING],
            content_queries[inspection->config->type], SHOWN, &content, &count, error))
        return false;
    if (owner == STAGING_OURS)
        CHECK_PASSES(inspection, check, "the staging database %s holds what this run copied",
            inspection->config->staging.database);
    else if (count > 0)
        CHECK_FAILS(inspection, check, "the staging database %s is not empty, it holds %zu: %s",
            inspection->config->staging.database, count, content);
    else
        CHECK_PASSES(inspection, check, "the staging database %s is empty",
            inspection->config->staging.database);
    return true;
}

static const char *const rights_queries[] = {
    /*
     * Each right that is granted neither on the server nor on this database; then what the restore
     * test needs in its scratch database, and what is needed to see all sessions.
     */
    [DATABASE_MYSQL] =
        "SELECT w.name FROM (SELECT 'SELECT' AS name UNION ALL SELECT 'INSERT'"
        " UNION ALL SELECT 'UPDATE' UNION ALL SELECT 'DELETE' UNION ALL SELECT 'CREATE'"
        " UNION ALL SELECT 'DROP' UNION ALL SELECT 'ALTER' UNION ALL SELECT 'INDEX'"
        " UNION ALL SELECT 'REFERENCES') w"
        " WHERE NOT EXISTS (SELECT 1 FROM information_schema.user_privileges p"
        " WHERE p.privilege_type = w.name"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER())"
        " AND NOT EXISTS (SELECT 1 FROM information_schema.schema_privileges p"
        " WHERE p.privilege_type = w.name AND DATABASE() LIKE p.table_schema"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER())"
        " UNION ALL SELECT CONCAT(GROUP_CONCAT(w.name SEPARATOR ', '), ' on dss_scratch_%')"
        " FROM (SELECT 'SELECT' AS name UNION ALL SELECT 'INSERT' UNION ALL SELECT 'CREATE'"
        " UNION ALL SELECT 'DROP' UNION ALL SELECT 'ALTER' UNION ALL SELECT 'INDEX'"
        " UNION ALL SELECT 'REFERENCES' UNION ALL SELECT 'LOCK TABLES') w"
        " WHERE NOT EXISTS (SELECT 1 FROM information_schema.user_privileges p"
        " WHERE p.privilege_type = w.name"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER())"
        " AND NOT EXISTS (SELECT 1 FROM information_schema.schema_privileges p"
        " WHERE p.privilege_type = w.name AND 'dss_scratch_0' LIKE p.table_schema"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER()) HAVING COUNT(*) > 0"
        " UNION ALL SELECT 'PROCESS' FROM DUAL"
        " WHERE NOT EXISTS (SELECT 1 FROM information_schema.user_privileges p"
        " WHERE p.privilege_type = 'PROCESS'"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER())",
    [DATABASE_POSTGRESQL] = "SELECT 'CREATE on schema ' || current_schema()"
                            " WHERE NOT has_schema_privilege(current_schema(), 'CREATE')"
                            " UNION ALL SELECT 'CREATE on database ' || current_database()"
                            " WHERE NOT has_database_privilege(current_database(), 'CREATE')"
                            " UNION ALL SELECT 'CREATEDB, for the restore test' FROM pg_roles"
                            " WHERE rolname = current_user AND NOT (rolsuper OR rolcreatedb)"
                            " UNION ALL SELECT 'pg_read_all_stats, to see all sessions'"
                            " WHERE NOT pg_has_role('pg_read_all_stats', 'USAGE')",
};
static_assert(sizeof(rights_queries) / sizeof(rights_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static bool check_rights(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *missing = NULL;
    size_t count = 0;

    if (!database_checks_list(inspection->side[SIDE_STAGING],
            rights_queries[inspection->config->type], SHOWN, &missing, &count, error))
        return false;
    if (count > 0)
        CHECK_FAILS(inspection, check, "the agent's login lacks: %s", missing);
    else
        CHECK_PASSES(inspection, check, "the agent's login may make and fill tables");
    return true;
}

const DatabaseCheck staging_checks[] = {
    { "DB-TYPE-SUPPORTED", NEEDS_NOTHING, "correct the url in the inventory", check_supported },
    { "DB-TYPE-SAME", NEEDS_NOTHING,
        "source and target have to be of one type: correct inventory or agent.xml",
        check_same_type },
    { "DB-URL-MATCHES", NEEDS_BOTH,
        "make sure that the servers' url and the agent's login lead to the same database",
        check_url_matches },
    { "DB-VERSION", NEEDS_BOTH, "take a staging server of the same type and major version",
        check_version },
    { "DB-CHARSET", NEEDS_BOTH, "make the staging database anew with production's character set",
        check_charset },
    { "DB-COLLATION", NEEDS_BOTH, "make the staging database anew with production's collation",
        check_collation },
    { "DB-NAME-CASE", NEEDS_BOTH,
        "take a staging server with production's lower_case_table_names, else the servers do not "
        "find their tables",
        check_name_case },
    { "DB-SEARCH-PATH", NEEDS_BOTH,
        "set the staging database's search_path as production's (ALTER DATABASE … SET)",
        check_search_path },
    { "DB-STAGING-EMPTY", NEEDS_STAGING, "empty it, or name another one", check_empty },
    { "DB-STAGING-RIGHTS", NEEDS_STAGING, "grant them on the staging server", check_rights },
    { "DB-STAGING-ACCOUNT", NEEDS_STAGING,
        "make the account of the servers on staging, with their password and production's rights; "
        "or correct its name in cluster.xml",
        check_staging_account },
    { "DB-COPY", NEEDS_BOTH, "make it on staging, or move it out of production", check_copy },
    { .id = NULL },
};
