#include "common/model/command.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>

#define ARGS_MAX      12
#define VALUE_MAX     4096
#define SCRIPT_MAX    (512 * 1024)
#define DEADLINE_MAX  (7 * 24 * 3600)

#define DATABASE_URLS ARG_DATABASE, ARG_HOLDS, ARG_PRODUCTION_URL, ARG_STAGING_URL
#define ACCOUNTS      ARG_ACCOUNT, ARG_WATCHED
#define SCRIPT_ARGS   ARG_SCRIPT, ARG_SCRIPT_SHA256, ARG_PROFILE_SHA256

typedef enum Nature {
    LOOKS,
    CHANGES,
    TAKES_BACK,
} Nature;

static const struct {
    const char *name;
    TargetKind target;
    Nature nature;
    const char *args[ARGS_MAX];
    bool rehearses;
} rows[] = {
    [COMMAND_NONE] = { "none", TARGET_NODE, LOOKS, { NULL } },
    [COMMAND_INSPECT_NODE] = { "inspect-node", TARGET_NODE, LOOKS,
        { DATABASE_URLS, ARG_ROLE, ARG_PROFILE_SHA256 } },
    [COMMAND_INSPECT_DATABASE] = { "inspect-database", TARGET_DATABASE, LOOKS,
        { ACCOUNTS, DATABASE_URLS, ARG_NODE_ADDRESS, SCRIPT_ARGS } },
    [COMMAND_PREVIEW_CONFIGURATION] = { "preview-configuration", TARGET_NODE, LOOKS,
        { DATABASE_URLS, ARG_ROLE, ARG_PROFILE_SHA256 } },
    [COMMAND_CHECK_STAGING] = { "check-staging", TARGET_DATABASE, LOOKS,
        { ACCOUNTS, DATABASE_URLS, ARG_PROFILE_SHA256 } },
    [COMMAND_MEASURE_TRAFFIC] = { "measure-traffic", TARGET_DATABASE, LOOKS,
        { ACCOUNTS, ARG_SESSIONS_MAX, ARG_STATEMENTS_MAX, ARG_SAMPLE_S } },
    [COMMAND_PROVE_QUIET] = { "prove-quiet", TARGET_DATABASE, LOOKS,
        { ACCOUNTS, ARG_QUIET_S, ARG_DEADLINE_S, ARG_NODE_ADDRESS } },
    [COMMAND_CHECKPOINT_DATABASE] = { "checkpoint-database", TARGET_DATABASE, LOOKS,
        { ARG_SIDE, ARG_PROFILE_SHA256 } },
    [COMMAND_PROVE_SWITCHED] = { "prove-switched", TARGET_DATABASE, LOOKS,
        { ACCOUNTS, ARG_NODE_ADDRESS, ARG_DEADLINE_S } },
    [COMMAND_BACKUP_HOME] = { "backup-home", TARGET_NODE, CHANGES, { NULL } },
    [COMMAND_VERIFY_HOME] = { "verify-home", TARGET_NODE, LOOKS, { NULL } },
    [COMMAND_STOP_OLD_SERVER] = { "stop-old-server", TARGET_NODE, CHANGES, { ARG_DEADLINE_S } },
    [COMMAND_START_OLD_SERVER] = { "start-old-server", TARGET_NODE, TAKES_BACK,
        { ARG_DEADLINE_S } },
    [COMMAND_CONFIGURE_NODE] = { "configure-node", TARGET_NODE, CHANGES,
        { DATABASE_URLS, ARG_ROLE, ARG_PROFILE_SHA256 } },
    [COMMAND_RESTORE_CONFIGURATION] = { "restore-configuration", TARGET_NODE, TAKES_BACK,
        { NULL } },
    [COMMAND_COPY_FOLDERS] = { "copy-folders", TARGET_NODE, CHANGES,
        { ARG_TENANTS, ARG_PROFILE_SHA256 } },
    [COMMAND_REMOVE_FOLDERS] = { "remove-folders", TARGET_NODE, TAKES_BACK, { NULL } },
    [COMMAND_START_NEW_SERVER] = { "start-new-server", TARGET_NODE, CHANGES,
        { ARG_DEADLINE_S, ARG_ROLE, ARG_PROFILE_SHA256 } },
    [COMMAND_STOP_NEW_SERVER] = { "stop-new-server", TARGET_NODE, TAKES_BACK, { ARG_DEADLINE_S } },
    [COMMAND_TEST_READINESS] = { "test-readiness", TARGET_NODE, CHANGES,
        { DATABASE_URLS, ARG_DEADLINE_S, ARG_PROFILE_SHA256 } },
    [COMMAND_LOCK_ACCOUNTS] = { "lock-accounts", TARGET_DATABASE, CHANGES, { ACCOUNTS } },
    [COMMAND_UNLOCK_ACCOUNTS] = { "unlock-accounts", TARGET_DATABASE, TAKES_BACK, { ACCOUNTS } },
    [COMMAND_BACKUP_DATABASE] = { "backup-database", TARGET_DATABASE, CHANGES, { NULL } },
    [COMMAND_VERIFY_DUMP] = { "verify-dump", TARGET_DATABASE, LOOKS, { NULL } },
    [COMMAND_MIGRATE_DATABASE] = { "migrate-database", TARGET_DATABASE, CHANGES,
        { ARG_SIDE, ARG_STATEMENT_S, ARG_LOCK_S, SCRIPT_ARGS } },
    [COMMAND_COPY_DATABASE] = { "copy-database", TARGET_DATABASE, CHANGES, { ARG_PROFILE_SHA256 } },
    [COMMAND_CLEAR_STAGING] = { "clear-staging", TARGET_DATABASE, TAKES_BACK, { NULL } },
    [COMMAND_REHEARSE_BACKUP] = { "rehearse-backup", TARGET_DATABASE, CHANGES, { NULL }, true },
    [COMMAND_REHEARSE_MIGRATION] = { "rehearse-migration", TARGET_DATABASE, CHANGES,
        { ARG_STATEMENT_S, ARG_LOCK_S, SCRIPT_ARGS }, true },
    [COMMAND_REHEARSE_CHECKPOINT] = { "rehearse-checkpoint", TARGET_DATABASE, LOOKS,
        { ARG_PROFILE_SHA256 }, true },
    [COMMAND_END_REHEARSAL] = { "end-rehearsal", TARGET_DATABASE, CHANGES, { NULL }, true },
    [COMMAND_DROP_REHEARSAL] = { "drop-rehearsal", TARGET_DATABASE, TAKES_BACK, { NULL }, true },
};
static_assert(sizeof(rows) / sizeof(rows[0]) == COMMAND_KIND_COUNT, "every CommandKind has a row");

