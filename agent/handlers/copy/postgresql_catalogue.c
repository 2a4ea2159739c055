/*
 * PostgreSQL: definitions come from the server's own pg_get_…def() functions, read with an empty
 * search path so that every name in them is whole. Sequences are objects of their own here: in this
 * schema they belong to no column, so they are found as sequences and not through their columns.
 */

#include "agent/handlers/copy/postgresql_catalogue.h"
#include "common/base/text.h"

#define DDL_MAX     ((size_t)4 << 20)
#define VERSION_MIN 100000 /* server_version_num: 10, the first with pg_sequence */

static const char *short_name(const PgReading *reading, const char *schema, const char *name)
{
    if (reading->schema && strcmp(reading->schema, schema) == 0)
        return name;
    return catalogue_format(reading->catalogue, "%s.%s", schema, name);
}

char *pg_quoted_name(const PgReading *reading, const char *schema, const char *name)
{
    AUTO_TEXT *left = database_quote_name(reading->database, schema);
    AUTO_TEXT *right = database_quote_name(reading->database, name);

    return catalogue_format(reading->catalogue, "%s.%s", left, right);
}

/* table's oid, name, type, collation, default, not null, identity, generated, sequence of the
 * identity, is in the key, type is safe in binary, compression and storage where not the default */
enum {
    COLUMN_TABLE,
    COLUMN_NAME,
    COLUMN_TYPE,
    COLUMN_COLLATION,
    COLUMN_DEFAULT,
    COLUMN_NOT_NULL,
    COLUMN_IDENTITY,
    COLUMN_GENERATED,
    COLUMN_SEQUENCE,
    COLUMN_KEY,
    COLUMN_BINARY,
    COLUMN_COMPRESSION,
    COLUMN_STORAGE,
};

/* attgenerated came with 12, attcompression with 14: asked for through JSON they may be absent. */
static const char columns_query[] =
    "SELECT a.attrelid::text, a.attname, format_type(a.atttypid, a.atttypmod),"
    " CASE WHEN a.attcollation <> t.typcollation THEN"
    "   (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)"
    "    FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace"
    "    WHERE co.oid = a.attcollation) END,"
    " (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d"
    "   WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),"
    " a.attnotnull::int, a.attidentity::text,"
    " COALESCE(to_jsonb(a) ->> 'attgenerated', ''),"
    " CASE WHEN a.attidentity <> '' THEN"
    "   pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) END,"
    " COALESCE((SELECT a.attnum = ANY (i.indkey::int2[]) FROM pg_index i"
    "   WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL"
    "   AND NOT EXISTS (SELECT FROM pg_attribute k WHERE k.attrelid = a.attrelid"
    "     AND k.attnum = ANY (i.indkey::int2[]) AND NOT k.attnotnull)"
    "   AND NOT (0 = ANY (i.indkey::int2[]))"
    "   ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1)::int, 0),"
    " (tn.nspname = 'pg_catalog' AND t.typsend <> 0 AND t.typname NOT LIKE 'reg%'"
    "   AND t.typname NOT LIKE '\\_reg%' AND t.typtype = 'b')::int,"
    " CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,"
    " CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN'"
    "   WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END"
    " FROM pg_attribute a"
    " JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_type t ON t.oid = a.atttypid"
    " JOIN pg_namespace tn ON tn.oid = t.typnamespace"
    " WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND" USER_SCHEMA
    " ORDER BY a.attrelid, a.attnum";

static void add_definition(Text *create, const char *const *row)
{
    text_add(create, " %s", row[COLUMN_TYPE]);
    if (row[COLUMN_COMPRESSION])
        text_add(create, " COMPRESSION %s", row[COLUMN_COMPRESSION]);
    if (row[COLUMN_COLLATION])
        text_add(create, " COLLATE %s", row[COLUMN_COLLATION]);
    if (row[COLUMN_IDENTITY][0] != '\0')
        text_add(create, " GENERATED %s AS IDENTITY (SEQUENCE NAME %s)",
            row[COLUMN_IDENTITY][0] == 'a' ? "ALWAYS" : "BY DEFAULT", row[COLUMN_SEQUENCE]);
    else if (row[COLUMN_GENERATED][0] != '\0')
        text_add(create, " GENERATED ALWAYS AS (%s) STORED", row[COLUMN_DEFAULT]);
    else if (row[COLUMN_DEFAULT])
        text_add(create, " DEFAULT %s", row[COLUMN_DEFAULT]);
    if (row[COLUMN_NOT_NULL][0] == '1')
        text_add(create, " NOT NULL");
}

