/* Checks of the production database: what is in it, who uses it, what we may do there. */

#include <assert.h>

#include "agent/handlers/database/fresh_layout.h"
#include "agent/handlers/database/session_list.h"
#include "agent/handlers/inspection/account_checks.h"
#include "agent/handlers/inspection/database_checks.h"
#include "agent/handlers/migration/sql_splitter.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define SHOWN 5

/* layout and script */

static const ProfileMigration *migration_of(const Inspection *inspection)
{
    const Profile *profile = inspection->io->profile;

    for (size_t i = 0; i < profile->migration_count; i++)
        if (profile->migrations[i].type == inspection->config->type &&
            strcmp(profile->migrations[i].from, inspection->layout.name) == 0)
            return &profile->migrations[i];
    return NULL;
}

static bool has_target_layout(const Inspection *inspection)
{
    return strcmp(inspection->layout.name, inspection->io->profile->target_layout) == 0;
}

static bool check_layout(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const Layout *layout = &inspection->layout;
    const char *target = inspection->io->profile->target_layout;

    (void)error;
    if (strcmp(layout->name, LAYOUT_MIXTURE) == 0)
        CHECK_FAILS(inspection, check, "a migration ran half: %s", layout->why);
    else if (strcmp(layout->name, LAYOUT_UNKNOWN) == 0)
        CHECK_FAILS(inspection, check, "the database holds nothing of any known layout");
    else if (has_target_layout(inspection))
        CHECK_PASSES(inspection, check, "layout %s already: nothing has to be migrated", target);
    else if (migration_of(inspection) || facts_get(&inspection->command->args, ARG_SCRIPT))
        CHECK_PASSES(inspection, check, "layout %s, to become %s", layout->name, target);
    else
        CHECK_FAILS(
            inspection, check, "layout %s: no script leads from there to %s", layout->name, target);
    return true;
}

static void check_operators_script(
    Inspection *inspection, const DatabaseCheck *check, const char *script)
{
    const char *pinned = facts_get_or(&inspection->command->args, ARG_SCRIPT_SHA256, "");
    char digest[SHA256_HEX_BYTES];
    Error wrong = { 0 };

    digest_of(script, strlen(script), digest);
    if (strcasecmp(digest, pinned) != 0)
        CHECK_FAILS(inspection, check, "the script has the digest %s, the inventory says %s",
            digest, pinned);
    else if (!sql_script_check(script, inspection->config->type, &wrong))
        CHECK_FAILS(inspection, check, "the script may not run: %s", wrong.text);
    else
        CHECK_PASSES(inspection, check, "the operator's script, SHA-256 %s", digest);
}

static bool check_script(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *script = facts_get(&inspection->command->args, ARG_SCRIPT);
    const ProfileMigration *migration = migration_of(inspection);

    (void)error;
    if (script)
        check_operators_script(inspection, check, script);
    else if (has_target_layout(inspection))
        CHECK_PASSES(inspection, check, "none is needed");
    else if (migration)
        CHECK_PASSES(
            inspection, check, "%s of the profile, SHA-256 %s", migration->file, migration->sha256);
    else
        CHECK_FAILS(inspection, check, "the profile has none for layout %s on %s",
            inspection->layout.name, database_type_name(inspection->config->type));
    return true;
}

/*
 * Before a migration the tables that it leaves alone have to look like those of a fresh database,
 * or its checkpoint fails later. What has the target layout stays as it is.
 */
static bool check_fresh_layout(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *target = inspection->io->profile->target_layout;
    FRESH_DIFFERENCES_AUTO(differences);
    AUTO_TEXT *harmful = NULL;
    AUTO_TEXT *tolerated = NULL;

    if (!layout_is_known(&inspection->layout))
        return true; /* DB-LAYOUT-KNOWN says it */
    if (!fresh_layout_compare(inspection->side[SIDE_PRODUCTION], inspection->io->profile,
            has_target_layout(inspection) ? FRESH_ALL : FRESH_UNCHANGED, &differences, error))
        return false;
    harmful = fresh_differences_words(&differences.harmful);
    tolerated = fresh_differences_words(&differences.tolerated);
    if (differences.harmful.count > 0 && !has_target_layout(inspection))
        CHECK_FAILS(inspection, check, "unlike a fresh database of layout %s: %s", target, harmful);
    else if (differences.harmful.count > 0)
        CHECK_WARNS(inspection, check, "unlike a fresh database of layout %s: %s", target, harmful);
    else if (differences.tolerated.count > 0)
        CHECK_PASSES(
            inspection, check, "like a fresh database of layout %s but for: %s", target, tolerated);
    else
        CHECK_PASSES(inspection, check, "%zu things are as in a fresh database of layout %s",
            differences.compared, target);
    return true;
}

/* the profile's own questions */

static bool check_profile(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const Profile *profile = inspection->io->profile;

    (void)check;
    (void)error;
    for (size_t i = 0; i < profile->check_count; i++) {
        const ProfileCheck *row = &profile->checks[i];
        FindingSeverity bad = row->fails ? FINDING_FAIL : FINDING_WARN;
        AUTO_TEXT *trouble = NULL;
        size_t count = 0;
        Error wrong = { 0 };

        if (!layout_is_known(&inspection->layout) ||
            (row->type != PROFILE_ANY_TYPE && row->type != inspection->config->type) ||
            (row->layout && strcmp(row->layout, inspection->layout.name) != 0))
            continue;
        if (!database_checks_list(
                inspection->side[SIDE_PRODUCTION], row->sql, SHOWN, &trouble, &count, &wrong))
            finding_add(inspection->io->evidence, row->id, bad, row->remedy,
                "cannot be checked: %s", wrong.text);
        else if (count > 0)
            finding_add(inspection->io->evidence, row->id, bad, row->remedy, "not so that %s: %s",
                row->meaning, trouble);
        else
            finding_add(inspection->io->evidence, row->id, FINDING_PASS, "", "%s", row->meaning);
    }
    return true;
}

