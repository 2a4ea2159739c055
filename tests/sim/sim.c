#include "tests/sim/sim.h"

#include <assert.h>

#include "common/base/memory.h"
#include "coordinator/core/planner.h"

#define FAULTS_UNTIL_MS (3600 * 1000LL) /* afterwards the weather is fine */
#define GIVE_UP_MS      (7 * 24 * 3600 * 1000LL)

static uint64_t next_random(Sim *sim)
{
    /* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
    uint64_t z = (sim->random += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

bool sim_chance(Sim *sim, unsigned per_thousand)
{
    return sim->now < FAULTS_UNTIL_MS && next_random(sim) % 1000 < per_thousand;
}

Millis sim_between(Sim *sim, Millis low, Millis high)
{
    return low + (Millis)(next_random(sim) % (uint64_t)(high - low + 1));
}

bool sim_dies(Sim *sim)
{
    return ++sim->writes == sim->settings.crash_at || sim_chance(sim, sim->settings.crash);
}

void sim_post(Sim *sim, Item *item)
{
    assert(sim->queued < SIM_QUEUE);
    sim->queue[sim->queued++] = *item;
}

static void drop_item(Item *item)
{
    command_done(&item->command);
    command_result_done(&item->result);
}

/* A link carries a message, or breaks: then it comes up again and both sides go on. */
void sim_post_over_link(Sim *sim, Item *item)
{
    Item up = { .kind = ITEM_AGENT_UP, .agent = item->agent };
    Item twin = *item;

    if (sim_chance(sim, sim->settings.silence)) {
        drop_item(item);
        return;
    }
    item->at = sim->now + sim_between(sim, 1, 40);
    if (sim_chance(sim, sim->settings.lateness))
        item->at += sim_between(sim, 1000, 600000);
    if (sim_chance(sim, sim->settings.doubling)) {
        command_copy(&twin.command, &item->command);
        command_result_copy(&twin.result, &item->result);
        twin.at = item->at + sim_between(sim, 1, 600000);
        sim_post(sim, &twin);
    }
    if (sim_chance(sim, sim->settings.loss)) {
        drop_item(item);
        up.at = sim->now + sim_between(sim, 100, 10000);
        sim_post(sim, &up);
        return;
    }
    sim_post(sim, item);
}

bool sim_journal_has_start(const Sim *sim, const CommandId *id)
{
    for (size_t i = 0; i < sim->journal_length; i++) {
        const Event *event = &sim->journal[i];

        if ((event->kind == EVENT_STEP_STARTED || event->kind == EVENT_UNDO_STARTED) &&
            event->step + 1 == id->step && event->number == id->attempt)
            return true;
    }
    return false;
}

bool sim_journal_crossed_line(const Sim *sim)
{
    bool confirmed = false;

    for (size_t i = 0; i < sim->journal_length; i++) {
        const Event *event = &sim->journal[i];

        confirmed = confirmed || event->kind == EVENT_LINE_CONFIRMED;
        if (event->kind == EVENT_STEP_DONE && sim->plan->steps[event->step].kind == STEP_CROSS_LINE)
            return confirmed;
    }
    return false;
}

static int64_t io_wall_ms(void *self)
{
    Sim *sim = self;

    if (sim_chance(sim, sim->settings.clock))
        sim->skew = sim_between(sim, -86400000, 86400000);
    return sim->now + sim->skew;
}

static void coordinator_dies(Sim *sim)
{
    Item item = { .kind = ITEM_COORDINATOR_STARTS };

    if (!sim->leads)
        return;
    sim->leads = false;
    sim->journal_late = 0;
    item.at = sim->now + sim_between(sim, 10, 60000);
    sim_post(sim, &item);
}

static bool io_append(void *self, Event *event, Error *error)
{
    Sim *sim = self;

    if (sim_dies(sim)) {
        coordinator_dies(sim);
        return error_set(error, ERROR_IO, "dead before the write");
    }
    sim->journal_length += sim->journal_late;
    sim->journal_late = 0;
    assert(sim->journal_length < SIM_JOURNAL);
    sim->journal[sim->journal_length] = *event;
    sim->journal[sim->journal_length].evidence = (Facts){ 0 };
    if (sim->settings.mutation == SIM_WITHOUT_WRITE_BEFORE_ACT)
        sim->journal_late = 1;
    else
        sim->journal_length++;
    if (sim_dies(sim)) {
        coordinator_dies(sim);
        return error_set(error, ERROR_IO, "dead after the write");
    }
    return true;
}

static void io_cancel(void *self, const char *agent, const CommandId *id, uint64_t epoch)
{
    Sim *sim = self;
    Item item = { .kind = ITEM_CANCEL, .epoch = epoch };

    item.result.id = *id;
    for (size_t i = 0; i < sim->agent_count; i++)
        if (strcmp(sim->agents[i].name, agent) == 0)
            item.agent = i;
    sim_post_over_link(sim, &item);
}

static void io_send(void *self, const char *agent, const Command *command)
{
    Sim *sim = self;
    Item item = { .kind = ITEM_TO_AGENT };

    for (size_t i = 0; i < sim->agent_count; i++)
        if (strcmp(sim->agents[i].name, agent) == 0)
            item.agent = i;
    command_copy(&item.command, command);
    sim_post_over_link(sim, &item);
    if (sim_dies(sim))
        coordinator_dies(sim); /* right after sending: the engine goes on to a dead journal */
}

/* An engine function returned false: dead, or something that must not be. */
static void note_engine(Sim *sim, bool ok, const Error *error)
{
    if (!ok && sim->leads && error->kind != ERROR_PRECONDITION)
        world_violate(&sim->world, "the engine refused its own event", error->text);
}

static void operator_reacts(Sim *sim, const Action *action)
{
    Item item = { .step = action->step };
    bool abort = !run_line_is_crossed(&sim->engine.run) && sim->engine.run.state == RUN_FORWARD &&
                 (sim->settings.operator_aborts || sim_chance(sim, sim->settings.whims));

    if (action->kind == ACTION_WAIT && action->wait_ms == INT64_MAX)
        return;
    item.kind = action->kind == ACTION_WAIT      ? ITEM_TICK
                : abort                          ? ITEM_ABORT
                : action->kind == ACTION_CONFIRM ? ITEM_CONFIRM
                                                 : ITEM_RETRY;
    item.at =
        sim->now + (action->kind == ACTION_WAIT ? action->wait_ms : sim_between(sim, 1000, 120000));
    sim_post(sim, &item);
}

/* The program's loop does it, for what is lost on a link that stays up. */
static void ask_later(Sim *sim)
{
    Item item = { .kind = ITEM_ASK, .at = sim->now + 15000, .epoch = sim->epoch };

    if (sim->settings.mutation != SIM_WITHOUT_ASKING_AGAIN)
        sim_post(sim, &item);
}

static bool has_ended(const Sim *sim)
{
    return sim->leads &&
           (sim->engine.run.state == RUN_DONE || sim->engine.run.state == RUN_ABORTED);
}

static void coordinator_asks(Sim *sim, uint64_t epoch)
{
    if (!sim->leads || epoch != sim->epoch || has_ended(sim))
        return;
    engine_ask_again(&sim->engine);
    ask_later(sim);
}

static void coordinator_goes_on(Sim *sim)
{
    Action action = { ACTION_NONE, 0, 0 };
    Error error = { 0 };
    bool ok;

    if (!sim->leads)
        return;
    ok = engine_advance(&sim->engine, &action, &error);
    note_engine(sim, ok, &error);
    if (ok && action.kind != ACTION_NONE)
        operator_reacts(sim, &action);
}

static void coordinator_starts(Sim *sim)
{
    static const char *const no_scripts[WORLD_DATABASES];
    EngineSettings settings = { sim->plan, &sim->inventory, &sim->io, "simulation", "run-1",
        no_scripts };
    Error error = { 0 };
    bool ok = true;

    engine_done(&sim->engine);
    engine_init(&sim->engine, &settings);
    sim->leads = true;
    for (size_t i = 0; ok && i < sim->journal_length; i++)
        ok = engine_replay(&sim->engine, &sim->journal[i], &error);
    note_engine(sim, ok, &error);
    if (!ok)
        return;
    ok = engine_lead(&sim->engine, ++sim->epoch, &error);
    note_engine(sim, ok, &error);
    if (!ok)
        return;
    ask_later(sim);
    coordinator_goes_on(sim);
}

static void operator_asks(Sim *sim, EventKind kind, uint32_t step)
{
    EVENT_AUTO(event);
    Error error = { 0 };

    if (!sim->leads)
        return;
    event.kind = kind;
    event.step = step;
    note_engine(sim, engine_request(&sim->engine, &event, &error), &error);
    coordinator_goes_on(sim);
}

static void host_burns_down(Sim *sim, SimAgent *agent)
{
    Item item = { .kind = ITEM_AFTER_GONE, .at = sim->now + 600000, .agent = agent->index };

    sim_agent_dies(agent);
    agent->gone = true;
    sim_post(sim, &item);
}

/* Before the line the cluster comes back without that node; else another host takes its place. */
static void operator_copes(Sim *sim, SimAgent *agent)
{
    Item again = { .kind = ITEM_AFTER_GONE, .at = sim->now + 60000, .agent = agent->index };
    const Run *run = &sim->engine.run;

    if (has_ended(sim))
        return;
    if (sim->leads && (agent->index >= sim->world.node_count || run_line_is_crossed(run))) {
        sim_agent_is_replaced(agent);
        return;
    }
    if (sim->leads && run->state == RUN_FORWARD)
        operator_asks(sim, EVENT_ABORT_REQUESTED, EVENT_NO_STEP);
    for (uint32_t i = 0; sim->leads && run->state == RUN_ABORTING && i < sim->plan->step_count; i++)
        if (strcmp(sim->plan->steps[i].agent, agent->name) == 0 &&
            (run_step_is_under_way(run, i) || run->steps[i].state == STEP_STUCK)) {
            world_lose_node(&sim->world, agent->index);
            operator_asks(sim, EVENT_SKIP_REQUESTED, i);
        }
    sim_post(sim, &again);
}

static void play_item(Sim *sim, Item *item)
{
    SimAgent *agent = &sim->agents[item->agent];
    Error error = { 0 };

    switch (item->kind) {
    case ITEM_TO_AGENT:
        sim_agent_hears(agent, &item->command);
        break;
    case ITEM_WORK:
        if (agent->alive && item->life == agent->life)
            sim_agent_works(agent, &item->command);
        break;
    case ITEM_ENDED:
        if (agent->alive && item->life == agent->life)
            sim_agent_ends(agent, &item->result);
        break;
    case ITEM_CANCEL:
        sim_agent_cancels(agent, &item->result.id, item->epoch);
        break;
    case ITEM_REFUSAL:
        if (!sim->leads)
            break;
        note_engine(sim,
            engine_on_refusal(&sim->engine, &item->result.id, item->epoch, "refused", &error),
            &error);
        coordinator_goes_on(sim);
        break;
    case ITEM_TO_COORDINATOR:
        if (!sim->leads)
            break;
        note_engine(sim, engine_on_result(&sim->engine, &item->result, &error), &error);
        coordinator_goes_on(sim);
        break;
    case ITEM_AGENT_STARTS:
        agent->alive = !agent->gone;
        __attribute__((fallthrough));
    case ITEM_AGENT_UP:
        if (sim->leads && !agent->gone)
            engine_on_agent_up(&sim->engine, agent->name);
        break;
    case ITEM_COORDINATOR_STARTS:
        coordinator_starts(sim);
        break;
    case ITEM_RETRY:
        operator_asks(sim, EVENT_RETRY_REQUESTED, item->step);
        break;
    case ITEM_CONFIRM:
        operator_asks(sim, EVENT_LINE_CONFIRMED, EVENT_NO_STEP);
        break;
    case ITEM_ABORT:
        operator_asks(sim, EVENT_ABORT_REQUESTED, EVENT_NO_STEP);
        break;
    case ITEM_TICK:
        coordinator_goes_on(sim);
        break;
    case ITEM_ASK:
        coordinator_asks(sim, item->epoch);
        break;
    case ITEM_GONE:
        host_burns_down(sim, agent);
        break;
    case ITEM_AFTER_GONE:
        operator_copes(sim, agent);
        break;
    case ITEM_NONE:
        break;
    }
}

static Item take_next(Sim *sim)
{
    size_t first = 0;
    Item item;

    for (size_t i = 1; i < sim->queued; i++)
        if (sim->queue[i].at < sim->queue[first].at)
            first = i;
    item = sim->queue[first];
    sim->queue[first] = sim->queue[--sim->queued];
    return item;
}

static void make_inventory(Sim *sim)
{
    static const char *const nodes[] = { "node1", "node2", "node3", "node4" };
    static const char *const databases[] = { "users", "registry" };
    size_t count = sim->settings.nodes;

    static_assert(sizeof(nodes) / sizeof(nodes[0]) == WORLD_NODES, "a name for each");
    for (size_t i = 0; i < count; i++) {
        sim->inventory_agents[i] = (InventoryAgent){ nodes[i], "127.0.0.1", 9700, 1 };
        sim->inventory_nodes[i] = (InventoryNode){ nodes[i], nodes[i], "127.0.0.1",
            i == 0 ? NODE_MANAGER : NODE_WORKER, 1 };
    }
    sim->inventory_agents[count] = (InventoryAgent){ "db", "127.0.0.1", 9700, 1 };
    for (size_t i = 0; i < sim->settings.databases; i++)
        sim->inventory_databases[i] = (InventoryDatabase){ .name = databases[i],
            .agent = "db",
            .holds_users = i == 0,
            .holds_registry = i > 0,
            .account = "carbon",
            .production_url = "jdbc:mysql://old/db",
            .staging_url = "jdbc:mysql://new/db" };
    sim->inventory = (Inventory){ .cluster = "sim",
        .profile = "sim",
        .strategy = sim->settings.strategy,
        .agents = sim->inventory_agents,
        .agent_count = count + 1,
        .nodes = sim->inventory_nodes,
        .node_count = count,
        .databases = sim->inventory_databases,
        .database_count = sim->settings.databases,
        .limits = inventory_limits_default,
        .path = "sim",
        .text = "" };
}

static Sim *make_sim(const SimSettings *settings)
{
    Sim *sim = memory_new(sizeof(*sim));
    Item start = { .kind = ITEM_COORDINATOR_STARTS, .at = 1 };
    Item abort = { .kind = ITEM_ABORT, .at = settings->abort_at_ms };

    Item gone = { .kind = ITEM_GONE, .at = settings->gone_at_ms, .agent = settings->gone };

    sim->settings = *settings;
    sim->random = settings->seed;
    world_init(&sim->world, settings->nodes, settings->databases, settings->strategy);
    make_inventory(sim);
    sim->agent_count = settings->nodes + 1;
    for (size_t i = 0; i < sim->agent_count; i++)
        sim_agent_init(sim, i, sim->inventory_agents[i].name);
    sim->plan = planner_make_plan(&sim->inventory);
    sim->io = (CoordinatorIo){ sim, io_append, io_send, io_cancel, io_wall_ms };
    sim->journal[sim->journal_length++] =
        (Event){ .serial = 1, .kind = EVENT_RUN_STARTED, .step = EVENT_NO_STEP };
    sim_post(sim, &start);
    if (settings->abort_at_ms > 0)
        sim_post(sim, &abort);
    if (settings->gone_at_ms > 0)
        sim_post(sim, &gone);
    return sim;
}

static void fill_outcome(Sim *sim, SimOutcome *ret)
{
    *ret = (SimOutcome){ .state = sim->engine.run.state,
        .writes = sim->writes,
        .acts = sim->acts,
        .events = sim->journal_length };
    if (sim->world.violation)
        (void)snprintf(ret->violation, sizeof(ret->violation), "%s (%s)", sim->world.violation,
            sim->world.detail); /* cut is fine */
}

/* What is still in the air arrives after the end, and must change nothing any more. */
void sim_run(const SimSettings *settings, SimOutcome *ret)
{
    Sim *sim = make_sim(settings);

    while (sim->queued > 0 && !sim->world.violation && sim->now < GIVE_UP_MS) {
        Item item = take_next(sim);

        sim->now = item.at > sim->now ? item.at : sim->now;
        play_item(sim, &item);
        drop_item(&item);
    }
    if (!sim->world.violation && !has_ended(sim))
        world_violate(&sim->world, "no way out: the run never ended", "");
    else if (!sim->world.violation && sim->engine.run.state == RUN_DONE)
        world_check_done(&sim->world);
    else if (!sim->world.violation)
        world_check_aborted(&sim->world);
    fill_outcome(sim, ret);
    while (sim->queued > 0)
        drop_item(&sim->queue[--sim->queued]);
    engine_done(&sim->engine);
    plan_free(sim->plan);
    free(sim);
}
