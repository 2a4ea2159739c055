#include "agent/handlers/database/structure.h"

#include <ctype.h>

#include "agent/handlers/database/query_rows.h"

static void add(Digest *digest, const char *value)
{
    digest_add(digest, value ? value : "\001", value ? strlen(value) + 1 : 2);
}

static bool add_rows(Digest *digest, Database *database, const char *sql, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    QueryRows rows;

    if (!query_rows(database, arena, sql, &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++)
        add(digest, rows.rows[i][0]);
    return true;
}

/* SHOW CREATE TABLE without the counter. */
static void add_definition(Digest *digest, const char *ddl)
{
    const char *counter = strstr(ddl, "\n)");
    const char *number;

    counter = counter ? strstr(counter, " AUTO_INCREMENT=") : NULL;
    if (!counter) {
        add(digest, ddl);
        return;
    }
    number = counter + strlen(" AUTO_INCREMENT=");
    while (isdigit((unsigned char)*number))
        number++;
    digest_add(digest, ddl, (size_t)(counter - ddl));
    add(digest, number);
}

static bool add_tables(Digest *digest, Database *database, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    QueryRows tables;

    if (!query_rows(database, arena,
            "SELECT table_name FROM information_schema.TABLES WHERE table_schema = DATABASE()"
            " AND table_type = 'BASE TABLE' ORDER BY table_name",
            &tables, error))
        return false;
    for (size_t i = 0; i < tables.count; i++) {
        AUTO_TEXT *quoted = database_quote_name(database, tables.rows[i][0]);
        AUTO_TEXT *sql = memory_format("SHOW CREATE TABLE %s", quoted);
        QueryRows one;

        if (!query_rows(database, arena, sql, &one, error))
            return false;
        if (one.count == 1)
            add_definition(digest, one.rows[0][1]);
    }
    return true;
}

bool structure_fingerprint_mysql(Database *database, char ret[SHA256_HEX_BYTES], Error *error)
{
    static const char *const others[] = {
        "SELECT CONCAT_WS('|', table_name, view_definition) FROM information_schema.VIEWS"
        " WHERE table_schema = DATABASE() ORDER BY table_name",
        "SELECT CONCAT_WS('|', trigger_name, event_object_table, event_manipulation, action_timing,"
        " action_statement) FROM information_schema.TRIGGERS WHERE trigger_schema = DATABASE()"
        " ORDER BY trigger_name",
        "SELECT CONCAT_WS('|', routine_type, routine_name, routine_definition, last_altered)"
        " FROM information_schema.ROUTINES WHERE routine_schema = DATABASE()"
        " ORDER BY routine_type, routine_name",
        "SELECT CONCAT_WS('|', event_name, event_definition, status) FROM information_schema.EVENTS"
        " WHERE event_schema = DATABASE() ORDER BY event_name",
        "SELECT CONCAT_WS('|', default_character_set_name, default_collation_name)"
        " FROM information_schema.SCHEMATA WHERE schema_name = DATABASE()",
    };
    AUTO(Digest) *digest = digest_new();

    if (!add_tables(digest, database, error))
        return false;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        add(digest, "next");
        if (!add_rows(digest, database, others[i], error))
            return false;
    }
    digest_end_hex(digest, ret);
    return true;
}
