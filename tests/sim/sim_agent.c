#include "tests/sim/sim.h"

#include <assert.h>

#define WORK_ENDS_MS 5000 /* after the act, at most */

static LedgerEntry *find_entry(SimAgent *agent, const CommandId *id)
{
    for (size_t i = 0; i < agent->ledger_length; i++)
        if (command_id_equal(&agent->ledger[i].id, id))
            return &agent->ledger[i];
    return NULL;
}

static bool is_overtaken(const SimAgent *agent, const Command *command)
{
    for (size_t i = 0; i < agent->ledger_length; i++)
        if (!agent->ledger[i].forgotten &&
            obey_overtakes(&agent->ledger[i].id, agent->ledger[i].kind, command))
            return true;
    return false;
}

static LedgerLookup ledger_find(
    void *self, const Command *command, CommandResult *ret, Error *error)
{
    SimAgent *agent = self;
    const LedgerEntry *entry = find_entry(agent, &command->id);

    (void)error;
    if (agent->sim->settings.mutation == SIM_WITHOUT_LEDGER)
        return LEDGER_UNKNOWN;
    if (entry && entry->kind != command->kind)
        return LEDGER_OTHER;
    if ((!entry || !entry->finished) && is_overtaken(agent, command) &&
        agent->sim->settings.mutation != SIM_WITHOUT_ORDER)
        return LEDGER_OVERTAKEN;
    if (!entry || entry->forgotten)
        return LEDGER_UNKNOWN;
    if (!entry->finished)
        return LEDGER_ACCEPTED;
    *ret = (CommandResult){ .id = entry->id, .state = entry->state, .error = entry->error };
    return LEDGER_FINISHED;
}

static bool write_or_die(SimAgent *agent, Error *error)
{
    if (!agent->alive || sim_dies(agent->sim)) {
        sim_agent_dies(agent);
        return error_set(error, ERROR_IO, "dead");
    }
    if (sim_chance(agent->sim, agent->sim->settings.full))
        return error_set(error, ERROR_IO, "the disk is full");
    return true;
}

static bool ledger_accept(void *self, const Command *command, Error *error)
{
    SimAgent *agent = self;
    LedgerEntry *entry = find_entry(agent, &command->id);

    if (!write_or_die(agent, error))
        return false;
    if (entry && entry->forgotten)
        *entry = (LedgerEntry){ .id = command->id, .kind = command->kind };
    if (!find_entry(agent, &command->id)) {
        assert(agent->ledger_length < SIM_LEDGER);
        agent->ledger[agent->ledger_length++] =
            (LedgerEntry){ .id = command->id, .kind = command->kind };
    }
    return write_or_die(agent, error);
}

static bool ledger_finish(void *self, const CommandResult *result, Error *error)
{
    SimAgent *agent = self;
    LedgerEntry *entry;

    if (!write_or_die(agent, error))
        return false;
    entry = find_entry(agent, &result->id);
    entry->finished = true;
    entry->state = result->state;
    entry->error = result->error;
    return write_or_die(agent, error);
}

static bool ledger_get_epoch(void *self, uint64_t *ret, Error *error)
{
    SimAgent *agent = self;

    (void)error;
    *ret = agent->epoch;
    return true;
}

static bool ledger_set_epoch(void *self, uint64_t epoch, Error *error)
{
    SimAgent *agent = self;

    if (!write_or_die(agent, error))
        return false;
    if (epoch < agent->epoch)
        world_violate(&agent->sim->world, "an agent went back to a lower epoch", agent->name);
    agent->epoch = epoch;
    return true;
}

static bool is_running(void *runner, const CommandId *id)
{
    const SimAgent *agent = runner;

    for (size_t i = 0; i < agent->running_count; i++)
        if (command_id_equal(&agent->running[i], id))
            return true;
    return false;
}

