#pragma once

/*
 * One upgrade in progress: a pure fold over its events.
 *
 *   run_init(&run, plan); run_apply(&run, event 1) … run_apply(&run, event n)
 *
 * The journal stores the events and nothing else, so the state after a crash and the state that an
 * auditor reads are computed by this same function. run_decide() says what to do next: same run,
 * same answer; time is an argument.
 *
 * Owns: the array of steps, released by run_done(); the plan is borrowed.
 */

#include "common/base/millis.h"
#include "coordinator/core/event.h"
#include "coordinator/core/plan.h"
#include "coordinator/core/step_state.h"

typedef struct RunStep {
    StepState state;
    uint32_t attempt;  /* of the newest command, forward or undo; 0: none was sent */
    uint32_t forward;  /* automatic forward attempts since the last word of the operator */
    uint32_t backward; /* the same for the undo */
    ErrorKind error;   /* of the newest failure */
    int64_t failed_ms; /* wall clock of it: an automatic retry waits a little after it, and does
                          not wait where the clock was set back */
    int64_t started_ms, ended_ms; /* wall clock, for people */
    int64_t undo_started_ms;      /* the same; 0: it was not taken back */
} RunStep;

/* When the newest work on it began, forward or back: its ended_ms belongs to that. */
static inline int64_t run_step_began_ms(const RunStep *step)
{
    return step->undo_started_ms > 0 ? step->undo_started_ms : step->started_ms;
}

typedef enum RunState {
    RUN_FORWARD,
    RUN_ABORTING,
    RUN_DONE,
    RUN_ABORTED,
} RunState;

typedef struct Run {
    const Plan *plan;
    uint64_t serial; /* of the last event applied */
    uint64_t epoch;  /* of the last coordinator that took the lead */
    RunState state;
    bool started;   /* all that has to be known of its beginning is in the journal */
    bool confirmed; /* the operator's word for the line was given */
    RunStep *steps;
} Run;

typedef enum ActionKind {
    ACTION_WAIT,       /* nothing to do until an answer or until wait_ms have passed */
    ACTION_START_STEP, /* write EVENT_STEP_STARTED, then send the command (a gate: none) */
    ACTION_UNDO_STEP,  /* write EVENT_UNDO_STARTED, then send the undo command */
    ACTION_HOLD,       /* only the operator goes on from here: see `step` */
    ACTION_CONFIRM,    /* everything before the line is done: the operator's word is needed */
    ACTION_FINISH,     /* write EVENT_RUN_DONE or EVENT_RUN_ABORTED */
    ACTION_NONE,       /* the run has ended */
} ActionKind;

typedef struct Action {
    ActionKind kind;
    uint32_t step;
    Millis wait_ms; /* for WAIT: at most; INT64_MAX when only an answer helps */
} Action;

void run_init(Run *run, const Plan *plan) __attribute__((nonnull));
void run_done(Run *run) __attribute__((nonnull));

/* Moves `run` on by one event; refuses, and changes nothing, what cannot follow: ERROR_CORRUPT for
 * a journal that cannot be, ERROR_PRECONDITION for an operator's request at the wrong moment. */
bool run_apply(Run *run, const Event *event, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* now_ms: wall clock, as in events. */
Action run_decide(const Run *run, int64_t now_ms) __attribute__((nonnull));

/* The crossing is in the journal: an act behind it may have begun, and no abort is possible. */
/* The step at which the operator's word counts; the step count when the plan has none. */
uint32_t run_line(const Run *run) __attribute__((nonnull));
bool run_line_is_crossed(const Run *run) __attribute__((nonnull));
/* All that the step waits for is done, or skipped by an operator. */
bool run_step_is_ready(const Run *run, uint32_t step) __attribute__((nonnull));
/* A command was written down for the step, and no answer yet. */
bool run_step_is_under_way(const Run *run, uint32_t step) __attribute__((nonnull));
/* Steps that are under way. */
size_t run_running(const Run *run) __attribute__((nonnull));
/* The command that a running or undoing step stands for. */
CommandKind run_command(const Run *run, uint32_t step) __attribute__((nonnull));

#define RUN_RETRY_MS   3000 /* before a transient failure is tried again */
#define RUN_AUTO(name) __attribute__((cleanup(run_done))) Run name = { 0 }
