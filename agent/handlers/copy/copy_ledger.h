#pragma once

/*
 * What a copy remembers, below "copy/<database>/": "definition" the digest of what is being copied;
 * "cuts" where its tables were cut; "done/<n>" chunks that are on staging, several in one entry,
 * since each entry waits for the disk; "complete" all tables with rows and digest, written last.
 *
 * A chunk is written down when its rows are committed on staging, so that a crash loses at most
 * what was in flight and what one entry would have held. The ledger is believed only as far as both
 * sides still have these rows.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/copy/chunks.h"
#include "common/base/text.h"

typedef struct CopyLedger {
    AgentIo *io;
    const char *database;
    uint64_t entry_bytes; /* of rows: then an entry is written */
    size_t entry_chunks;  /* or after so many, or when the last entry is ENTRY_MS old */
    size_t entries;       /* there are */
    Millis written;       /* when the last one was */
    Text pending;
    uint64_t pending_bytes;
    size_t pending_chunks;
} CopyLedger;

typedef struct CutsOf {
    const CopyCatalogue *catalogue;
    Arena *arena; /* for the cuts */
} CutsOf;

void copy_ledger_init(CopyLedger *ledger, AgentIo *io, const char *database)
    __attribute__((nonnull));
void copy_ledger_done(CopyLedger *ledger) __attribute__((nonnull));
bool copy_ledger_remember(const CopyLedger *ledger, const char *name, const char *value,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* *ret NULL: nothing is known; else the caller frees. */
bool copy_ledger_recall(const CopyLedger *ledger, const char *name, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* The cuts of all jobs' tables; a table that is not named has none. */
bool copy_ledger_save_cuts(const CopyLedger *ledger, const TableJob *jobs, size_t count,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* *ret_known: they were decided by an earlier attempt. Fills `ret`, one for each table. */
bool copy_ledger_load_cuts(const CopyLedger *ledger, const CutsOf *of, RowsCuts *ret,
    bool *ret_known, Error *error) __attribute__((nonnull, warn_unused_result));
bool copy_ledger_add(CopyLedger *ledger, const TableJob *job, size_t chunk, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Writes what is still pending. */
bool copy_ledger_flush(CopyLedger *ledger, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Marks the chunks that are written down as known. */
bool copy_ledger_load(CopyLedger *ledger, TableJob *jobs, size_t count, Error *error)
    __attribute__((nonnull, warn_unused_result));
