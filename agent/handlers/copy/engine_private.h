#pragma once

/* What the engine's files share: engine.c runs, engine_stages.c decides, engine_tasks.c works. */

#include "agent/handlers/copy/crew.h"
#include "agent/handlers/copy/engine.h"

typedef enum TaskKind {
    TASK_CHECK_SOURCE, /* a known chunk, on production */
    TASK_MAKE,
    TASK_CLEAR, /* rows of chunks that are not as they were written down */
    TASK_COPY,
    TASK_DIGEST, /* a chunk, on staging */
    TASK_SORT,   /* a part, on staging */
    TASK_INDEX,
    TASK_KEYS,
    TASK_FOREIGN_KEY,
    TASK_ORPHANS,
    TASK_KIND_COUNT,
} TaskKind;

/* Between crew_add() and crew_take() the crew's, else the main thread's. */
typedef struct EngineTask {
    CrewTask crew; /* first */
    TaskKind kind;
    const CopyCatalogue *catalogue;
    TableJob *job; /* read by the thread; changed by the main thread alone */
    size_t number; /* of the chunk or part */
    bool drops;    /* TASK_MAKE: the table may be there */
    const CopyStep *step;
    RowDigest *digests; /* what was found: one, or one for each chunk (TASK_SORT) */
    uint64_t orphans;
} EngineTask;

bool engine_work(CrewTask *task, const CrewHand *hand, Error *error)
    __attribute__((nonnull, warn_unused_result));
EngineTask *engine_task_new(TaskKind kind, TableJob *job) __attribute__((returns_nonnull));
void engine_task_free(EngineTask *task);

DEFINE_AUTO(EngineTask, engine_task_free)

typedef struct Engine {
    const EngineOrder *order;
    Arena *arena;
    TableJob *jobs; /* in the order of the catalogue */
    size_t job_count, tables_left;
    bool *begun; /* for each step of the catalogue: foreign keys and orphans */
    size_t foreign_keys_out;
    bool sorts; /* chunks of staging are not read one by one, see RowsDriver */
    bool parts; /* a part of a table can be read alone */
    bool keyed; /* an earlier attempt made foreign keys: rows cannot be taken away one by one */
    uint64_t copied;
    Millis began;
    RowsMeter meter;
    CrewOrder crew_order;
    Crew *crew;
} Engine;

/* Goes on with a table of which nothing is out. */
bool engine_advance(Engine *engine, TableJob *job, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Draws the consequences of a task that came back. */
bool engine_take(Engine *engine, EngineTask *task, Error *error)
    __attribute__((nonnull, warn_unused_result));
void engine_add_orphans(Engine *engine) __attribute__((nonnull));