/* Rows that are copied lie as by default; those to come, as the column says. */
static void add_storage(
    PgReading *reading, const CopyTable *table, const char *quoted, const char *storage)
{
    const CopyStep step = { .kind = COPY_STEP_KEY,
        .name = table->name,
        .table = table->quoted,
        .sql = storage ? catalogue_format(reading->catalogue,
                             "ALTER TABLE %s ALTER COLUMN %s SET STORAGE %s", table->quoted, quoted,
                             storage)
                       : NULL };

    if (storage)
        catalogue_add_table_step(reading->catalogue, &step);
}

static void fill_columns(PgReading *reading, const char *oid, CopyTable *table, Text *create)
{
    Arena *arena = reading->catalogue->arena;
    size_t defined = 0;
    TEXT_AUTO(columns, DDL_MAX);

    table->binary = true;
    table->column = arena_take(arena, reading->columns.count * sizeof(CopyColumn));
    for (size_t i = 0; i < reading->columns.count; i++) {
        const char *const *row = reading->columns.rows[i];

        if (strcmp(row[COLUMN_TABLE], oid) != 0)
            continue;
        AUTO_TEXT *quoted = database_quote_name(reading->database, row[COLUMN_NAME]);

        text_add(create, "%s%s", defined++ > 0 ? ", " : "", quoted);
        add_definition(create, row);
        add_storage(reading, table, quoted, row[COLUMN_STORAGE]);
        if (row[COLUMN_GENERATED][0] != '\0')
            continue;
        text_add(&columns, "%s%s", table->column_count > 0 ? ", " : "", quoted);
        table->binary &= row[COLUMN_BINARY][0] == '1';
        table->has_key |= row[COLUMN_KEY][0] == '1';
        table->column[table->column_count++] = (CopyColumn){
            .name = row[COLUMN_NAME],
            .in_key = row[COLUMN_KEY][0] == '1',
        };
    }
    table->columns = table->reads = arena_text(arena, columns.bytes);
}

static const char tables_query[] =
    "SELECT c.oid::text, n.nspname, c.relname, c.relkind::text, c.relpersistence::text,"
    " array_to_string(c.reloptions, ', '), GREATEST(c.reltuples, 0)::bigint::text,"
    " (c.relispartition OR EXISTS (SELECT FROM pg_inherits i"
    "   WHERE i.inhrelid = c.oid OR i.inhparent = c.oid))::int,"
    " pg_get_userbyid(c.relowner), pg_table_size(c.oid)::text, cut.attname, (NOT "
    "cut.attnotnull)::int"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    /* an index that begins with a whole number; the primary key if there is a choice */
    " LEFT JOIN LATERAL (SELECT a.attname, a.attnotnull FROM pg_index i"
    "   JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am m ON m.oid = ic.relam"
    "   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
    "   WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree'"
    "   AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)"
    "   ORDER BY i.indisprimary DESC, i.indisunique DESC, i.indexrelid LIMIT 1) cut ON true"
    " WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND" USER_SCHEMA
        NOT_OF_EXTENSION("pg_class", "c.oid") " ORDER BY n.nspname, c.relname";

enum {
    TABLE_OID,
    TABLE_SCHEMA,
    TABLE_NAME,
    TABLE_KIND,
    TABLE_PERSISTENCE,
    TABLE_OPTIONS,
    TABLE_ROWS,
    TABLE_INHERITS,
    TABLE_OWNER,
    TABLE_BYTES,
    TABLE_CUT,
    TABLE_CUT_NULL,
};

