#pragma once

/*
 * The life of one step, as a table.
 *
 *   pending ──> running ──> done ──> undoing ──> undone
 *      │          │  ^        ^         │  ^
 *      v          v  │        │         v  │
 *   skipped <── failed ───────┘       stuck
 *
 * A failed step may be undone too: it may have done half of its work. In an abort the operator may
 * leave behind what is running, undoing or stuck: it becomes skipped, and nothing is asked of it
 * any more.
 * Pure: no clock, no memory, no I/O. Both the live engine and the replay of the journal go through
 * step_state_allows(), so a state that could not be reached live cannot be replayed either.
 */

#include <stdbool.h>

typedef enum StepState {
    STEP_PENDING,
    STEP_RUNNING, /* the order is in the journal; the agent may or may not have seen it */
    STEP_DONE,    /* applied and verified */
    STEP_FAILED,  /* gave up; waits for retry, undo or an operator */
    STEP_SKIPPED, /* an operator took the responsibility */
    STEP_UNDOING,
    STEP_UNDONE,
    STEP_STUCK, /* the undo failed too: only an operator goes on from here */
    STEP_STATE_COUNT,
} StepState;

bool step_state_allows(StepState from, StepState to);
bool step_state_is_final(StepState state);
const char *step_state_name(StepState state);
