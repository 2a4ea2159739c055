#include "agent/handlers/database/account_rights.h"

#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"

#define STATEMENTS_MAX ((size_t)1 << 20) /* bytes: a grant for each table */

/* MySQL, MariaDB: the lines of SHOW GRANTS are statements that give the rights again. */

typedef enum GrantReach {
    GRANT_NOTHING, /* USAGE, or of another database */
    GRANT_DATABASE,
    GRANT_WIDER,
} GrantReach;

typedef struct Grants {
    Arena *arena;
    QueryRows rows;
    const char *database; /* its name as it stands in a grant: `name` */
    const char *escaped;  /* the same with \_ for _ */
} Grants;

static void grants_done(Grants *grants)
{
    arena_free(grants->arena);
}
#define GRANTS_AUTO(name) __attribute__((cleanup(grants_done))) Grants name = { 0 }

static bool grants_read(Database *database, const Account *account, Grants *ret, Error *error)
{
    AUTO_TEXT *sql = memory_format("SHOW GRANTS FOR %s", account->quoted);
    AUTO_TEXT *name = NULL;
    AUTO_TEXT *quoted = NULL;
    TEXT_AUTO(escaped, 1024);

    ret->arena = arena_new();
    if (!database_value(database, "SELECT DATABASE()", &name, error) ||
        !query_rows(database, ret->arena, sql, &ret->rows, error))
        return false;
    quoted = database_quote_name(database, name ? name : "");
    for (const char *c = quoted; *c; c++)
        text_add(&escaped, "%s%c", *c == '_' || *c == '%' ? "\\" : "", *c);
    ret->database = arena_text(ret->arena, quoted);
    ret->escaped = arena_text(ret->arena, escaped.bytes);
    return true;
}

/* "`name`.*", "PROCEDURE `name`.`p`" in "GRANT … ON … TO …"; NULL for a grant of a role. */
static const char *scope_of(const char *grant)
{
    const char *on = strstr(grant, " ON ");

    return on ? on + strlen(" ON ") : NULL;
}

static const char *skip_routine(const char *scope)
{
    static const char *const kinds[] = { "PROCEDURE ", "FUNCTION ", "PACKAGE BODY ", "PACKAGE ",
        "TABLE " };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(scope, kinds[i], strlen(kinds[i])) == 0)
            return scope + strlen(kinds[i]);
    return scope;
}

static bool names(const char *scope, const char *database)
{
    size_t length = strlen(database);

    return strncmp(scope, database, length) == 0 && scope[length] == '.';
}

static bool pattern_reaches(Database *database, const char *scope, bool *ret, Error *error)
{
    const char *end = scope[0] == '`' ? strstr(scope + 1, "`.") : NULL;
    AUTO_TEXT *pattern = end ? memory_format("%.*s", (int)(end - scope - 1), scope + 1) : NULL;
    AUTO_TEXT *value = pattern ? database_quote(database, pattern) : NULL;
    AUTO_TEXT *sql = value ? memory_format("SELECT DATABASE() LIKE %s", value) : NULL;
    uint64_t matches = 0;

    if (sql && !query_number(database, sql, &matches, error))
        return false;
    *ret = matches != 0;
    return true;
}

static bool reach_of(
    Database *database, const Grants *grants, const char *grant, GrantReach *ret, Error *error)
{
    const char *scope = scope_of(grant);
    bool reaches = false;

    *ret = GRANT_NOTHING;
    if (strncmp(grant, "GRANT USAGE ON ", 15) == 0 || strncmp(grant, "GRANT ", 6) != 0)
        return true;
    if (!scope) { /* a role, whatever it may do */
        *ret = GRANT_WIDER;
        return true;
    }
    if (strncmp(scope, "*.*", 3) == 0) {
        *ret = GRANT_WIDER;
        return true;
    }
    scope = skip_routine(scope);
    if (names(scope, grants->database) || names(scope, grants->escaped)) {
        *ret = GRANT_DATABASE;
        return true;
    }
    if (!pattern_reaches(database, scope, &reaches, error))
        return false;
    if (reaches)
        *ret = GRANT_WIDER;
    return true;
}

static bool mysql_rights_are_there(
    Database *database, const Account *account, bool *ret, Error *error)
{
    GRANTS_AUTO(grants);

    *ret = false;
    if (!grants_read(database, account, &grants, error))
        return false;
    for (size_t i = 0; i < grants.rows.count && !*ret; i++) {
        GrantReach reach;

        if (!reach_of(database, &grants, grants.rows.rows[i][0], &reach, error))
            return false;
        *ret = reach != GRANT_NOTHING;
    }
    return true;
}

/* The grants of this database alone; a wider one is refused. */
static bool mysql_way_back(Database *database, const Account *account, char **ret, Error *error)
{
    TEXT_AUTO(text, STATEMENTS_MAX);
    GRANTS_AUTO(grants);

    if (!grants_read(database, account, &grants, error))
        return false;
    for (size_t i = 0; i < grants.rows.count; i++) {
        const char *grant = grants.rows.rows[i][0];
        GrantReach reach;

        if (!reach_of(database, &grants, grant, &reach, error))
            return false;
        if (reach == GRANT_WIDER)
            return error_set(error, ERROR_PRECONDITION,
                "it has rights that reach beyond this database (%.*s): grant them on this database "
                "alone, or name the account as one that is only watched",
                (int)strcspn(grant, "'"), grant);
        if (reach == GRANT_DATABASE)
            text_add(&text, "%s%s", text.length > 0 ? "\n" : "", grant);
    }
    if (text.overflow)
        return error_set(error, ERROR_PRECONDITION, "it has too many grants on this database");
    *ret = text_take(&text);
    return true;
}

