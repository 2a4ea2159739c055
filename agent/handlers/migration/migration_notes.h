#pragma once

/*
 * What the ledger knows of each statement of a migration: entries "statements/<n>", n from 0, below
 * the migration's prefix, with a line for each statement: number, milliseconds, and
 * "begun <fingerprint>" or "done[, <rows> rows]"; of two lines about one statement the later
 * counts.
 *
 * Each entry waits for the disk, so several statements share one: what was added is durable after
 * migration_notes_flush() only.
 *
 * Owns: its texts, freed by migration_notes_done(). Errors: those of AgentIo; ERROR_CORRUPT.
 */

#include "agent/handlers/migration/migration_ledger.h"
#include "common/base/memory.h"
#include "common/base/text.h"

typedef struct MigrationNote {
    const char *words; /* NULL: nothing is known */
    Millis took;
} MigrationNote;

typedef struct MigrationNotes {
    const MigrationLedger *ledger;
    Arena *arena;
    MigrationNote *items; /* of statement k at k - 1 */
    size_t count;
    size_t entries; /* there are in the ledger */
    Text pending;
    size_t pending_count;
    Millis since; /* when the first pending statement began */
} MigrationNotes;

/* Reads what is known of a script of `statements`; migration_notes_done() also after a failure. */
bool migration_notes_open(MigrationNotes *notes, const MigrationLedger *ledger, size_t statements,
    Error *error) __attribute__((nonnull, warn_unused_result));
void migration_notes_done(MigrationNotes *notes) __attribute__((nonnull));
/* Statement `number`, from 1; its note may be empty. */
const MigrationNote *migration_notes_of(const MigrationNotes *notes, size_t number)
    __attribute__((nonnull, returns_nonnull));
bool migration_note_is_done(const MigrationNote *note) __attribute__((nonnull));
void migration_notes_add(MigrationNotes *notes, size_t number, const char *words, Millis took)
    __attribute__((nonnull));
/* Says whether so much is pending, or for so long, that it is time to write it down. */
bool migration_notes_are_due(const MigrationNotes *notes) __attribute__((nonnull));
bool migration_notes_flush(MigrationNotes *notes, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* "statement:<k>" and "~statement-ms:<k>" of all statements of which something is known. */
void migration_notes_tell(const MigrationNotes *notes, Facts *evidence) __attribute__((nonnull));
