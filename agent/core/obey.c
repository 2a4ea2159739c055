#include "agent/core/obey.h"

#include <inttypes.h>

bool obey_leader(const Obey *obey, const char *cluster, uint64_t epoch, Error *error)
{
    uint64_t highest = 0;

    if (strcmp(cluster, obey->config->cluster) != 0)
        return error_set(error, ERROR_REFUSED, "cluster is '%.64s', this agent belongs to '%s'",
            cluster, obey->config->cluster);
    if (epoch == 0)
        return true;
    if (!obey->ledger->get_epoch(obey->ledger->self, &highest, error))
        return false;
    if (epoch < highest)
        return error_set(error, ERROR_REFUSED,
            "epoch %" PRIu64 " is lower than %" PRIu64 ": another coordinator has taken the lead",
            epoch, highest);
    return epoch == highest || obey->ledger->set_epoch(obey->ledger->self, epoch, error);
}

static bool target_is_ours(const AgentConfig *config, const Command *command, Error *error)
{
    switch (command_target(command->kind)) {
    case TARGET_NODE:
        if (agent_config_node(config, command->target))
            return true;
        break;
    case TARGET_DATABASE:
        if (agent_config_database(config, command->target))
            return true;
        break;
    }
    return error_set(error, ERROR_REFUSED, "%s: agent %s has no %s '%s' in its configuration",
        command_name(command->kind), config->name,
        command_target(command->kind) == TARGET_NODE ? "node" : "database", command->target);
}

static bool may_be_asked(const Obey *obey, const Command *command, Error *error)
{
    if (!command_check(command, error))
        return false;
    if (command->epoch == 0 && !command_is_read_only(command->kind))
        return error_set(error, ERROR_REFUSED, "%s changes something: it needs an epoch above 0",
            command_name(command->kind));
    return obey_leader(obey, command->cluster, command->epoch, error) &&
           target_is_ours(obey->config, command, error);
}

bool obey_overtakes(const CommandId *accepted, CommandKind kind, const Command *command)
{
    if (strcmp(accepted->run, command->id.run) != 0)
        return false;
    if (accepted->step == command->id.step && accepted->attempt > command->id.attempt)
        return true;
    return command_takes_back(kind) && !command_takes_back(command->kind);
}

ObeyMove obey_command(const Obey *obey, const Command *command, CommandResult *ret, Error *error)
{
    const AgentLedgerIo *ledger = obey->ledger;
    char key[COMMAND_KEY_BYTES];

    if (!may_be_asked(obey, command, error))
        return OBEY_REFUSE;
    switch (ledger->find(ledger->self, command, ret, error)) {
    case LEDGER_FINISHED:
        return OBEY_ANSWER;
    case LEDGER_ACCEPTED:
        return obey->is_running(obey->runner, &command->id) ? OBEY_WAIT : OBEY_RUN;
    case LEDGER_UNKNOWN:
        return ledger->accept(ledger->self, command, error) ? OBEY_RUN : OBEY_REFUSE;
    case LEDGER_OVERTAKEN:
        command_key(&command->id, key);
        (void)error_set(error, ERROR_REFUSED,
            "command %s comes behind a later attempt or the abort of its run: it does not begin "
            "any "
            "more",
            key);
        break;
    case LEDGER_RIVAL:
        (void)error_set(error, ERROR_REFUSED,
            "epoch %" PRIu64 " leads another run here: two coordinators, each with a journal of "
            "its own, lead this cluster; stop one",
            command->epoch);
        break;
    case LEDGER_OTHER:
        command_key(&command->id, key);
        (void)error_set(error, ERROR_REFUSED,
            "command %s is known with another content: ids never repeat", key);
        break;
    case LEDGER_FAILED:
        break;
    }
    return OBEY_REFUSE;
}

bool obey_finish(const Obey *obey, const CommandResult *result, Error *error)
{
    return obey->ledger->finish(obey->ledger->self, result, error);
}