void sim_agent_init(Sim *sim, size_t index, const char *name)
{
    SimAgent *agent = &sim->agents[index];

    agent->sim = sim;
    agent->index = index;
    agent->alive = true;
    (void)snprintf(agent->name, sizeof(agent->name), "%s", name); /* names here are short */
    agent->node.name = agent->name;
    agent->config = (AgentConfig){ .cluster = "sim", .name = agent->name };
    if (index < sim->world.node_count) {
        agent->config.nodes = &agent->node;
        agent->config.node_count = 1;
    } else {
        for (size_t i = 0; i < sim->world.database_count; i++)
            agent->databases[i].name = sim->inventory_databases[i].name;
        agent->config.databases = agent->databases;
        agent->config.database_count = sim->world.database_count;
    }
    agent->io = (AgentLedgerIo){ agent, ledger_find, ledger_accept, ledger_finish, ledger_get_epoch,
        ledger_set_epoch };
}

void sim_agent_dies(SimAgent *agent)
{
    Item item = { .kind = ITEM_AGENT_STARTS, .agent = agent->index };

    if (!agent->alive)
        return;
    agent->alive = false;
    agent->life++;
    agent->running_count = 0;
    memset(agent->free_at, 0, sizeof(agent->free_at));
    item.at = agent->sim->now + sim_between(agent->sim, 10, 20000);
    sim_post(agent->sim, &item);
}

void sim_agent_is_replaced(SimAgent *agent)
{
    Item item = { .kind = ITEM_AGENT_STARTS, .agent = agent->index };

    for (size_t i = 0; i < agent->ledger_length; i++)
        agent->ledger[i].forgotten = true;
    agent->epoch = 0;
    agent->gone = false;
    item.at = agent->sim->now + 1000;
    sim_post(agent->sim, &item);
}

static void agent_refuses(SimAgent *agent, const CommandId *id, uint64_t epoch)
{
    Item item = { .kind = ITEM_REFUSAL, .agent = agent->index, .epoch = epoch };

    item.result.id = *id;
    if (agent->alive)
        sim_post_over_link(agent->sim, &item);
}

void sim_agent_cancels(SimAgent *agent, const CommandId *id, uint64_t epoch)
{
    Obey obey = { &agent->config, &agent->io, agent, is_running };
    Error error = { 0 };

    if (agent->alive && obey_leader(&obey, "sim", epoch, &error) && is_running(agent, id))
        agent->cancelled = *id;
}

void sim_agent_answers(SimAgent *agent, const CommandResult *result)
{
    Item item = { .kind = ITEM_TO_COORDINATOR, .agent = agent->index, .result = *result };

    sim_post_over_link(agent->sim, &item);
}

static size_t database_index(const SimAgent *agent, const char *name)
{
    for (size_t i = 0; i < agent->config.database_count; i++)
        if (strcmp(agent->databases[i].name, name) == 0)
            return i;
    return 0;
}

/* When the worker acts: behind all that its target has before it. */
static Millis take_turn(SimAgent *agent, const Command *command)
{
    Millis *free_at = &agent->free_at[database_index(agent, command->target)];
    Millis from = *free_at > agent->sim->now ? *free_at : agent->sim->now;
    Millis at = from + sim_between(agent->sim, 1, 30000);

    *free_at = at + WORK_ENDS_MS;
    return at;
}

void sim_agent_hears(SimAgent *agent, const Command *command)
{
    Obey obey = { &agent->config, &agent->io, agent, is_running };
    CommandResult known = { 0 };
    Error error = { 0 };
    Item item = { .kind = ITEM_WORK, .agent = agent->index, .life = agent->life };

    if (!agent->alive)
        return;
    switch (obey_command(&obey, command, &known, &error)) {
    case OBEY_RUN:
        agent->running[agent->running_count++] = command->id;
        item.at = take_turn(agent, command);
        command_copy(&item.command, command);
        sim_post(agent->sim, &item);
        break;
    case OBEY_ANSWER:
        sim_agent_answers(agent, &known);
        break;
    case OBEY_REFUSE:
        agent_refuses(agent, &command->id, command->epoch);
        break;
    case OBEY_WAIT:
        break;
    }
}

