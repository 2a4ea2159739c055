#include <assert.h>

#include "agent/handlers/copy/engine_private.h"
#include "agent/handlers/database/query_rows.h"

static bool check_source(EngineTask *task, const CrewHand *hand, Error *error)
{
    return rows_digest(
        hand->production, &task->job->chunks[task->number].rows, hand->meter, task->digests, error);
}

/* Makes the table anew, without rows. */
static bool make(EngineTask *task, const CrewHand *hand, Error *error)
{
    const CopyTable *table = task->job->table;
    AUTO_TEXT *drop = memory_format("DROP TABLE IF EXISTS %s%s", table->quoted,
        database_type(hand->staging) == DATABASE_POSTGRESQL ? " CASCADE" : "");

    return ((!task->drops || database_run(hand->staging, drop, NULL, error)) &&
               database_run(hand->staging, table->create, NULL, error)) ||
           error_prefix(error, "making %s: ", table->name);
}

static bool clear(EngineTask *task, const CrewHand *hand, Error *error)
{
    const TableJob *job = task->job;

    for (size_t i = 0; i < job->chunk_count; i++)
        if (!job->chunks[i].copied && !rows_delete(hand->staging, &job->chunks[i].rows, error))
            return false;
    return true;
}

static bool copy(EngineTask *task, const CrewHand *hand, Error *error)
{
    const RowsPipe pipe = { hand->production, hand->staging, hand->meter };

    return rows_copy(&pipe, &task->job->chunks[task->number].rows, task->digests, error);
}

static bool digest(EngineTask *task, const CrewHand *hand, Error *error)
{
    return rows_digest(
        hand->staging, &task->job->chunks[task->number].rows, hand->meter, task->digests, error);
}

static bool sort(EngineTask *task, const CrewHand *hand, Error *error)
{
    const RowsSorting sorting = { task->job->parts[task->number], &task->job->cuts };

    return rows_digest_sorted(hand->staging, &sorting, hand->meter, task->digests, error);
}

/* What the step would make may be there already, unless its table is new. */
static bool run_step(const CopyStep *step, bool is_new, Database *staging, Error *error)
{
    uint64_t done = 0;

    if (!is_new && step->done && !query_number(staging, step->done, &done, error))
        return error_prefix(error, "%s: ", step->name);
    if (done > 0)
        return true;
    return database_run(staging, step->sql, NULL, error) ||
           error_prefix(error, "completing %s: ", step->name);
}

static bool make_index(EngineTask *task, const CrewHand *hand, Error *error)
{
    return run_step(task->step, task->job->made, hand->staging, error);
}

static bool make_keys(EngineTask *task, const CrewHand *hand, Error *error)
{
    const CopyCatalogue *catalogue = task->catalogue;

    for (size_t i = 0; i < catalogue->step_count; i++) {
        const CopyStep *step = &catalogue->steps[i];

        if (step->kind == COPY_STEP_KEY && strcmp(step->table, task->job->table->quoted) == 0 &&
            !run_step(step, task->job->made, hand->staging, error))
            return false;
    }
    return true;
}

static bool make_foreign_key(EngineTask *task, const CrewHand *hand, Error *error)
{
    return run_step(task->step, false, hand->staging, error);
}

static bool count_orphans(EngineTask *task, const CrewHand *hand, Error *error)
{
    return query_number(hand->staging, task->step->sql, &task->orphans, error) ||
           error_prefix(error, "%s: ", task->step->name);
}

static bool (*const kinds[])(EngineTask *, const CrewHand *, Error *) = {
    [TASK_CHECK_SOURCE] = check_source,
    [TASK_MAKE] = make,
    [TASK_CLEAR] = clear,
    [TASK_COPY] = copy,
    [TASK_DIGEST] = digest,
    [TASK_SORT] = sort,
    [TASK_INDEX] = make_index,
    [TASK_KEYS] = make_keys,
    [TASK_FOREIGN_KEY] = make_foreign_key,
    [TASK_ORPHANS] = count_orphans,
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == TASK_KIND_COUNT, "every TaskKind has its work");

bool engine_work(CrewTask *crew_task, const CrewHand *hand, Error *error)
{
    EngineTask *task = (EngineTask *)crew_task;

    return kinds[task->kind](task, hand, error);
}

EngineTask *engine_task_new(TaskKind kind, TableJob *job)
{
    EngineTask *task = memory_new(sizeof(*task));
    size_t digests = kind == TASK_SORT ? job->cuts.count + 2 : 1;

    task->crew.work = engine_work;
    task->kind = kind;
    task->job = job;
    task->digests = memory_new(digests * sizeof(*task->digests));
    return task;
}

void engine_task_free(EngineTask *task)
{
    if (!task)
        return;
    free(task->digests);
    free(task);
}