static const char *const result_states[] = {
    [RESULT_DONE] = "done",
    [RESULT_ALREADY] = "already",
    [RESULT_FAILED] = "failed",
};
static_assert(sizeof(result_states) / sizeof(result_states[0]) == RESULT_STATE_COUNT,
    "every ResultState has a name");

const char *command_name(CommandKind kind)
{
    return kind < COMMAND_KIND_COUNT ? rows[kind].name : "unknown";
}

CommandKind command_from_name(const char *name)
{
    CommandKind kind = COMMAND_NONE;

    while (kind < COMMAND_KIND_COUNT && strcmp(rows[kind].name, name) != 0)
        kind++;
    return kind;
}

TargetKind command_target(CommandKind kind)
{
    assert(kind < COMMAND_KIND_COUNT);
    return rows[kind].target;
}

bool command_is_read_only(CommandKind kind)
{
    assert(kind < COMMAND_KIND_COUNT);
    return rows[kind].nature == LOOKS;
}

bool command_takes_back(CommandKind kind)
{
    assert(kind < COMMAND_KIND_COUNT);
    return rows[kind].nature == TAKES_BACK;
}

bool command_rehearses(CommandKind kind)
{
    assert(kind < COMMAND_KIND_COUNT);
    return rows[kind].rehearses;
}

const char *result_state_name(ResultState state)
{
    return state < RESULT_STATE_COUNT ? result_states[state] : "unknown";
}

ResultState result_state_from_name(const char *name)
{
    ResultState state = RESULT_DONE;

    while (state < RESULT_STATE_COUNT && strcmp(result_states[state], name) != 0)
        state++;
    return state;
}

void command_key(const CommandId *id, char ret[COMMAND_KEY_BYTES])
{
    (void)snprintf(ret, COMMAND_KEY_BYTES, "%s/%" PRIu32 "/%" PRIu32, id->run, id->step,
        id->attempt); /* fits: RUN_ID_MAX_BYTES and two 10-digit numbers */
}

bool command_id_equal(const CommandId *a, const CommandId *b)
{
    return a->step == b->step && a->attempt == b->attempt && strcmp(a->run, b->run) == 0;
}

bool name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length >= NAME_MAX_BYTES || !isalnum((unsigned char)name[0]))
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-' && *c != '_')
            return false;
    return true;
}

bool command_takes(CommandKind kind, const char *argument)
{
    assert(kind < COMMAND_KIND_COUNT);
    for (size_t i = 0; i < ARGS_MAX && rows[kind].args[i]; i++)
        if (strcmp(rows[kind].args[i], argument) == 0)
            return true;
    return false;
}

static bool argument_is_valid(CommandKind kind, const Fact *arg, Error *error)
{
    size_t max = strcmp(arg->name, ARG_SCRIPT) == 0 ? SCRIPT_MAX : VALUE_MAX;
    size_t length = strlen(arg->value);

    if (!command_takes(kind, arg->name))
        return error_set(
            error, ERROR_INVALID, "%s takes no argument '%.60s'", rows[kind].name, arg->name);
    if (length > max)
        return error_set(error, ERROR_INVALID, "%s: argument '%s' has %zu bytes, at most %zu fit",
            rows[kind].name, arg->name, length, max);
    return true;
}

bool command_check(const Command *command, Error *error)
{
    if (command->kind == COMMAND_NONE || command->kind >= COMMAND_KIND_COUNT)
        return error_set(error, ERROR_INVALID, "unknown command %u", (unsigned)command->kind);
    if (!name_is_valid(command->target) || !name_is_valid(command->cluster) ||
        !name_is_valid(command->id.run))
        return error_set(error, ERROR_INVALID,
            "%s: a name is not valid (cluster '%.64s', target '%.64s', run '%.40s')",
            rows[command->kind].name, command->cluster, command->target, command->id.run);
    if (command->deadline_s == 0 || command->deadline_s > DEADLINE_MAX)
        return error_set(error, ERROR_INVALID,
            "%s: a deadline of %" PRIu32 " s is not within 1..%d", rows[command->kind].name,
            command->deadline_s, DEADLINE_MAX);
    for (size_t i = 0; i < command->args.count; i++)
        if (!argument_is_valid(command->kind, &command->args.items[i], error))
            return false;
    return true;
}

void command_done(Command *command)
{
    facts_done(&command->args);
}

void command_copy(Command *ret, const Command *from)
{
    *ret = *from;
    ret->args = (Facts){ 0 };
    facts_copy(&ret->args, &from->args);
}

void command_result_done(CommandResult *result)
{
    facts_done(&result->evidence);
}

void command_result_copy(CommandResult *ret, const CommandResult *from)
{
    *ret = *from;
    ret->evidence = (Facts){ 0 };
    facts_copy(&ret->evidence, &from->evidence);
}