static bool run_blindly(
    const Handler *handler, AgentIo *io, const Command *command, ResultState *ret, Error *error)
{
    bool holds = false;

    *ret = RESULT_DONE;
    return handler->apply ? handler->apply(io, command, error)
                          : handler->probe(io, command, &holds, error);
}

static bool act_fails(Sim *sim)
{
    return ++sim->acts == sim->settings.fail_at || sim_chance(sim, sim->settings.failure);
}

static Error fault_of(Sim *sim)
{
    static const ErrorKind kinds[] = { ERROR_TIMEOUT, ERROR_UNREACHABLE, ERROR_DATABASE,
        ERROR_PRECONDITION, ERROR_MISMATCH, ERROR_COMMAND_FAILED };
    ErrorKind kind = kinds[sim_between(sim, 0, sizeof(kinds) / sizeof(kinds[0]) - 1)];
    Error fault = { 0 };

    (void)error_set(
        &fault, sim->settings.fail_kind != ERROR_NONE ? sim->settings.fail_kind : kind, "struck");
    return fault;
}

/* What hinders the handler: a fault, a cancel, or the agent's end in the middle of it. */
static bool is_hindered(SimAgent *agent, const Command *command, WorldAccess *ret)
{
    Sim *sim = agent->sim;
    bool dies = sim_chance(sim, sim->settings.crash);

    if (command_id_equal(&agent->cancelled, &command->id))
        (void)error_set(&ret->fault, ERROR_CANCELLED, "cancelled");
    else if (dies)
        (void)error_set(&ret->fault, ERROR_IO, "dead in the middle");
    ret->half = sim_chance(sim, sim->settings.half);
    return dies;
}

void sim_agent_works(SimAgent *agent, const Command *command)
{
    Sim *sim = agent->sim;
    const Handler *handler = world_handler(command->kind);
    LedgerEntry *entry = find_entry(agent, &command->id);
    const char *side = facts_get_or(&command->args, ARG_SIDE, "staging");
    bool fails = act_fails(sim);
    bool dies, after = fails && (sim->settings.fail_after || sim_chance(sim, 300));
    WorldAccess access = { .world = &sim->world,
        .node = agent->index,
        .database = database_index(agent, command->target),
        .effects = &entry->effects,
        .written = sim_journal_has_start(sim, &command->id),
        .crossed = sim_journal_crossed_line(sim),
        .staging_side = strcmp(side, "staging") == 0 };
    AgentIo io = { .self = &access };
    Item item = { .kind = ITEM_ENDED, .agent = agent->index, .life = agent->life };

    item.result.id = command->id;
    dies = is_hindered(agent, command, &access);
    if (fails && !after && access.fault.kind == ERROR_NONE)
        access.fault = fault_of(sim);
    if (!(sim->settings.mutation == SIM_WITHOUT_PROBE
                ? run_blindly(handler, &io, command, &item.result.state, &item.result.error)
                : handler_run(handler, &io, command, &item.result.state, &item.result.error)))
        item.result.state = RESULT_FAILED;
    if (after && item.result.state != RESULT_FAILED) {
        item.result.error = fault_of(sim);
        item.result.state = RESULT_FAILED;
    }
    if (dies || sim_dies(sim)) {
        sim_agent_dies(agent);
        return;
    }
    item.at = sim->now + sim_between(sim, 1, WORK_ENDS_MS);
    sim_post(sim, &item);
}

void sim_agent_ends(SimAgent *agent, const CommandResult *result)
{
    Obey obey = { &agent->config, &agent->io, agent, is_running };
    Error error = { 0 };
    size_t kept = 0;

    for (size_t i = 0; i < agent->running_count; i++)
        if (!command_id_equal(&agent->running[i], &result->id))
            agent->running[kept++] = agent->running[i];
    agent->running_count = kept;
    if (obey_finish(&obey, result, &error))
        sim_agent_answers(agent, result);
    else
        agent_refuses(agent, &result->id, agent->epoch);
}
