#include "agent/handlers/migration/migration_ledger.h"

#include <assert.h>
#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"

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

bool migration_ledger_statement(
    const MigrationLedger *ledger, size_t number, char **ret, Error *error)
{
    AUTO_TEXT *name = memory_format("statement/%zu", number);

    return migration_ledger_get(ledger, name, ret, error);
}

bool migration_ledger_begun(
    const MigrationLedger *ledger, size_t number, const char *fingerprint, Error *error)
{
    AUTO_TEXT *name = memory_format("statement/%zu", number);
    AUTO_TEXT *value = memory_format("begun %s", fingerprint);

    return migration_ledger_put(ledger, name, value, error);
}

bool migration_ledger_done(
    const MigrationLedger *ledger, size_t number, const char *words, Millis took, Error *error)
{
    AUTO_TEXT *name = memory_format("statement/%zu", number);
    AUTO_TEXT *duration_name = memory_format("ms/%zu", number);
    AUTO_TEXT *duration = memory_format("%" PRId64, took);

    return migration_ledger_put(ledger, duration_name, duration, error) &&
           migration_ledger_put(ledger, name, words, error);
}

static bool tell_one(const MigrationLedger *ledger, const char *name, const char *fact,
    Facts *evidence, Error *error)
{
    AUTO_TEXT *value = NULL;

    if (!migration_ledger_get(ledger, name, &value, error))
        return false;
    if (value)
        facts_add(evidence, fact, value);
    return true;
}

bool migration_ledger_tell(const MigrationLedger *ledger, Facts *evidence, Error *error)
{
    unsigned long long count;

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        if (!tell_one(ledger, told[i], told[i], evidence, error))
            return false;
    count = facts_number(evidence, "statements", 0);
    for (unsigned long long k = 1; k <= count; k++) {
        AUTO_TEXT *name = memory_format("statement/%llu", k);
        AUTO_TEXT *fact = memory_format("statement:%llu", k);
        AUTO_TEXT *duration = memory_format("ms/%llu", k);
        AUTO_TEXT *duration_fact = memory_format("~statement-ms:%llu", k);

        if (!tell_one(ledger, name, fact, evidence, error) ||
            !tell_one(ledger, duration, duration_fact, evidence, error))
            return false;
    }
    return true;
}
