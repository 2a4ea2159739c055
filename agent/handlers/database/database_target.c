#include "agent/handlers/database/database_target.h"

#include "agent/handlers/database/scratch_database.h"
#include "common/base/memory.h"

#define SECONDS_MAX       (7 * 24 * 3600)
#define SIDE_OF_REHEARSAL "rehearsal"

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

bool target_side(const Command *command, const char **ret, Error *error)
{
    const char *side = facts_get_or(&command->args, ARG_SIDE, "");

    if (command_rehearses(command->kind))
        side = SIDE_OF_REHEARSAL;
    else if (strcmp(side, "production") != 0 && strcmp(side, "staging") != 0)
        return error_set(
            error, ERROR_INVALID, "%s is '%s', not production or staging", ARG_SIDE, side);
    *ret = side;
    return true;
}

static bool has_value(const Command *command, const char *name, const char *value)
{
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(&command->args, name, &position)))
        if (strcmp(fact->value, value) == 0)
            return true;
    return false;
}

bool target_has_account(const Command *command, const char *user)
{
    return has_value(command, ARG_ACCOUNT, user);
}

bool target_only_watches(const Command *command, const char *user)
{
    return has_value(command, ARG_WATCHED, user);
}

static unsigned seconds_of(const Command *command, const char *name, unsigned otherwise)
{
    unsigned long long value = facts_number(&command->args, name, otherwise);

    return value == 0 || value > SECONDS_MAX ? otherwise : (unsigned)value;
}

static bool open_named(const AgentIo *io, const Command *command, DatabaseSide side,
    const char *name, Database **ret, Error *error)
{
    const AgentDatabase *config = NULL;
    DatabaseLimits limits = database_limits_default;

    limits.statement_s = seconds_of(command, ARG_STATEMENT_S, limits.statement_s);
    limits.lock_s = seconds_of(command, ARG_LOCK_S, limits.lock_s);
    return target_config(io, command, &config, error) &&
           database_open(config, side, name, &limits, ret, error);
}

bool target_open(
    const AgentIo *io, const Command *command, DatabaseSide side, Database **ret, Error *error)
{
    return open_named(io, command, side, NULL, ret, error);
}

bool target_open_side(AgentIo *io, const Command *command, Database **ret, Error *error)
{
    const char *side = NULL;
    AUTO_TEXT *scratch = NULL;

    if (!target_side(command, &side, error))
        return false;
    if (strcmp(side, SIDE_OF_REHEARSAL) == 0)
        return scratch_find(io, command, &scratch, error) &&
               open_named(io, command, SIDE_STAGING, scratch, ret, error);
    return open_named(io, command, strcmp(side, "production") == 0 ? SIDE_PRODUCTION : SIDE_STAGING,
        NULL, ret, error);
}
