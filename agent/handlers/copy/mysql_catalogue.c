/*
 * MySQL and MariaDB: a table is made from its own SHOW CREATE TABLE, in which each key and
 * constraint stands on a line of its own. Secondary keys and foreign keys are taken out and added
 * after the rows; the counter (AUTO_INCREMENT=n) stays in and survives gaps.
 */

#include <strings.h>

#include "agent/handlers/copy/catalogue_builder.h"
#include "common/base/text.h"

#define DDL_MAX ((size_t)4 << 20)

/* Types whose bytes are the value, whatever character set somebody reads them in. */
static bool type_is_bytes(const char *type)
{
    static const char *const types[] = { "char", "varchar", "tinytext", "text", "mediumtext",
        "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "enum",
        "set", "bit", "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
        "multipolygon", "geometrycollection", "geomcollection", "vector" };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(type, types[i]) == 0)
            return true;
    return false;
}

static bool is_generated(const char *extra)
{
    return strcasestr(extra, "VIRTUAL") || strcasestr(extra, "STORED") ||
           strcasestr(extra, "PERSISTENT");
}

/* table, column, type, extra, key, whether the primary key begins with it and it is a whole number
 * that fits in 64 bits with sign */
enum { COLUMN_TABLE, COLUMN_NAME, COLUMN_TYPE, COLUMN_EXTRA, COLUMN_KEY, COLUMN_CUT };

typedef struct Reading {
    Database *database;
    CopyCatalogue *catalogue;
    QueryRows columns;
} Reading;

static void fill_columns(Reading *reading, CopyTable *table)
{
    Arena *arena = reading->catalogue->arena;
    TEXT_AUTO(columns, DDL_MAX);
    TEXT_AUTO(reads, DDL_MAX);

    table->column = arena_take(arena, reading->columns.count * sizeof(CopyColumn));
    for (size_t i = 0; i < reading->columns.count; i++) {
        const char *const *row = reading->columns.rows[i];
        const char *comma = table->column_count > 0 ? ", " : "";

        if (strcmp(row[COLUMN_TABLE], table->name) != 0 || is_generated(row[COLUMN_EXTRA]))
            continue;
        AUTO_TEXT *quoted = database_quote_name(reading->database, row[COLUMN_NAME]);

        text_add(&columns, "%s%s", comma, quoted);
        /* FLOAT is printed with six digits; as a DOUBLE it is printed exactly */
        text_add(&reads, "%s%s%s", comma, quoted,
            strcasecmp(row[COLUMN_TYPE], "float") == 0 ? " * 1e0" : "");
        table->column[table->column_count++] = (CopyColumn){
            .name = row[COLUMN_NAME],
            .as_bytes = type_is_bytes(row[COLUMN_TYPE]),
            .in_key = strcmp(row[COLUMN_KEY], "PRI") == 0,
        };
        table->has_key |= strcmp(row[COLUMN_KEY], "PRI") == 0;
        if (row[COLUMN_CUT][0] == '1')
            catalogue_set_cut(reading->catalogue, table, reading->database, row[COLUMN_NAME]);
    }
    table->columns = arena_text(arena, columns.bytes);
    table->reads = arena_text(arena, reads.bytes);
}

/* A counter that is not the first column of the primary key needs its key when it is made. */
static bool counter_needs_keys(const Reading *reading, const CopyTable *table, const char *ddl)
{
    for (size_t i = 0; i < reading->columns.count; i++) {
        const char *const *row = reading->columns.rows[i];

        if (strcmp(row[COLUMN_TABLE], table->name) != 0 ||
            !strcasestr(row[COLUMN_EXTRA], "auto_increment"))
            continue;
        AUTO_TEXT *quoted = database_quote_name(reading->database, row[COLUMN_NAME]);
        AUTO_TEXT *first = memory_format("  PRIMARY KEY (%s", quoted);

        return strstr(ddl, first) == NULL;
    }
    return false;
}

typedef struct TableText {
    Text create, indexes, foreign_keys;
    size_t body_lines;
    bool keep_keys;
} TableText;

static void add_alteration(Text *text, const CopyTable *table, const char *line, size_t length)
{
    if (text->length == 0)
        text_add(text, "ALTER TABLE %s ADD ", table->quoted);
    else
        text_add(text, ", ADD ");
    text_add_bytes(text, line, length);
}

