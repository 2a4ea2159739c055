#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "coordinator/core/planner.h"

/* What the arguments of a command are taken from. */
typedef struct Source {
    const Inventory *inventory;
    const InventoryDatabase *database; /* NULL for a node */
    const InventoryNode *node;         /* NULL for a database */
    const char *side;                  /* NULL where it does not matter */
    const char *script;                /* NULL: the profile's own */
} Source;

typedef void ArgFunction(const Source *source, Facts *ret);

static const char *holds(const InventoryDatabase *database)
{
    if (database->holds_registry && database->holds_users)
        return "registry users";
    return database->holds_users ? "users" : "registry";
}

static void add_urls_of(const InventoryDatabase *database, Facts *ret)
{
    facts_add(ret, ARG_DATABASE, database->name);
    facts_add(ret, ARG_HOLDS, holds(database));
    facts_add(ret, ARG_PRODUCTION_URL, database->production_url);
    facts_add(ret, ARG_STAGING_URL, database->staging_url);
}

static void add_urls(const Source *source, Facts *ret)
{
    if (source->database) {
        add_urls_of(source->database, ret);
        return;
    }
    for (size_t i = 0; i < source->inventory->database_count; i++)
        add_urls_of(&source->inventory->databases[i], ret);
}

static void add_account(const Source *source, Facts *ret)
{
    const InventoryDatabase *database = source->database;

    facts_add(ret, ARG_ACCOUNT, database->account);
    for (size_t i = 0; i < database->account_count; i++) {
        if (strcmp(database->accounts[i].name, database->account) != 0)
            facts_add(ret, ARG_ACCOUNT, database->accounts[i].name);
        if (database->accounts[i].only_watched)
            facts_add(ret, ARG_WATCHED, database->accounts[i].name);
    }
}

static void add_node_addresses(const Source *source, Facts *ret)
{
    for (size_t i = 0; i < source->inventory->node_count; i++)
        facts_add(ret, ARG_NODE_ADDRESS, source->inventory->nodes[i].address);
}

static void add_role(const Source *source, Facts *ret)
{
    facts_add(ret, ARG_ROLE, node_role_name(source->node->role));
}

static void add_side(const Source *source, Facts *ret)
{
    facts_add(ret, ARG_SIDE, source->side);
}

static void add_script(const Source *source, Facts *ret)
{
    if (!source->database->script_path || !source->script)
        return;
    facts_add(ret, ARG_SCRIPT, source->script);
    facts_add(ret, ARG_SCRIPT_SHA256, source->database->script_sha256);
}

#define LIMIT(argument, member)                                                                    \
    static void add_##member(const Source *source, Facts *ret)                                     \
    {                                                                                              \
        facts_format(ret, argument, "%u", source->inventory->limits.member);                       \
    }
LIMIT(ARG_DEADLINE_S, stop_s)
LIMIT(ARG_DEADLINE_S, start_s)
LIMIT(ARG_QUIET_S, quiet_s)
LIMIT(ARG_STATEMENT_S, statement_s)
LIMIT(ARG_LOCK_S, lock_s)
LIMIT(ARG_SESSIONS_MAX, sessions_max)
LIMIT(ARG_STATEMENTS_MAX, statements_max)
LIMIT(ARG_SAMPLE_S, traffic_sample_s)

