#pragma once

/*
 * An agent command: a goal that can be probed, and a way to reach it.
 *
 * handler_run() probes, applies, probes again: doing a thing twice is harmless, resuming after a
 * crash is running again, and nothing is believed done until it was seen. Neither function keeps
 * state in memory between calls; what has to survive a crash goes through remember().
 *
 * A read-only goal (a check, a measurement) has no apply: its probe fills the evidence and either
 * holds or fails with an error that names what was seen and what to do.
 *
 * Handlers are plain blocking code; they run in the worker, a child process of the agent.
 */

#include "agent/core/agent_io.h"
#include "common/model/command.h"

typedef struct Handler {
    const char *goal; /* a sentence that is true afterwards: "the old server is stopped" */
    bool (*probe)(AgentIo *io, const Command *command, bool *ret_holds, Error *error);
    bool (*apply)(AgentIo *io, const Command *command, Error *error);
} Handler;

bool handler_run(const Handler *handler, AgentIo *io, const Command *command, ResultState *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
