#include "tests/fakes/worker_io.h"

#include "common/base/memory.h"
#include "common/os/clock.h"

static Millis now(void *self)
{
    (void)self;
    return clock_now();
}

static bool pause_for(void *self, Millis duration, Error *error)
{
    WorkerIo *io = self;

    io->pauses++;
    if (io->cancel_after > 0 && io->pauses >= io->cancel_after)
        return error_set(error, ERROR_CANCELLED, "cancelled");
    clock_sleep(duration);
    return true;
}

static bool forget(void *self, const char *prefix, Error *error)
{
    WorkerIo *io = self;
    Facts kept = { 0 };

    (void)error; /* memory does not fail */
    for (size_t i = 0; i < io->remembered.count; i++)
        if (strncmp(io->remembered.items[i].name, prefix, strlen(prefix)) != 0)
            facts_add(&kept, io->remembered.items[i].name, io->remembered.items[i].value);
    facts_done(&io->remembered);
    io->remembered = kept;
    return true;
}

static bool remember(void *self, const char *key, const char *value, Error *error)
{
    WorkerIo *io = self;
    Facts kept = { 0 };

    (void)error;
    for (size_t i = 0; i < io->remembered.count; i++)
        if (strcmp(io->remembered.items[i].name, key) != 0)
            facts_add(&kept, io->remembered.items[i].name, io->remembered.items[i].value);
    facts_add(&kept, key, value);
    facts_done(&io->remembered);
    io->remembered = kept;
    return true;
}

static bool recall(void *self, const char *key, char **ret, Error *error)
{
    WorkerIo *io = self;
    const char *value = facts_get(&io->remembered, key);

    (void)error;
    *ret = value ? memory_text(value) : NULL;
    return true;
}

static void progress(void *self, const char *what, uint64_t done, uint64_t total)
{
    (void)self;
    (void)what;
    (void)done;
    (void)total;
}

void worker_io_init(WorkerIo *io)
{
    *io = (WorkerIo){ 0 };
    io->io = (AgentIo){
        .self = io,
        .evidence = &io->evidence,
        .now = now,
        .pause = pause_for,
        .remember = remember,
        .recall = recall,
        .forget = forget,
        .progress = progress,
    };
}

void worker_io_done(WorkerIo *io)
{
    facts_done(&io->remembered);
    facts_done(&io->evidence);
}

void worker_io_next_command(WorkerIo *io)
{
    facts_done(&io->evidence);
}
