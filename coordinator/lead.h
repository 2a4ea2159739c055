#pragma once

/*
 * Leading one run from its journal: the loop around the engine. apply, resume, abort, retry and
 * skip all end up here; there is no other way in, so every start is a recovery.
 */

#include "coordinator/core/engine.h"
#include "coordinator/io/fleet.h"
#include "coordinator/io/journal.h"
#include "coordinator/rehearsal.h"

typedef enum LeadEnd {
    LEAD_DONE,
    LEAD_ABORTED,
    LEAD_HELD,        /* `step` holds; see its error */
    LEAD_UNCONFIRMED, /* everything before the line is done */
    LEAD_UNKNOWN,     /* an agent that has work in hand is away for too long */
    LEAD_INTERRUPTED, /* by `signal` */
} LeadEnd;

typedef struct LeadResult {
    LeadEnd end;
    uint32_t step;
    int signal;
    Error error; /* of the step that holds, or why it is unknown */
} LeadResult;

typedef struct LeadSettings {
    Journal *journal;
    Fleet *fleet;
    const Inventory *inventory;
    const Plan *plan;
    const Rehearsal *rehearsal; /* for the lines; may be NULL */
    const char *const *scripts;
    const char *run_id;
    const char *actor;
    const char *confirm; /* the cluster's name, or NULL: the line stays uncrossed */
    FILE *lines;         /* a line for each event; NULL: quiet */
} LeadSettings;

/* The operator's words with which a lead begins: abort, skip, or what is tried again. */
typedef struct LeadRequests {
    Event *events;
    size_t count;
} LeadRequests;

/* False when the run cannot be led: the journal (exit 10) or a request at the wrong moment. */
bool lead_run(const LeadSettings *settings, const LeadRequests *requests, LeadResult *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));

/* Reads a run's events into `run` without leading it. */
bool lead_replay(Journal *journal, const char *run_id, Run *run, Error *error)
    __attribute__((nonnull, warn_unused_result));
