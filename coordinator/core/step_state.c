#include "coordinator/core/step_state.h"

#include <assert.h>

#define TO(state) (1U << STEP_##state)

static const struct {
    const char *name;
    unsigned next; /* the states that may follow, as a set */
} states[] = {
    [STEP_PENDING] = { "pending", TO(RUNNING) | TO(SKIPPED) },
    [STEP_RUNNING] = { "running", TO(DONE) | TO(FAILED) | TO(SKIPPED) },
    [STEP_DONE] = { "done", TO(UNDOING) },
    [STEP_FAILED] = { "failed", TO(RUNNING) | TO(SKIPPED) | TO(UNDOING) },
    [STEP_SKIPPED] = { "skipped", 0 },
    [STEP_UNDOING] = { "undoing", TO(UNDONE) | TO(STUCK) | TO(SKIPPED) },
    [STEP_UNDONE] = { "undone", 0 },
    [STEP_STUCK] = { "stuck", TO(UNDOING) | TO(SKIPPED) },
};
static_assert(sizeof(states) / sizeof(states[0]) == STEP_STATE_COUNT, "every StepState has a row");

bool step_state_allows(StepState from, StepState to)
{
    assert(from < STEP_STATE_COUNT && to < STEP_STATE_COUNT);
    return (states[from].next & (1U << to)) != 0;
}

bool step_state_is_final(StepState state)
{
    assert(state < STEP_STATE_COUNT);
    return states[state].next == 0;
}

const char *step_state_name(StepState state)
{
    assert(state < STEP_STATE_COUNT);
    return states[state].name;
}
