#include "agent/handlers/migration/migration_notes.h"

#include <assert.h>
#include <inttypes.h>

#define ENTRY_STATEMENTS 256
#define ENTRY_MS         100
#define ENTRY_MAX        ((size_t)1 << 20) /* bytes; ENTRY_STATEMENTS lines are far less */
#define DONE             "done"

static void keep(MigrationNotes *notes, size_t number, const char *words, Millis took)
{
    assert(number >= 1 && number <= notes->count);
    notes->items[number - 1] = (MigrationNote){ arena_text(notes->arena, words), took };
}

static bool read_line(MigrationNotes *notes, char *line, Error *error)
{
    char *at = line;
    size_t number = strtoull(at, &at, 10);
    Millis took = *at == ' ' ? strtoll(at, &at, 10) : 0;

    if (number == 0 || number > notes->count || *at != ' ')
        return error_set(error, ERROR_CORRUPT,
            "the ledger's line about a statement cannot be read: %.80s", line);
    keep(notes, number, at + 1, took);
    return true;
}

static bool read_entry(MigrationNotes *notes, char *entry, Error *error)
{
    char *rest = NULL;

    for (char *line = strtok_r(entry, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!read_line(notes, line, error))
            return false;
    return true;
}

/* *ret is NULL after the last one; the caller frees. */
static bool recall_entry(const MigrationNotes *notes, char **ret, Error *error)
{
    AUTO_TEXT *name = memory_format("statements/%zu", notes->entries);

    return migration_ledger_get(notes->ledger, name, ret, error);
}

bool migration_notes_open(
    MigrationNotes *notes, const MigrationLedger *ledger, size_t statements, Error *error)
{
    *notes = (MigrationNotes){ .ledger = ledger, .count = statements };
    text_init(&notes->pending, ENTRY_MAX);
    notes->arena = arena_new();
    notes->items = memory_new((statements + 1) * sizeof(notes->items[0]));
    while (true) {
        AUTO_TEXT *entry = NULL;

        if (!recall_entry(notes, &entry, error))
            return false;
        if (!entry)
            return true;
        if (!read_entry(notes, entry, error))
            return false;
        notes->entries++;
    }
}

void migration_notes_done(MigrationNotes *notes)
{
    text_done(&notes->pending);
    free(notes->items);
    arena_free(notes->arena);
}

const MigrationNote *migration_notes_of(const MigrationNotes *notes, size_t number)
{
    return &notes->items[number - 1];
}

bool migration_note_is_done(const MigrationNote *note)
{
    return note->words && strncmp(note->words, DONE, strlen(DONE)) == 0;
}

static Millis now(const MigrationNotes *notes)
{
    return notes->ledger->io->now(notes->ledger->io->self);
}

void migration_notes_add(MigrationNotes *notes, size_t number, const char *words, Millis took)
{
    if (notes->pending_count++ == 0)
        notes->since = now(notes) - took;
    text_add(&notes->pending, "%zu %" PRId64 " %s\n", number, took, words);
    keep(notes, number, words, took);
}

bool migration_notes_are_due(const MigrationNotes *notes)
{
    return notes->pending_count > 0 &&
           (notes->pending_count >= ENTRY_STATEMENTS || now(notes) - notes->since >= ENTRY_MS);
}

bool migration_notes_flush(MigrationNotes *notes, Error *error)
{
    AUTO_TEXT *name = memory_format("statements/%zu", notes->entries);

    if (notes->pending_count == 0)
        return true;
    if (!migration_ledger_put(notes->ledger, name, notes->pending.bytes, error))
        return false;
    notes->entries++;
    notes->pending_count = 0;
    text_clear(&notes->pending);
    return true;
}

void migration_notes_tell(const MigrationNotes *notes, Facts *evidence)
{
    for (size_t k = 1; k <= notes->count; k++) {
        const MigrationNote *note = migration_notes_of(notes, k);
        AUTO_TEXT *fact = memory_format("statement:%zu", k);
        AUTO_TEXT *duration = memory_format("~statement-ms:%zu", k);

        if (note->words)
            facts_add(evidence, fact, note->words);
        if (migration_note_is_done(note))
            facts_format(evidence, duration, "%" PRId64, note->took);
    }
}