/* Runs on staging: the role of that name where it exists there, else the database's owner. */
static void add_owner(PgReading *reading, const char *kind, const char *quoted, const char *owner)
{
    CopyCatalogue *catalogue = reading->catalogue;
    AUTO_TEXT *role = database_quote(reading->database, owner);
    AUTO_TEXT *object = database_quote(reading->database, quoted);

    catalogue_add_step(catalogue, COPY_STEP_OWNER, quoted, NULL,
        catalogue_format(catalogue,
            "DO $do$ DECLARE r text; BEGIN"
            " SELECT rolname INTO r FROM pg_catalog.pg_roles WHERE rolname = %s;"
            " IF r IS NULL THEN SELECT pg_catalog.pg_get_userbyid(datdba) INTO r"
            " FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database(); END IF;"
            " EXECUTE pg_catalog.format('ALTER %s %%s OWNER TO %%I', %s, r); END $do$",
            role, kind, object));
}

static uint64_t number_of(const char *text)
{
    unsigned long long number = 0;

    return text_to_number(text, UINT64_MAX, &number) ? number : 0;
}

/* Rows can be sorted into chunks only where their values come in binary. */
static void fill_cut(PgReading *reading, const char *const *row, CopyTable *table)
{
    if (!table->binary || !row[TABLE_CUT])
        return;
    catalogue_set_cut(reading->catalogue, table, reading->database, row[TABLE_CUT]);
    table->cut_null = row[TABLE_CUT_NULL][0] == '1';
}