/* One line of SHOW CREATE TABLE, without its line end. */
static void add_line(TableText *text, const CopyTable *table, const char *line, size_t length)
{
    bool body = strncmp(line, "  ", 2) == 0;

    if (body && line[length - 1] == ',')
        length--;
    if (body && !text->keep_keys &&
        (strncmp(line, "  KEY ", 6) == 0 || strncmp(line, "  UNIQUE KEY ", 13) == 0)) {
        add_alteration(&text->indexes, table, line + 2, length - 2);
        return;
    }
    if (body && strncmp(line, "  CONSTRAINT ", 13) == 0 &&
        memmem(line, length, " FOREIGN KEY ", 13)) {
        add_alteration(&text->foreign_keys, table, line + 2, length - 2);
        return;
    }
    text_add(&text->create, "%s", body && text->body_lines++ > 0 ? ",\n" : "\n");
    text_add_bytes(&text->create, line, length);
}

static void take_apart(const CopyTable *table, const char *ddl, TableText *text)
{
    while (*ddl) {
        size_t length = strcspn(ddl, "\n");

        add_line(text, table, ddl, length);
        ddl += length + (ddl[length] == '\n');
    }
}

static void add_step(
    Reading *reading, const CopyTable *table, CopyStepKind kind, const char *done, const char *sql)
{
    const CopyStep step = {
        .kind = kind, .name = table->name, .table = table->quoted, .done = done, .sql = sql
    };

    catalogue_add_table_step(reading->catalogue, &step);
}

static void add_table_steps(Reading *reading, const CopyTable *table, const TableText *text)
{
    CopyCatalogue *catalogue = reading->catalogue;
    AUTO_TEXT *literal = database_quote(reading->database, table->name);

    if (text->indexes.length > 0)
        add_step(reading, table, COPY_STEP_INDEX,
            catalogue_format(catalogue,
                "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE table_schema = "
                "DATABASE() AND table_name = %s AND index_name <> 'PRIMARY' AND index_type NOT IN "
                "('FULLTEXT', 'SPATIAL')",
                literal),
            arena_text(catalogue->arena, text->indexes.bytes));
    if (text->foreign_keys.length > 0)
        add_step(reading, table, COPY_STEP_FOREIGN_KEY,
            catalogue_format(catalogue,
                "SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE table_schema = "
                "DATABASE() AND table_name = %s AND constraint_type = 'FOREIGN KEY'",
                literal),
            arena_text(catalogue->arena, text->foreign_keys.bytes));
}

static bool fill_definition(Reading *reading, CopyTable *table, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    AUTO_TEXT *show = memory_format("SHOW CREATE TABLE %s", table->quoted);
    TableText text = { .keep_keys = false };
    QueryRows rows;

    if (!query_rows(reading->database, catalogue->arena, show, &rows, error))
        return false;
    if (rows.count != 1)
        return error_set(error, ERROR_DATABASE, "%s: no definition", table->name);
    text_init(&text.create, DDL_MAX);
    text_init(&text.indexes, DDL_MAX);
    text_init(&text.foreign_keys, DDL_MAX);
    table->has_primary = strstr(rows.rows[0][1], "\n  PRIMARY KEY (") != NULL;
    text.keep_keys = counter_needs_keys(reading, table, rows.rows[0][1]);
    take_apart(table, rows.rows[0][1], &text);
    table->create = arena_text(catalogue->arena, text.create.bytes);
    add_table_steps(reading, table, &text);
    text_done(&text.create);
    text_done(&text.indexes);
    text_done(&text.foreign_keys);
    return true;
}

static uint64_t number_of(const char *text)
{
    unsigned long long number = 0;

    return text && text_to_number(text, UINT64_MAX, &number) ? number : 0;
}

/* name, kind, rows, bytes */
static bool add_table(Reading *reading, const char *const *row, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    AUTO_TEXT *quoted = database_quote_name(reading->database, row[0]);
    CopyTable table = { .name = row[0],
        .quoted = arena_text(catalogue->arena, quoted),
        .estimated = number_of(row[2]),
        .bytes = number_of(row[3]) };

    fill_columns(reading, &table);
    return fill_definition(reading, catalogue_add_table(catalogue, &table), error);
}

