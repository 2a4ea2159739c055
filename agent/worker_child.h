#pragma once

/*
 * The child's side of a worker: reads one command from stdin, works on it, writes Progress and one
 * Result to WORKER_FRAMES. The process ends with it.
 *
 * It reads the configuration, the profile and the ledger's notes itself, and shares nothing with
 * the agent but the ledger's file.
 */

#include <sys/types.h>

#include "agent/core/handler.h"
#include "agent/core/profile.h"

#define WORKER_FRAMES 3 /* the descriptor that it answers on */

typedef struct WorkerDuty {
    const char *config_file;
    pid_t parent; /* when it is gone, so are we */
    const Handler *(*handler_for)(CommandKind kind);
    bool (*load_profile)(const char *directory, Profile **ret, Error *error);
} WorkerDuty;

/* Returns the exit code: 0 when a result was given, whatever it says. */
int worker_child_run(const WorkerDuty *duty) __attribute__((nonnull));