/* Which arguments a command gets, and which limit bounds it as a whole. */
static const struct {
    ArgFunction *args[6];
    size_t limit;   /* offset in InventoryLimits */
    unsigned extra; /* seconds on top: for proof after the act */
} rows[] = {
#define BOUND(member, more) offsetof(InventoryLimits, member), more
    [COMMAND_NONE] = { { NULL }, BOUND(stop_s, 0) },
    [COMMAND_INSPECT_NODE] = { { add_urls, add_role }, BOUND(quiet_s, 120) },
    [COMMAND_INSPECT_DATABASE] = { { add_urls, add_account, add_node_addresses, add_script },
        BOUND(quiet_s, 120) },
    [COMMAND_PREVIEW_CONFIGURATION] = { { add_urls, add_role }, BOUND(quiet_s, 120) },
    [COMMAND_CHECK_STAGING] = { { add_urls, add_account }, BOUND(quiet_s, 120) },
    [COMMAND_MEASURE_TRAFFIC] = { { add_account, add_sessions_max, add_statements_max,
                                      add_traffic_sample_s },
        BOUND(traffic_sample_s, 60) },
    [COMMAND_PROVE_QUIET] = { { add_account, add_quiet_s, add_stop_s, add_node_addresses },
        BOUND(stop_s, 60) },
    [COMMAND_CHECKPOINT_DATABASE] = { { add_side }, BOUND(statement_s, 60) },
    [COMMAND_PROVE_SWITCHED] = { { add_account, add_node_addresses, add_stop_s },
        BOUND(stop_s, 60) },
    [COMMAND_BACKUP_HOME] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_VERIFY_HOME] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_STOP_OLD_SERVER] = { { add_stop_s }, BOUND(stop_s, 60) },
    [COMMAND_START_OLD_SERVER] = { { add_start_s }, BOUND(start_s, 60) },
    [COMMAND_CONFIGURE_NODE] = { { add_urls, add_role }, BOUND(quiet_s, 300) },
    [COMMAND_RESTORE_CONFIGURATION] = { { NULL }, BOUND(quiet_s, 300) },
    [COMMAND_COPY_FOLDERS] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_REMOVE_FOLDERS] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_START_NEW_SERVER] = { { add_start_s, add_role }, BOUND(start_s, 60) },
    [COMMAND_STOP_NEW_SERVER] = { { add_stop_s }, BOUND(stop_s, 60) },
    [COMMAND_TEST_READINESS] = { { add_urls, add_start_s }, BOUND(start_s, 60) },
    [COMMAND_LOCK_ACCOUNTS] = { { add_account }, BOUND(quiet_s, 60) },
    [COMMAND_UNLOCK_ACCOUNTS] = { { add_account }, BOUND(quiet_s, 60) },
    [COMMAND_BACKUP_DATABASE] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_VERIFY_DUMP] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_MIGRATE_DATABASE] = { { add_side, add_statement_s, add_lock_s, add_script },
        BOUND(copy_s, 0) },
    [COMMAND_COPY_DATABASE] = { { NULL }, BOUND(copy_s, 0) },
    [COMMAND_CLEAR_STAGING] = { { NULL }, BOUND(statement_s, 0) },
    [COMMAND_REHEARSE_BACKUP] = { { NULL }, BOUND(backup_s, 0) },
    [COMMAND_REHEARSE_MIGRATION] = { { add_statement_s, add_lock_s, add_script },
        BOUND(copy_s, 0) },
    [COMMAND_REHEARSE_CHECKPOINT] = { { NULL }, BOUND(statement_s, 60) },
    [COMMAND_END_REHEARSAL] = { { NULL }, BOUND(statement_s, 0) },
    [COMMAND_DROP_REHEARSAL] = { { NULL }, BOUND(statement_s, 0) },
};
static_assert(sizeof(rows) / sizeof(rows[0]) == COMMAND_KIND_COUNT, "every CommandKind has a row");

static void add_args(const Source *source, CommandKind kind, Facts *ret)
{
    for (size_t i = 0; i < sizeof(rows[kind].args) / sizeof(rows[kind].args[0]); i++)
        if (rows[kind].args[i])
            rows[kind].args[i](source, ret);
}

static const char *side_of(StepKind kind)
{
    return kind == STEP_MIGRATE_PRODUCTION || kind == STEP_CHECKPOINT_PRODUCTION ? "production"
                                                                                 : "staging";
}

static Source source_of(
    const Inventory *inventory, CommandKind kind, const char *target, const char *script)
{
    Source source = { .inventory = inventory, .side = "staging", .script = script };

    if (command_target(kind) == TARGET_DATABASE)
        source.database = inventory_database(inventory, target);
    else
        source.node = inventory_node(inventory, target);
    assert(source.database || source.node); /* plan_check() and the planner see to it */
    return source;
}

void planner_command_args(const Inventory *inventory, const PlanStep *step, CommandKind kind,
    const char *script, Facts *ret)
{
    Source source = source_of(inventory, kind, step->target, script);

    source.side = side_of(step->kind);
    add_args(&source, kind, ret);
}

void planner_inspect_args(const Inventory *inventory, CommandKind kind, const char *target,
    const char *script, Facts *ret)
{
    Source source = source_of(inventory, kind, target, script);

    add_args(&source, kind, ret);
}

unsigned planner_deadline_s(const Inventory *inventory, CommandKind kind)
{
    unsigned limit;

    assert(kind < COMMAND_KIND_COUNT);
    memcpy(&limit, (const char *)&inventory->limits + rows[kind].limit, sizeof(limit));
    return limit + rows[kind].extra;
}
