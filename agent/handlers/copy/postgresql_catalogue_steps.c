/*
 * PostgreSQL: what completes tables that have their rows: constraints, indexes, rights, comments.
 */

#include "agent/handlers/copy/postgresql_catalogue.h"

/* schema, table, constraint, type, definition, what is said behind USING INDEX, the index's own
 * definition, the parent's schema and name */
enum {
    CONSTRAINT_SCHEMA,
    CONSTRAINT_TABLE,
    CONSTRAINT_NAME,
    CONSTRAINT_TYPE,
    CONSTRAINT_DEFINITION,
    CONSTRAINT_OPTIONS,
    CONSTRAINT_INDEX,
    CONSTRAINT_PARENT_SCHEMA,
    CONSTRAINT_PARENT,
};

static const char constraints_query[] =
    "SELECT n.nspname, c.relname, co.conname, co.contype::text, pg_get_constraintdef(co.oid),"
    " CASE WHEN co.condeferrable THEN ' DEFERRABLE' ELSE '' END ||"
    " CASE WHEN co.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END,"
    " CASE WHEN co.contype IN ('p', 'u') THEN pg_get_indexdef(co.conindid) END, pn.nspname, "
    "p.relname"
    " FROM pg_constraint co"
    " JOIN pg_class c ON c.oid = co.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_class p ON p.oid = co.confrelid"
    " LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace"
    " WHERE c.relkind = 'r' AND co.contype IN ('p', 'u', 'x', 'c', 'f') AND" USER_SCHEMA
        NOT_OF_EXTENSION("pg_class", "c.oid") " ORDER BY position(co.contype::text in 'puxcf'),"
                                              " n.nspname, c.relname, co.conname";

/* `quoted`: of the index; several can be built at a time on one table. */
static void add_index_step(
    PgReading *reading, const char *name, const char *table, const char *quoted, const char *sql)
{
    AUTO_TEXT *literal = database_quote(reading->database, quoted);
    const CopyStep step = { .kind = COPY_STEP_INDEX,
        .name = name,
        .table = table,
        .done = catalogue_format(reading->catalogue,
            "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)", literal),
        .sql = sql };

    catalogue_add_table_step(reading->catalogue, &step);
}

/* The index of a key is built beside others; to make it the key takes no time then. */
static void add_constraint(PgReading *reading, const char *const *row)
{
    CopyCatalogue *catalogue = reading->catalogue;
    const char *table = pg_quoted_name(reading, row[CONSTRAINT_SCHEMA], row[CONSTRAINT_TABLE]);
    AUTO_TEXT *name = database_quote_name(reading->database, row[CONSTRAINT_NAME]);
    AUTO_TEXT *name_literal = database_quote(reading->database, row[CONSTRAINT_NAME]);
    AUTO_TEXT *table_literal = database_quote(reading->database, table);
    CopyStep step = { .kind =
                          row[CONSTRAINT_TYPE][0] == 'f' ? COPY_STEP_FOREIGN_KEY : COPY_STEP_KEY,
        .name = row[CONSTRAINT_NAME],
        .table = table,
        .done = catalogue_format(catalogue,
            "SELECT count(*) FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass"
            " AND conname = %s",
            table_literal, name_literal),
        .sql = catalogue_format(catalogue, "ALTER TABLE %s ADD CONSTRAINT %s %s", table, name,
            row[CONSTRAINT_DEFINITION]) };

    if (row[CONSTRAINT_PARENT])
        step.parent =
            pg_quoted_name(reading, row[CONSTRAINT_PARENT_SCHEMA], row[CONSTRAINT_PARENT]);
    if (row[CONSTRAINT_INDEX]) {
        add_index_step(reading, row[CONSTRAINT_NAME], table,
            pg_quoted_name(reading, row[CONSTRAINT_SCHEMA], row[CONSTRAINT_NAME]),
            row[CONSTRAINT_INDEX]);
        step.sql =
            catalogue_format(catalogue, "ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s%s",
                table, name, row[CONSTRAINT_TYPE][0] == 'p' ? "PRIMARY KEY" : "UNIQUE", name,
                row[CONSTRAINT_OPTIONS]);
    }
    catalogue_add_table_step(catalogue, &step);
}

