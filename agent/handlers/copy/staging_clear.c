/*
 * The goal "the staging database holds nothing that this run made": for an abort. What somebody
 * else put there is left alone, and says so.
 */

#include "agent/handlers/copy/ownership.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/table.h"

static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *staging = NULL;
    StagingOwner owner;

    if (!target_open(io, command, SIDE_STAGING, &staging, error) ||
        !staging_owner(io, command, staging, &owner, error))
        return false;
    *ret_holds = owner != STAGING_OURS;
    if (*ret_holds)
        facts_add(io->evidence, "staging",
            owner == STAGING_EMPTY ? "empty" : "not made by this run: left as it is");
    return true;
}

static bool apply(AgentIo *io, const Command *command, Error *error)
{
    AUTO(Database) *production = NULL;
    AUTO(Database) *staging = NULL;
    uint64_t dropped = 0;

    if (!target_open(io, command, SIDE_STAGING, &staging, error) ||
        !target_open(io, command, SIDE_PRODUCTION, &production, error) ||
        !staging_is_apart(command, production, staging, error) ||
        !staging_drop_all(staging, &dropped, error) || !staging_release(io, command, error))
        return false;
    facts_format(io->evidence, "dropped", "%llu", (unsigned long long)dropped);
    return true;
}

const Handler handler_clear_staging = {
    .goal = "the staging database holds nothing that this run made",
    .probe = probe,
    .apply = apply,
};
