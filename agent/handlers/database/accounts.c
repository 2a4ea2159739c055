/*
 * Two goals about the accounts with which the Carbon servers log in to production: they are kept
 * from the old database, and they are as they were found. Accounts that the inventory names as
 * watched stay as they are: session_watch.h looks out for them.
 *
 * What gives an account back is remembered before it is taken, key "accounts/<database>/<account>",
 * value the statements, so that only what this tool took is ever given back. Several databases on
 * one server may share an account: each remembers for itself what it found.
 *
 * Evidence: "locked", "watched" and "given-back", once for each account; "session-ended".
 */

#include "agent/handlers/database/account.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/same_server.h"
#include "agent/handlers/database/session_list.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"

#define END_MS  10000 /* for a session to be gone that was told to end */
#define POLL_MS 100

typedef struct Barrier {
    AgentIo *io;
    const Command *command;
    Database *database;
    AccountList accounts; /* without those that are only watched */
} Barrier;

static void barrier_done(Barrier *barrier)
{
    account_list_done(&barrier->accounts);
    database_close(barrier->database);
}
#define BARRIER_AUTO(name) __attribute__((cleanup(barrier_done))) Barrier name = { 0 }

static char *key_of(const Command *command, const Account *account)
{
    return memory_format("accounts/%s/%s", command->target, account->name);
}

static bool add_account(Barrier *barrier, const char *user, Error *error)
{
    size_t before = barrier->accounts.count;

    if (!account_list_add(&barrier->accounts, barrier->database, user, error))
        return false;
    return barrier->accounts.count > before ||
           error_set(error, ERROR_PRECONDITION,
               "production of %s has no account '%s': correct it in the inventory",
               barrier->command->target, user);
}

static bool open_barrier(AgentIo *io, const Command *command, Barrier *ret, Error *error)
{
    size_t position = 0;
    const Fact *account;

    ret->io = io;
    ret->command = command;
    if (!target_open(io, command, SIDE_PRODUCTION, &ret->database, error))
        return false;
    while ((account = facts_each(&command->args, ARG_ACCOUNT, &position)))
        if (!target_only_watches(command, account->value) &&
            !add_account(ret, account->value, error))
            return false;
    return true;
}

typedef bool AccountFunction(const Barrier *barrier, const Account *account, Error *error);

static bool each_account(const Barrier *barrier, AccountFunction *function, Error *error)
{
    for (size_t i = 0; i < barrier->accounts.count; i++)
        if (!function(barrier, &barrier->accounts.items[i], error))
            return false;
    return true;
}

/* The first session of an account that is out, or NULL. */
static const Session *left_session(const Barrier *barrier, const SessionList *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        if (target_has_account(barrier->command, sessions->items[i].user) &&
            !target_only_watches(barrier->command, sessions->items[i].user))
            return &sessions->items[i];
    return NULL;
}

/* Opening a session takes longer than looking for one: who began before the lock is ended. */
static bool end_sessions(const Barrier *barrier, Error *error)
{
    Millis deadline = barrier->io->now(barrier->io->self) + END_MS;

    while (true) {
        AUTO(SessionList) *sessions = NULL;
        AUTO_TEXT *words = NULL;
        const Session *left;

        if (!session_list_read(barrier->database, barrier->command, &sessions, error))
            return false;
        if (!(left = left_session(barrier, sessions)))
            return true;
        words = session_words(left);
        if (barrier->io->now(barrier->io->self) >= deadline)
            return error_set(error, ERROR_PRECONDITION,
                "%s does not end although it was told to: end its program, then try again", words);
        if (!session_end(barrier->database, left, error))
            return error_prefix(error, "%s: ", words);
        facts_add(barrier->io->evidence, "session-ended", words);
        if (!barrier->io->pause(barrier->io->self, POLL_MS, error))
            return false;
    }
}

static void tell_accounts(const Barrier *barrier)
{
    size_t position = 0;
    const Fact *watched;

    for (size_t i = 0; i < barrier->accounts.count; i++)
        facts_add(barrier->io->evidence, "locked", barrier->accounts.items[i].name);
    while ((watched = facts_each(&barrier->command->args, ARG_WATCHED, &position)))
        facts_add(barrier->io->evidence, "watched", watched->value);
}

