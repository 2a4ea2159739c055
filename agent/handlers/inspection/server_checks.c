/* Checks of what both servers are set to: what the new servers and the migration meet on staging.
 */

#include "agent/handlers/inspection/database_checks.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define LIST_MAX      400 /* bytes of a list in a finding */
#define KEY_BYTES_OLD 767 /* of a column in a key, in row formats before DYNAMIC */
#define NAME_LENGTH   255 /* characters of the names that a migration puts into new keys */

static bool is_mysql(const Inspection *inspection)
{
    return inspection->config->type == DATABASE_MYSQL;
}

/* sql_mode */

/* Modes in which the servers' own statements mean something else. */
static bool mode_changes_meaning(const char *mode)
{
    static const char *const modes[] = { "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "PIPES_AS_CONCAT",
        "IGNORE_SPACE", "ANSI", "ORACLE", "MSSQL", "DB2", "EMPTY_STRING_IS_NULL" };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i], mode) == 0)
            return true;
    return false;
}

static bool has_mode(const char *modes, const char *mode)
{
    size_t length = strlen(mode);

    for (const char *at = strstr(modes, mode); at; at = strstr(at + 1, mode))
        if ((at == modes || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/* The modes of `modes` that `others` lacks; true when one of them changes what statements mean. */
static bool add_lacking(const char *modes, const char *others, const char *where, Text *ret)
{
    AUTO_TEXT *copy = memory_text(modes);
    char *rest = NULL;
    bool meaning = false;

    for (char *mode = strtok_r(copy, ",", &rest); mode; mode = strtok_r(NULL, ",", &rest)) {
        if (has_mode(others, mode))
            continue;
        text_add(ret, "%s%s on %s alone", ret->length > 0 ? ", " : "", mode, where);
        meaning = meaning || mode_changes_meaning(mode);
    }
    return meaning;
}

static bool check_sql_mode(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;
    TEXT_AUTO(differences, LIST_MAX);
    bool meaning;

    if (!is_mysql(inspection))
        return true; /* PostgreSQL has no such modes */
    if (!database_value(
            inspection->side[SIDE_PRODUCTION], "SELECT @@GLOBAL.sql_mode", &before, error) ||
        !database_value(inspection->side[SIDE_STAGING], "SELECT @@GLOBAL.sql_mode", &after, error))
        return false;
    meaning = add_lacking(before ? before : "", after ? after : "", "production", &differences);
    meaning |= add_lacking(after ? after : "", before ? before : "", "staging", &differences);
    if (meaning)
        CHECK_FAILS(inspection, check, "statements mean different things: %s", differences.bytes);
    else if (differences.length > 0)
        CHECK_WARNS(inspection, check, "sql_mode differs: %s", differences.bytes);
    else
        CHECK_PASSES(inspection, check, "both have sql_mode %s", before ? before : "");
    return true;
}

/* Tables that the new servers make get other TIMESTAMP columns. */
static bool check_timestamps(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    static const char name[] = "explicit_defaults_for_timestamp"; /* MySQL from 5.6.6 on */
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;

    if (!is_mysql(inspection))
        return true;
    if (!database_checks_variable(inspection->side[SIDE_PRODUCTION], name, &before, error) ||
        !database_checks_variable(inspection->side[SIDE_STAGING], name, &after, error))
        return false;
    if (strcmp(before ? before : "OFF", after ? after : "OFF") != 0)
        CHECK_WARNS(inspection, check, "%s is %s on production and %s on staging", name,
            before ? before : "not known", after ? after : "not known");
    else
        CHECK_PASSES(inspection, check, "%s is %s on both", name, after ? after : "OFF");
    return true;
}

static bool check_time_zone(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *sql = is_mysql(inspection)
                          ? "SELECT IF(@@GLOBAL.time_zone = 'SYSTEM', @@system_time_zone,"
                            " @@GLOBAL.time_zone)"
                          : "SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'";
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;

    if (!database_value(inspection->side[SIDE_PRODUCTION], sql, &before, error) ||
        !database_value(inspection->side[SIDE_STAGING], sql, &after, error))
        return false;
    if (strcmp(before ? before : "", after ? after : "") != 0)
        CHECK_WARNS(inspection, check, "production is in time zone %s, staging in %s",
            before ? before : "(none)", after ? after : "(none)");
    else
        CHECK_PASSES(inspection, check, "both are in time zone %s", before ? before : "(none)");
    return true;
}

/* engines and keys */

static bool check_engine(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *others = NULL;
    AUTO_TEXT *support = NULL;
    size_t count = 0;

    if (!is_mysql(inspection))
        return true; /* PostgreSQL has one */
    if (!database_checks_list(inspection->side[SIDE_PRODUCTION],
            "SELECT CONCAT(table_name, ' (', COALESCE(engine, 'none'), ')')"
            " FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_type = 'BASE TABLE' AND COALESCE(engine, '') <> 'InnoDB' ORDER BY 1",
            DATABASE_CHECKS_SHOWN, &others, &count, error) ||
        !database_value(inspection->side[SIDE_STAGING],
            "SELECT support FROM information_schema.engines WHERE engine = 'InnoDB'", &support,
            error))
        return false;
    if (count > 0)
        CHECK_FAILS(
            inspection, check, "%zu tables of production are not InnoDB: %s", count, others);
    else if (!support || (strcmp(support, "DEFAULT") != 0 && strcmp(support, "YES") != 0))
        CHECK_FAILS(inspection, check, "staging has no InnoDB (%s)", support ? support : "absent");
    else
        CHECK_PASSES(inspection, check, "all tables are InnoDB, and staging has it");
    return true;
}

/* Whether new tables are made in a row format whose keys hold 767 bytes of a column. */
static bool has_short_keys(Database *database, bool *ret, Error *error)
{
    AUTO_TEXT *format = NULL;

    if (!database_checks_variable(database, "innodb_default_row_format", &format, error))
        return false;
    *ret = !format || strcmp(format, "compact") == 0 || strcmp(format, "redundant") == 0;
    return true;
}

static bool check_key_length(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    static const char long_columns[] =
        "SELECT DISTINCT CONCAT(c.table_name, '.', c.column_name)"
        " FROM information_schema.statistics s JOIN information_schema.columns c"
        " ON c.table_schema = s.table_schema AND c.table_name = s.table_name"
        " AND c.column_name = s.column_name JOIN information_schema.tables t"
        " ON t.table_schema = s.table_schema AND t.table_name = s.table_name"
        " WHERE s.table_schema = DATABASE() AND s.sub_part IS NULL"
        " AND s.index_type IN ('BTREE', 'HASH') AND c.character_octet_length > 767"
        " AND LOCATE('row_format', t.create_options) = 0 ORDER BY 1";
    AUTO_TEXT *columns = NULL;
    uint64_t bytes = 0;
    size_t count = 0;
    bool has_short = false;

    if (!is_mysql(inspection))
        return true; /* PostgreSQL judges the values */
    if (!has_short_keys(inspection->side[SIDE_STAGING], &has_short, error) ||
        !database_checks_list(inspection->side[SIDE_PRODUCTION], long_columns,
            DATABASE_CHECKS_SHOWN, &columns, &count, error) ||
        !database_checks_number(inspection->side[SIDE_STAGING],
            "SELECT maxlen FROM information_schema.character_sets"
            " WHERE character_set_name = @@character_set_database",
            &bytes, error))
        return false;
    if (has_short && count > 0)
        CHECK_FAILS(inspection, check,
            "keys of new tables on staging hold %d bytes of a column, these have more: %s",
            KEY_BYTES_OLD, columns);
    else if (has_short && bytes * NAME_LENGTH > KEY_BYTES_OLD)
        CHECK_FAILS(inspection, check,
            "keys of new tables on staging hold %d bytes of a column, names of %d characters take "
            "%llu in its character set",
            KEY_BYTES_OLD, NAME_LENGTH, (unsigned long long)bytes * NAME_LENGTH);
    else
        CHECK_PASSES(inspection, check, "keys have room for all columns in them");
    return true;
}

const DatabaseCheck server_checks[] = {
    { "DB-SQL-MODE", NEEDS_BOTH,
        "set sql_mode on staging as on production, or be sure that the new servers cope",
        check_sql_mode },
    { "DB-TIMESTAMPS", NEEDS_BOTH,
        "set explicit_defaults_for_timestamp on staging as on production: new tables differ",
        check_timestamps },
    { "DB-TIME-ZONE", NEEDS_BOTH,
        "set staging's time zone as production's: servers see dates in the zone of the server",
        check_time_zone },
    { "DB-ENGINE", NEEDS_BOTH, "ALTER TABLE … ENGINE=InnoDB: nothing else has transactions",
        check_engine },
    { "DB-KEY-LENGTH", NEEDS_BOTH, "set innodb_default_row_format=dynamic on staging",
        check_key_length },
    { .id = NULL },
};
