#include "coordinator/core/event.h"

#include <assert.h>

static const char *const names[] = {
    [EVENT_RUN_STARTED] = "run-started",
    [EVENT_LEAD_TAKEN] = "lead-taken",
    [EVENT_STEP_STARTED] = "step-started",
    [EVENT_STEP_DONE] = "step-done",
    [EVENT_STEP_FAILED] = "step-failed",
    [EVENT_UNDO_STARTED] = "undo-started",
    [EVENT_UNDO_DONE] = "undo-done",
    [EVENT_UNDO_FAILED] = "undo-failed",
    [EVENT_LINE_CONFIRMED] = "line-confirmed",
    [EVENT_ABORT_REQUESTED] = "abort-requested",
    [EVENT_RETRY_REQUESTED] = "retry-requested",
    [EVENT_SKIP_REQUESTED] = "skip-requested",
    [EVENT_CHECK_BYPASSED] = "check-bypassed",
    [EVENT_RUN_DONE] = "run-done",
    [EVENT_RUN_ABORTED] = "run-aborted",
};
static_assert(sizeof(names) / sizeof(names[0]) == EVENT_KIND_COUNT, "every EventKind has a name");

const char *event_name(EventKind kind)
{
    return kind < EVENT_KIND_COUNT ? names[kind] : "unknown";
}

EventKind event_from_name(const char *name)
{
    EventKind kind = EVENT_RUN_STARTED;

    while (kind < EVENT_KIND_COUNT && strcmp(names[kind], name) != 0)
        kind++;
    return kind;
}

void event_done(Event *event)
{
    facts_done(&event->evidence);
}

void event_copy(Event *ret, const Event *from)
{
    *ret = *from;
    ret->evidence = (Facts){ 0 };
    facts_copy(&ret->evidence, &from->evidence);
}
