#pragma once

/*
 * The account with which the Carbon servers log in to production: what it is called on the server,
 * and whether it may log in. On MySQL and MariaDB one user name is one account for each host.
 *
 * Owns: an AccountList is freed by account_list_free(), with all texts. Errors: those of
 * database.h; ERROR_PRECONDITION when the server is too old to lock accounts.
 */

#include "agent/handlers/database/database.h"
#include "common/base/memory.h"

typedef struct Account {
    const char *name;   /* for people and keys: "carbon@%", "carbon" */
    const char *quoted; /* for SQL */
    bool locked;
} Account;

typedef struct AccountList {
    Account *items;
    size_t count;
    Arena *arena;
} AccountList;

/* An empty list when there is no such account. */
bool account_list_read(Database *database, const char *user, AccountList **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void account_list_free(AccountList *list);

typedef enum AccountState { ACCOUNT_LOCKED, ACCOUNT_OPEN } AccountState;

bool account_set(Database *database, const Account *account, AccountState state, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Says whether this connection itself uses the account. */
bool account_is_ours(Database *database, const char *user, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(AccountList, account_list_free)