static bool probe_lock(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(SessionList) *sessions = NULL;
    BARRIER_AUTO(barrier);

    if (!open_barrier(io, command, &barrier, error) ||
        !session_list_read(barrier.database, command, &sessions, error))
        return false;
    *ret_holds = left_session(&barrier, sessions) == NULL;
    for (size_t i = 0; i < barrier.accounts.count; i++)
        *ret_holds = *ret_holds && account_is_out(&barrier.accounts.items[i]);
    if (*ret_holds)
        tell_accounts(&barrier);
    return true;
}

/* On a server that is also the new one the account has to log in still. */
static bool choose_kind(
    const Barrier *barrier, const Account *account, BarrierKind *ret, Error *error)
{
    AUTO(Database) *staging = NULL;
    bool ours = false, same = false;

    if (!account_is_ours(barrier->database, account->user, &ours, error))
        return false;
    if (ours)
        return error_set(error, ERROR_PRECONDITION,
            "account %s is the agent's own login to %s: give the agent another one", account->user,
            barrier->command->target);
    if (!target_open(barrier->io, barrier->command, SIDE_STAGING, &staging, error) ||
        !same_server(barrier->database, staging, &same, error))
        return false;
    *ret = same || !account->may_lock ? BARRIER_RIGHTS : BARRIER_LOGIN;
    return true;
}

/* What is remembered is what was found, also when an attempt died while it took the rights. */
static bool remember_way_back(
    const Barrier *barrier, const Account *account, BarrierKind kind, Error *error)
{
    AgentIo *io = barrier->io;
    AUTO_TEXT *key = key_of(barrier->command, account);
    AUTO_TEXT *known = NULL;
    AUTO_TEXT *statements = NULL;

    if (!io->recall(io->self, key, &known, error))
        return false;
    if (known)
        return true;
    return account_way_back(barrier->database, account, kind, &statements, error) &&
           io->remember(io->self, key, statements, error);
}

static bool lock_one(const Barrier *barrier, const Account *account, Error *error)
{
    BarrierKind kind;

    return account_is_out(account) || (choose_kind(barrier, account, &kind, error) &&
                                          remember_way_back(barrier, account, kind, error) &&
                                          account_shut(barrier->database, account, kind, error));
}

static bool apply_lock(AgentIo *io, const Command *command, Error *error)
{
    BARRIER_AUTO(barrier);

    return open_barrier(io, command, &barrier, error) && each_account(&barrier, lock_one, error) &&
           end_sessions(&barrier, error);
}

static bool way_back_of(const Barrier *barrier, const Account *account, char **ret, Error *error)
{
    AUTO_TEXT *key = key_of(barrier->command, account);

    return barrier->io->recall(barrier->io->self, key, ret, error);
}

static bool probe_unlock(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    BARRIER_AUTO(barrier);

    if (!open_barrier(io, command, &barrier, error))
        return false;
    *ret_holds = true;
    for (size_t i = 0; i < barrier.accounts.count; i++) {
        AUTO_TEXT *statements = NULL;

        if (!way_back_of(&barrier, &barrier.accounts.items[i], &statements, error))
            return false;
        *ret_holds = *ret_holds && !statements;
    }
    return true;
}

static bool give_back(const Barrier *barrier, const Account *account, Error *error)
{
    AUTO_TEXT *statements = NULL;
    char *rest = NULL;

    if (!way_back_of(barrier, account, &statements, error))
        return false;
    if (!statements)
        return true;
    for (char *sql = strtok_r(statements, "\n", &rest); sql; sql = strtok_r(NULL, "\n", &rest))
        if (!database_run(barrier->database, sql, NULL, error))
            return error_prefix(error, "account %s: ", account->name);
    facts_add(barrier->io->evidence, "given-back", account->name);
    return true;
}

static bool apply_unlock(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *prefix = memory_format("accounts/%s/", command->target);
    BARRIER_AUTO(barrier);

    /* forgotten, so that a lock which somebody else sets later is not taken for ours */
    return open_barrier(io, command, &barrier, error) && each_account(&barrier, give_back, error) &&
           io->forget(io->self, prefix, error);
}

const Handler handler_lock_accounts = {
    .goal = "the servers' accounts cannot get at the old database",
    .probe = probe_lock,
    .apply = apply_lock,
};

const Handler handler_unlock_accounts = {
    .goal = "the servers' accounts may use the old database as before",
    .probe = probe_unlock,
    .apply = apply_unlock,
};
