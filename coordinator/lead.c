#include "coordinator/lead.h"

#include <inttypes.h>

#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/clock.h"

#define TICK_MS      500
#define ASK_EVERY_MS 15000 /* an answer can be lost on a link that stays up */
#define AGENT_UP_MS  5000  /* to dial, shake hands and say hello */

typedef struct Lead {
    const LeadSettings *settings;
    Engine engine;
    CoordinatorIo io;
    Millis asked; /* when what is under way was asked for again */
} Lead;

static int64_t io_wall_ms(void *self)
{
    (void)self;
    return wall_now();
}

/* What it took, beside what it took in the rehearsal. */
static void print_time(const Lead *lead, const Event *event)
{
    const PlanStep *step = &lead->settings->plan->steps[event->step];
    Millis rehearsed = rehearsal_step_ms(lead->settings->rehearsal, step);
    Millis took = event->time_ms - lead->engine.run.steps[event->step].started_ms;

    if (rehearsed == REHEARSAL_UNKNOWN)
        return;
    (void)fprintf(lead->settings->lines, ", %.1f s", (double)took / 1000);
    rehearsal_print_beside(rehearsed, took, lead->settings->lines);
}

static void print_event(const Lead *lead, const Event *event)
{
    char time[WALL_TEXT_BYTES];
    AUTO_TEXT *label = NULL;

    if (!lead->settings->lines)
        return;
    wall_text(event->time_ms, time);
    label = event->step == EVENT_NO_STEP ? memory_text("")
                                         : plan_step_label(lead->settings->plan, event->step);
    (void)fprintf(lead->settings->lines, "%s %-16s %s%s%s", time, event_name(event->kind), label,
        label[0] != '\0' && event->text[0] != '\0' ? ": " : "",
        event->text); /* a screen that is gone must not stop a run */
    if (event->kind == EVENT_STEP_DONE)
        print_time(lead, event);
    (void)fputc('\n', lead->settings->lines);
    (void)fflush(lead->settings->lines);
}

static bool io_append(void *self, Event *event, Error *error)
{
    Lead *lead = self;

    if (!journal_append(lead->settings->journal, lead->settings->run_id, event, error) ||
        !journal_head(lead->settings->journal, lead->engine.audit_head, error))
        return false;
    print_event(lead, event);
    return true;
}

static void io_send(void *self, const char *agent, const Command *command)
{
    Lead *lead = self;

    fleet_send(lead->settings->fleet, agent, command);
}

static void io_cancel(void *self, const char *agent, const CommandId *id, uint64_t epoch)
{
    fleet_cancel(((Lead *)self)->settings->fleet, agent, id, epoch);
}

static bool replay_event(void *self, const Event *event, Error *error)
{
    return run_apply(self, event, error);
}

bool lead_replay(Journal *journal, const char *run_id, Run *run, Error *error)
{
    return journal_read(journal, run_id, replay_event, run, error);
}

/* Whoever can answer is not given up. */
static bool agent_is_away(Lead *lead, const Event *skip, Error *error)
{
    const Run *run = &lead->engine.run;
    const FleetMember *member;

    if (skip->step >= run->plan->step_count || !run_step_is_under_way(run, skip->step))
        return true;
    fleet_wait_for_all(lead->settings->fleet, AGENT_UP_MS);
    member = fleet_member(lead->settings->fleet, run->plan->steps[skip->step].agent);
    if (!member || !member->known)
        return true;
    return error_set(error, ERROR_PRECONDITION,
        "agent %s is there and has step %" PRIu32 " in hand: 'resume' waits for its answer",
        member->declared->name, skip->step + 1);
}

static bool ask_for(Lead *lead, const LeadRequests *requests, Error *error)
{
    for (size_t i = 0; i < requests->count; i++)
        if (!engine_request(&lead->engine, &requests->events[i], error))
            return false;
    return true;
}

static bool skips_are_of_lost_agents(Lead *lead, const LeadRequests *requests, Error *error)
{
    for (size_t i = 0; i < requests->count; i++)
        if (requests->events[i].kind == EVENT_SKIP_REQUESTED &&
            !agent_is_away(lead, &requests->events[i], error))
            return false;
    return true;
}

static bool start(Lead *lead, const LeadRequests *requests, Error *error)
{
    const LeadSettings *settings = lead->settings;
    EngineSettings engine = { settings->plan, settings->inventory, &lead->io, settings->actor,
        settings->run_id, settings->scripts };
    uint64_t epoch = 0;

    lead->io = (CoordinatorIo){ lead, io_append, io_send, io_cancel, io_wall_ms };
    engine_init(&lead->engine, &engine);
    if (!lead_replay(settings->journal, settings->run_id, &lead->engine.run, error) ||
        !skips_are_of_lost_agents(lead, requests, error) ||
        !journal_next_epoch(settings->journal, &epoch, error) ||
        !journal_head(settings->journal, lead->engine.audit_head, error) ||
        !engine_lead(&lead->engine, epoch, error))
        return false;
    lead->asked = clock_now();
    return ask_for(lead, requests, error);
}

