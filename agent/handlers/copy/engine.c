#include "agent/handlers/copy/engine.h"

#include "agent/handlers/copy/engine_private.h"
#include "agent/handlers/database/query_rows.h"

#define THREADS_MIN   2
#define THREADS_MAX   4
#define LOOK_EVERY_MS 200 /* at the screen and for a cancel */
#define TID_RANGE_SCAN                                                                             \
    140000 /* server_version_num: the first that reads a part of a table alone                     \
            */

const CopyTuning copy_tuning_default = {
    .chunk = { .bytes = (uint64_t)48 << 20, .rows = 250000 },
    .part_pages = 4096, /* 32 MiB */
    .entry_bytes = (uint64_t)8 << 20,
    .entry_chunks = 16,
};

/* "rows of REG_LOG at 85 MB/s, about 12 s left" */
static void tell(const Engine *engine)
{
    const AgentIo *io = engine->order->io;
    const TableJob *largest = NULL;
    Millis passed = io->now(io->self) - engine->began;
    uint64_t done = 0, total = 0, rate;
    TEXT_AUTO(what, 300);

    for (size_t i = 0; i < engine->job_count; i++) {
        const TableJob *job = &engine->jobs[i];
        uint64_t weight = job->table->bytes / job->chunk_count + 1;

        for (size_t j = 0; j < job->chunk_count; j++)
            done += job->chunks[j].copied ? weight : 0;
        total += weight * job->chunk_count;
        if (job->stage < STAGE_DONE && (!largest || job->table->bytes > largest->table->bytes))
            largest = job;
    }
    rate = atomic_load(&engine->meter.bytes) / (uint64_t)(passed > 0 ? passed : 1) / 1000;
    if (largest)
        text_add(&what, "%s and %zu more tables, %llu MB/s", largest->table->name,
            engine->tables_left - 1, (unsigned long long)rate);
    else
        text_add(&what, "foreign keys");
    if (largest && done > 0)
        text_add(&what, ", rows ready in %llu s",
            (unsigned long long)((double)passed / 1000 * (double)(total - done) / (double)done));
    io->progress(io->self, what.bytes, done, total);
}

static bool work_until_done(Engine *engine, Error *error)
{
    const AgentIo *io = engine->order->io;
    Millis told = 0;

    while (crew_out(engine->crew) > 0) {
        AUTO(EngineTask) *task = (EngineTask *)crew_take(engine->crew, LOOK_EVERY_MS);

        if (io->now(io->self) - told >= LOOK_EVERY_MS) {
            if (!io->pause(io->self, 0, error))
                return false;
            tell(engine);
            told = io->now(io->self);
        }
        if (task && !engine_take(engine, task, error))
            return false;
    }
    return true;
}

/* Cuts are decided once, so that every attempt has the same chunks. */
static bool make_jobs(Engine *engine, Error *error)
{
    const EngineOrder *order = engine->order;
    const CutsOf of = { order->catalogue, engine->arena };
    RowsCuts *cuts = arena_take(engine->arena, engine->job_count * sizeof(*cuts) + 1);
    bool known = false;

    if (!copy_ledger_load_cuts(order->ledger, &of, cuts, &known, error))
        return false;
    for (size_t i = 0; i < engine->job_count; i++) {
        const CopyTable *table = &order->catalogue->tables[i];

        if (!known && !cuts_decide(order->production, table, &order->tuning->chunk, engine->arena,
                          &cuts[i], error))
            return false;
        job_init(&engine->jobs[i], table, &cuts[i], engine->arena);
    }
    if (!known && !copy_ledger_save_cuts(order->ledger, engine->jobs, engine->job_count, error))
        return false;
    return copy_ledger_load(order->ledger, engine->jobs, engine->job_count, error);
}

static bool ask_staging(Engine *engine, Error *error)
{
    static const char *const keyed[] = {
        [DATABASE_MYSQL] = "SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS"
                           " WHERE constraint_schema = DATABASE()"
                           " AND constraint_type = 'FOREIGN KEY'",
        [DATABASE_POSTGRESQL] = "SELECT count(*) FROM pg_catalog.pg_constraint"
                                " WHERE contype = 'f'",
    };
    Database *staging = engine->order->staging;
    uint64_t keys = 0, version = 0;

    engine->sorts = rows_sorts(staging);
    if (!query_number(staging, keyed[database_type(staging)], &keys, error) ||
        (engine->sorts && !query_number(staging, "SELECT current_setting('server_version_num')",
                              &version, error)))
        return false;
    engine->keyed = keys > 0;
    engine->parts = version >= TID_RANGE_SCAN;
    return true;
}

static size_t thread_count(const CopyTuning *tuning)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (tuning->threads > 0)
        return tuning->threads;
    if (processors < THREADS_MIN)
        return THREADS_MIN;
    return processors > THREADS_MAX ? THREADS_MAX : (size_t)processors;
}

static bool start_crew(Engine *engine, char **snapshot, Error *error)
{
    const EngineOrder *order = engine->order;

    if (!rows_share_snapshot(order->production, snapshot, error))
        return false;
    engine->meter.silence = order->tuning->silence;
    engine->crew_order = (CrewOrder){ .config = order->config,
        .limits = *order->limits,
        .snapshot = *snapshot,
        .threads = thread_count(order->tuning),
        .meter = &engine->meter };
    engine->crew = crew_start(&engine->crew_order);
    return true;
}

static void end_crew(Crew *crew)
{
    if (!crew)
        return;
    crew_stop(crew);
    while (crew_out(crew) > 0)
        engine_task_free((EngineTask *)crew_take(crew, 0));
    crew_free(crew);
}

static bool run(Engine *engine, Error *error)
{
    engine->began = engine->order->io->now(engine->order->io->self);
    for (size_t i = 0; i < engine->job_count; i++)
        if (!engine_advance(engine, &engine->jobs[i], error))
            return false;
    if (!work_until_done(engine, error) || !copy_ledger_flush(engine->order->ledger, error))
        return false;
    engine_add_orphans(engine);
    return work_until_done(engine, error);
}

static void tell_result(const Engine *engine, Copied *ret)
{
    Facts *evidence = engine->order->io->evidence;
    size_t chunks = 0;

    for (size_t i = 0; i < engine->job_count; i++) {
        const RowDigest all = job_source(&engine->jobs[i]);
        AUTO_TEXT *line = copied_line(engine->jobs[i].table, &all);

        copied_add_line(ret, line);
        chunks += engine->jobs[i].chunk_count;
    }
    facts_format(evidence, ENGINE_RAN, "%zu", chunks);
    facts_format(evidence, "~chunks-copied", "%llu", (unsigned long long)engine->copied);
}

bool engine_run(const EngineOrder *order, Copied *ret, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    AUTO_TEXT *snapshot = NULL;
    Engine engine = { .order = order,
        .arena = arena,
        .job_count = order->catalogue->table_count,
        .tables_left = order->catalogue->table_count };
    bool done;

    order->ledger->entry_bytes = order->tuning->entry_bytes;
    order->ledger->entry_chunks = order->tuning->entry_chunks;
    engine.jobs = arena_take(arena, engine.job_count * sizeof(*engine.jobs) + 1);
    engine.begun = arena_take(arena, order->catalogue->step_count * sizeof(*engine.begun) + 1);
    done = ask_staging(&engine, error) && make_jobs(&engine, error) &&
           start_crew(&engine, &snapshot, error) && run(&engine, error);
    end_crew(engine.crew);
    if (done)
        tell_result(&engine, ret);
    return done;
}
