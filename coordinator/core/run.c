#include "coordinator/core/run.h"

#include <assert.h>
#include <inttypes.h>

#include "common/base/memory.h"

void run_init(Run *run, const Plan *plan)
{
    *run = (Run){ .plan = plan };
    run->steps = memory_new(plan->step_count * sizeof(RunStep));
}

void run_done(Run *run)
{
    free(run->steps);
    *run = (Run){ 0 };
}

size_t run_running(const Run *run)
{
    size_t count = 0;

    for (uint32_t i = 0; i < run->plan->step_count; i++)
        count += run_step_is_under_way(run, i);
    return count;
}

bool run_step_is_under_way(const Run *run, uint32_t step)
{
    return run->steps[step].state == STEP_RUNNING || run->steps[step].state == STEP_UNDOING;
}

bool run_step_is_ready(const Run *run, uint32_t step)
{
    const PlanStep *planned = &run->plan->steps[step];

    for (size_t i = 0; i < planned->wait_count; i++) {
        StepState state = run->steps[planned->waits_for[i]].state;

        if (state != STEP_DONE && state != STEP_SKIPPED)
            return false;
    }
    return true;
}

uint32_t run_line(const Run *run)
{
    uint32_t i = 0;

    while (i < run->plan->step_count && run->plan->steps[i].kind != STEP_CROSS_LINE)
        i++;
    return i;
}

bool run_line_is_crossed(const Run *run)
{
    uint32_t line = run_line(run);

    return line < run->plan->step_count && run->steps[line].attempt > 0;
}

CommandKind run_command(const Run *run, uint32_t step)
{
    const StepSpec *spec = step_spec(run->plan->steps[step].kind);

    return run->steps[step].state == STEP_UNDOING ? spec->undo : spec->command;
}

/* What an event means: the state it leads its step to, and whether it is allowed in this run. */
typedef bool EventFunction(Run *run, const Event *event, Error *error);

static bool refuse(const Event *event, Error *error, const char *why)
{
    return error_set(
        error, ERROR_PRECONDITION, "%s is not possible: %s", event_name(event->kind), why);
}

static bool move_step(Run *run, const Event *event, StepState next, Error *error)
{
    RunStep *step = &run->steps[event->step];

    if (!step_state_allows(step->state, next))
        return error_set(error, ERROR_CORRUPT,
            "event %" PRIu64 ": step %" PRIu32 " is %s and cannot become %s", event->serial,
            event->step + 1, step_state_name(step->state), step_state_name(next));
    step->state = next;
    return true;
}

static bool run_starts(Run *run, const Event *event, Error *error)
{
    if (run->started)
        return error_set(
            error, ERROR_CORRUPT, "event %" PRIu64 ": a run starts once", event->serial);
    run->started = true;
    return true;
}

static bool lead_is_taken(Run *run, const Event *event, Error *error)
{
    if (event->number <= run->epoch)
        return error_set(error, ERROR_CORRUPT,
            "event %" PRIu64 ": epoch %" PRIu64 " does not come after %" PRIu64, event->serial,
            event->number, run->epoch);
    run->epoch = event->number;
    return true;
}

static bool attempt_follows(const Run *run, const Event *event, Error *error)
{
    const RunStep *step = &run->steps[event->step];

    if (event->number != (uint64_t)step->attempt + 1)
        return error_set(error, ERROR_CORRUPT,
            "event %" PRIu64 ": attempt %" PRIu64 " of step %" PRIu32 " does not follow %" PRIu32,
            event->serial, event->number, event->step + 1, step->attempt);
    return true;
}

static bool step_starts(Run *run, const Event *event, Error *error)
{
    RunStep *step = &run->steps[event->step];
    bool word = step_spec(run->plan->steps[event->step].kind)->wants_word;

    if (run->state != RUN_FORWARD || !run_step_is_ready(run, event->step) ||
        (word && !run->confirmed))
        return error_set(error, ERROR_CORRUPT,
            "event %" PRIu64 ": step %" PRIu32 " was started before what it waits for",
            event->serial, event->step + 1);
    if (!attempt_follows(run, event, error) || !move_step(run, event, STEP_RUNNING, error))
        return false;
    step->attempt++;
    step->forward++;
    step->started_ms = event->time_ms;
    return true;
}

static bool end_step(Run *run, const Event *event, StepState state, Error *error)
{
    if (!move_step(run, event, state, error))
        return false;
    run->steps[event->step].ended_ms = event->time_ms;
    return true;
}

static bool fail_step(Run *run, const Event *event, StepState state, Error *error)
{
    if (!end_step(run, event, state, error))
        return false;
    run->steps[event->step].error = event->error;
    run->steps[event->step].failed_ms = event->time_ms;
    return true;
}

static bool step_ends_well(Run *run, const Event *event, Error *error)
{
    return end_step(run, event, STEP_DONE, error);
}

static bool step_ends_badly(Run *run, const Event *event, Error *error)
{
    return fail_step(run, event, STEP_FAILED, error);
}

static bool undo_starts(Run *run, const Event *event, Error *error)
{
    RunStep *step = &run->steps[event->step];

    if (run->state != RUN_ABORTING)
        return error_set(error, ERROR_CORRUPT,
            "event %" PRIu64 ": an undo in a run that is not aborted", event->serial);
    if (!attempt_follows(run, event, error) || !move_step(run, event, STEP_UNDOING, error))
        return false;
    step->attempt++;
    step->backward++;
    step->undo_started_ms = event->time_ms;
    return true;
}

static bool undo_ends_well(Run *run, const Event *event, Error *error)
{
    return end_step(run, event, STEP_UNDONE, error);
}

