/*
 * What comes next for a table, and what follows from a task that is done. All of it runs in the
 * thread that talks to the agent.
 */

#include <assert.h>

#include "agent/handlers/copy/difference.h"
#include "agent/handlers/copy/engine_private.h"
#include "agent/handlers/database/query_rows.h"
#include "common/model/finding.h"

#define DIFFERENCE_MAX 600 /* bytes of a message */

static void add_task(Engine *engine, EngineTask *task)
{
    task->catalogue = engine->order->catalogue;
    task->crew.weight = task->job ? task->job->table->bytes : 0;
    if (task->job)
        task->job->out++;
    crew_add(engine->crew, &task->crew);
}

static void add_numbered(Engine *engine, TaskKind kind, TableJob *job, size_t number)
{
    EngineTask *task = engine_task_new(kind, job);

    task->number = number;
    task->drops = !engine->order->empty;
    add_task(engine, task);
}

static void add_step(Engine *engine, TaskKind kind, TableJob *job, size_t step)
{
    EngineTask *task = engine_task_new(kind, job);

    task->step = &engine->order->catalogue->steps[step];
    engine->begun[step] = true;
    add_task(engine, task);
}

static TableJob *find_job(const Engine *engine, const char *quoted)
{
    for (size_t i = 0; quoted && i < engine->job_count; i++)
        if (strcmp(engine->jobs[i].table->quoted, quoted) == 0)
            return &engine->jobs[i];
    return NULL;
}

/* Rows that are not the same */

static bool fail_mismatch(
    const Engine *engine, const TableJob *job, const TableChunk *chunk, Error *error)
{
    const EngineOrder *order = engine->order;
    TEXT_AUTO(difference, DIFFERENCE_MAX);
    Error unseen = { 0 };

    if (!difference_find(order->production, order->staging, job->table, &difference, &unseen))
        text_add(&difference, "which rows cannot be told: %.200s", unseen.text);
    return error_set(error, ERROR_MISMATCH,
        "table %s: production has %llu row(s), staging %llu%s%s; %s", job->table->name,
        (unsigned long long)chunk->source.rows, (unsigned long long)chunk->found.rows,
        chunk->rows.where ? " where " : "", chunk->rows.where ? chunk->rows.where : "",
        difference.bytes);
}

static bool is_sorted(const Engine *engine, const TableJob *job)
{
    return engine->sorts && job->cuts.count > 0;
}

static bool all_copied(const TableJob *job)
{
    bool all = true;

    for (size_t i = 0; i < job->chunk_count; i++)
        all &= job->chunks[i].copied;
    return all;
}

static bool add_parts(Engine *engine, TableJob *job, Error *error)
{
    AUTO_TEXT *literal = database_quote(engine->order->staging, job->table->quoted);
    AUTO_TEXT *sql = memory_format(
        "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint",
        literal);
    uint64_t pages = 0;

    if (engine->parts && !query_number(engine->order->staging, sql, &pages, error))
        return false;
    job_set_parts(job, pages, engine->order->tuning->part_pages, engine->arena);
    for (size_t i = 0; i < job->part_count; i++)
        add_numbered(engine, TASK_SORT, job, i);
    return true;
}

/* Stages: each is entered when nothing of the table is out any more. */

static bool enter_check(Engine *engine, TableJob *job, Error *error)
{
    bool known = false;

    for (size_t i = 0; i < job->chunk_count; i++) {
        if (!job->chunks[i].known)
            continue;
        known = true;
        add_numbered(engine, TASK_CHECK_SOURCE, job, i);
        if (!is_sorted(engine, job))
            add_numbered(engine, TASK_DIGEST, job, i);
    }
    return !known || !is_sorted(engine, job) || add_parts(engine, job, error);
}

/* Keeps what both sides still have as it was written down. */
static bool enter_make(Engine *engine, TableJob *job, Error *error)
{
    bool any = false;

    (void)error;
    for (size_t i = 0; i < job->chunk_count; i++) {
        TableChunk *chunk = &job->chunks[i];

        chunk->copied =
            chunk->known && !job->lost && row_digest_equal(&chunk->source, &chunk->found);
        any |= chunk->copied;
        chunk->found = (RowDigest){ 0 };
    }
    if (any && (!engine->keyed || all_copied(job))) {
        if (!all_copied(job))
            add_numbered(engine, TASK_CLEAR, job, 0);
        return true;
    }
    for (size_t i = 0; i < job->chunk_count; i++)
        job->chunks[i].copied = false;
    add_numbered(engine, TASK_MAKE, job, 0);
    return true;
}

