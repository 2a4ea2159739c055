#include "agent/jobs.h"

#include <assert.h>

static void job_done(Job *job)
{
    worker_free(job->worker);
    command_done(&job->command);
}

void jobs_done(Jobs *jobs)
{
    while (jobs->count > 0)
        job_done(&jobs->items[--jobs->count]);
}

Job *jobs_find(Jobs *jobs, const CommandId *id)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (command_id_equal(&jobs->items[i].command.id, id))
            return &jobs->items[i];
    return NULL;
}

Job *jobs_add(Jobs *jobs, const Command *command, Link *asker)
{
    Job *job = &jobs->items[jobs->count];

    assert(jobs->count < JOBS_MAX);
    *job = (Job){ .asker = asker };
    command_copy(&job->command, command);
    jobs->count++;
    return job;
}

void jobs_remove(Jobs *jobs, Job *job)
{
    size_t index = (size_t)(job - jobs->items);

    assert(index < jobs->count);
    job_done(job);
    jobs->count--;
    memmove(job, job + 1, (jobs->count - index) * sizeof(*job)); /* the order is the queue's */
}

static bool is_on_target_of(const Job *job, const Command *command)
{
    return command_target(job->command.kind) == command_target(command->kind) &&
           strcmp(job->command.target, command->target) == 0;
}

static bool target_is_free(const Jobs *jobs, const Command *command)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->items[i].worker && is_on_target_of(&jobs->items[i], command))
            return false;
    return true;
}

Job *jobs_next(Jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (!jobs->items[i].worker && target_is_free(jobs, &jobs->items[i].command))
            return &jobs->items[i];
    return NULL;
}

void jobs_forget_asker(Jobs *jobs, const Link *link)
{
    for (size_t i = jobs->count; i-- > 0;) {
        Job *job = &jobs->items[i];

        if (job->asker != link)
            continue;
        job->asker = NULL;
        if (!job->worker)
            jobs_remove(jobs, job);
    }
}
