#pragma once

/*
 * Moves the rows of all tables to staging and completes the tables there, with several threads:
 * chunks are copied and proven, indexes and keys made as soon as a table has its rows, foreign keys
 * as soon as both of their tables are complete. The largest table goes first.
 *
 * Errors: ERROR_MISMATCH rows that are not the same on both sides, with the key of the first;
 * ERROR_CANCELLED; those of the servers. After any of them nothing goes on.
 */

#include "agent/handlers/copy/copied.h"
#include "agent/handlers/copy/copy_ledger.h"

/* What only tests and benchmarks change. */
typedef struct CopyTuning {
    size_t threads; /* 0: as many as this host has processors, from 2 to THREADS_MAX */
    ChunkSize chunk;
    uint64_t part_pages;  /* of a PostgreSQL table, read at a time */
    uint64_t entry_bytes; /* CopyLedger's */
    size_t entry_chunks;
    Millis silence; /* of a server that copies; RowsMeter's */
    bool unproven;  /* staging's rows are not read again */
} CopyTuning;

extern const CopyTuning copy_tuning_default;

typedef struct EngineOrder {
    AgentIo *io;
    const AgentDatabase *config;
    const DatabaseLimits *limits;
    const CopyTuning *tuning;
    const CopyCatalogue *catalogue; /* production's */
    Database *production;           /* in the snapshot that all share where that is possible */
    Database *staging;              /* for questions between the tasks */
    CopyLedger *ledger;
    bool empty; /* staging has no table */
} EngineOrder;

#define ENGINE_RAN "~chunks" /* is in the evidence when it did */

/* Adds every table to `ret`, and to the evidence "~chunks" and "~chunks-copied". */
bool engine_run(const EngineOrder *order, Copied *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
