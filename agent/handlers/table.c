#include "agent/handlers/table.h"

#include <assert.h>

static const Handler handler_none = { .goal = "nothing" };

static const Handler *const handlers[] = {
    [COMMAND_NONE] = &handler_none,
    [COMMAND_INSPECT_NODE] = &handler_inspect_node,
    [COMMAND_INSPECT_DATABASE] = &handler_inspect_database,
    [COMMAND_PREVIEW_CONFIGURATION] = &handler_preview_configuration,
    [COMMAND_CHECK_STAGING] = &handler_check_staging,
    [COMMAND_MEASURE_TRAFFIC] = &handler_measure_traffic,
    [COMMAND_PROVE_QUIET] = &handler_prove_quiet,
    [COMMAND_CHECKPOINT_DATABASE] = &handler_checkpoint_database,
    [COMMAND_PROVE_SWITCHED] = &handler_prove_switched,
    [COMMAND_BACKUP_HOME] = &handler_backup_home,
    [COMMAND_VERIFY_HOME] = &handler_verify_home,
    [COMMAND_STOP_OLD_SERVER] = &handler_stop_old_server,
    [COMMAND_START_OLD_SERVER] = &handler_start_old_server,
    [COMMAND_CONFIGURE_NODE] = &handler_configure_node,
    [COMMAND_RESTORE_CONFIGURATION] = &handler_restore_configuration,
    [COMMAND_COPY_FOLDERS] = &handler_copy_folders,
    [COMMAND_REMOVE_FOLDERS] = &handler_remove_folders,
    [COMMAND_START_NEW_SERVER] = &handler_start_new_server,
    [COMMAND_STOP_NEW_SERVER] = &handler_stop_new_server,
    [COMMAND_TEST_READINESS] = &handler_test_readiness,
    [COMMAND_LOCK_ACCOUNTS] = &handler_lock_accounts,
    [COMMAND_UNLOCK_ACCOUNTS] = &handler_unlock_accounts,
    [COMMAND_BACKUP_DATABASE] = &handler_backup_database,
    [COMMAND_VERIFY_DUMP] = &handler_verify_dump,
    [COMMAND_MIGRATE_DATABASE] = &handler_migrate_database,
    [COMMAND_COPY_DATABASE] = &handler_copy_database,
    [COMMAND_CLEAR_STAGING] = &handler_clear_staging,
    [COMMAND_REHEARSE_BACKUP] = &handler_rehearse_backup,
    [COMMAND_REHEARSE_MIGRATION] = &handler_migrate_database,
    [COMMAND_REHEARSE_CHECKPOINT] = &handler_checkpoint_database,
    [COMMAND_END_REHEARSAL] = &handler_end_rehearsal,
    [COMMAND_DROP_REHEARSAL] = &handler_drop_rehearsal,
};
static_assert(
    sizeof(handlers) / sizeof(handlers[0]) == COMMAND_KIND_COUNT, "every CommandKind has a row");

const Handler *handler_for(CommandKind kind)
{
    assert(kind < COMMAND_KIND_COUNT);
    return handlers[kind];
}