static bool undo_ends_badly(Run *run, const Event *event, Error *error)
{
    return fail_step(run, event, STEP_STUCK, error);
}

static bool line_is_confirmed(Run *run, const Event *event, Error *error)
{
    if (run->state != RUN_FORWARD)
        return refuse(event, error, "the run does not go forward");
    run->confirmed = true;
    return true;
}

static bool abort_is_requested(Run *run, const Event *event, Error *error)
{
    if (run->state == RUN_DONE || run->state == RUN_ABORTED)
        return refuse(event, error, "the run has ended");
    if (run_line_is_crossed(run))
        return refuse(event, error,
            "the point of no return is crossed, the old servers are not started any more; the way "
            "is forward: mend what 'status' names, then 'resume'");
    run->state = RUN_ABORTING;
    return true;
}

static bool retry_is_requested(Run *run, const Event *event, Error *error)
{
    RunStep *step = &run->steps[event->step];

    if (run->state == RUN_FORWARD ? step->state != STEP_FAILED : step->state != STEP_STUCK)
        return refuse(event, error, "the step has not failed");
    step->forward = 0;
    step->backward = 0;
    return true;
}

/*
 * The way out of an abort when a host is gone for good: nothing will answer for it any more. A
 * database cannot be left behind half taken back: an agent of the same name on another host takes
 * over its commands.
 */
static bool leave_behind(Run *run, const Event *event, Error *error)
{
    const StepSpec *spec = step_spec(run->plan->steps[event->step].kind);

    if (!run_step_is_under_way(run, event->step) && run->steps[event->step].state != STEP_STUCK)
        return refuse(event, error, "an abort leaves behind only what is under way or stuck");
    if (spec->undo != COMMAND_NONE && command_target(spec->command) == TARGET_DATABASE)
        return refuse(event, error,
            "a database is not left half taken back: put an agent of the same name in place");
    return end_step(run, event, STEP_SKIPPED, error);
}

static bool skip_is_requested(Run *run, const Event *event, Error *error)
{
    const StepSpec *spec = step_spec(run->plan->steps[event->step].kind);

    if (run->state == RUN_ABORTING)
        return leave_behind(run, event, error);
    if (run->state != RUN_FORWARD || run->steps[event->step].state != STEP_FAILED)
        return refuse(event, error, "only a step that has failed can be skipped");
    if (!spec->may_skip)
        return refuse(event, error, "nothing after this step is safe without it");
    return move_step(run, event, STEP_SKIPPED, error);
}

static bool is_noted(Run *run, const Event *event, Error *error)
{
    (void)run;
    (void)event;
    (void)error;
    return true;
}

static bool run_ends(Run *run, const Event *event, Error *error)
{
    RunState from = event->kind == EVENT_RUN_DONE ? RUN_FORWARD : RUN_ABORTING;

    if (run->state != from || run_decide(run, event->time_ms).kind != ACTION_FINISH)
        return error_set(error, ERROR_CORRUPT, "event %" PRIu64 ": %s, but steps are left",
            event->serial, event_name(event->kind));
    run->state = event->kind == EVENT_RUN_DONE ? RUN_DONE : RUN_ABORTED;
    return true;
}

static const struct {
    EventFunction *apply;
    bool has_step;
    bool before_start;
} meanings[] = {
    [EVENT_RUN_STARTED] = { run_starts, false, true },
    [EVENT_LEAD_TAKEN] = { lead_is_taken, false, false },
    [EVENT_STEP_STARTED] = { step_starts, true, false },
    [EVENT_STEP_DONE] = { step_ends_well, true, false },
    [EVENT_STEP_FAILED] = { step_ends_badly, true, false },
    [EVENT_UNDO_STARTED] = { undo_starts, true, false },
    [EVENT_UNDO_DONE] = { undo_ends_well, true, false },
    [EVENT_UNDO_FAILED] = { undo_ends_badly, true, false },
    [EVENT_LINE_CONFIRMED] = { line_is_confirmed, false, false },
    [EVENT_ABORT_REQUESTED] = { abort_is_requested, false, false },
    [EVENT_RETRY_REQUESTED] = { retry_is_requested, true, false },
    [EVENT_SKIP_REQUESTED] = { skip_is_requested, true, false },
    [EVENT_CHECK_BYPASSED] = { is_noted, false, true },
    [EVENT_RUN_DONE] = { run_ends, false, false },
    [EVENT_RUN_ABORTED] = { run_ends, false, false },
};
static_assert(
    sizeof(meanings) / sizeof(meanings[0]) == EVENT_KIND_COUNT, "every EventKind has a row");

bool run_apply(Run *run, const Event *event, Error *error)
{
    if (event->kind >= EVENT_KIND_COUNT)
        return error_set(
            error, ERROR_CORRUPT, "event %" PRIu64 " is of no known kind", event->serial);
    if (event->serial != run->serial + 1)
        return error_set(error, ERROR_CORRUPT, "event %" PRIu64 " does not follow %" PRIu64,
            event->serial, run->serial);
    if (!run->started && !meanings[event->kind].before_start)
        return error_set(error, ERROR_PRECONDITION,
            "the run never began: its coordinator ended before; 'apply' the plan again");
    if (meanings[event->kind].has_step && event->step >= run->plan->step_count)
        return error_set(error, ERROR_CORRUPT, "event %" PRIu64 ": there is no step %" PRIu32,
            event->serial, event->step + 1);
    if (!meanings[event->kind].apply(run, event, error))
        return false;
    run->serial = event->serial;
    return true;
}
