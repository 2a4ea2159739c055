/* Checks of the production database: what is in it, who uses it, what we may do there. */

#include <assert.h>

#include "agent/handlers/database/fresh_layout.h"
#include "agent/handlers/database/session_list.h"
#include "agent/handlers/inspection/account_checks.h"
#include "agent/handlers/inspection/database_checks.h"
#include "agent/handlers/migration/sql_splitter.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define SHOWN       5
#define MEGABYTE    (1024 * 1024)
#define SPACE_PARTS 5 /* free space has to be at least 5/2 of the data */

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

/* rows that break a copy */

/* Runs each query that the first query gives, and adds up what they count; names the first. */
static bool count_over(
    Inspection *inspection, const char *queries, uint64_t *ret_sum, char **ret_words, Error *error)
{
    Database *database = inspection->side[SIDE_PRODUCTION];
    TEXT_AUTO(words, ERROR_TEXT_MAX / 2);

    *ret_sum = 0;
    for (uint64_t i = 0;; i++) {
        AUTO_TEXT *one = memory_format("%s LIMIT 1 OFFSET %llu", queries, (unsigned long long)i);
        AUTO_TEXT *query = NULL;
        AUTO_TEXT *about = NULL;
        char *mark;
        uint64_t count = 0;

        if (!database_value(database, one, &query, error))
            return false;
        if (!query)
            break;
        mark = strchr(query, '|'); /* "what|SELECT COUNT(*) …" */
        assert(mark);
        about = memory_text_n(query, (size_t)(mark - query));
        if (!database_checks_number(database, mark + 1, &count, error))
            return false;
        if (count > 0)
            text_add(&words, "%s%s: %llu rows", *ret_sum > 0 ? "; " : "", about,
                (unsigned long long)count);
        *ret_sum += count;
    }
    *ret_words = text_take(&words);
    return true;
}

static bool check_zero_dates(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    static const char queries[] =
        "SELECT CONCAT(table_name, '.', column_name, '|SELECT COUNT(*) FROM `', table_name,"
        " '` WHERE `', column_name, '` = ''0000-00-00 00:00:00''')"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND data_type IN ('timestamp', 'datetime') ORDER BY table_name, ordinal_position";
    AUTO_TEXT *words = NULL;
    uint64_t count = 0;

    if (inspection->config->type != DATABASE_MYSQL)
        return true; /* PostgreSQL has none */
    if (!count_over(inspection, queries, &count, &words, error))
        return false;
    if (count > 0)
        CHECK_WARNS(inspection, check, "dates of zero, which are kept as they are: %s", words);
    else
        CHECK_PASSES(inspection, check, "no date is zero");
    return true;
}

