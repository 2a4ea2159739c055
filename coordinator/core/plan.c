#include "coordinator/core/plan.h"

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    arena_free(plan->arena);
    free(plan);
}

static bool step_is_sound(const Plan *plan, size_t index, Error *error)
{
    const PlanStep *step = &plan->steps[index];

    for (size_t i = 0; i < step->wait_count; i++) {
        if (step->waits_for[i] >= index)
            return error_set(error, ERROR_CORRUPT,
                "step %zu waits for step %u, which does not come before it", index + 1,
                step->waits_for[i] + 1);
        if (i > 0 && step->waits_for[i] <= step->waits_for[i - 1])
            return error_set(
                error, ERROR_CORRUPT, "step %zu: what it waits for is not in order", index + 1);
    }
    if (!name_is_valid(step->target) || step_kind_is_gate(step->kind) != (step->agent[0] == '\0'))
        return error_set(error, ERROR_CORRUPT, "step %zu has no valid target or agent", index + 1);
    return true;
}

bool plan_check(const Plan *plan, Error *error)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (!step_is_sound(plan, i, error))
            return false;
    if (plan->step_count == 0)
        return error_set(error, ERROR_CORRUPT, "a plan without steps");
    return true;
}

char *plan_step_label(const Plan *plan, size_t step)
{
    const PlanStep *planned = &plan->steps[step];

    if (step_kind_is_gate(planned->kind))
        return memory_text(step_spec(planned->kind)->name);
    return memory_format("%s %s", step_spec(planned->kind)->name, planned->target);
}
