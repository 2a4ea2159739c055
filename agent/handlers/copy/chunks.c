#include "agent/handlers/copy/chunks.h"

#include <inttypes.h>

static char *chunk_where(const TableJob *job, size_t number, Arena *arena)
{
    const RowsCuts *cuts = &job->cuts;
    const char *cut = job->table->cut;
    AUTO_TEXT *text = NULL;

    if (number == cuts->count + 1)
        text = memory_format("%s IS NULL", cut);
    else if (number == 0)
        text = memory_format("%s < %" PRId64, cut, cuts->at[0]);
    else if (number == cuts->count)
        text = memory_format("%s >= %" PRId64, cut, cuts->at[number - 1]);
    else
        text = memory_format("%s >= %" PRId64 " AND %s < %" PRId64, cut, cuts->at[number - 1], cut,
            cuts->at[number]);
    return arena_text(arena, text);
}

void job_init(TableJob *job, const CopyTable *table, const RowsCuts *cuts, Arena *arena)
{
    *job = (TableJob){ .table = table, .cuts = *cuts };
    job->chunk_count = cuts->count > 0 ? cuts->count + 1 + table->cut_null : 1;
    job->chunks = arena_take(arena, job->chunk_count * sizeof(*job->chunks));
    for (size_t i = 0; i < job->chunk_count; i++)
        job->chunks[i] = (TableChunk){
            .rows = { .table = table, .where = cuts->count > 0 ? chunk_where(job, i, arena) : NULL }
        };
}

void job_set_parts(TableJob *job, uint64_t pages, uint64_t part_pages, Arena *arena)
{
    job->part_count = pages > 0 ? (size_t)(pages / part_pages) + 1 : 1;
    job->parts = arena_take(arena, job->part_count * sizeof(*job->parts));
    for (size_t i = 0; i < job->part_count; i++) {
        const uint64_t first = i * part_pages;
        AUTO_TEXT *last = i + 1 < job->part_count
                              ? memory_format(" AND ctid < '(%" PRIu64 ",0)'", first + part_pages)
                              : memory_text("");
        AUTO_TEXT *where = memory_format("ctid >= '(%" PRIu64 ",0)'%s", first, last);

        job->parts[i] = (RowsChunk){ .table = job->table,
            .where = job->part_count > 1 ? arena_text(arena, where) : NULL };
    }
}

RowDigest job_source(const TableJob *job)
{
    RowDigest all = { 0 };

    for (size_t i = 0; i < job->chunk_count; i++)
        row_digest_add(&all, &job->chunks[i].source);
    return all;
}