/* constraint, table, column, parent's schema, parent, parent's column */
static bool add_orphan_steps(Reading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    Database *database = reading->database;
    QueryRows rows;

    if (!query_rows(database, catalogue->arena,
            "SELECT constraint_name, table_name, column_name, referenced_table_schema, "
            "referenced_table_name, referenced_column_name, ordinal_position"
            " FROM information_schema.KEY_COLUMN_USAGE WHERE table_schema = DATABASE()"
            " AND referenced_table_schema = DATABASE() AND referenced_table_name IS NOT NULL"
            " ORDER BY table_name, constraint_name, ordinal_position",
            &rows, error))
        return false;
    for (size_t i = 0; i < rows.count;) {
        AUTO_TEXT *child = database_quote_name(database, rows.rows[i][1]);
        AUTO_TEXT *parent = database_quote_name(database, rows.rows[i][4]);
        AUTO_TEXT *target = database_quote_name(database, rows.rows[i][5]);
        size_t first = i;
        TEXT_AUTO(join, DDL_MAX);
        TEXT_AUTO(given, DDL_MAX);

        for (; i < rows.count && strcmp(rows.rows[i][0], rows.rows[first][0]) == 0 &&
               strcmp(rows.rows[i][1], rows.rows[first][1]) == 0;
             i++) {
            AUTO_TEXT *column = database_quote_name(database, rows.rows[i][2]);
            AUTO_TEXT *other = database_quote_name(database, rows.rows[i][5]);

            text_add(&join, "%sc.%s = p.%s", i > first ? " AND " : "", column, other);
            text_add(&given, " AND c.%s IS NOT NULL", column);
        }
        catalogue_add_step(catalogue, COPY_STEP_ORPHANS,
            catalogue_format(catalogue, "%s.%s", rows.rows[first][1], rows.rows[first][0]), NULL,
            catalogue_format(catalogue,
                "SELECT COUNT(*) FROM %s c LEFT JOIN %s p ON %s WHERE p.%s IS NULL%s", child,
                parent, join.bytes, target, given.bytes));
    }
    return true;
}

static const char leftovers[] =
    "SELECT 'trigger', trigger_name FROM information_schema.TRIGGERS"
    " WHERE trigger_schema = DATABASE()"
    " UNION ALL SELECT LOWER(routine_type), routine_name FROM information_schema.ROUTINES"
    " WHERE routine_schema = DATABASE()"
    " UNION ALL SELECT 'event', event_name FROM information_schema.EVENTS"
    " WHERE event_schema = DATABASE() ORDER BY 1, 2";

static bool add_tables(Reading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    QueryRows tables;

    if (!query_rows(reading->database, catalogue->arena,
            "SELECT table_name, table_type, table_rows, data_length FROM information_schema.TABLES"
            " WHERE table_schema = DATABASE() ORDER BY table_name",
            &tables, error))
        return false;
    for (size_t i = 0; i < tables.count; i++) {
        const char *name = tables.rows[i][0], *kind = tables.rows[i][1];

        if (strstr(kind, "VIEW"))
            catalogue_add_leftover(catalogue, "view", name);
        else if (strcmp(kind, "BASE TABLE") != 0)
            return error_set(error, ERROR_PRECONDITION,
                "%s is a '%s', which is not copied: move it out of the database first", name, kind);
        else if (!add_table(reading, tables.rows[i], error))
            return false;
    }
    return true;
}

bool catalogue_read_mysql(Database *database, CopyCatalogue *catalogue, Error *error)
{
    Reading reading = { .database = database, .catalogue = catalogue };

    return query_rows(database, catalogue->arena,
               "SELECT c.table_name, c.column_name, c.data_type, c.extra, c.column_key,"
               " s.column_name IS NOT NULL AND (c.data_type IN ('tinyint', 'smallint', 'mediumint',"
               " 'int') OR (c.data_type = 'bigint' AND c.column_type NOT LIKE '%unsigned%'))"
               " FROM information_schema.COLUMNS c LEFT JOIN information_schema.STATISTICS s"
               " ON s.table_schema = c.table_schema AND s.table_name = c.table_name"
               " AND s.column_name = c.column_name AND s.index_name = 'PRIMARY'"
               " AND s.seq_in_index = 1 WHERE c.table_schema = DATABASE()"
               " ORDER BY c.table_name, c.ordinal_position",
               &reading.columns, error) &&
           add_tables(&reading, error) && add_orphan_steps(&reading, error) &&
           catalogue_add_leftovers(catalogue, database, leftovers, error);
}