/* people */

static bool is_from_a_node(const Session *session, const Command *command)
{
    size_t position = 0;
    const Fact *address;

    while ((address = facts_each(&command->args, ARG_NODE_ADDRESS, &position)))
        if (session_is_from(session, address->value))
            return true;
    return false;
}

static bool check_sessions(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO(SessionList) *list = NULL;
    TEXT_AUTO(words, ERROR_TEXT_MAX / 2);
    size_t strangers = 0;

    if (!session_list_read(inspection->side[SIDE_PRODUCTION], inspection->command, &list, error))
        return false;
    facts_format(inspection->io->evidence, "~sessions", "%zu", list->count);
    for (size_t i = 0; i < list->count; i++) {
        AUTO_TEXT *one = session_words(&list->items[i]);

        if (is_from_a_node(&list->items[i], inspection->command))
            continue;
        if (strangers++ < SHOWN)
            text_add(&words, "%s%s", strangers > 1 ? "; " : "", one);
    }
    if (strangers > 0)
        CHECK_WARNS(inspection, check, "%zu session%s from hosts that are not in the inventory: %s",
            strangers, strangers == 1 ? "" : "s", words.bytes);
    else
        CHECK_PASSES(
            inspection, check, "%zu sessions, all from hosts of the inventory", list->count);
    return true;
}

static const char *const rights_queries[] = {
    [DATABASE_MYSQL] =
        "SELECT w.name FROM (SELECT 'SELECT' AS name, 0 AS everywhere UNION ALL SELECT 'INSERT', 0"
        " UNION ALL SELECT 'UPDATE', 0 UNION ALL SELECT 'DELETE', 0 UNION ALL SELECT 'CREATE', 0"
        " UNION ALL SELECT 'ALTER', 0 UNION ALL SELECT 'INDEX', 0 UNION ALL SELECT 'REFERENCES', 0"
        " UNION ALL SELECT 'DROP', 0 UNION ALL SELECT 'TRIGGER', 0 UNION ALL SELECT 'EVENT', 0"
        " UNION ALL SELECT 'SHOW VIEW', 0"
        " UNION ALL SELECT 'PROCESS', 1 UNION ALL SELECT 'CREATE USER', 1) w"
        " WHERE NOT EXISTS (SELECT 1 FROM information_schema.user_privileges p"
        " WHERE p.privilege_type = w.name"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER())"
        " AND (w.everywhere = 1 OR NOT EXISTS (SELECT 1 FROM information_schema.schema_privileges p"
        " WHERE p.privilege_type = w.name AND DATABASE() LIKE p.table_schema"
        " AND REPLACE(p.grantee, '''', '') = CURRENT_USER()))",
    [DATABASE_POSTGRESQL] =
        "SELECT 'CREATE on schema ' || current_schema()"
        " WHERE NOT has_schema_privilege(current_schema(), 'CREATE')"
        " UNION ALL SELECT 'ownership of ' || tablename FROM pg_tables"
        " WHERE schemaname = current_schema() AND NOT pg_has_role(tableowner, 'USAGE')"
        " UNION ALL SELECT 'SELECT on ' || c.oid::regclass FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
        " AND CASE c.relkind WHEN 'r' THEN NOT has_table_privilege(c.oid, 'SELECT')"
        "   WHEN 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT') ELSE false END"
        " UNION ALL SELECT 'the role pg_read_all_stats, to see all sessions'"
        " WHERE NOT pg_has_role('pg_read_all_stats', 'USAGE')"
        " UNION ALL SELECT 'CREATEROLE or SUPERUSER, to lock the account'"
        " FROM pg_roles WHERE rolname = current_user AND NOT (rolsuper OR rolcreaterole)",
};
static_assert(sizeof(rights_queries) / sizeof(rights_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static bool check_rights(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *missing = NULL;
    size_t count = 0;

    if (!database_checks_list(inspection->side[SIDE_PRODUCTION],
            rights_queries[inspection->config->type], SHOWN, &missing, &count, error))
        return false;
    if (count > 0)
        CHECK_FAILS(inspection, check, "the agent's login lacks: %s", missing);
    else
        CHECK_PASSES(inspection, check, "the agent's login may migrate, watch and lock");
    return true;
}

const DatabaseCheck production_checks[] = {
    { "DB-LAYOUT-KNOWN", NEEDS_PRODUCTION,
        "restore the database from before the migration that ran half, or name a script that leads "
        "on",
        check_layout },
    { "DB-SCRIPT", NEEDS_PRODUCTION, "give the migration script and its SHA-256 in the inventory",
        check_script },
    { "DB-FRESH-LAYOUT", NEEDS_PRODUCTION,
        "make it as a fresh database has it before the upgrade: the migration does not",
        check_fresh_layout },
    { "DB-PROFILE", NEEDS_PRODUCTION, "see the profile", check_profile },
    { "DB-SESSIONS", NEEDS_PRODUCTION,
        "find out who they are: they have to be gone before the migration", check_sessions },
    { "DB-ACCOUNT", NEEDS_BOTH,
        "name in cluster.xml the accounts with which the old servers log in, with rights on their "
        "own databases alone; who uses one with barrier=\"watch\" after the stop holds the run",
        check_accounts },
    { "DB-PRODUCTION-RIGHTS", NEEDS_PRODUCTION, "grant them to the agent's login on production",
        check_rights },
    { .id = NULL },
};
