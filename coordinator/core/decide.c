#include "coordinator/core/run.h"

static bool error_kind_is_transient(ErrorKind kind)
{
    Error error = { .kind = kind };

    return error_is_transient(&error);
}

static bool tries_again(const Run *run, uint32_t index, uint32_t used)
{
    return error_kind_is_transient(run->steps[index].error) &&
           used < step_spec(run->plan->steps[index].kind)->attempts;
}

/* Milliseconds until a failed command is sent again by itself; 0: now. */
static Millis retry_wait(const RunStep *step, int64_t now_ms)
{
    int64_t since = now_ms - step->failed_ms;

    return since < 0 || since >= RUN_RETRY_MS ? 0 : RUN_RETRY_MS - since;
}

/* The first failed step that only an operator can help; step_count when there is none. */
static uint32_t first_for_operator(const Run *run)
{
    uint32_t i = 0;

    while (i < run->plan->step_count) {
        const RunStep *step = &run->steps[i];

        if (step->state == STEP_FAILED && step->forward > 0 && !tries_again(run, i, step->forward))
            return i;
        i++;
    }
    return i;
}

/* The first failed step that the operator wants tried again, whatever else holds. */
static uint32_t first_retried(const Run *run)
{
    uint32_t i = 0;

    while (i < run->plan->step_count &&
           (run->steps[i].state != STEP_FAILED || run->steps[i].forward > 0))
        i++;
    return i;
}

static Action wait_for(Millis wait_ms)
{
    return (Action){ .kind = ACTION_WAIT, .wait_ms = wait_ms };
}

static Action start_something(const Run *run, int64_t now_ms)
{
    Millis wait_ms = INT64_MAX;
    uint32_t line = UINT32_MAX;
    size_t left = 0;

    for (uint32_t i = 0; i < run->plan->step_count; i++) {
        const RunStep *step = &run->steps[i];

        left += step->state != STEP_DONE && step->state != STEP_SKIPPED;
        if ((step->state != STEP_PENDING && step->state != STEP_FAILED) ||
            !run_step_is_ready(run, i))
            continue;
        if (step_spec(run->plan->steps[i].kind)->wants_word && !run->confirmed)
            line = run_line(run);
        else if (step->state == STEP_PENDING || step->forward == 0 || retry_wait(step, now_ms) == 0)
            return (Action){ .kind = ACTION_START_STEP, .step = i };
        else if (retry_wait(step, now_ms) < wait_ms)
            wait_ms = retry_wait(step, now_ms);
    }
    if (left == 0)
        return (Action){ .kind = ACTION_FINISH };
    if (line != UINT32_MAX && left > 0 && run_running(run) == 0 && wait_ms == INT64_MAX)
        return (Action){ .kind = ACTION_CONFIRM, .step = line };
    return wait_for(wait_ms);
}

static Action decide_forward(const Run *run, int64_t now_ms)
{
    uint32_t failed = first_for_operator(run);

    uint32_t wanted = first_retried(run);

    if (failed == run->plan->step_count)
        return start_something(run, now_ms);
    if (wanted < run->plan->step_count)
        return (Action){ .kind = ACTION_START_STEP, .step = wanted };
    if (run_running(run) > 0)
        return wait_for(INT64_MAX);
    return (Action){ .kind = ACTION_HOLD, .step = failed };
}

static bool has_something_to_undo(const Run *run, uint32_t index)
{
    const RunStep *step = &run->steps[index];

    if (step_spec(run->plan->steps[index].kind)->undo == COMMAND_NONE || step->attempt == 0)
        return false;
    return step->state != STEP_UNDONE && step->state != STEP_SKIPPED;
}

/* The kind of the last step that has something to undo; STEP_KIND_COUNT when none has. */
static StepKind last_kind_to_undo(const Run *run)
{
    for (uint32_t i = (uint32_t)run->plan->step_count; i > 0; i--)
        if (has_something_to_undo(run, i - 1))
            return run->plan->steps[i - 1].kind;
    return STEP_KIND_COUNT;
}

static bool a_forward_command_runs(const Run *run)
{
    for (uint32_t i = 0; i < run->plan->step_count; i++)
        if (run->steps[i].state == STEP_RUNNING)
            return true;
    return false;
}

/* Backwards kind by kind: what came last is taken back first, on all targets at once. */
static Action undo_something(const Run *run, StepKind kind, int64_t now_ms)
{
    Millis wait_ms = INT64_MAX;
    uint32_t stuck = UINT32_MAX;

    for (uint32_t i = 0; i < run->plan->step_count; i++) {
        const RunStep *step = &run->steps[i];

        if (run->plan->steps[i].kind != kind || !has_something_to_undo(run, i) ||
            step->state == STEP_UNDOING)
            continue;
        if (step->state != STEP_STUCK || step->backward == 0)
            return (Action){ .kind = ACTION_UNDO_STEP, .step = i };
        if (!tries_again(run, i, step->backward))
            stuck = i;
        else if (retry_wait(step, now_ms) == 0)
            return (Action){ .kind = ACTION_UNDO_STEP, .step = i };
        else if (retry_wait(step, now_ms) < wait_ms)
            wait_ms = retry_wait(step, now_ms);
    }
    if (stuck != UINT32_MAX && run_running(run) == 0 && wait_ms == INT64_MAX)
        return (Action){ .kind = ACTION_HOLD, .step = stuck };
    return wait_for(wait_ms);
}

static Action decide_backward(const Run *run, int64_t now_ms)
{
    StepKind kind = last_kind_to_undo(run);

    if (a_forward_command_runs(run))
        return wait_for(INT64_MAX);
    if (kind == STEP_KIND_COUNT)
        return (Action){ .kind = ACTION_FINISH };
    return undo_something(run, kind, now_ms);
}

Action run_decide(const Run *run, int64_t now_ms)
{
    switch (run->state) {
    case RUN_FORWARD:
        return decide_forward(run, now_ms);
    case RUN_ABORTING:
        return decide_backward(run, now_ms);
    case RUN_DONE:
    case RUN_ABORTED:
        break;
    }
    return (Action){ .kind = ACTION_NONE };
}
