#pragma once

/*
 * The commands that an agent has in hand: at work, or waiting until their target is free. One
 * command works on a target at a time; targets work side by side.
 *
 * Owns: a job owns its command and its worker; jobs_remove() and jobs_done() release them, which
 * ends a worker that runs.
 */

#include "agent/worker.h"
#include "common/wire/link.h"

#define JOBS_MAX 256

typedef struct Job {
    Command command;
    Worker *worker; /* NULL: it waits for its target */
    Link *asker;    /* who is told; NULL when that link is down */
} Job;

typedef struct Jobs {
    Job items[JOBS_MAX];
    size_t count;
} Jobs;

void jobs_done(Jobs *jobs) __attribute__((nonnull));
Job *jobs_find(Jobs *jobs, const CommandId *id) __attribute__((nonnull)); /* or NULL */
/* A copy of the command, waiting; there must be room. */
Job *jobs_add(Jobs *jobs, const Command *command, Link *asker)
    __attribute__((nonnull, returns_nonnull));
void jobs_remove(Jobs *jobs, Job *job) __attribute__((nonnull));
/* The oldest waiting job whose target is free, or NULL. */
Job *jobs_next(Jobs *jobs) __attribute__((nonnull));
/* A link is down: nobody is told any more, and what only waited is forgotten; asked again it runs.
 */
void jobs_forget_asker(Jobs *jobs, const Link *link) __attribute__((nonnull));