static bool enter_copy(Engine *engine, TableJob *job, Error *error)
{
    bool fresh = false;

    (void)error;
    for (size_t i = 0; i < job->chunk_count; i++)
        if (!job->chunks[i].copied) {
            fresh = true;
            add_numbered(engine, TASK_COPY, job, i);
        }
    job->proves = fresh && is_sorted(engine, job) && !engine->order->tuning->unproven;
    return true;
}

static void add_indexes(Engine *engine, TableJob *job)
{
    const CopyCatalogue *catalogue = engine->order->catalogue;

    for (size_t i = 0; i < catalogue->step_count; i++)
        if (catalogue->steps[i].kind == COPY_STEP_INDEX &&
            strcmp(catalogue->steps[i].table, job->table->quoted) == 0)
            add_step(engine, TASK_INDEX, job, i);
}

/* PostgreSQL builds indexes while the rows are read; on MySQL both would wait for each other. */
static bool enter_prove(Engine *engine, TableJob *job, Error *error)
{
    if (engine->sorts)
        add_indexes(engine, job);
    return !job->proves || add_parts(engine, job, error);
}

static bool enter_index(Engine *engine, TableJob *job, Error *error)
{
    for (size_t i = 0; job->proves && i < job->chunk_count; i++)
        if (!row_digest_equal(&job->chunks[i].source, &job->chunks[i].found))
            return fail_mismatch(engine, job, &job->chunks[i], error);
    if (!engine->sorts)
        add_indexes(engine, job);
    return true;
}

static bool enter_key(Engine *engine, TableJob *job, Error *error)
{
    (void)error;
    add_numbered(engine, TASK_KEYS, job, 0);
    return true;
}

/* Those whose tables are complete, and which do not lock each other out. */
static void add_foreign_keys(Engine *engine)
{
    const CopyCatalogue *catalogue = engine->order->catalogue;

    for (size_t i = 0; i < catalogue->step_count; i++) {
        const CopyStep *step = &catalogue->steps[i];
        TableJob *child, *parent;

        if (step->kind != COPY_STEP_FOREIGN_KEY || engine->begun[i])
            continue;
        child = find_job(engine, step->table);
        parent = find_job(engine, step->parent);
        if (!parent && (engine->tables_left > 0 || engine->foreign_keys_out > 0))
            continue; /* several parents: when it is alone */
        if (child->stage < STAGE_DONE || child->locked ||
            (parent && (parent->stage < STAGE_DONE || parent->locked)))
            continue;
        child->locked = true;
        if (parent)
            parent->locked = true;
        engine->foreign_keys_out++;
        add_step(engine, TASK_FOREIGN_KEY, child, i);
    }
}

static bool enter_done(Engine *engine, TableJob *job, Error *error)
{
    (void)job;
    (void)error;
    engine->tables_left--;
    return true;
}

static bool (*const stages[])(Engine *, TableJob *, Error *) = {
    [STAGE_CHECK] = enter_check,
    [STAGE_MAKE] = enter_make,
    [STAGE_COPY] = enter_copy,
    [STAGE_PROVE] = enter_prove,
    [STAGE_INDEX] = enter_index,
    [STAGE_KEY] = enter_key,
    [STAGE_DONE] = enter_done,
};
static_assert(sizeof(stages) / sizeof(stages[0]) == STAGE_DONE + 1, "every TableStage is entered");

bool engine_advance(Engine *engine, TableJob *job, Error *error)
{
    while (job->out == 0 && job->stage < STAGE_DONE)
        if (!stages[++job->stage](engine, job, error))
            return false;
    return true;
}

/* What comes back from the crew */

static bool take_source(Engine *engine, EngineTask *task, Error *error)
{
    TableChunk *chunk = &task->job->chunks[task->number];

    (void)engine;
    (void)error;
    chunk->known = row_digest_equal(&chunk->source, task->digests);
    return true;
}

