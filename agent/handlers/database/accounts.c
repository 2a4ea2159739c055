/*
 * Two goals about the account with which the Carbon servers log in to production: it is locked
 * out, and it is as it was found.
 *
 * What was open is remembered before it is locked, key "accounts/<database>/<account>", value
 * "open", so that only what this tool locked is ever given back. Several databases on one server
 * may share the account: each remembers for itself what it found.
 *
 * Evidence: "locked" and "given-back", once for each account.
 */

#include "agent/handlers/database/account.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/same_server.h"
#include "agent/handlers/database/session_list.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"

static const char *user_of(const Command *command)
{
    return facts_get_or(&command->args, ARG_ACCOUNT, "");
}

static char *key_of(const Command *command, const Account *account)
{
    return memory_format("accounts/%s/%s", command->target, account->name);
}

static bool open_accounts(
    AgentIo *io, const Command *command, Database **ret_database, AccountList **ret, Error *error)
{
    AUTO(Database) *database = NULL;

    if (!target_open(io, command, SIDE_PRODUCTION, &database, error) ||
        !account_list_read(database, user_of(command), ret, error))
        return false;
    if ((*ret)->count == 0)
        return error_set(error, ERROR_PRECONDITION,
            "production of %s has no account '%s': correct it in the inventory", command->target,
            user_of(command));
    *ret_database = TAKE(database);
    return true;
}

/* A lock does not end sessions that are open: they have to be gone already. */
static bool nobody_got_in(Database *database, const Command *command, Error *error)
{
    AUTO(SessionList) *list = NULL;

    if (!session_list_read(database, user_of(command), &list, error))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        AUTO_TEXT *words = session_words(&list->items[i]);

        if (strcmp(list->items[i].user, user_of(command)) == 0)
            return error_set(error, ERROR_PRECONDITION,
                "account %s is locked, but %s got in before: end it, then try again",
                user_of(command), words);
    }
    return true;
}

static bool probe_lock(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *database = NULL;
    AUTO(AccountList) *accounts = NULL;

    if (!open_accounts(io, command, &database, &accounts, error))
        return false;
    *ret_holds = true;
    for (size_t i = 0; i < accounts->count; i++)
        *ret_holds = *ret_holds && accounts->items[i].locked;
    if (!*ret_holds)
        return true;
    for (size_t i = 0; i < accounts->count; i++)
        facts_add(io->evidence, "locked", accounts->items[i].name);
    return nobody_got_in(database, command, error);
}

/* A lock on a server that is also the new one, or on our own login, would lock out too much. */
static bool may_lock(AgentIo *io, const Command *command, Database *production, Error *error)
{
    AUTO(Database) *staging = NULL;
    bool ours = false, same = false;

    if (!account_is_ours(production, user_of(command), &ours, error))
        return false;
    if (ours)
        return error_set(error, ERROR_PRECONDITION,
            "account %s is the agent's own login to %s: give the agent another one",
            user_of(command), command->target);
    if (!target_open(io, command, SIDE_STAGING, &staging, error) ||
        !same_server(production, staging, &same, error))
        return false;
    return !same || error_set(error, ERROR_PRECONDITION,
                        "production and staging of %s are on the same server: account %s cannot "
                        "be locked out of one of them alone",
                        command->target, user_of(command));
}

static bool lock_one(
    AgentIo *io, const Command *command, Database *database, const Account *account, Error *error)
{
    AUTO_TEXT *key = key_of(command, account);

    return account->locked || (io->remember(io->self, key, "open", error) &&
                                  account_set(database, account, ACCOUNT_LOCKED, error));
}

static bool apply_lock(AgentIo *io, const Command *command, Error *error)
{
    AUTO(Database) *database = NULL;
    AUTO(AccountList) *accounts = NULL;

    if (!open_accounts(io, command, &database, &accounts, error) ||
        !may_lock(io, command, database, error))
        return false;
    for (size_t i = 0; i < accounts->count; i++)
        if (!lock_one(io, command, database, &accounts->items[i], error))
            return false;
    return true;
}

static bool was_open(
    AgentIo *io, const Command *command, const Account *account, bool *ret, Error *error)
{
    AUTO_TEXT *key = key_of(command, account);
    AUTO_TEXT *value = NULL;

    if (!io->recall(io->self, key, &value, error))
        return false;
    *ret = value && strcmp(value, "open") == 0;
    return true;
}

static bool probe_unlock(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *database = NULL;
    AUTO(AccountList) *accounts = NULL;

    if (!open_accounts(io, command, &database, &accounts, error))
        return false;
    *ret_holds = true;
    for (size_t i = 0; i < accounts->count; i++) {
        bool ours = false;

        if (!was_open(io, command, &accounts->items[i], &ours, error))
            return false;
        *ret_holds = *ret_holds && !(ours && accounts->items[i].locked);
    }
    return true;
}

static bool apply_unlock(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *prefix = memory_format("accounts/%s/", command->target);
    AUTO(Database) *database = NULL;
    AUTO(AccountList) *accounts = NULL;

    if (!open_accounts(io, command, &database, &accounts, error))
        return false;
    for (size_t i = 0; i < accounts->count; i++) {
        const Account *account = &accounts->items[i];
        bool ours = false;

        if (!was_open(io, command, account, &ours, error))
            return false;
        if (!ours || !account->locked)
            continue;
        if (!account_set(database, account, ACCOUNT_OPEN, error))
            return false;
        facts_add(io->evidence, "given-back", account->name);
    }
    /* so that a lock which somebody else sets later is not taken for ours */
    return io->forget(io->self, prefix, error);
}

const Handler handler_lock_accounts = {
    .goal = "the servers' account cannot log in to the old database",
    .probe = probe_lock,
    .apply = apply_lock,
};

const Handler handler_unlock_accounts = {
    .goal = "the servers' account may log in to the old database as before",
    .probe = probe_unlock,
    .apply = apply_unlock,
};
