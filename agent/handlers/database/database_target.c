#include "agent/handlers/database/database_target.h"

#define SECONDS_MAX (7 * 24 * 3600)

bool target_config(
    const AgentIo *io, const Command *command, const AgentDatabase **ret, Error *error)
{
    const AgentDatabase *config = agent_config_database(io->config, command->target);

    if (!config)
        return error_set(error, ERROR_INVALID,
            "database %s is not in this agent's configuration: add it to agent.xml",
            command->target);
    *ret = config;
    return true;
}

bool target_side(const Command *command, DatabaseSide *ret, Error *error)
{
    const char *side = facts_get_or(&command->args, ARG_SIDE, "");

    if (strcmp(side, "production") != 0 && strcmp(side, "staging") != 0)
        return error_set(
            error, ERROR_INVALID, "%s is '%s', not production or staging", ARG_SIDE, side);
    *ret = strcmp(side, "production") == 0 ? SIDE_PRODUCTION : SIDE_STAGING;
    return true;
}

static unsigned seconds_of(const Command *command, const char *name, unsigned otherwise)
{
    unsigned long long value = facts_number(&command->args, name, otherwise);

    return value == 0 || value > SECONDS_MAX ? otherwise : (unsigned)value;
}

bool target_open(
    const AgentIo *io, const Command *command, DatabaseSide side, Database **ret, Error *error)
{
    const AgentDatabase *config = NULL;
    DatabaseLimits limits = database_limits_default;

    limits.statement_s = seconds_of(command, ARG_STATEMENT_S, limits.statement_s);
    limits.lock_s = seconds_of(command, ARG_LOCK_S, limits.lock_s);
    return target_config(io, command, &config, error) &&
           database_open(config, side, NULL, &limits, ret, error);
}
