#pragma once

/*
 * What can happen to a run. The journal is a list of these; state, restart, report and audit are
 * all read from it.
 */

#include "common/model/command.h"

typedef enum EventKind {
    EVENT_RUN_STARTED,  /* text: digest of the plan; before it only bypassed checks */
    EVENT_LEAD_TAKEN,   /* a coordinator process leads; number: its epoch */
    EVENT_STEP_STARTED, /* written before the command leaves; number: attempt */
    EVENT_STEP_DONE,    /* evidence: what the agent proved */
    EVENT_STEP_FAILED,  /* error kind and text */
    EVENT_UNDO_STARTED,
    EVENT_UNDO_DONE,
    EVENT_UNDO_FAILED,
    EVENT_LINE_CONFIRMED,  /* the operator typed the cluster's name */
    EVENT_ABORT_REQUESTED, /* text: reason */
    EVENT_RETRY_REQUESTED, /* of a failed step or a stuck undo */
    EVENT_SKIP_REQUESTED,  /* text: reason */
    EVENT_CHECK_BYPASSED,  /* text: check and reason */
    EVENT_RUN_DONE,
    EVENT_RUN_ABORTED,
    EVENT_KIND_COUNT,
} EventKind;

#define EVENT_NO_STEP  UINT32_MAX
#define EVENT_TEXT_MAX ERROR_TEXT_MAX

typedef struct Event {
    uint64_t serial; /* 1, 2, 3 … in one run, without a gap */
    int64_t time_ms; /* wall clock, milliseconds since 1970, UTC: for people, and for the pause
                        before a retry */
    char actor[96];  /* "user@host" of the operator, or the coordinator's name */
    EventKind kind;
    uint32_t step;   /* index in the plan, or EVENT_NO_STEP */
    uint64_t number; /* attempt or epoch */
    ErrorKind error; /* of a failure */
    char text[EVENT_TEXT_MAX];
    Facts evidence;
} Event;

const char *event_name(EventKind kind);
EventKind event_from_name(const char *name) __attribute__((nonnull)); /* or EVENT_KIND_COUNT */
void event_done(Event *event) __attribute__((nonnull));
void event_copy(Event *ret, const Event *from) __attribute__((nonnull));

#define EVENT_AUTO(name) __attribute__((cleanup(event_done))) Event name = { .step = EVENT_NO_STEP }
