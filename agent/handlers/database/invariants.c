#include "agent/handlers/database/invariants.h"

#include "agent/handlers/database/layout.h"
#include "common/base/memory.h"
#include "common/os/digest.h"

typedef struct Rows {
    Digest *digest;
    uint64_t count;
} Rows;

static bool add_row(void *self, const DatabaseRow *row, Error *error)
{
    Rows *rows = self;

    (void)error;
    for (unsigned i = 0; i < row->count; i++) {
        AUTO_TEXT *head =
            row->values[i] ? memory_format("%lu:", row->lengths[i]) : memory_text("null:");

        digest_add(rows->digest, head, strlen(head));
        if (row->values[i])
            digest_add(rows->digest, row->values[i], row->lengths[i]);
    }
    digest_add(rows->digest, "\n", 1);
    rows->count++;
    return true;
}

/* "<digest> <rows>"; the caller frees. */
static bool run_invariant(
    Database *database, const ProfileInvariant *invariant, char **ret, Error *error)
{
    AUTO(Digest) *digest = digest_new();
    Rows rows = { .digest = digest };
    char hex[SHA256_HEX_BYTES];

    if (!database_query(database, invariant->sql, add_row, &rows, error))
        return error_prefix(error, "invariant %s: ", invariant->id);
    digest_end_hex(digest, hex);
    *ret = memory_format("%s %llu", hex, (unsigned long long)rows.count);
    return true;
}

static bool is_for(const ProfileInvariant *invariant, const char *layout, const Database *database)
{
    return strcmp(invariant->layout, layout) == 0 &&
           (invariant->type == PROFILE_ANY_TYPE || invariant->type == database_type(database));
}

static char *key_of(const Command *command, const ProfileInvariant *invariant)
{
    return memory_format("invariant/%s/%s", command->target, invariant->id);
}

/* `value` is "<digest> <rows>". */
static bool remember(AgentIo *io, const Command *command, const ProfileInvariant *invariant,
    const char *value, Error *error)
{
    AUTO_TEXT *key = key_of(command, invariant);
    AUTO_TEXT *record = memory_format("%s %s", command->id.run, value);

    return io->remember(io->self, key, record, error);
}

/* Whose record there is, and what it says; both NULL for none. */
static bool recall(AgentIo *io, const Command *command, const ProfileInvariant *invariant,
    char **ret_run, char **ret_value, Error *error)
{
    AUTO_TEXT *key = key_of(command, invariant);
    AUTO_TEXT *record = NULL;
    const char *blank;

    *ret_run = *ret_value = NULL;
    if (!io->recall(io->self, key, &record, error))
        return false;
    blank = record ? strchr(record, ' ') : NULL;
    if (!blank)
        return true;
    *ret_run = memory_text_n(record, (size_t)(blank - record));
    *ret_value = memory_text(blank + 1);
    return true;
}

static bool record_one(AgentIo *io, Database *database, const Command *command,
    const ProfileInvariant *invariant, Error *error)
{
    AUTO_TEXT *value = NULL;

    return run_invariant(database, invariant, &value, error) &&
           remember(io, command, invariant, value, error);
}

static bool remember_migration(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *key = memory_format("migrated/%s", command->target);

    return io->remember(io->self, key, command->id.run, error);
}

bool invariants_by_this_run(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    AUTO_TEXT *key = memory_format("migrated/%s", command->target);
    AUTO_TEXT *run = NULL;

    if (!io->recall(io->self, key, &run, error))
        return false;
    *ret = run && strcmp(run, command->id.run) == 0;
    return true;
}

bool invariants_record(AgentIo *io, Database *database, const Command *command, Error *error)
{
    Layout layout;
    AUTO_TEXT *prefix = memory_format("invariant/%s/", command->target);

    if (!layout_find(database, io->profile, &layout, error))
        return false;
    if (!layout_is_known(&layout))
        return error_set(error, ERROR_PRECONDITION, "the layout of %s is no known one (%s): %s",
            command->target, layout.name, layout.why);
    if (!io->forget(io->self, prefix, error) || !remember_migration(io, command, error))
        return false;
    for (size_t i = 0; i < io->profile->invariant_count; i++) {
        const ProfileInvariant *invariant = &io->profile->invariants[i];

        if (is_for(invariant, layout.name, database) &&
            !record_one(io, database, command, invariant, error))
            return false;
    }
    return true;
}

bool invariants_adopt(AgentIo *io, const Command *command, Error *error)
{
    for (size_t i = 0; i < io->profile->invariant_count; i++) {
        const ProfileInvariant *invariant = &io->profile->invariants[i];
        AUTO_TEXT *run = NULL;
        AUTO_TEXT *value = NULL;

        if (!recall(io, command, invariant, &run, &value, error) ||
            (value && !remember(io, command, invariant, value, error)))
            return false;
    }
    return remember_migration(io, command, error);
}

static bool compare_one(AgentIo *io, Database *database, const Command *command,
    const ProfileInvariant *invariant, Error *error)
{
    AUTO_TEXT *run = NULL;
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;
    AUTO_TEXT *fact = memory_format("invariant:%s", invariant->id);
    const char *rows;

    if (!recall(io, command, invariant, &run, &before, error) ||
        !run_invariant(database, invariant, &after, error))
        return false;
    rows = strchr(after, ' ') + 1;
    if (!before || strcmp(run, command->id.run) != 0) {
        facts_format(io->evidence, fact, "recorded now: %s rows: %s", rows, invariant->meaning);
        return remember(io, command, invariant, after, error);
    }
    if (strcmp(before, after) != 0) {
        const char *rows_before = strchr(before, ' ');

        facts_format(io->evidence, fact, "differs: %s", invariant->meaning);
        return error_set(error, ERROR_MISMATCH,
            "invariant %s (%s): before the migration%s rows, digest %.12s…; now %s rows, digest "
            "%.12s…",
            invariant->id, invariant->meaning, rows_before ? rows_before : "", before, rows, after);
    }
    facts_format(io->evidence, fact, "same: %s rows: %s", rows, invariant->meaning);
    return true;
}

bool invariants_compare(AgentIo *io, Database *database, const Command *command, Error *error)
{
    for (size_t i = 0; i < io->profile->invariant_count; i++) {
        const ProfileInvariant *invariant = &io->profile->invariants[i];

        if (is_for(invariant, io->profile->target_layout, database) &&
            !compare_one(io, database, command, invariant, error))
            return false;
    }
    return true;
}