static bool take_copied(Engine *engine, EngineTask *task, Error *error)
{
    TableChunk *chunk = &task->job->chunks[task->number];

    chunk->source = *task->digests;
    chunk->copied = true;
    engine->copied++;
    if (!is_sorted(engine, task->job) && !engine->order->tuning->unproven)
        add_numbered(engine, TASK_DIGEST, task->job, task->number);
    return copy_ledger_add(engine->order->ledger, task->job, task->number, error);
}

static bool take_digest(Engine *engine, EngineTask *task, Error *error)
{
    TableChunk *chunk = &task->job->chunks[task->number];

    chunk->found = *task->digests;
    return task->job->stage == STAGE_CHECK || row_digest_equal(&chunk->source, &chunk->found) ||
           fail_mismatch(engine, task->job, chunk, error);
}

static bool take_sorted(Engine *engine, EngineTask *task, Error *error)
{
    TableJob *job = task->job;

    (void)engine;
    (void)error;
    for (size_t i = 0; i < job->chunk_count; i++)
        row_digest_add(&job->chunks[i].found, &task->digests[i]);
    return true;
}

static bool take_made(Engine *engine, EngineTask *task, Error *error)
{
    (void)engine;
    (void)error;
    task->job->made = true;
    return true;
}

static bool take_foreign_key(Engine *engine, EngineTask *task, Error *error)
{
    TableJob *parent = find_job(engine, task->step->parent);

    (void)error;
    task->job->locked = false;
    if (parent)
        parent->locked = false;
    engine->foreign_keys_out--;
    return true;
}

/* Rows without a parent cannot come from the copy, whose rows were verified: they are told. */
static bool take_orphans(Engine *engine, EngineTask *task, Error *error)
{
    (void)error;
    if (task->orphans > 0)
        finding_add(engine->order->io->evidence, "FOREIGN-KEY-ORPHANS", FINDING_WARN,
            "production has them too: look at these rows when the upgrade is over",
            "%s: %llu row(s) without a parent", task->step->name,
            (unsigned long long)task->orphans);
    return true;
}

static bool take_nothing(Engine *engine, EngineTask *task, Error *error)
{
    (void)engine;
    (void)task;
    (void)error;
    return true;
}

static bool (*const takers[])(Engine *, EngineTask *, Error *) = {
    [TASK_CHECK_SOURCE] = take_source,
    [TASK_MAKE] = take_made,
    [TASK_CLEAR] = take_nothing,
    [TASK_COPY] = take_copied,
    [TASK_DIGEST] = take_digest,
    [TASK_SORT] = take_sorted,
    [TASK_INDEX] = take_nothing,
    [TASK_KEYS] = take_nothing,
    [TASK_FOREIGN_KEY] = take_foreign_key,
    [TASK_ORPHANS] = take_orphans,
};
static_assert(sizeof(takers) / sizeof(takers[0]) == TASK_KIND_COUNT, "every TaskKind is taken");

/* A table of staging that cannot be read as it was written down is made anew. */
static bool is_lost(const EngineTask *task)
{
    return (task->kind == TASK_DIGEST || task->kind == TASK_SORT) &&
           task->job->stage == STAGE_CHECK && task->crew.error.kind == ERROR_DATABASE;
}

bool engine_take(Engine *engine, EngineTask *task, Error *error)
{
    if (task->job)
        task->job->out--;
    if (is_lost(task)) {
        task->job->lost = true;
    } else if (task->crew.error.kind != ERROR_NONE) {
        *error = task->crew.error;
        return false;
    } else if (!takers[task->kind](engine, task, error)) {
        return false;
    }
    if (task->job && !engine_advance(engine, task->job, error))
        return false;
    add_foreign_keys(engine);
    return true;
}

void engine_add_orphans(Engine *engine)
{
    const CopyCatalogue *catalogue = engine->order->catalogue;

    for (size_t i = 0; i < catalogue->step_count; i++)
        if (catalogue->steps[i].kind == COPY_STEP_ORPHANS)
            add_step(engine, TASK_ORPHANS, NULL, i);
}
