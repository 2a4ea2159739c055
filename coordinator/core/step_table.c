#include "coordinator/core/step_table.h"

#include <assert.h>

static const StepSpec specs[] = {
    [STEP_CHECK_STAGING] = {
        .name = "check-staging",
        .title = "prove that the staging database is empty and fits",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_CHECK_STAGING,
        .harmless = "it only reads",
        .procedure_line = 1,
        .attempts = 3,
    },
    [STEP_MEASURE_TRAFFIC] = {
        .name = "measure-traffic",
        .title = "measure that traffic is low",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_MEASURE_TRAFFIC,
        .harmless = "it only reads",
        .procedure_line = 4,
        .attempts = 3,
        .cut_short = true,
        .may_skip = true,
    },
    [STEP_BACKUP_HOME] = {
        .name = "backup-home",
        .title = "back up the old home and read the backup back",
        .scope = SCOPE_NODE,
        .command = COMMAND_BACKUP_HOME,
        .harmless = "it leaves a backup and touches nothing else",
        .procedure_line = 2,
        .attempts = 2,
        .cut_short = true,
    },
    [STEP_GATE_READY_TO_STOP] = {
        .name = "ready-to-stop",
        .title = "all that can be done while the servers run is done",
        .scope = SCOPE_CLUSTER,
        .harmless = "it is a gate",
    },
    [STEP_STOP_SERVER] = {
        .name = "stop-server",
        .title = "stop the old server",
        .scope = SCOPE_NODE,
        .command = COMMAND_STOP_OLD_SERVER,
        .undo = COMMAND_START_OLD_SERVER,
        .procedure_line = 3,
        .attempts = 2,
    },
    [STEP_GATE_STOPPED] = {
        .name = "all-stopped",
        .title = "all old servers are stopped",
        .scope = SCOPE_CLUSTER,
        .harmless = "it is a gate",
        .procedure_line = 3,
    },
    [STEP_PROVE_QUIET] = {
        .name = "prove-quiet",
        .title = "prove that no session is left at the production database",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_PROVE_QUIET,
        .harmless = "it only reads",
        .procedure_line = 3,
        .attempts = 3,
        .cut_short = true,
    },
    [STEP_LOCK_ACCOUNTS] = {
        .name = "lock-accounts",
        .title = "lock the Carbon account out of the production database",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_LOCK_ACCOUNTS,
        .undo = COMMAND_UNLOCK_ACCOUNTS,
        .procedure_line = 3,
        .attempts = 3,
    },
    [STEP_GATE_QUIET] = {
        .name = "all-quiet",
        .title = "nobody is connected to production and nobody can be",
        .scope = SCOPE_CLUSTER,
        .harmless = "it is a gate",
        .procedure_line = 3,
    },
    [STEP_BACKUP_DATABASE] = {
        .name = "backup-database",
        .title = "back up the database and prove it by a restore",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_BACKUP_DATABASE,
        .harmless = "it leaves a backup and touches nothing else",
        .procedure_line = 2,
        .attempts = 2,
        .cut_short = true,
    },
    [STEP_CONFIGURE_NODE] = {
        .name = "configure-node",
        .title = "write the configuration of the new home",
        .scope = SCOPE_NODE,
        .command = COMMAND_CONFIGURE_NODE,
        .undo = COMMAND_RESTORE_CONFIGURATION,
        .procedure_line = 10,
        .attempts = 2,
    },
    [STEP_COPY_FOLDERS] = {
        .name = "copy-folders",
        .title = "copy the deployment and tenant folders to the new home",
        .scope = SCOPE_NODE,
        .command = COMMAND_COPY_FOLDERS,
        .undo = COMMAND_REMOVE_FOLDERS,
        .procedure_line = 11,
        .attempts = 2,
        .cut_short = true,
    },
    [STEP_CROSS_LINE] = {
        .name = "cross-line",
        .title = "POINT OF NO RETURN: the operator confirms",
        .scope = SCOPE_CLUSTER,
        .irreversible = "from here on the old cluster is not brought back",
        .procedure_line = 6,
    },
    [STEP_MIGRATE_PRODUCTION] = {
        .name = "migrate-production",
        .title = "run the migration script on production",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_MIGRATE_DATABASE,
        .irreversible = "the script changes production in place",
        .procedure_line = 8,
        .attempts = 3,
    },
    [STEP_CHECKPOINT_PRODUCTION] = {
        .name = "checkpoint-production",
        .title = "check the migrated layout of production",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_CHECKPOINT_DATABASE,
        .harmless = "it only reads",
        .procedure_line = 13,
        .attempts = 3,
    },
    [STEP_COPY_DATABASE] = {
        .name = "copy-database",
        .title = "copy the data to the staging database and compare every row",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_COPY_DATABASE,
        .undo = COMMAND_CLEAR_STAGING,
        .procedure_line = 9,
        .attempts = 3,
        .cut_short = true,
    },
    [STEP_MIGRATE_STAGING] = {
        .name = "migrate-staging",
        .title = "run the migration script on the copy",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_MIGRATE_DATABASE,
        .harmless = "the copy is cleared when the copying is taken back",
        .procedure_line = 8,
        .attempts = 3,
    },
    [STEP_CHECKPOINT_STAGING] = {
        .name = "checkpoint-staging",
        .title = "check the layout and permissions of staging",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_CHECKPOINT_DATABASE,
        .harmless = "it only reads",
        .procedure_line = 13,
        .attempts = 3,
    },
    [STEP_GATE_READY_TO_START] = {
        .name = "ready-to-start",
        .title = "databases, configuration and folders are all proven",
        .scope = SCOPE_CLUSTER,
        .harmless = "it is a gate",
    },
    [STEP_START_SERVER] = {
        .name = "start-server",
        .title = "start the new server until it is healthy",
        .scope = SCOPE_NODE,
        .command = COMMAND_START_NEW_SERVER,
        .undo = COMMAND_STOP_NEW_SERVER,
        .procedure_line = 12,
        .attempts = 2,
    },
    [STEP_GATE_STARTED] = {
        .name = "all-started",
        .title = "all new servers are healthy",
        .scope = SCOPE_CLUSTER,
        .harmless = "it is a gate",
        .procedure_line = 12,
    },
    [STEP_TEST_READINESS] = {
        .name = "test-readiness",
        .title = "create users and tenants through the admin services, and remove them",
        .scope = SCOPE_MANAGER,
        .command = COMMAND_TEST_READINESS,
        .harmless = "it removes what it creates",
        .procedure_line = 14,
        .attempts = 2,
        .may_skip = true,
    },
    [STEP_PROVE_SWITCHED] = {
        .name = "prove-switched",
        .title = "prove that the new servers use staging and nobody production",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_PROVE_SWITCHED,
        .harmless = "it only reads",
        .procedure_line = 7,
        .attempts = 3,
    },
    [STEP_GATE_PROVEN] = {
        .name = "all-proven",
        .title = "the new cluster is proven",
        .scope = SCOPE_CLUSTER,
        .harmless = "it is a gate",
    },
    [STEP_REHEARSE_BACKUP] = {
        .name = "rehearse-backup",
        .title = "dump production while it is used, restore it into a scratch database",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_REHEARSE_BACKUP,
        .undo = COMMAND_DROP_REHEARSAL,
        .attempts = 2,
        .cut_short = true,
    },
    [STEP_REHEARSE_MIGRATION] = {
        .name = "rehearse-migration",
        .title = "run the migration script on the scratch database",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_REHEARSE_MIGRATION,
        .harmless = "the scratch database is dropped",
        .attempts = 3,
        .cut_short = true,
    },
    [STEP_REHEARSE_CHECKPOINT] = {
        .name = "rehearse-checkpoint",
        .title = "check the migrated layout of the scratch database",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_REHEARSE_CHECKPOINT,
        .harmless = "it only reads",
        .attempts = 3,
        .cut_short = true,
    },
    [STEP_END_REHEARSAL] = {
        .name = "end-rehearsal",
        .title = "drop the scratch database, prove that production is as it was",
        .scope = SCOPE_DATABASE,
        .command = COMMAND_END_REHEARSAL,
        .harmless = "what it drops is the rehearsal's own",
        .attempts = 3,
    },
};
static_assert(sizeof(specs) / sizeof(specs[0]) == STEP_KIND_COUNT, "every StepKind has a row");

const StepSpec *step_spec(StepKind kind)
{
    assert(kind < STEP_KIND_COUNT);
    return &specs[kind];
}

StepKind step_kind_from_name(const char *name)
{
    StepKind kind = STEP_CHECK_STAGING;

    while (kind < STEP_KIND_COUNT && strcmp(specs[kind].name, name) != 0)
        kind++;
    return kind;
}

bool step_kind_is_gate(StepKind kind)
{
    return step_spec(kind)->command == COMMAND_NONE;
}
