#pragma once

/*
 * Decides where large tables are cut into chunks of about equal size. Where exactly does not matter
 * for what is copied: every key belongs to one chunk, whatever the cuts are. So estimates are
 * enough: a sample of the rows on PostgreSQL, the optimizer's own estimates on MySQL.
 *
 * Owns: the cuts lie in the arena.
 */

#include "agent/handlers/copy/rows.h"

typedef struct ChunkSize {
    uint64_t bytes, rows; /* a chunk has about so many at most */
} ChunkSize;

/* ret->count is 0 for a table that stays whole. */
bool cuts_decide(Database *production, const CopyTable *table, const ChunkSize *size, Arena *arena,
    RowsCuts *ret, Error *error) __attribute__((nonnull, warn_unused_result));
/* "17,-3,2014", and back; false for text that is none. The caller frees. */
char *cuts_text(const RowsCuts *cuts) __attribute__((nonnull, returns_nonnull));
bool cuts_parse(const char *text, const CopyTable *table, Arena *arena, RowsCuts *ret)
    __attribute__((nonnull));
