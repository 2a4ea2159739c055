#include "agent/handlers/database/account.h"

#include <assert.h>

#include "agent/handlers/database/account_rights.h"

typedef struct Reading {
    AccountList *list;
    Database *database;
    const char *user;
} Reading;

static Account *new_account(const Reading *reading)
{
    AccountList *list = reading->list;

    list->items = memory_grow(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count] = (Account){ .user = arena_text(list->arena, reading->user) };
    return &list->items[list->count++];
}

static bool add_mysql_host(void *self, const DatabaseRow *row, Error *error)
{
    Reading *reading = self;
    Account *account = new_account(reading);
    AUTO_TEXT *name = memory_format("%s@%s", reading->user, row->values[0]);
    AUTO_TEXT *user = database_quote(reading->database, reading->user);
    AUTO_TEXT *host = database_quote(reading->database, row->values[0]);
    AUTO_TEXT *quoted = memory_format("%s@%s", user, host);

    (void)error;
    account->name = arena_text(reading->list->arena, name);
    account->quoted = arena_text(reading->list->arena, quoted);
    return true;
}

/*
 * SHOW CREATE USER says it alike on MySQL (5.7.6) and MariaDB (10.4.2), though their tables differ;
 * a server that does not know the statement does not know of locks either.
 */
static bool read_mysql_lock(Database *database, Account *account, Error *error)
{
    AUTO_TEXT *sql = memory_format("SHOW CREATE USER %s", account->quoted);
    AUTO_TEXT *text = NULL;
    Error unknown = { 0 };

    account->may_lock = database_value(database, sql, &text, &unknown);
    if (!account->may_lock && unknown.kind != ERROR_DATABASE) {
        *error = unknown;
        return false;
    }
    account->locked = text && strstr(text, " ACCOUNT LOCK") != NULL;
    return true;
}

static bool read_mysql(Reading *reading, Error *error)
{
    AUTO_TEXT *value = database_quote(reading->database, reading->user);
    AUTO_TEXT *sql = memory_format(
        "SELECT host FROM mysql.user WHERE user = %s AND host <> '' ORDER BY host", value);
    size_t first = reading->list->count;

    if (!database_query(reading->database, sql, add_mysql_host, reading, error))
        return false;
    for (size_t i = first; i < reading->list->count; i++)
        if (!read_mysql_lock(reading->database, &reading->list->items[i], error))
            return false;
    return true;
}

static bool read_postgresql(Reading *reading, Error *error)
{
    AUTO_TEXT *value = database_quote(reading->database, reading->user);
    AUTO_TEXT *quoted = database_quote_name(reading->database, reading->user);
    AUTO_TEXT *sql = memory_format("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", value);
    AUTO_TEXT *may = NULL;
    Account *account;

    if (!database_value(reading->database, sql, &may, error))
        return false;
    if (!may)
        return true;
    account = new_account(reading);
    account->name = account->user;
    account->quoted = arena_text(reading->list->arena, quoted);
    account->may_lock = true;
    account->locked = strcmp(may, "t") != 0;
    return true;
}

bool account_list_add(AccountList *list, Database *database, const char *user, Error *error)
{
    Reading reading = { list, database, user };
    size_t first = list->count;

    if (!list->arena)
        list->arena = arena_new();
    if (database_type(database) == DATABASE_MYSQL ? !read_mysql(&reading, error)
                                                  : !read_postgresql(&reading, error))
        return false;
    for (Account *account = list->items + first; account < list->items + list->count; account++)
        if (!account_rights_are_there(database, account, &account->has_rights, error))
            return error_prefix(error, "account %s: ", account->name);
    return true;
}

bool account_list_read(Database *database, const char *user, AccountList **ret, Error *error)
{
    AUTO(AccountList) *list = memory_new(sizeof(*list));

    if (!account_list_add(list, database, user, error))
        return false;
    *ret = TAKE(list);
    return true;
}

void account_list_done(AccountList *list)
{
    arena_free(list->arena);
    free(list->items);
}

void account_list_free(AccountList *list)
{
    if (!list)
        return;
    account_list_done(list);
    free(list);
}

bool account_is_out(const Account *account)
{
    return account->locked || !account->has_rights;
}

static char *set_login(const Database *database, const Account *account, bool open)
{
    static const char *const verbs[DATABASE_TYPE_COUNT][2] = {
        [DATABASE_MYSQL] = { "ALTER USER ", " ACCOUNT " },
        [DATABASE_POSTGRESQL] = { "ALTER ROLE ", " " },
    };
    static const char *const states[DATABASE_TYPE_COUNT][2] = {
        [DATABASE_MYSQL] = { "LOCK", "UNLOCK" },
        [DATABASE_POSTGRESQL] = { "NOLOGIN", "LOGIN" },
    };
    const char *const *verb = verbs[database_type(database)];

    return memory_format("%s%s%s%s", verb[0], account->quoted, verb[1],
        states[database_type(database)][open ? 1 : 0]);
}

bool account_way_back(
    Database *database, const Account *account, BarrierKind kind, char **ret, Error *error)
{
    if (kind == BARRIER_RIGHTS)
        return account_rights_way_back(database, account, ret, error) ||
               error_prefix(error, "account %s: ", account->name);
    *ret = set_login(database, account, true);
    return true;
}

bool account_shut(Database *database, const Account *account, BarrierKind kind, Error *error)
{
    AUTO_TEXT *lock = set_login(database, account, false);

    return (kind == BARRIER_RIGHTS ? account_rights_take(database, account, error)
                                   : database_run(database, lock, NULL, error)) ||
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
