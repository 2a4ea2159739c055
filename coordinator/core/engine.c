#include "coordinator/core/engine.h"

#include <assert.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/core/planner.h"

void engine_init(Engine *engine, const EngineSettings *settings)
{
    *engine = (Engine){
        .inventory = settings->inventory,
        .io = settings->io,
        .actor = settings->actor,
        .scripts = settings->scripts,
        .run_id = settings->run_id,
    };
    run_init(&engine->run, settings->plan);
}

void engine_done(Engine *engine)
{
    run_done(&engine->run);
}

bool engine_replay(Engine *engine, const Event *event, Error *error)
{
    return run_apply(&engine->run, event, error);
}

/*
 * Written first, applied after: a restart knows everything that was done. What the run would
 * refuse must not be written, so it is tried on a copy of the run.
 */
static bool record(Engine *engine, Event *event, Error *error)
{
    size_t bytes = engine->run.plan->step_count * sizeof(RunStep);
    Run tried = engine->run;
    bool allowed;

    event->serial = engine->run.serial + 1;
    event->time_ms = engine->io->wall_ms(engine->io->self);
    if (event->actor[0] == '\0')
        (void)snprintf(event->actor, sizeof(event->actor), "%s", engine->actor); /* cut is fine */
    tried.steps = memory_new(bytes);
    memcpy(tried.steps, engine->run.steps, bytes);
    allowed = run_apply(&tried, event, error) && engine->io->append(engine->io->self, event, error);
    if (allowed)
        memcpy(engine->run.steps, tried.steps, bytes);
    free(tried.steps);
    if (!allowed)
        return false;
    tried.steps = engine->run.steps;
    engine->run = tried;
    return true;
}

static const char *script_of(const Engine *engine, const char *database)
{
    size_t i = 0;

    while (strcmp(engine->inventory->databases[i].name, database) != 0)
        i++; /* the plan was made from this inventory, so it is there */
    return engine->scripts[i];
}

static const char *profile_digest(const Plan *plan, const char *target)
{
    for (size_t i = 0; i < plan->fact_count; i++)
        if (strcmp(plan->facts[i].target, target) == 0 &&
            strcmp(plan->facts[i].name, ARG_PROFILE_SHA256) == 0)
            return plan->facts[i].value;
    return NULL;
}

static CommandId id_of(const Engine *engine, uint32_t index)
{
    CommandId id = { .step = index + 1, .attempt = engine->run.steps[index].attempt };

    (void)text_copy(id.run, sizeof(id.run), engine->run_id);
    return id;
}

/* What an abort would only take back again does not have to end first. */
static void cut_short(const Engine *engine, uint32_t index)
{
    const PlanStep *planned = &engine->run.plan->steps[index];
    CommandId id = id_of(engine, index);

    if (engine->run.state == RUN_ABORTING && engine->run.steps[index].state == STEP_RUNNING &&
        step_spec(planned->kind)->cut_short)
        engine->io->cancel(engine->io->self, planned->agent, &id, engine->run.epoch);
}

static void send_command(Engine *engine, uint32_t index)
{
    const PlanStep *planned = &engine->run.plan->steps[index];
    const char *digest = profile_digest(engine->run.plan, planned->agent);
    COMMAND_AUTO(command);

    command.kind = run_command(&engine->run, index);
    command.id = id_of(engine, index);
    command.epoch = engine->run.epoch;
    command.deadline_s = planner_deadline_s(engine->inventory, command.kind);
    (void)text_copy(command.cluster, sizeof(command.cluster), engine->run.plan->cluster);
    (void)text_copy(command.target, sizeof(command.target), planned->target);
    (void)text_copy(command.audit_head, sizeof(command.audit_head), engine->audit_head);
    planner_command_args(engine->inventory, planned, command.kind,
        command_target(command.kind) == TARGET_DATABASE ? script_of(engine, planned->target) : NULL,
        &command.args);
    if (digest && command_takes(command.kind, ARG_PROFILE_SHA256))
        facts_add(&command.args, ARG_PROFILE_SHA256, digest);
    engine->io->send(engine->io->self, planned->agent, &command);
    cut_short(engine, index);
}

static bool end_gate(Engine *engine, uint32_t index, Error *error)
{
    EVENT_AUTO(event);

    event.kind = EVENT_STEP_DONE;
    event.step = index;
    return record(engine, &event, error);
}

