#include "agent/handlers/inspection/account_checks.h"

#include "agent/handlers/database/account.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/same_server.h"
#include "common/base/memory.h"

static void judge_rights(
    const Inspection *inspection, const DatabaseCheck *check, const Account *account)
{
    AUTO_TEXT *way_back = NULL;
    Error lasting = { 0 };

    if (account_way_back(
            inspection->side[SIDE_PRODUCTION], account, BARRIER_RIGHTS, &way_back, &lasting))
        CHECK_PASSES(
            inspection, check, "account %s: its rights on production can be taken", account->name);
    else
        CHECK_FAILS(inspection, check, "%s", lasting.text);
}

static bool judge_user(
    Inspection *inspection, const DatabaseCheck *check, const char *user, Error *error)
{
    Database *production = inspection->side[SIDE_PRODUCTION];
    AUTO(AccountList) *accounts = NULL;
    bool ours = false, same = false;

    if (!account_list_read(production, user, &accounts, error) ||
        !account_is_ours(production, user, &ours, error) ||
        !same_server(production, inspection->side[SIDE_STAGING], &same, error))
        return false;
    if (accounts->count == 0)
        CHECK_FAILS(inspection, check, "production has no account '%s'", user);
    else if (ours)
        CHECK_FAILS(inspection, check, "account %s is the agent's own login too", user);
    else if (target_only_watches(inspection->command, user))
        CHECK_WARNS(inspection, check, "account %s is not locked, only watched", user);
    else if (same || !accounts->items[0].may_lock)
        for (size_t i = 0; i < accounts->count; i++)
            judge_rights(inspection, check, &accounts->items[i]);
    else
        CHECK_PASSES(inspection, check, "account %s can be locked out of production alone", user);
    return true;
}

bool check_accounts(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    size_t position = 0;
    const Fact *account;

    while ((account = facts_each(&inspection->command->args, ARG_ACCOUNT, &position)))
        if (!judge_user(inspection, check, account->value, error))
            return false;
    return true;
}
