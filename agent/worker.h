#pragma once

/*
 * One command at work in a child process: the same program, run again as `worker`.
 *
 *   worker_start(&settings, &command, now, &worker, error)
 *   poll worker_descriptors(), at most worker_wait_ms() long, then
 *   while ((kind = worker_take(worker, now, &news)) != WORKER_NOTHING) …   until WORKER_ENDED
 *   worker_free(worker)
 *
 * Nothing here blocks. However the child ends, its end is a result: its own, or ERROR_TIMEOUT at
 * the deadline, ERROR_CANCELLED, ERROR_COMMAND_FAILED after a crash. At the deadline and at a
 * cancel it gets SIGTERM, which its pauses notice, and after WORKER_GRACE_MS it is killed. Whatever
 * it started and did not detach ends with it: it has a session of its own. It dies with the agent.
 *
 * Owns: a Worker is freed by worker_free(), which kills what runs; news by worker_news_done().
 */

#include <poll.h>

#include "agent/core/agent_config.h"
#include "agent/core/handler.h"
#include "common/wire/wire.h"

#define WORKER_GRACE_MS    5000
#define WORKER_DESCRIPTORS 2

typedef struct Worker Worker;

typedef struct WorkerSettings {
    const AgentConfig *config;
    const char *config_file; /* absolute; the child reads it itself */
    const Handler *(*handler_for)(CommandKind kind);
} WorkerSettings;

typedef enum WorkerNewsKind {
    WORKER_NOTHING,
    WORKER_PROGRESS, /* message is filled */
    WORKER_ENDED,    /* result is filled */
} WorkerNewsKind;

typedef struct WorkerNews {
    Message message;
    CommandResult result;
} WorkerNews;

bool worker_start(const WorkerSettings *settings, const Command *command, Millis now, Worker **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
void worker_free(Worker *worker);

void worker_descriptors(const Worker *worker, struct pollfd ret[WORKER_DESCRIPTORS])
    __attribute__((nonnull));
int worker_wait_ms(const Worker *worker, Millis now) __attribute__((nonnull));
WorkerNewsKind worker_take(Worker *worker, Millis now, WorkerNews *ret) __attribute__((nonnull));
void worker_news_done(WorkerNews *news) __attribute__((nonnull));

/* Asks it to end; a result comes as for any other end. */
void worker_cancel(Worker *worker, Millis now) __attribute__((nonnull));

DEFINE_AUTO(Worker, worker_free)
