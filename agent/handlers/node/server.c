/*
 * The servers of a node, stopped and up. The new one is not started before configure-node has
 * left its mark: until then its home may name the production databases.
 */

#include "agent/handlers/configuration/configuration.h"
#include "agent/handlers/node/server_run.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"

#define STOP_S  180 /* when the command names no limit */
#define START_S 300 /* the vendor's own tests wait that long */

static unsigned limit_of(const Command *command, unsigned otherwise)
{
    return (unsigned)facts_number(&command->args, ARG_DEADLINE_S, otherwise);
}

static bool probe_stopped(
    AgentIo *io, const Command *command, HomeSide side, bool *ret_holds, Error *error)
{
    Home home;

    return home_of(io, command, side, &home, error) &&
           server_is_stopped(io, &home, ret_holds, error);
}

static bool apply_stop(AgentIo *io, const Command *command, HomeSide side, Error *error)
{
    Home home;

    return home_of(io, command, side, &home, error) &&
           server_stop(io, &home, limit_of(command, STOP_S), error);
}

static bool probe_up(
    AgentIo *io, const Command *command, HomeSide side, bool *ret_holds, Error *error)
{
    Home home;

    return home_of(io, command, side, &home, error) && server_is_up(io, &home, ret_holds, error);
}

static bool apply_start(AgentIo *io, const Command *command, HomeSide side, Error *error)
{
    Home home;

    return home_of(io, command, side, &home, error) &&
           server_start(io, &home, limit_of(command, START_S), error);
}

static bool probe_old_stopped(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    return probe_stopped(io, command, HOME_OLD, ret_holds, error);
}

static bool stop_old(AgentIo *io, const Command *command, Error *error)
{
    return apply_stop(io, command, HOME_OLD, error);
}

static bool probe_new_stopped(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    return probe_stopped(io, command, HOME_NEW, ret_holds, error);
}

static bool stop_new(AgentIo *io, const Command *command, Error *error)
{
    return apply_stop(io, command, HOME_NEW, error);
}

static bool probe_old_up(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    return probe_up(io, command, HOME_OLD, ret_holds, error);
}

static bool start_old(AgentIo *io, const Command *command, Error *error)
{
    return apply_start(io, command, HOME_OLD, error);
}

static bool probe_new_up(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    return probe_up(io, command, HOME_NEW, ret_holds, error);
}

static bool start_new(AgentIo *io, const Command *command, Error *error)
{
    const AgentNode *node = agent_config_node(io->config, command->target);

    if (!node)
        return error_set(
            error, ERROR_INVALID, "this agent's configuration has no node %s", command->target);
    if (!configuration_is_in_place(io, node, error))
        return false;
    return apply_start(io, command, HOME_NEW, error);
}

const Handler handler_stop_old_server = {
    .goal = "the old server is stopped",
    .probe = probe_old_stopped,
    .apply = stop_old,
};

const Handler handler_stop_new_server = {
    .goal = "the new server is stopped",
    .probe = probe_new_stopped,
    .apply = stop_new,
};

const Handler handler_start_old_server = {
    .goal = "the old server is up",
    .probe = probe_old_up,
    .apply = start_old,
};

const Handler handler_start_new_server = {
    .goal = "the new server is up",
    .probe = probe_new_up,
    .apply = start_new,
};