bool pg_add_constraints(PgReading *reading, Error *error)
{
    QueryRows rows;

    if (!query_rows(reading->database, reading->catalogue->arena, constraints_query, &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++)
        add_constraint(reading, rows.rows[i]);
    return true;
}

bool pg_add_indexes(PgReading *reading, Error *error)
{
    QueryRows rows;

    if (!query_rows(reading->database, reading->catalogue->arena,
            "SELECT n.nspname, ic.relname, c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND i.indisvalid AND" USER_SCHEMA
            " AND NOT EXISTS (SELECT FROM pg_constraint co WHERE co.conindid = i.indexrelid"
            " AND co.contype IN ('p', 'u', 'x'))" NOT_OF_EXTENSION(
                "pg_class", "c.oid") " ORDER BY n.nspname, ic.relname",
            &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        const char *const *row = rows.rows[i];

        add_index_step(reading, row[1], pg_quoted_name(reading, row[0], row[2]),
            pg_quoted_name(reading, row[0], row[1]), row[3]);
    }
    return true;
}

/* Rights and comments; rights of roles that staging does not have are left out there. */
bool pg_add_grants(PgReading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    QueryRows rows;

    if (!query_rows(reading->database, catalogue->arena,
            "SELECT n.nspname, c.relname, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
            " g.privilege_type, COALESCE(r.rolname, ''),"
            " CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " CROSS JOIN LATERAL aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee"
            " WHERE c.relkind IN ('r', 'S') AND g.grantee <> c.relowner AND" USER_SCHEMA
                NOT_OF_EXTENSION("pg_class", "c.oid") " ORDER BY 1, 2, 3, 4, 5",
            &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        const char *const *row = rows.rows[i];
        const char *quoted = pg_quoted_name(reading, row[0], row[1]);
        AUTO_TEXT *role = database_quote_name(reading->database, row[4]);
        AUTO_TEXT *role_literal = database_quote(reading->database, row[4]);
        const bool everybody = row[4][0] == '\0';

        catalogue_add_step(catalogue, COPY_STEP_OWNER, quoted,
            everybody ? NULL
                      : catalogue_format(catalogue,
                            "SELECT count(*) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles"
                            " WHERE rolname = %s)",
                            role_literal),
            catalogue_format(catalogue, "GRANT %s ON %s %s TO %s%s", row[3], row[2], quoted,
                everybody ? "PUBLIC" : role, row[5]));
    }
    return true;
}

bool pg_add_comments(PgReading *reading, Error *error)
{
    CopyCatalogue *catalogue = reading->catalogue;
    QueryRows rows;

    if (!query_rows(reading->database, catalogue->arena,
            "SELECT n.nspname, c.relname, a.attname, d.description FROM pg_description d"
            " JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass"
            " JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a"
            " ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0"
            " WHERE c.relkind = 'r' AND" USER_SCHEMA NOT_OF_EXTENSION(
                "pg_class", "c.oid") " ORDER BY 1, 2, 3",
            &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        const char *const *row = rows.rows[i];
        const char *quoted = pg_quoted_name(reading, row[0], row[1]);
        AUTO_TEXT *column = database_quote_name(reading->database, row[2] ? row[2] : "");
        AUTO_TEXT *words = database_quote(reading->database, row[3]);

        catalogue_add_step(catalogue, COPY_STEP_OWNER, quoted, NULL,
            catalogue_format(catalogue, "COMMENT ON %s %s%s%s IS %s", row[2] ? "COLUMN" : "TABLE",
                quoted, row[2] ? "." : "", row[2] ? column : "", words));
    }
    return true;
}
