#pragma once

/*
 * An AgentIo that works without an agent: what is remembered lives in memory, time and pauses are
 * real. Set `io.config` and `io.profile` after worker_io_init().
 */

#include "agent/core/agent_io.h"

typedef struct WorkerIo {
    AgentIo io;
    Facts remembered, evidence;
    unsigned pauses;
    unsigned cancel_after; /* pauses until the command is cancelled; 0: never */
} WorkerIo;

void worker_io_init(WorkerIo *io) __attribute__((nonnull));
void worker_io_done(WorkerIo *io) __attribute__((nonnull));
/* Forgets the evidence, as a new command would. */
void worker_io_next_command(WorkerIo *io) __attribute__((nonnull));