bool engine_lead(Engine *engine, uint64_t epoch, Error *error)
{
    EVENT_AUTO(event);

    event.kind = EVENT_LEAD_TAKEN;
    event.number = epoch;
    if (!record(engine, &event, error))
        return false;
    for (uint32_t i = 0; i < engine->run.plan->step_count; i++) {
        if (!run_step_is_under_way(&engine->run, i))
            continue;
        if (!step_kind_is_gate(engine->run.plan->steps[i].kind))
            send_command(engine, i);
        else if (!end_gate(engine, i, error))
            return false;
    }
    return true;
}

static bool begin(Engine *engine, uint32_t index, EventKind kind, Error *error)
{
    EVENT_AUTO(event);

    event.kind = kind;
    event.step = index;
    event.number = (uint64_t)engine->run.steps[index].attempt + 1;
    if (!record(engine, &event, error))
        return false;
    if (step_kind_is_gate(engine->run.plan->steps[index].kind))
        return end_gate(engine, index, error);
    send_command(engine, index);
    return true;
}

static bool finish(Engine *engine, Error *error)
{
    EVENT_AUTO(event);

    event.kind = engine->run.state == RUN_FORWARD ? EVENT_RUN_DONE : EVENT_RUN_ABORTED;
    return record(engine, &event, error);
}

bool engine_advance(Engine *engine, Action *ret, Error *error)
{
    for (;;) {
        Action action = run_decide(&engine->run, engine->io->wall_ms(engine->io->self));
        bool done = false;

        switch (action.kind) {
        case ACTION_START_STEP:
            done = begin(engine, action.step, EVENT_STEP_STARTED, error);
            break;
        case ACTION_UNDO_STEP:
            done = begin(engine, action.step, EVENT_UNDO_STARTED, error);
            break;
        case ACTION_FINISH:
            done = finish(engine, error);
            break;
        case ACTION_WAIT:
        case ACTION_HOLD:
        case ACTION_CONFIRM:
        case ACTION_NONE:
            *ret = action;
            return true;
        }
        if (!done)
            return false;
    }
}

static bool is_awaited(const Engine *engine, const CommandResult *result)
{
    uint32_t index = result->id.step - 1; /* step 0 becomes a number that no plan has */

    return strcmp(result->id.run, engine->run_id) == 0 && index < engine->run.plan->step_count &&
           run_step_is_under_way(&engine->run, index) &&
           engine->run.steps[index].attempt == result->id.attempt;
}

bool engine_on_result(Engine *engine, const CommandResult *result, Error *error)
{
    EVENT_AUTO(event);
    uint32_t index = result->id.step - 1;
    bool undoing;

    if (!is_awaited(engine, result))
        return true;
    undoing = engine->run.steps[index].state == STEP_UNDOING;
    event.step = index;
    facts_copy(&event.evidence, &result->evidence);
    if (result->state == RESULT_FAILED) {
        event.kind = undoing ? EVENT_UNDO_FAILED : EVENT_STEP_FAILED;
        event.error = result->error.kind;
        (void)text_copy(event.text, sizeof(event.text), result->error.text);
    } else {
        event.kind = undoing ? EVENT_UNDO_DONE : EVENT_STEP_DONE;
        (void)text_copy(event.text, sizeof(event.text), result_state_name(result->state));
    }
    return record(engine, &event, error);
}

bool engine_on_refusal(
    Engine *engine, const CommandId *id, uint64_t epoch, const char *why, Error *error)
{
    COMMAND_RESULT_AUTO(result);

    if (epoch != engine->run.epoch)
        return true;
    result.id = *id;
    result.state = RESULT_FAILED;
    (void)error_set(&result.error, ERROR_REFUSED, "the agent refused: %s", why);
    return engine_on_result(engine, &result, error);
}

void engine_on_agent_up(Engine *engine, const char *agent)
{
    for (uint32_t i = 0; i < engine->run.plan->step_count; i++)
        if (run_step_is_under_way(&engine->run, i) &&
            strcmp(engine->run.plan->steps[i].agent, agent) == 0)
            send_command(engine, i);
}

void engine_ask_again(Engine *engine)
{
    for (uint32_t i = 0; i < engine->run.plan->step_count; i++)
        if (run_step_is_under_way(&engine->run, i))
            send_command(engine, i);
}

bool engine_request(Engine *engine, Event *event, Error *error)
{
    if (!record(engine, event, error))
        return false;
    for (uint32_t i = 0; event->kind == EVENT_ABORT_REQUESTED && i < engine->run.plan->step_count;
         i++)
        cut_short(engine, i);
    return true;
}
