#include "agent/handlers/database/account.h"

#include <assert.h>

typedef struct Reading {
    AccountList *list;
    Database *database;
    const char *user;
} Reading;

static Account *new_account(AccountList *list)
{
    list->items = memory_grow(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count] = (Account){ 0 };
    return &list->items[list->count++];
}

static bool add_mysql_host(void *self, const DatabaseRow *row, Error *error)
{
    Reading *reading = self;
    Account *account = new_account(reading->list);
    AUTO_TEXT *name = memory_format("%s@%s", reading->user, row->values[0]);
    AUTO_TEXT *user = database_quote(reading->database, reading->user);
    AUTO_TEXT *host = database_quote(reading->database, row->values[0]);
    AUTO_TEXT *quoted = memory_format("%s@%s", user, host);

    (void)error;
    account->name = arena_text(reading->list->arena, name);
    account->quoted = arena_text(reading->list->arena, quoted);
    return true;
}

/* SHOW CREATE USER says it alike on MySQL (5.7.6) and MariaDB (10.4.2); their tables differ. */
static bool read_mysql_lock(Database *database, Account *account, Error *error)
{
    AUTO_TEXT *sql = memory_format("SHOW CREATE USER %s", account->quoted);
    AUTO_TEXT *text = NULL;

    if (!database_value(database, sql, &text, error))
        return error_prefix(error, "account %s: ", account->name);
    account->locked = text && strstr(text, " ACCOUNT LOCK") != NULL;
    return true;
}

static bool read_mysql(Database *database, const char *user, AccountList *list, Error *error)
{
    Reading reading = { list, database, user };
    AUTO_TEXT *value = database_quote(database, user);
    AUTO_TEXT *sql = memory_format(
        "SELECT host FROM mysql.user WHERE user = %s AND host <> '' ORDER BY host", value);

    if (!database_query(database, sql, add_mysql_host, &reading, error))
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (!read_mysql_lock(database, &list->items[i], error))
            return false;
    return true;
}

static bool read_postgresql(Database *database, const char *user, AccountList *list, Error *error)
{
    AUTO_TEXT *value = database_quote(database, user);
    AUTO_TEXT *quoted = database_quote_name(database, user);
    AUTO_TEXT *sql = memory_format("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", value);
    AUTO_TEXT *may = NULL;
    Account *account;

    if (!database_value(database, sql, &may, error))
        return false;
    if (!may)
        return true;
    account = new_account(list);
    account->name = arena_text(list->arena, user);
    account->quoted = arena_text(list->arena, quoted);
    account->locked = strcmp(may, "t") != 0;
    return true;
}

bool account_list_read(Database *database, const char *user, AccountList **ret, Error *error)
{
    AUTO(AccountList) *list = memory_new(sizeof(*list));

    list->arena = arena_new();
    if (database_type(database) == DATABASE_MYSQL ? !read_mysql(database, user, list, error)
                                                  : !read_postgresql(database, user, list, error))
        return false;
    *ret = TAKE(list);
    return true;
}

void account_list_free(AccountList *list)
{
    if (!list)
        return;
    arena_free(list->arena);
    free(list->items);
    free(list);
}

bool account_set(Database *database, const Account *account, AccountState state, Error *error)
{
    static const char *const verbs[DATABASE_TYPE_COUNT][2] = {
        [DATABASE_MYSQL] = { "ALTER USER %s ACCOUNT LOCK", "ALTER USER %s ACCOUNT UNLOCK" },
        [DATABASE_POSTGRESQL] = { "ALTER ROLE %s NOLOGIN", "ALTER ROLE %s LOGIN" },
    };
    const char *verb = verbs[database_type(database)][state == ACCOUNT_LOCKED ? 0 : 1];
    const char *gap = strstr(verb, "%s");
    AUTO_TEXT *sql = memory_format("%.*s%s%s", (int)(gap - verb), verb, account->quoted, gap + 2);

    return database_run(database, sql, NULL, error) ||
           error_prefix(error, "account %s: ", account->name);
}

bool account_is_ours(Database *database, const char *user, bool *ret, Error *error)
{
    AUTO_TEXT *ours = NULL;

    if (!database_value(database,
            database_type(database) == DATABASE_MYSQL
                ? "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"
                : "SELECT session_user",
            &ours, error))
        return false;
    *ret = ours && strcmp(ours, user) == 0;
    return true;
}
