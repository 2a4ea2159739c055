/*
 * Checks of what comes late in a run and must not fail there: whether all of production can be made
 * on staging, and whether the servers' account may use it then.
 */

#include "agent/handlers/inspection/takeover_checks.h"
#include "agent/handlers/copy/catalogue.h"
#include "agent/handlers/database/account.h"
#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/inspection/database_checks.h"
#include "common/base/text.h"

#define SHOWN 6

/* A type of columns that the server does not bring: it has to be on staging before the tables. */
static const char types_query[] =
    "SELECT DISTINCT quote_ident(tn.nspname) || '.' || quote_ident(t.typname)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid"
    " JOIN pg_namespace tn ON tn.oid = t.typnamespace"
    " WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    " AND tn.nspname <> 'pg_catalog' ORDER BY 1";

static bool missing_types(Inspection *inspection, Text *ret, Error *error)
{
    Database *staging = inspection->side[SIDE_STAGING];
    AUTO(Arena) *arena = arena_new();
    QueryRows types;

    if (inspection->config->type != DATABASE_POSTGRESQL)
        return true;
    if (!query_rows(inspection->side[SIDE_PRODUCTION], arena, types_query, &types, error))
        return false;
    for (size_t i = 0; i < types.count; i++) {
        AUTO_TEXT *name = database_quote(staging, types.rows[i][0]);
        AUTO_TEXT *sql = memory_format("SELECT to_regtype(%s)::text", name);
        AUTO_TEXT *there = NULL;

        if (!database_value(staging, sql, &there, error))
            return false;
        if (!there)
            text_add(ret, "%stype %s", ret->length > 0 ? "; " : "", types.rows[i][0]);
    }
    return true;
}

static void tell_leftovers(
    Inspection *inspection, const DatabaseCheck *check, const CopyCatalogue *catalogue)
{
    TEXT_AUTO(names, ERROR_TEXT_MAX);

    for (size_t i = 0; i < catalogue->leftover_count && i < SHOWN; i++)
        text_add(&names, "%s%s %s", i > 0 ? "; " : "", catalogue->leftovers[i].kind,
            catalogue->leftovers[i].name);
    if (catalogue->leftover_count > SHOWN)
        text_add(&names, "; and %zu more", catalogue->leftover_count - SHOWN);
    if (catalogue->leftover_count > 0)
        CHECK_WARNS(
            inspection, check, "not everything is copied, make it by hand: %s", names.bytes);
    else
        CHECK_PASSES(inspection, check, "all %zu tables can be copied", catalogue->table_count);
}

bool check_copy(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO(Database) *production = NULL; /* of its own: the catalogue changes the session */
    AUTO(CopyCatalogue) *catalogue = NULL;
    TEXT_AUTO(missing, ERROR_TEXT_MAX);
    Error refused = { 0 };

    if (!database_open(inspection->config, SIDE_PRODUCTION, NULL, &database_limits_default,
            &production, error) ||
        !missing_types(inspection, &missing, error))
        return false;
    if (!copy_catalogue_read(production, &catalogue, &refused))
        CHECK_FAILS(inspection, check, "%s", refused.text);
    else if (missing.length > 0)
        CHECK_FAILS(inspection, check, "staging lacks what tables need: %s", missing.bytes);
    else
        tell_leftovers(inspection, check, catalogue);
    return true;
}

/* What the account lacks on staging; the session has its name. */
static const char *const account_queries[] = {
    [DATABASE_MYSQL] = "SELECT w.name FROM (SELECT 'SELECT' AS name UNION ALL SELECT 'INSERT'"
                       " UNION ALL SELECT 'UPDATE' UNION ALL SELECT 'DELETE') w"
                       " WHERE NOT EXISTS (SELECT 1 FROM information_schema.user_privileges p"
                       " WHERE p.privilege_type = w.name"
                       " AND SUBSTRING_INDEX(REPLACE(p.grantee, '''', ''), '@', 1) = @dss_account)"
                       " AND NOT EXISTS (SELECT 1 FROM information_schema.schema_privileges p"
                       " WHERE p.privilege_type = w.name AND DATABASE() LIKE p.table_schema"
                       " AND SUBSTRING_INDEX(REPLACE(p.grantee, '''', ''), '@', 1) = @dss_account)",
    /* Tables are given to their owner of before, who has to be able to take them. */
    [DATABASE_POSTGRESQL] =
        "SELECT 'CONNECT on database ' || current_database()"
        " WHERE NOT has_database_privilege(current_setting('dss.account'), current_database(),"
        " 'CONNECT')"
        " UNION ALL SELECT 'USAGE on schema ' || current_schema()"
        " WHERE NOT has_schema_privilege(current_setting('dss.account'), current_schema(), 'USAGE')"
        " UNION ALL SELECT 'CREATE on schema ' || current_schema()"
        " WHERE NOT has_schema_privilege(current_setting('dss.account'), current_schema(),"
        " 'CREATE') AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)",
};

static bool account_lacks(
    Database *staging, const char *user, char **ret, size_t *ret_count, Error *error)
{
    bool mysql = database_type(staging) == DATABASE_MYSQL;
    AUTO_TEXT *name = database_quote(staging, user);
    AUTO_TEXT *set = mysql ? memory_format("SET @dss_account = %s", name)
                           : memory_format("SELECT set_config('dss.account', %s, false)", name);

    return database_run(staging, set, NULL, error) &&
           database_checks_list(
               staging, account_queries[database_type(staging)], SHOWN, ret, ret_count, error);
}

static bool is_open(const AccountList *accounts)
{
    for (size_t i = 0; i < accounts->count; i++)
        if (!accounts->items[i].locked)
            return true;
    return false;
}

bool check_staging_account(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *user = facts_get_or(&inspection->command->args, ARG_ACCOUNT, "");
    Database *staging = inspection->side[SIDE_STAGING];
    AUTO(AccountList) *accounts = NULL;
    AUTO_TEXT *missing = NULL;
    size_t count = 0;
    Error hidden = { 0 };

    if (!account_list_read(staging, user, &accounts, &hidden)) {
        CHECK_WARNS(
            inspection, check, "account %s cannot be looked up on staging: %s", user, hidden.text);
        return true;
    }
    if (accounts->count == 0) {
        CHECK_FAILS(inspection, check, "staging has no account '%s'", user);
        return true;
    }
    if (!account_lacks(staging, user, &missing, &count, error))
        return false;
    if (!is_open(accounts))
        CHECK_FAILS(inspection, check, "account %s is locked on staging", user);
    else if (count > 0)
        CHECK_FAILS(inspection, check, "account %s lacks on staging: %s", user, missing);
    else
        CHECK_PASSES(inspection, check, "account %s may use staging", user);
    return true;
}