static bool add_tables(PgReading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    QueryRows rows;

    if (!query_rows(reading->database, catalogue->arena, tables_query, &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        const char *const *row = rows.rows[i];
        const char *name = short_name(reading, row[TABLE_SCHEMA], row[TABLE_NAME]);
        CopyTable table = { .name = name,
            .quoted = pg_quoted_name(reading, row[TABLE_SCHEMA], row[TABLE_NAME]),
            .estimated = number_of(row[TABLE_ROWS]),
            .bytes = number_of(row[TABLE_BYTES]) };
        TEXT_AUTO(create, DDL_MAX);

        if (row[TABLE_KIND][0] != 'r' || row[TABLE_INHERITS][0] == '1')
            return error_set(error, ERROR_PRECONDITION,
                "%s is partitioned, foreign or inherits, which is not copied: move it out of the "
                "database first",
                name);
        text_add(&create, "CREATE %sTABLE %s (",
            row[TABLE_PERSISTENCE][0] == 'u' ? "UNLOGGED " : "", table.quoted);
        fill_columns(reading, row[TABLE_OID], &table, &create);
        fill_cut(reading, row, &table);
        text_add(&create, ")");
        if (row[TABLE_OPTIONS] && row[TABLE_OPTIONS][0] != '\0')
            text_add(&create, " WITH (%s)", row[TABLE_OPTIONS]);
        table.create = arena_text(catalogue->arena, create.bytes);
        (void)catalogue_add_table(catalogue, &table);
        add_owner(reading, "TABLE", table.quoted, row[TABLE_OWNER]);
    }
    return true;
}

/* schema, right, role or "" for everybody */
static void add_schema_grant(PgReading *reading, const char *const *row)
{
    CopyCatalogue *catalogue = reading->catalogue;
    AUTO_TEXT *schema = database_quote_name(reading->database, row[0]);
    AUTO_TEXT *role = database_quote_name(reading->database, row[2]);
    AUTO_TEXT *role_literal = database_quote(reading->database, row[2]);
    const bool everybody = row[2][0] == '\0';

    catalogue_add_step(catalogue, COPY_STEP_OWNER, row[0],
        everybody ? NULL
                  : catalogue_format(catalogue,
                        "SELECT count(*) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles"
                        " WHERE rolname = %s)",
                        role_literal),
        catalogue_format(
            catalogue, "GRANT %s ON SCHEMA %s TO %s", row[1], schema, everybody ? "PUBLIC" : role));
}

/* Creates schemas other than the session's own, where staging lacks them. */
static bool add_schemas(PgReading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    QueryRows rows, grants;

    if (!query_rows(reading->database, catalogue->arena,
            "SELECT n.nspname, pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE" USER_SCHEMA
                NOT_OF_EXTENSION("pg_namespace", "n.oid") " AND n.nspname <> 'public' ORDER BY 1",
            &rows, error) ||
        !query_rows(reading->database, catalogue->arena,
            "SELECT n.nspname, g.privilege_type, COALESCE(r.rolname, '') FROM pg_namespace n"
            " CROSS JOIN LATERAL aclexplode(n.nspacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee"
            " WHERE g.grantee <> n.nspowner AND n.nspname <> 'public' AND" USER_SCHEMA
                NOT_OF_EXTENSION("pg_namespace", "n.oid") " ORDER BY 1, 2, 3",
            &grants, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        AUTO_TEXT *quoted = database_quote_name(reading->database, rows.rows[i][0]);

        catalogue_add_step(catalogue, COPY_STEP_BEFORE, rows.rows[i][0], NULL,
            catalogue_format(catalogue, "CREATE SCHEMA IF NOT EXISTS %s", quoted));
        add_owner(reading, "SCHEMA", quoted, rows.rows[i][1]);
    }
    for (size_t i = 0; i < grants.count; i++)
        add_schema_grant(reading, grants.rows[i]);
    return true;
}

static const char sequences_query[] =
    "SELECT n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqincrement::text,"
    " s.seqmin::text, s.seqmax::text, s.seqstart::text, s.seqcache::text,"
    " CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END,"
    " COALESCE(d.deptype::text, ''), tn.nspname, t.relname, a.attname,"
    " pg_get_userbyid(c.relowner)"
    " FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    "   AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0"
    "   AND d.deptype IN ('a', 'i')"
    " LEFT JOIN pg_class t ON t.oid = d.refobjid"
    " LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace"
    " LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
    " WHERE" USER_SCHEMA NOT_OF_EXTENSION("pg_class", "c.oid") " ORDER BY n.nspname, c.relname";

enum {
    SEQUENCE_SCHEMA,
    SEQUENCE_NAME,
    SEQUENCE_TYPE,
    SEQUENCE_INCREMENT,
    SEQUENCE_MIN,
    SEQUENCE_MAX,
    SEQUENCE_START,
    SEQUENCE_CACHE,
    SEQUENCE_CYCLE,
    SEQUENCE_DEPENDS, /* "a": belongs to a column; "i": is the identity's own */
    SEQUENCE_TABLE_SCHEMA,
    SEQUENCE_TABLE,
    SEQUENCE_COLUMN,
    SEQUENCE_OWNER,
};

static bool add_sequence_value(
    PgReading *reading, const char *name, const char *quoted, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    AUTO_TEXT *literal = database_quote(reading->database, quoted);
    AUTO_TEXT *sql = memory_format("SELECT last_value::text, is_called::text FROM %s", quoted);
    QueryRows rows;

    if (!query_rows(reading->database, catalogue->arena, sql, &rows, error))
        return false;
    if (rows.count != 1)
        return error_set(error, ERROR_DATABASE, "sequence %s has no value", name);
    catalogue_add_step(catalogue, COPY_STEP_COUNTER, name, NULL,
        catalogue_format(catalogue, "SELECT pg_catalog.setval(%s, %s, %s)", literal,
            rows.rows[0][0], rows.rows[0][1]));
    return true;
}

static bool add_sequence(PgReading *reading, const char *const *row, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    const char *name = short_name(reading, row[SEQUENCE_SCHEMA], row[SEQUENCE_NAME]);
    const char *quoted = pg_quoted_name(reading, row[SEQUENCE_SCHEMA], row[SEQUENCE_NAME]);
    char depends = row[SEQUENCE_DEPENDS][0];
    const char *options = catalogue_format(catalogue,
        "INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s",
        row[SEQUENCE_INCREMENT], row[SEQUENCE_MIN], row[SEQUENCE_MAX], row[SEQUENCE_START],
        row[SEQUENCE_CACHE], row[SEQUENCE_CYCLE]);

    if (depends == 'i')
        catalogue_add_step(catalogue, COPY_STEP_COUNTER, name, NULL,
            catalogue_format(catalogue, "ALTER SEQUENCE %s %s", quoted, options));
    else
        catalogue_add_step(catalogue, COPY_STEP_BEFORE, name, NULL,
            catalogue_format(catalogue, "CREATE SEQUENCE IF NOT EXISTS %s AS %s %s", quoted,
                row[SEQUENCE_TYPE], options));
    if (depends == 'a') {
        AUTO_TEXT *column = database_quote_name(reading->database, row[SEQUENCE_COLUMN]);

        catalogue_add_step(catalogue, COPY_STEP_COUNTER, name, NULL,
            catalogue_format(catalogue, "ALTER SEQUENCE %s OWNED BY %s.%s", quoted,
                pg_quoted_name(reading, row[SEQUENCE_TABLE_SCHEMA], row[SEQUENCE_TABLE]), column));
    }
    if (depends == '\0') /* the others follow the owner of their table */
        add_owner(reading, "SEQUENCE", quoted, row[SEQUENCE_OWNER]);
    return add_sequence_value(reading, name, quoted, error);
}

static bool add_sequences(PgReading *reading, Error *error)
{
    QueryRows rows;

    if (!query_rows(reading->database, reading->catalogue->arena, sequences_query, &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++)
        if (!add_sequence(reading, rows.rows[i], error))
            return false;
    return true;
}

static const char leftovers[] =
    "SELECT CASE c.relkind WHEN 'm' THEN 'materialized-view' ELSE 'view' END, c.relname::text"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')"
    " AND" USER_SCHEMA NOT_OF_EXTENSION("pg_class",
        "c.oid") " UNION ALL SELECT 'trigger', t.tgname::text FROM pg_trigger t WHERE NOT "
                 "t.tgisinternal"
                 " UNION ALL SELECT 'function', p.proname::text FROM pg_proc p"
                 " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE" USER_SCHEMA
                     NOT_OF_EXTENSION("pg_proc",
                         "p.oid") " UNION ALL SELECT 'rule', r.rulename::text FROM pg_rewrite r "
                                  "WHERE r.rulename <> '_RETURN'"
                                  " AND r.oid >= 16384" /* FirstNormalObjectId: what initdb makes is
                                                           below */
                                  " UNION ALL SELECT 'policy', p.polname::text FROM pg_policy p"
                                  " UNION ALL SELECT 'type', t.typname::text FROM pg_type t"
                                  " JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype "
                                  "IN ('d', 'e', 'r')"
                                  " AND" USER_SCHEMA NOT_OF_EXTENSION("pg_type",
                                      "t.oid") " UNION ALL SELECT 'extension', extname::text FROM "
                                               "pg_extension WHERE extname <> 'plpgsql'"
                                               " UNION ALL SELECT 'large-object', count(*)::text "
                                               "FROM pg_largeobject_metadata"
                                               " HAVING count(*) > 0"
                                               " UNION ALL SELECT 'setting', unnest(s.setconfig)"
                                               " FROM pg_db_role_setting s JOIN pg_database b"
                                               " ON b.oid = s.setdatabase"
                                               " WHERE b.datname = current_database()"
                                               " ORDER BY 1, 2";

static bool prepare_session(PgReading *reading, Error *error)
{
    uint64_t version;

    if (!query_number(
            reading->database, "SELECT current_setting('server_version_num')", &version, error))
        return false;
    if (version < VERSION_MIN)
        return error_set(error, ERROR_PRECONDITION,
            "the server is PostgreSQL %s, the copy needs version 10 or later",
            database_server_version(reading->database));
    return database_value(reading->database, "SELECT current_schema()", &reading->schema, error) &&
           database_run(reading->database, "SET search_path = ''", NULL, error);
}

static bool read_all(PgReading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;

    return prepare_session(reading, error) &&
           query_rows(
               reading->database, catalogue->arena, columns_query, &reading->columns, error) &&
           add_schemas(reading, error) && add_sequences(reading, error) &&
           add_tables(reading, error) && pg_add_constraints(reading, error) &&
           pg_add_indexes(reading, error) && pg_add_grants(reading, error) &&
           pg_add_comments(reading, error) &&
           catalogue_add_leftovers(catalogue, reading->database, leftovers, error);
}

bool catalogue_read_postgresql(Database *database, CopyCatalogue *catalogue, Error *error)
{
    PgReading reading = { .database = database, .catalogue = catalogue };
    bool read = read_all(&reading, error);

    free(reading.schema);
    return read;
}
