#include "agent/handlers/migration/migration_ledger.h"

#include <assert.h>

#include "agent/handlers/migration/migration_notes.h"

static const char *const phases[] = {
    [MIGRATION_NONE] = "none",
    [MIGRATION_RUNNING] = "running",
    [MIGRATION_FINISHING] = "finishing",
    [MIGRATION_COMPLETE] = "complete",
};
#define PHASE_COUNT (sizeof(phases) / sizeof(phases[0]))

/* Told as they are, in this order. */
static const char *const told[] = { "script", "script-sha256", "statements", "layout-before" };

void migration_ledger_init(
    MigrationLedger *ledger, AgentIo *io, const Command *command, const char *side)
{
    int length =
        snprintf(ledger->prefix, sizeof(ledger->prefix), "migrate/%s/%s/", command->target, side);

    assert(length > 0 && (size_t)length < sizeof(ledger->prefix));
    ledger->io = io;
}

bool migration_ledger_put(
    const MigrationLedger *ledger, const char *name, const char *value, Error *error)
{
    AUTO_TEXT *key = memory_format("%s%s", ledger->prefix, name);

    return ledger->io->remember(ledger->io->self, key, value, error);
}

bool migration_ledger_get(const MigrationLedger *ledger, const char *name, char **ret, Error *error)
{
    AUTO_TEXT *key = memory_format("%s%s", ledger->prefix, name);

    return ledger->io->recall(ledger->io->self, key, ret, error);
}

bool migration_ledger_forget(const MigrationLedger *ledger, Error *error)
{
    return ledger->io->forget(ledger->io->self, ledger->prefix, error);
}

bool migration_ledger_phase(const MigrationLedger *ledger, MigrationPhase *ret, Error *error)
{
    AUTO_TEXT *value = NULL;
    MigrationPhase phase = MIGRATION_NONE;

    if (!migration_ledger_get(ledger, "phase", &value, error))
        return false;
    while (value && phase < PHASE_COUNT && strcmp(phases[phase], value) != 0)
        phase++;
    if (phase == PHASE_COUNT)
        return error_set(error, ERROR_CORRUPT, "the ledger has '%.40s' as phase", value);
    *ret = phase;
    return true;
}

bool migration_ledger_set_phase(const MigrationLedger *ledger, MigrationPhase phase, Error *error)
{
    return migration_ledger_put(ledger, "phase", phases[phase], error);
}

static bool tell_one(const MigrationLedger *ledger, const char *name, Facts *evidence, Error *error)
{
    AUTO_TEXT *value = NULL;

    if (!migration_ledger_get(ledger, name, &value, error))
        return false;
    if (value)
        facts_add(evidence, name, value);
    return true;
}

bool migration_ledger_tell(const MigrationLedger *ledger, Facts *evidence, Error *error)
{
    __attribute__((cleanup(migration_notes_done))) MigrationNotes notes = { 0 };

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        if (!tell_one(ledger, told[i], evidence, error))
            return false;
    if (!migration_notes_open(&notes, ledger, facts_number(evidence, "statements", 0), error))
        return false;
    migration_notes_tell(&notes, evidence);
    return true;
}