/* The first step whose command is with an agent that has been away for too long. */
static bool is_unknown(const Lead *lead, uint32_t *ret)
{
    Millis limit = 1000 * (Millis)lead->settings->inventory->limits.agent_lost_s;
    const Run *run = &lead->engine.run;

    for (uint32_t i = 0; i < run->plan->step_count; i++) {
        const FleetMember *member;

        if (!run_step_is_under_way(run, i))
            continue;
        member = fleet_member(lead->settings->fleet, run->plan->steps[i].agent);
        if (member && !member->known && clock_now() - member->down_since > limit) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool handle_event(Lead *lead, const FleetEvent *event, LeadResult *ret, Error *error)
{
    const Message *message = &event->message;

    switch (event->kind) {
    case FLEET_UP:
        engine_on_agent_up(&lead->engine, event->member->declared->name);
        break;
    case FLEET_RESULT:
        return engine_on_result(&lead->engine, &message->result, error);
    case FLEET_REFUSAL:
        return engine_on_refusal(&lead->engine, &message->id, message->epoch,
            message->text ? message->text : "without a word", error);
    case FLEET_SIGNAL:
        ret->end = LEAD_INTERRUPTED;
        ret->signal = event->signal;
        break;
    case FLEET_NOTHING:
    case FLEET_DOWN:
    case FLEET_PROGRESS:
        break;
    }
    return true;
}

static bool confirm(Lead *lead, Error *error)
{
    EVENT_AUTO(event);

    event.kind = EVENT_LINE_CONFIRMED;
    (void)text_copy(event.text, sizeof(event.text), lead->settings->confirm);
    return engine_request(&lead->engine, &event, error);
}

typedef struct HoldReason {
    uint32_t step;
    Error *error;
} HoldReason;

static bool keep_newest_failure(void *self, const Event *event, Error *error)
{
    HoldReason *reason = self;

    (void)error;
    if (event->step == reason->step &&
        (event->kind == EVENT_STEP_FAILED || event->kind == EVENT_UNDO_FAILED)) {
        reason->error->kind = event->error;
        (void)text_copy(reason->error->text, sizeof(reason->error->text), event->text);
    }
    return true;
}

static bool hold(Lead *lead, uint32_t step, LeadResult *ret, Error *error)
{
    HoldReason reason = { step, &ret->error };

    ret->end = LEAD_HELD;
    ret->step = step;
    return journal_read(
        lead->settings->journal, lead->settings->run_id, keep_newest_failure, &reason, error);
}

/* What the engine waits for, as an end of this lead; *ret_ended stays false when it is an answer.
 */
static bool look_at_action(
    Lead *lead, const Action *action, LeadResult *ret, bool *ret_ended, Error *error)
{
    *ret_ended = true;
    switch (action->kind) {
    case ACTION_NONE:
        ret->end = lead->engine.run.state == RUN_DONE ? LEAD_DONE : LEAD_ABORTED;
        return true;
    case ACTION_HOLD:
        return hold(lead, action->step, ret, error);
    case ACTION_CONFIRM:
        ret->end = LEAD_UNCONFIRMED;
        ret->step = action->step;
        *ret_ended = lead->settings->confirm == NULL;
        return *ret_ended || confirm(lead, error);
    case ACTION_WAIT:
    case ACTION_START_STEP:
    case ACTION_UNDO_STEP:
    case ACTION_FINISH:
        break;
    }
    *ret_ended = false;
    return true;
}

static void ask_again(Lead *lead)
{
    if (clock_now() - lead->asked < ASK_EVERY_MS)
        return;
    lead->asked = clock_now();
    engine_ask_again(&lead->engine);
}

static bool loop(Lead *lead, LeadResult *ret, Error *error)
{
    for (;;) {
        FLEET_EVENT_AUTO(event);
        Action action;
        bool ended = false;

        if (!engine_advance(&lead->engine, &action, error) ||
            !look_at_action(lead, &action, ret, &ended, error))
            return false;
        if (ended)
            return true;
        if (action.kind == ACTION_CONFIRM)
            continue;
        fleet_wait(
            lead->settings->fleet, action.wait_ms < TICK_MS ? action.wait_ms : TICK_MS, &event);
        ret->end = LEAD_DONE;
        if (!handle_event(lead, &event, ret, error))
            return false;
        if (ret->end == LEAD_INTERRUPTED)
            return true;
        ask_again(lead);
        if (is_unknown(lead, &ret->step)) {
            ret->end = LEAD_UNKNOWN;
            return true;
        }
    }
}

bool lead_run(
    const LeadSettings *settings, const LeadRequests *requests, LeadResult *ret, Error *error)
{
    Lead lead = { .settings = settings };
    bool ok;

    *ret = (LeadResult){ 0 };
    ok = start(&lead, requests, error) && loop(&lead, ret, error);
    engine_done(&lead.engine);
    return ok;
}