static const char *const orphan_queries[] = {
    /* One query for each foreign key: rows whose key is whole and leads nowhere. */
    [DATABASE_MYSQL] =
        "SELECT CONCAT(k.table_name, ' without ', MIN(k.referenced_table_name),"
        " '|SELECT COUNT(*) FROM `', k.table_name, '` c LEFT JOIN `',"
        " MIN(k.referenced_table_name), '` p ON ',"
        " GROUP_CONCAT(CONCAT('p.`', k.referenced_column_name, '` = c.`', k.column_name, '`')"
        " SEPARATOR ' AND '), ' WHERE p.`', MIN(k.referenced_column_name), '` IS NULL AND ',"
        " GROUP_CONCAT(CONCAT('c.`', k.column_name, '` IS NOT NULL') SEPARATOR ' AND '))"
        " FROM information_schema.key_column_usage k WHERE k.table_schema = DATABASE()"
        " AND k.referenced_table_name IS NOT NULL"
        " GROUP BY k.table_name, k.constraint_name ORDER BY k.table_name, k.constraint_name",
    [DATABASE_POSTGRESQL] =
        "SELECT t.relname || '.' || c.conname || '|SELECT 1' FROM pg_constraint c"
        " JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " WHERE n.nspname = CURRENT_SCHEMA() AND NOT c.convalidated ORDER BY 1",
};
static_assert(sizeof(orphan_queries) / sizeof(orphan_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static bool check_orphans(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *words = NULL;
    uint64_t count = 0;

    if (!count_over(inspection, orphan_queries[inspection->config->type], &count, &words, error))
        return false;
    if (count > 0)
        CHECK_FAILS(inspection, check,
            inspection->config->type == DATABASE_MYSQL
                ? "rows whose parent is missing: %s"
                : "foreign keys that were never validated: %s",
            words);
    else
        CHECK_PASSES(inspection, check, "every foreign key leads to a row");
    return true;
}

/* sizes */

static const char *const blob_queries[] = {
    [DATABASE_MYSQL] =
        "SELECT CONCAT(table_name, '.', column_name, '|SELECT COALESCE(MAX(OCTET_LENGTH(`',"
        " column_name, '`)), 0) FROM `', table_name, '`')"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND data_type IN ('blob', 'mediumblob', 'longblob', 'mediumtext', 'longtext')"
        " ORDER BY table_name, ordinal_position",
    [DATABASE_POSTGRESQL] =
        "SELECT format('%s.%s|SELECT COALESCE(MAX(octet_length(%I)), 0) FROM %I',"
        " table_name, column_name, column_name, table_name)"
        " FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA()"
        " AND data_type = 'bytea' ORDER BY table_name, ordinal_position",
};
static_assert(sizeof(blob_queries) / sizeof(blob_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

/* The largest value of all large columns, and whose it is. */
static bool largest_value(Inspection *inspection, uint64_t *ret, char **ret_column, Error *error)
{
    Database *database = inspection->side[SIDE_PRODUCTION];

    *ret = 0;
    *ret_column = memory_text("none");
    for (uint64_t i = 0;; i++) {
        AUTO_TEXT *one = memory_format("%s LIMIT 1 OFFSET %llu",
            blob_queries[inspection->config->type], (unsigned long long)i);
        AUTO_TEXT *query = NULL;
        char *mark;
        uint64_t bytes = 0;

        if (!database_value(database, one, &query, error))
            return false;
        if (!query)
            return true;
        mark = strchr(query, '|');
        assert(mark);
        if (!database_checks_number(database, mark + 1, &bytes, error))
            return false;
        if (bytes <= *ret)
            continue;
        *ret = bytes;
        free(*ret_column);
        *ret_column = memory_text_n(query, (size_t)(mark - query));
    }
}

/* Escaped, a value needs up to twice its bytes, and a packet has a head. */
static bool check_packets(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *column = NULL;
    uint64_t largest = 0, packet[SIDE_COUNT] = { 0 }, smaller;

    if (!largest_value(inspection, &largest, &column, error))
        return false;
    facts_format(inspection->io->evidence, "~blob-max-bytes", "%llu", (unsigned long long)largest);
    if (inspection->config->type != DATABASE_MYSQL) {
        CHECK_PASSES(inspection, check, "the largest value has %llu bytes (%s)",
            (unsigned long long)largest, column);
        return true;
    }
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++)
        if (!database_checks_number(
                inspection->side[side], "SELECT @@max_allowed_packet", &packet[side], error))
            return false;
    smaller = packet[SIDE_PRODUCTION] < packet[SIDE_STAGING] ? packet[SIDE_PRODUCTION]
                                                             : packet[SIDE_STAGING];
    if (2 * largest + MEGABYTE > smaller)
        CHECK_FAILS(inspection, check,
            "the largest value (%s) has %llu bytes, max_allowed_packet is %llu on production and "
            "%llu on staging",
            column, (unsigned long long)largest, (unsigned long long)packet[SIDE_PRODUCTION],
            (unsigned long long)packet[SIDE_STAGING]);
    else
        CHECK_PASSES(inspection, check,
            "the largest value (%s) has %llu bytes, packets may have %llu", column,
            (unsigned long long)largest, (unsigned long long)smaller);
    return true;
}

static bool data_bytes(Inspection *inspection, uint64_t *ret, Error *error)
{
    static const char *const queries[] = {
        [DATABASE_MYSQL] = "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS UNSIGNED)"
                           " FROM information_schema.tables WHERE table_schema = DATABASE()",
        [DATABASE_POSTGRESQL] = "SELECT pg_database_size(current_database())",
    };

    return database_checks_number(
        inspection->side[SIDE_PRODUCTION], queries[inspection->config->type], ret, error);
}

/* Where the backup goes is on this host; where the servers keep their data is their own affair. */
static bool check_space(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *folder = inspection->io->config->backup_directory;
    uint64_t bytes = 0, available = 0, inodes = 0;

    if (!data_bytes(inspection, &bytes, error))
        return false;
    facts_format(inspection->io->evidence, "~data-bytes", "%llu", (unsigned long long)bytes);
    if (!folder || file_kind(folder, LINKS_FOLLOWED) != FILE_FOLDER) {
        CHECK_FAILS(inspection, check, "the backup folder %s is not there",
            folder ? folder : "of agent.xml");
        return true;
    }
    if (!file_free_space(folder, &available, &inodes, error))
        return false;
    if (available < bytes / 2 * SPACE_PARTS)
        CHECK_FAILS(inspection, check,
            "the database has %llu MiB, %s has %llu MiB free: two and a half times the data is "
            "wanted",
            (unsigned long long)bytes / MEGABYTE, folder, (unsigned long long)available / MEGABYTE);
    else
        CHECK_PASSES(inspection, check, "the database has %llu MiB, %s has %llu MiB free",
            (unsigned long long)bytes / MEGABYTE, folder, (unsigned long long)available / MEGABYTE);
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
    { "DB-ZERO-DATES", NEEDS_PRODUCTION, "servers that refuse dates of zero cannot restore a dump",
        check_zero_dates },
    { "DB-ORPHANS", NEEDS_PRODUCTION,
        "delete the rows or add their parents: the new database cannot have the foreign key",
        check_orphans },
    { "DB-BLOB-PACKET", NEEDS_BOTH,
        "raise max_allowed_packet on both servers above twice the largest value", check_packets },
    { "DB-SPACE", NEEDS_PRODUCTION, "free space there, or name another backup folder in agent.xml",
        check_space },
    { "DB-SESSIONS", NEEDS_PRODUCTION,
        "find out who they are: they have to be gone before the migration", check_sessions },
    { "DB-ACCOUNT", NEEDS_BOTH,
        "name the accounts of the old servers, with rights on their own databases alone",
        check_accounts },
    { "DB-PRODUCTION-RIGHTS", NEEDS_PRODUCTION, "grant them to the agent's login on production",
        check_rights },
    { .id = NULL },
};
