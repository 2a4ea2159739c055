/* Checks of what rows and names are like: what breaks a copy, a migration or the new servers. */

#include <assert.h>
#include <ctype.h>

#include "agent/handlers/database/fresh_layout.h"
#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/inspection/database_checks.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define LIST_MAX 400 /* bytes of a list in a finding */

static bool check_zero_dates(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    static const char queries[] =
        "SELECT CONCAT(table_name, '.', column_name), CONCAT('SELECT COUNT(*) FROM `', table_name,"
        " '` WHERE `', column_name, '` = ''0000-00-00 00:00:00''')"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND data_type IN ('timestamp', 'datetime') ORDER BY table_name, ordinal_position";
    AUTO_TEXT *words = NULL;
    uint64_t count = 0;

    if (inspection->config->type != DATABASE_MYSQL)
        return true; /* PostgreSQL has none */
    if (!database_checks_tally(inspection, queries, "rows", &count, &words, error))
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
        "SELECT CONCAT(k.table_name, ' without ', MIN(k.referenced_table_name)),"
        " CONCAT('SELECT COUNT(*) FROM `', k.table_name, '` c LEFT JOIN `',"
        " MIN(k.referenced_table_name), '` p ON ',"
        " GROUP_CONCAT(CONCAT('p.`', k.referenced_column_name, '` = c.`', k.column_name, '`')"
        " SEPARATOR ' AND '), ' WHERE p.`', MIN(k.referenced_column_name), '` IS NULL AND ',"
        " GROUP_CONCAT(CONCAT('c.`', k.column_name, '` IS NOT NULL') SEPARATOR ' AND '))"
        " FROM information_schema.key_column_usage k WHERE k.table_schema = DATABASE()"
        " AND k.referenced_table_name IS NOT NULL"
        " GROUP BY k.table_name, k.constraint_name ORDER BY k.table_name, k.constraint_name",
    [DATABASE_POSTGRESQL] =
        "SELECT t.relname || '.' || c.conname, 'SELECT 1' FROM pg_constraint c"
        " JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " WHERE n.nspname = CURRENT_SCHEMA() AND NOT c.convalidated ORDER BY 1",
};
static_assert(sizeof(orphan_queries) / sizeof(orphan_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static bool check_orphans(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *words = NULL;
    uint64_t count = 0;

    if (!database_checks_tally(
            inspection, orphan_queries[inspection->config->type], "rows", &count, &words, error))
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

/* foreign keys that a fresh database has and this one has not */

static const char *const table_queries[] = {
    [DATABASE_MYSQL] = "SELECT table_name FROM information_schema.tables"
                       " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    [DATABASE_POSTGRESQL] = "SELECT table_name FROM information_schema.tables"
                            " WHERE table_schema = CURRENT_SCHEMA() AND table_type = 'BASE TABLE'",
};
static_assert(sizeof(table_queries) / sizeof(table_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

/* As the catalogue spells it, quoted; the caller frees. NULL: there is none. */
static char *spelled(Database *database, const QueryRows *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++)
        if (strcasecmp(tables->rows[i][0], name) == 0)
            return database_quote_name(database, tables->rows[i][0]);
    return NULL;
}

/* The columns of a declared key, "a, b", apart. */
typedef struct KeyColumns {
    char *text, *names[8];
    size_t count;
} KeyColumns;

static void split_columns(const char *open, KeyColumns *ret)
{
    char *rest = NULL;

    ret->text = memory_text_n(open + 1, strcspn(open + 1, ")"));
    ret->count = 0;
    for (char *name = strtok_r(ret->text, ", ", &rest);
         name && ret->count < sizeof(ret->names) / sizeof(ret->names[0]);
         name = strtok_r(NULL, ", ", &rest))
        ret->names[ret->count++] = name;
}

/* The query that counts rows without a parent; NULL when a table of the key is not there. */
static char *orphan_query(
    Database *database, const QueryRows *tables, const char *table, const char *key)
{
    static const char references[] = " references ";
    const char *parent = strstr(key, references) + strlen(references);
    AUTO_TEXT *parent_name = memory_text_n(parent, strcspn(parent, "("));
    AUTO_TEXT *child_quoted = spelled(database, tables, table);
    AUTO_TEXT *parent_quoted = spelled(database, tables, parent_name);
    TEXT_AUTO(join, LIST_MAX);
    TEXT_AUTO(whole, LIST_MAX);
    KeyColumns own, other;
    char *query = NULL;

    split_columns(strchr(key, '('), &own);
    split_columns(strchr(parent, '('), &other);
    for (size_t i = 0; i < own.count && i < other.count; i++) {
        text_add(&join, "%sp.%s = c.%s", i > 0 ? " AND " : "", other.names[i], own.names[i]);
        text_add(&whole, " AND c.%s IS NOT NULL", own.names[i]);
    }
    if (child_quoted && parent_quoted)
        query = memory_format(
            "SELECT COUNT(*) FROM %s c WHERE NOT EXISTS (SELECT 1 FROM %s p WHERE %s)%s",
            child_quoted, parent_quoted, join.bytes, whole.bytes);
    free(own.text);
    free(other.text);
    return query;
}

/* What a fresh database has and this one lacks. */
static void take_missing_key(void *self, const LayoutDifference *difference)
{
    if (strcmp(difference->kind, "missing foreign key") == 0)
        facts_add(self, difference->table, difference->expected);
}

static bool missing_keys(Inspection *inspection, Facts *ret, Error *error)
{
    LAYOUT_FORM_AUTO(form);
    FACTS_AUTO(found);

    if (!fresh_layout_form(inspection->io->profile, inspection->config->type, &form, error) ||
        !layout_describe(inspection->side[SIDE_PRODUCTION], &found, error))
        return false;
    layout_form_compare(&form, &found, take_missing_key, ret);
    return true;
}

/* The foreign keys that are yet to come: those of tables that are there. */
static bool check_new_keys(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    Database *production = inspection->side[SIDE_PRODUCTION];
    AUTO(Arena) *arena = arena_new();
    FACTS_AUTO(keys);
    TEXT_AUTO(words, LIST_MAX);
    QueryRows tables;

    if (!layout_is_known(&inspection->layout))
        return true; /* DB-LAYOUT-KNOWN says it */
    if (!missing_keys(inspection, &keys, error) ||
        !query_rows(production, arena, table_queries[inspection->config->type], &tables, error))
        return false;
    for (size_t i = 0; i < keys.count; i++) {
        const Fact *key = &keys.items[i];
        AUTO_TEXT *query = orphan_query(production, &tables, key->name, key->value);
        uint64_t count = 0;

        if (!database_checks_in_time(inspection, error) ||
            (query && !database_checks_number(production, query, &count, error)))
            return false;
        if (count > 0)
            text_add(&words, "%s%s: %llu rows for %s", words.length > 0 ? "; " : "", key->name,
                (unsigned long long)count, key->value);
    }
    if (words.length > 0)
        CHECK_FAILS(
            inspection, check, "rows without a parent, and no key that tells: %s", words.bytes);
    else
        CHECK_PASSES(inspection, check, "no key that is yet to come has a row in its way");
    return true;
}

/* names of tables */

/* Names that are one but for their case. */
static const char *const double_queries[] = {
    [DATABASE_MYSQL] =
        "SELECT GROUP_CONCAT(table_name ORDER BY BINARY table_name SEPARATOR ' and ')"
        " FROM information_schema.tables WHERE table_schema = DATABASE()"
        " GROUP BY LOWER(table_name) HAVING COUNT(*) > 1 ORDER BY 1",
    [DATABASE_POSTGRESQL] = "SELECT STRING_AGG(table_name::text, ' and ' ORDER BY table_name::text)"
                            " FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA()"
                            " GROUP BY LOWER(table_name) HAVING COUNT(*) > 1 ORDER BY 1",
};
static_assert(sizeof(double_queries) / sizeof(double_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

static bool is_lower(const char *text)
{
    while (*text && !isupper((unsigned char)*text))
        text++;
    return *text == '\0';
}

/* As the profile spells the table in its probes, if it names it there. */
static const char *spelling_of(const Profile *profile, const char *table)
{
    for (size_t i = 0; i < profile->layout_count; i++)
        for (size_t j = 0; j < profile->layouts[i].probe_count; j++)
            if (strcasecmp(profile->layouts[i].probes[j].table, table) == 0)
                return profile->layouts[i].probes[j].table;
    return NULL;
}

/* Servers write the names of their tables without quotes. */
static bool servers_find(const Inspection *inspection, const char *table, bool exact)
{
    const char *spelling = spelling_of(inspection->io->profile, table);

    if (!spelling)
        return true; /* not theirs */
    if (inspection->config->type == DATABASE_POSTGRESQL)
        return is_lower(table);
    return !exact || strcmp(spelling, table) == 0;
}

static bool check_names(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    Database *production = inspection->side[SIDE_PRODUCTION];
    AUTO(Arena) *arena = arena_new();
    AUTO_TEXT *doubles = NULL;
    TEXT_AUTO(hidden, LIST_MAX);
    QueryRows tables;
    uint64_t folded = 0;
    size_t count = 0;

    if (!database_checks_list(production, double_queries[inspection->config->type],
            DATABASE_CHECKS_SHOWN, &doubles, &count, error) ||
        !query_rows(production, arena, table_queries[inspection->config->type], &tables, error) ||
        (inspection->config->type == DATABASE_MYSQL &&
            !database_checks_number(production, "SELECT @@lower_case_table_names", &folded, error)))
        return false;
    for (size_t i = 0; i < tables.count; i++)
        if (!servers_find(inspection, tables.rows[i][0], folded == 0))
            text_add(&hidden, "%s%s", hidden.length > 0 ? ", " : "", tables.rows[i][0]);
    if (count > 0)
        CHECK_FAILS(inspection, check, "tables whose names differ in case alone: %s", doubles);
    else if (hidden.length > 0)
        CHECK_FAILS(inspection, check, "tables that servers do not find as they are spelled: %s",
            hidden.bytes);
    else
        CHECK_PASSES(inspection, check, "all tables are spelled as servers name them");
    return true;
}

/* counters */

static bool check_counters(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    /* Sequences of defaults, owned or not: how far the largest value is before them. */
    static const char queries[] =
        "SELECT s.oid::regclass::text, format('SELECT GREATEST(COALESCE(MAX(%I), 0)"
        " - (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %s), 0)"
        " FROM %s', a.attname, s.oid::regclass, t.oid::regclass)"
        " FROM pg_attrdef d JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass"
        " AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass"
        " JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'"
        " JOIN pg_class t ON t.oid = d.adrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " AND n.nspname = CURRENT_SCHEMA()"
        " JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
        " JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 ORDER BY 1";
    AUTO_TEXT *words = NULL;
    uint64_t behind = 0;

    if (inspection->config->type != DATABASE_POSTGRESQL)
        return true; /* InnoDB moves its counters with the rows */
    if (!database_checks_tally(inspection, queries, "behind", &behind, &words, error))
        return false;
    if (behind > 0)
        CHECK_FAILS(inspection, check, "sequences that stand behind the largest id: %s", words);
    else
        CHECK_PASSES(inspection, check, "every sequence stands behind no id");
    return true;
}

/* character sets */

static bool add_unfit(
    Inspection *inspection, const char *charset, Text *ret_any, bool *ret_changed, Error *error)
{
    Database *production = inspection->side[SIDE_PRODUCTION];
    AUTO(Arena) *arena = arena_new();
    AUTO_TEXT *name = database_quote(production, charset);
    AUTO_TEXT *sql =
        memory_format("SELECT c.table_name, c.column_name FROM information_schema.columns c"
                      " JOIN information_schema.tables t ON t.table_schema = c.table_schema"
                      " AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'"
                      " WHERE c.table_schema = DATABASE() AND c.character_set_name <> %s"
                      " ORDER BY c.table_name, c.ordinal_position",
            name);
    QueryRows columns;

    if (!query_rows(production, arena, sql, &columns, error))
        return false;
    for (size_t i = 0; i < columns.count; i++) {
        AUTO_TEXT *table = database_quote_name(production, columns.rows[i][0]);
        AUTO_TEXT *column = database_quote_name(production, columns.rows[i][1]);
        AUTO_TEXT *query = memory_format(
            "SELECT COUNT(*) FROM %s WHERE CONVERT(CONVERT(%s USING %s) USING utf8mb4)"
            " COLLATE utf8mb4_bin <> CONVERT(%s USING utf8mb4) COLLATE utf8mb4_bin",
            table, column, charset, column);
        uint64_t count = 0;

        if (!database_checks_in_time(inspection, error) ||
            !database_checks_number(production, query, &count, error))
            return false;
        if (count == 0)
            continue;
        text_add(ret_any, "%s%s.%s: %llu rows", ret_any->length > 0 ? "; " : "", columns.rows[i][0],
            columns.rows[i][1], (unsigned long long)count);
        *ret_changed =
            *ret_changed || profile_changes_table(inspection->io->profile, columns.rows[i][0]);
    }
    return true;
}

/* A copied table keeps its character set; what a migration makes has that of the database. */
static bool check_text(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *charset = NULL;
    TEXT_AUTO(unfit, LIST_MAX);
    bool changed = false;

    if (inspection->config->type != DATABASE_MYSQL)
        return true; /* one encoding for the whole database: DB-CHARSET */
    if (!database_value(
            inspection->side[SIDE_STAGING], "SELECT @@character_set_database", &charset, error) ||
        (charset && strcmp(charset, "utf8mb4") != 0 &&
            !add_unfit(inspection, charset, &unfit, &changed, error)))
        return false;
    if (changed)
        CHECK_FAILS(
            inspection, check, "text that new tables in %s cannot hold: %s", charset, unfit.bytes);
    else if (unfit.length > 0)
        CHECK_WARNS(inspection, check, "text that new tables in %s could not hold: %s", charset,
            unfit.bytes);
    else
        CHECK_PASSES(inspection, check, "all text fits into %s", charset ? charset : "(none)");
    return true;
}

static bool check_table_collations(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *collation = NULL;
    AUTO_TEXT *name = NULL;
    AUTO_TEXT *sql = NULL;
    AUTO_TEXT *others = NULL;
    size_t count = 0;

    if (inspection->config->type != DATABASE_MYSQL)
        return true; /* PostgreSQL's tables have none of their own */
    if (!database_value(
            inspection->side[SIDE_STAGING], "SELECT @@collation_database", &collation, error))
        return false;
    name = database_quote(inspection->side[SIDE_PRODUCTION], collation ? collation : "");
    sql = memory_format(
        "SELECT CONCAT(table_collation, ': ', COUNT(*), ' tables, such as ', MIN(table_name))"
        " FROM information_schema.tables WHERE table_schema = DATABASE()"
        " AND table_type = 'BASE TABLE' AND table_collation <> %s"
        " GROUP BY table_collation ORDER BY 1",
        name);
    if (!database_checks_list(
            inspection->side[SIDE_PRODUCTION], sql, DATABASE_CHECKS_SHOWN, &others, &count, error))
        return false;
    if (count > 0)
        CHECK_WARNS(inspection, check, "new tables on staging get %s, others have %s",
            collation ? collation : "(none)", others);
    else
        CHECK_PASSES(inspection, check, "all tables have staging's collation");
    return true;
}

const DatabaseCheck data_checks[] = {
    { "DB-TABLE-NAMES", NEEDS_PRODUCTION,
        "rename the tables as the servers' scripts spell them, or move the wrong ones away",
        check_names },
    { "DB-TABLE-COLLATION", NEEDS_BOTH,
        "make the staging database with the collation of the tables (ALTER DATABASE)",
        check_table_collations },
    { "DB-COUNTERS", NEEDS_PRODUCTION, "SELECT setval(sequence, largest id): inserts fail else",
        check_counters },
    { "DB-ZERO-DATES", NEEDS_PRODUCTION, "servers that refuse dates of zero cannot restore a dump",
        check_zero_dates },
    { "DB-TEXT-FITS", NEEDS_BOTH,
        "make the staging database with a character set that holds it: utf8mb4, if keys have room",
        check_text },
    { "DB-ORPHANS", NEEDS_PRODUCTION,
        "delete the rows or add their parents: the new database cannot have the foreign key",
        check_orphans },
    { "DB-NEW-KEYS", NEEDS_PRODUCTION,
        "delete the rows or add their parents, then add the foreign key", check_new_keys },
    { .id = NULL },
};