static bool revoke_grant(
    Database *database, const Account *account, const char *grant, Error *error)
{
    const char *scope = scope_of(grant);
    const char *end = strstr(scope, " TO ");
    int length = end ? (int)(end - scope) : 0;
    AUTO_TEXT *rights =
        memory_format("REVOKE ALL PRIVILEGES ON %.*s FROM %s", length, scope, account->quoted);
    AUTO_TEXT *option =
        memory_format("REVOKE GRANT OPTION ON %.*s FROM %s", length, scope, account->quoted);

    return (!strstr(grant, " WITH GRANT OPTION") || database_run(database, option, NULL, error)) &&
           database_run(database, rights, NULL, error);
}

static bool mysql_take(Database *database, const Account *account, Error *error)
{
    AUTO_TEXT *grants = NULL;
    char *rest = NULL;

    if (!mysql_way_back(database, account, &grants, error))
        return false;
    for (char *grant = strtok_r(grants, "\n", &rest); grant; grant = strtok_r(NULL, "\n", &rest))
        if (!revoke_grant(database, account, grant, error))
            return false;
    return true;
}

/* PostgreSQL */

static bool postgresql_rights_are_there(
    Database *database, const Account *account, bool *ret, Error *error)
{
    AUTO_TEXT *user = database_quote(database, account->user);
    AUTO_TEXT *sql = memory_format(
        "SELECT has_database_privilege(%s, current_database(), 'CONNECT')::int", user);
    uint64_t may = 0;

    if (!query_number(database, sql, &may, error))
        return false;
    *ret = may != 0;
    return true;
}

/*
 * Who holds CONNECT by name: PUBLIC and the account lose it. Our own login has to keep it: it gets
 * it by name first, and loses that when all is given back.
 */
static bool postgresql_holds(Database *database, const char *grantee, bool *ret, Error *error)
{
    AUTO_TEXT *sql =
        memory_format("SELECT count(*) FROM pg_database d,"
                      " aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba))) a"
                      " WHERE d.datname = current_database() AND a.privilege_type = 'CONNECT'"
                      " AND a.grantee = %s",
            grantee);
    uint64_t count = 0;

    if (!query_number(database, sql, &count, error))
        return false;
    *ret = count > 0;
    return true;
}

static bool postgresql_name(Database *database, char **ret, Error *error)
{
    return database_value(database, "SELECT quote_ident(current_database())", ret, error);
}

static bool postgresql_way_back(
    Database *database, const Account *account, char **ret, Error *error)
{
    AUTO_TEXT *user = database_quote(database, account->user);
    AUTO_TEXT *oid = memory_format("(SELECT oid FROM pg_roles WHERE rolname = %s)", user);
    AUTO_TEXT *name = NULL;
    bool everybody, itself, ours;
    TEXT_AUTO(text, 2048);

    if (!postgresql_name(database, &name, error) ||
        !postgresql_holds(database, "0", &everybody, error) ||
        !postgresql_holds(database, oid, &itself, error) ||
        !postgresql_holds(
            database, "(SELECT oid FROM pg_roles WHERE rolname = session_user)", &ours, error))
        return false;
    if (everybody)
        text_add(&text, "GRANT CONNECT ON DATABASE %s TO PUBLIC", name);
    if (itself)
        text_add(&text, "%sGRANT CONNECT ON DATABASE %s TO %s", text.length > 0 ? "\n" : "", name,
            account->quoted);
    if (!ours)
        text_add(&text, "%sREVOKE CONNECT ON DATABASE %s FROM SESSION_USER",
            text.length > 0 ? "\n" : "", name);
    *ret = text_take(&text);
    return true;
}

static bool postgresql_take(Database *database, const Account *account, Error *error)
{
    AUTO_TEXT *name = NULL;
    AUTO_TEXT *keep = NULL;
    AUTO_TEXT *take = NULL;
    bool left = true;

    if (!postgresql_name(database, &name, error))
        return false;
    keep = memory_format("GRANT CONNECT ON DATABASE %s TO SESSION_USER", name);
    take = memory_format("REVOKE CONNECT ON DATABASE %s FROM PUBLIC, %s", name, account->quoted);
    if (!database_run(database, keep, NULL, error) || !database_run(database, take, NULL, error) ||
        !postgresql_rights_are_there(database, account, &left, error))
        return false;
    return !left || error_set(error, ERROR_PRECONDITION,
                        "it may still connect to %s, as a superuser or through another role: take "
                        "that away, or name the account as one that is only watched",
                        name);
}

bool account_rights_are_there(Database *database, const Account *account, bool *ret, Error *error)
{
    return database_type(database) == DATABASE_MYSQL
               ? mysql_rights_are_there(database, account, ret, error)
               : postgresql_rights_are_there(database, account, ret, error);
}

bool account_rights_way_back(Database *database, const Account *account, char **ret, Error *error)
{
    return database_type(database) == DATABASE_MYSQL
               ? mysql_way_back(database, account, ret, error)
               : postgresql_way_back(database, account, ret, error);
}

bool account_rights_take(Database *database, const Account *account, Error *error)
{
    return database_type(database) == DATABASE_MYSQL ? mysql_take(database, account, error)
                                                     : postgresql_take(database, account, error);
}
