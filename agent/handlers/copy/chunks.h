#pragma once

/*
 * One table on its way to staging: its chunks, and how far each of them is.
 *
 * Owns: everything lies in the arena that the caller gives.
 */

#include "agent/handlers/copy/cuts.h"

typedef struct TableChunk {
    RowsChunk rows;
    RowDigest source; /* production's, when it was read */
    RowDigest found;  /* staging's, when it was read */
    bool known;       /* the ledger has it: `source` is what it was then */
    bool copied;      /* on staging, with the digest `source` */
} TableChunk;

typedef enum TableStage {
    STAGE_BEGIN,
    STAGE_CHECK, /* what an earlier attempt left is read on both sides */
    STAGE_MAKE,
    STAGE_COPY,
    STAGE_PROVE,
    STAGE_INDEX,
    STAGE_KEY,
    STAGE_DONE,
} TableStage;

typedef struct TableJob {
    const CopyTable *table;
    RowsCuts cuts;
    TableChunk *chunks;
    size_t chunk_count;
    RowsChunk *parts; /* how staging's table is read to sort its rows into chunks; NULL: by chunk */
    size_t part_count;
    TableStage stage;
    size_t out;  /* tasks in the crew */
    bool made;   /* anew, by this attempt: nothing of it was there */
    bool lost;   /* staging's cannot be read as it is */
    bool proves; /* its rows on staging are read in parts when all are there */
    bool locked; /* a foreign key is being made with it */
} TableJob;

void job_init(TableJob *job, const CopyTable *table, const RowsCuts *cuts, Arena *arena)
    __attribute__((nonnull));
/* Decides the parts in which staging's rows are read; `pages`: of its table, 0 for one part. */
void job_set_parts(TableJob *job, uint64_t pages, uint64_t part_pages, Arena *arena)
    __attribute__((nonnull));
/* All chunks together. */
RowDigest job_source(const TableJob *job) __attribute__((nonnull));
