#include "agent/handlers/database/layout.h"

#include <assert.h>

#include "agent/core/layout_form.h"
#include "common/base/text.h"

#define NAMES_SHOWN 8 /* of what is there or missing, in a message */

/* Tables and columns of the database's own schema, in lower case. */
static const char *const column_queries[] = {
    [DATABASE_MYSQL] = "SELECT LOWER(c.table_name), LOWER(c.column_name)"
                       " FROM information_schema.columns c"
                       " JOIN information_schema.tables t ON t.table_schema = c.table_schema"
                       " AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'"
                       " WHERE c.table_schema = DATABASE()",
    [DATABASE_POSTGRESQL] = "SELECT LOWER(c.table_name), LOWER(c.column_name)"
                            " FROM information_schema.columns c"
                            " JOIN information_schema.tables t ON t.table_schema = c.table_schema"
                            " AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'"
                            " WHERE c.table_schema = CURRENT_SCHEMA()",
};
static_assert(sizeof(column_queries) / sizeof(column_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its catalogue");

static bool add_pair(void *self, const DatabaseRow *row, Error *error)
{
    (void)error;
    assert(row->count == 2);
    if (row->values[0] && row->values[1])
        facts_add(self, row->values[0], row->values[1]);
    return true;
}

static bool is_there(const Facts *columns, const ProfileProbe *probe)
{
    for (size_t i = 0; i < columns->count; i++)
        if (strcasecmp(columns->items[i].name, probe->table) == 0 &&
            (!probe->column || strcasecmp(columns->items[i].value, probe->column) == 0))
            return true;
    return false;
}

/* How far a database is from one layout. */
typedef struct Fit {
    const ProfileLayout *layout;
    size_t wrong;   /* probes that do not hold */
    size_t present; /* things the layout wants that are there */
} Fit;

static Fit fit_of(const ProfileLayout *layout, const Facts *columns, DatabaseType type)
{
    Fit fit = { .layout = layout };

    for (size_t i = 0; i < layout->probe_count; i++) {
        const ProfileProbe *probe = &layout->probes[i];
        bool there;

        if (probe->type != PROFILE_ANY_TYPE && probe->type != type)
            continue;
        there = is_there(columns, probe);
        fit.wrong += there != probe->present;
        fit.present += there && probe->present;
    }
    return fit;
}

static void add_names(
    Text *text, const Fit *fit, const Facts *columns, DatabaseType type, bool present)
{
    size_t shown = 0, more = 0;

    for (size_t i = 0; i < fit->layout->probe_count; i++) {
        const ProfileProbe *probe = &fit->layout->probes[i];
        bool there = is_there(columns, probe);

        if ((probe->type != PROFILE_ANY_TYPE && probe->type != type) || there == probe->present ||
            there != present)
            continue;
        if (shown < NAMES_SHOWN)
            text_add(text, "%s%s%s%s", shown > 0 ? ", " : "", probe->table,
                probe->column ? "." : "", probe->column ? probe->column : "");
        else
            more++;
        shown++;
    }
    if (shown == 0)
        text_add(text, "nothing");
    if (more > 0)
        text_add(text, " and %zu more", more);
}

static void describe_mixture(
    const Fit *nearest, const Facts *columns, DatabaseType type, Layout *ret)
{
    TEXT_AUTO(why, sizeof(ret->why) - 1);

    text_add(&why, "nearest to layout %s, but it has ", nearest->layout->name);
    add_names(&why, nearest, columns, type, true);
    text_add(&why, " and lacks ");
    add_names(&why, nearest, columns, type, false);
    (void)text_copy(ret->why, sizeof(ret->why), why.bytes); /* fits: cut to its size */
}

bool layout_find(Database *database, const Profile *profile, Layout *ret, Error *error)
{
    DatabaseType type = database_type(database);
    Fit nearest = { 0 };
    bool any = false;
    FACTS_AUTO(columns);

    *ret = (Layout){ 0 };
    if (!database_query(database, column_queries[type], add_pair, &columns, error))
        return false;
    for (size_t i = 0; i < profile->layout_count; i++) {
        Fit fit = fit_of(&profile->layouts[i], &columns, type);

        any = any || fit.present > 0;
        if (!nearest.layout || fit.wrong < nearest.wrong)
            nearest = fit;
    }
    if (nearest.layout && nearest.wrong == 0) {
        (void)text_copy(ret->name, sizeof(ret->name), nearest.layout->name); /* checked: a name */
        return true;
    }
    (void)text_copy(ret->name, sizeof(ret->name), any ? LAYOUT_MIXTURE : LAYOUT_UNKNOWN);
    if (any)
        describe_mixture(&nearest, &columns, type, ret);
    return true;
}

bool layout_is_known(const Layout *layout)
{
    return strcmp(layout->name, LAYOUT_MIXTURE) != 0 && strcmp(layout->name, LAYOUT_UNKNOWN) != 0;
}

/*
 * Each query gives (table, thing), the thing in the words of layout_form.h. Integer display widths
 * (gone in MySQL 8.0.19), the spelling of defaults (quoted in MariaDB 10.2.7) and NO ACTION for
 * RESTRICT are evened out.
 */
static const char *const mysql_queries[] = {
    "SELECT LOWER(c.table_name), CONCAT('column ', LOWER(c.column_name), ' ', c.data_type,"
    " IF(c.data_type LIKE '%char' OR c.data_type LIKE '%binary',"
    " CONCAT('(', c.character_maximum_length, ')'), ''),"
    " IF(c.data_type = 'decimal',"
    " CONCAT('(', c.numeric_precision, ',', c.numeric_scale, ')'), ''),"
    " IF(LOCATE('unsigned', c.column_type) > 0, ' unsigned', ''),"
    " IF(c.data_type = 'timestamp', '', CONCAT(IF(c.is_nullable = 'NO', ' not null', ''),"
    " COALESCE(CONCAT(' default ', NULLIF(TRIM(BOTH '\'\'' FROM c.column_default), 'NULL')), ''))),"
    " IF(LOCATE('auto_increment', c.extra) > 0, ' auto_increment', ''),"
    " '" LAYOUT_ASIDE "position ', c.ordinal_position,"
    " COALESCE(CONCAT(', ', c.collation_name), ''))"
    " FROM information_schema.columns c"
    " JOIN information_schema.tables t ON t.table_schema = c.table_schema"
    " AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'"
    " WHERE c.table_schema = DATABASE()",
    "SELECT LOWER(table_name), CONCAT(IF(MIN(index_name) = 'PRIMARY', 'primary key',"
    " IF(MIN(non_unique) = 0, 'unique', 'index')),"
    " IF(MIN(index_type) IN ('BTREE', 'HASH'), '', CONCAT(' ', LOWER(MIN(index_type)))), ' (',"
    " GROUP_CONCAT(CONCAT(LOWER(column_name), COALESCE(CONCAT('(', sub_part, ')'), ''))"
    " ORDER BY seq_in_index SEPARATOR ', '), ')')"
    " FROM information_schema.statistics WHERE table_schema = DATABASE()"
    " GROUP BY table_name, index_name",
    "SELECT LOWER(k.table_name), CONCAT('foreign key (',"
    " GROUP_CONCAT(LOWER(k.column_name) ORDER BY k.ordinal_position SEPARATOR ', '),"
    " ') references ', LOWER(MIN(k.referenced_table_name)), '(',"
    " GROUP_CONCAT(LOWER(k.referenced_column_name) ORDER BY k.ordinal_position SEPARATOR ', '),"
    " ')', IF(MIN(r.update_rule) IN ('NO ACTION', 'RESTRICT'), '',"
    " CONCAT(' on update ', LOWER(MIN(r.update_rule)))),"
    " IF(MIN(r.delete_rule) IN ('NO ACTION', 'RESTRICT'), '',"
    " CONCAT(' on delete ', LOWER(MIN(r.delete_rule)))))"
    " FROM information_schema.key_column_usage k"
    " JOIN information_schema.referential_constraints r"
    " ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name"
    " AND r.table_name = k.table_name"
    " WHERE k.table_schema = DATABASE() AND k.referenced_table_name IS NOT NULL"
    " GROUP BY k.table_name, k.constraint_name",
    "SELECT LOWER(table_name), CONCAT('engine ', LOWER(engine)) FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    "SELECT LOWER(event_object_table), CONCAT('trigger ', LOWER(trigger_name))"
    " FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    "SELECT '', CONCAT('view ', LOWER(table_name)) FROM information_schema.views"
    " WHERE table_schema = DATABASE()",
    "SELECT '', CONCAT(LOWER(routine_type), ' ', LOWER(routine_name))"
    " FROM information_schema.routines WHERE routine_schema = DATABASE()",
    "SELECT '', CONCAT('event ', LOWER(event_name)) FROM information_schema.events"
    " WHERE event_schema = DATABASE()",
    NULL,
};

#define PG_TABLES                                                                                  \
    " FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace"                               \
    " AND n.nspname = CURRENT_SCHEMA()"

static const char *const postgresql_queries[] = {
    "SELECT LOWER(t.relname), 'column ' || LOWER(a.attname) || ' '"
    " || format_type(a.atttypid, a.atttypmod)"
    " || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END"
    " || COALESCE(' default ' || LOWER(pg_get_expr(d.adbin, d.adrelid)), '')" PG_TABLES
    " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum"
    " WHERE t.relkind IN ('r', 'p')",
    "SELECT LOWER(t.relname), LOWER(pg_get_constraintdef(c.oid))" PG_TABLES
    " JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('p', 'u', 'f', 'c', 'x')",
    "SELECT LOWER(t.relname), CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' END"
    " || REPLACE(LOWER(substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*')),"
    " ' using btree', '')"
    " || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END" PG_TABLES
    " JOIN pg_index i ON i.indrelid = t.oid"
    " WHERE NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid"
    " AND c.contype IN ('p', 'u', 'x'))",
    "SELECT '', 'sequence ' || LOWER(t.relname) || ' ' || format_type(s.seqtypid, NULL)"
    " || ' by ' || s.seqincrement" PG_TABLES " JOIN pg_sequence s ON s.seqrelid = t.oid",
    "SELECT '', 'view ' || LOWER(t.relname)" PG_TABLES " WHERE t.relkind IN ('v', 'm')",
    "SELECT LOWER(t.relname), 'trigger ' || LOWER(g.tgname)" PG_TABLES
    " JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal",
    "SELECT '', 'routine ' || LOWER(p.proname)"
    " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " AND n.nspname = CURRENT_SCHEMA()"
    " WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')",
    NULL,
};

static const char *const *const describe_queries[] = {
    [DATABASE_MYSQL] = mysql_queries,
    [DATABASE_POSTGRESQL] = postgresql_queries,
};

static int by_name_and_value(const void *a, const void *b)
{
    const Fact *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->value, right->value);
}

bool layout_describe(Database *database, Facts *ret, Error *error)
{
    const char *const *queries = describe_queries[database_type(database)];

    for (size_t i = 0; queries[i]; i++)
        if (!database_query(database, queries[i], add_pair, ret, error))
            return error_prefix(error, "the layout cannot be read: ");
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof(ret->items[0]), by_name_and_value);
    return true;
}

bool layout_fingerprint(Database *database, char ret[SHA256_HEX_BYTES], Error *error)
{
    AUTO(Digest) *digest = digest_new();
    FACTS_AUTO(things);

    if (!layout_describe(database, &things, error))
        return false;
    for (size_t i = 0; i < things.count; i++) {
        /* with their end marks, so that no two lists run into the same bytes */
        digest_add(digest, things.items[i].name, strlen(things.items[i].name) + 1);
        digest_add(digest, things.items[i].value, strlen(things.items[i].value) + 1);
    }
    digest_end_hex(digest, ret);
    return true;
}
