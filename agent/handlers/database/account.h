#pragma once

/*
 * An account with which the Carbon servers log in to production: what it is called on the server,
 * whether it can get at the database, and how it is kept from it. On MySQL and MariaDB one user
 * name is one account for each host.
 *
 *   BARRIER_LOGIN    it may not log in to the server (ACCOUNT LOCK, NOLOGIN)
 *   BARRIER_RIGHTS   it may log in, but not use this database: where the server is too old to lock
 *                    accounts, and where the same server also holds staging
 *
 * Owns: an AccountList is freed by account_list_free(), or emptied by account_list_done(), with all
 * texts. Errors: those of
 * database.h; ERROR_PRECONDITION for rights that cannot be taken for one database alone.
 */

#include "agent/handlers/database/database.h"
#include "common/base/memory.h"

typedef enum BarrierKind { BARRIER_LOGIN, BARRIER_RIGHTS } BarrierKind;

typedef struct Account {
    const char *name;   /* for people and keys: "carbon@%", "carbon" */
    const char *quoted; /* for SQL */
    const char *user;   /* as the inventory has it */
    bool may_lock;      /* the server knows of locked accounts */
    bool locked;
    bool has_rights; /* to use this database */
} Account;

typedef struct AccountList {
    Account *items;
    size_t count;
    Arena *arena;
} AccountList;

/* An empty list when there is no such account. */
bool account_list_read(Database *database, const char *user, AccountList **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Adds what there is of one more user name. */
bool account_list_add(AccountList *list, Database *database, const char *user, Error *error)
    __attribute__((nonnull, warn_unused_result));
void account_list_done(AccountList *list) __attribute__((nonnull));
void account_list_free(AccountList *list);

bool account_is_out(const Account *account) __attribute__((nonnull));
/* The statements, one a line, that give back what account_shut() takes; the caller frees. */
bool account_way_back(Database *database, const Account *account, BarrierKind kind, char **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Doing it again goes on where it stopped. Sessions that are open stay. */
bool account_shut(Database *database, const Account *account, BarrierKind kind, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Says whether this connection itself uses the account. */
bool account_is_ours(Database *database, const char *user, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(AccountList, account_list_free)
