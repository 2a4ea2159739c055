#include "coordinator/core/planner.h"

#include <assert.h>

/*
 * One row of a strategy. `after` names kinds whose steps come first: with the same target where
 * both have one, else all of them.
 */
typedef struct StrategyRow {
    StepKind kind;
    StepKind after[4]; /* STEP_KIND_COUNT ends the list */
} StrategyRow;

#define END STEP_KIND_COUNT
#define PREPARE_ROWS                                                                               \
    { STEP_CHECK_STAGING, { END } }, { STEP_MEASURE_TRAFFIC, { END } },                            \
        { STEP_BACKUP_HOME, { END } },                                                             \
        { STEP_GATE_READY_TO_STOP,                                                                 \
            { STEP_CHECK_STAGING, STEP_MEASURE_TRAFFIC, STEP_BACKUP_HOME, END } },                 \
        { STEP_STOP_SERVER, { STEP_GATE_READY_TO_STOP, END } },                                    \
        { STEP_GATE_STOPPED, { STEP_STOP_SERVER, END } },                                          \
        { STEP_PROVE_QUIET, { STEP_GATE_STOPPED, END } },                                          \
        { STEP_LOCK_ACCOUNTS, { STEP_PROVE_QUIET, END } },                                         \
        { STEP_GATE_QUIET, { STEP_LOCK_ACCOUNTS, END } },                                          \
        { STEP_BACKUP_DATABASE, { STEP_GATE_QUIET, END } },                                        \
        { STEP_CONFIGURE_NODE, { STEP_GATE_QUIET, END } },                                         \
    {                                                                                              \
        STEP_COPY_FOLDERS,                                                                         \
        {                                                                                          \
            STEP_CONFIGURE_NODE, END                                                               \
        }                                                                                          \
    }
#define START_ROWS                                                                                 \
    { STEP_START_SERVER, { STEP_GATE_READY_TO_START, END } },                                      \
        { STEP_GATE_STARTED, { STEP_START_SERVER, END } },                                         \
        { STEP_TEST_READINESS, { STEP_GATE_STARTED, END } },                                       \
        { STEP_PROVE_SWITCHED, { STEP_GATE_STARTED, END } },                                       \
    {                                                                                              \
        STEP_GATE_PROVEN,                                                                          \
        {                                                                                          \
            STEP_TEST_READINESS, STEP_PROVE_SWITCHED, END                                          \
        }                                                                                          \
    }

static const StrategyRow documented[] = {
    PREPARE_ROWS,
    { STEP_VERIFY_HOME, { STEP_BACKUP_DATABASE, STEP_COPY_FOLDERS, END } },
    { STEP_VERIFY_DUMP, { STEP_BACKUP_DATABASE, STEP_COPY_FOLDERS, END } },
    { STEP_CROSS_LINE, { STEP_VERIFY_HOME, STEP_VERIFY_DUMP, END } },
    { STEP_MIGRATE_PRODUCTION, { STEP_CROSS_LINE, END } },
    { STEP_CHECKPOINT_PRODUCTION, { STEP_MIGRATE_PRODUCTION, END } },
    { STEP_COPY_DATABASE, { STEP_CHECKPOINT_PRODUCTION, END } },
    { STEP_CHECKPOINT_STAGING, { STEP_COPY_DATABASE, END } },
    { STEP_GATE_READY_TO_START, { STEP_CHECKPOINT_STAGING, END } },
    START_ROWS,
};

static const StrategyRow copy_first[] = {
    PREPARE_ROWS,
    { STEP_COPY_DATABASE, { STEP_BACKUP_DATABASE, END } },
    { STEP_MIGRATE_STAGING, { STEP_COPY_DATABASE, END } },
    { STEP_CHECKPOINT_STAGING, { STEP_MIGRATE_STAGING, END } },
    { STEP_GATE_READY_TO_START, { STEP_CHECKPOINT_STAGING, STEP_COPY_FOLDERS, END } },
    START_ROWS,
    { STEP_VERIFY_HOME, { STEP_GATE_PROVEN, END } },
    { STEP_VERIFY_DUMP, { STEP_GATE_PROVEN, END } },
    { STEP_CROSS_LINE, { STEP_VERIFY_HOME, STEP_VERIFY_DUMP, END } },
};

static const StrategyRow rehearsal[] = {
    { STEP_CHECK_STAGING, { END } },
    { STEP_REHEARSE_BACKUP, { STEP_CHECK_STAGING, END } },
    { STEP_REHEARSE_MIGRATION, { STEP_REHEARSE_BACKUP, END } },
    { STEP_REHEARSE_CHECKPOINT, { STEP_REHEARSE_MIGRATION, END } },
    { STEP_END_REHEARSAL, { STEP_REHEARSE_CHECKPOINT, END } },
};

static const struct {
    const StrategyRow *rows;
    size_t count;
} strategies[] = {
    [STRATEGY_DOCUMENTED] = { documented, sizeof(documented) / sizeof(documented[0]) },
    [STRATEGY_COPY_FIRST] = { copy_first, sizeof(copy_first) / sizeof(copy_first[0]) },
    [STRATEGY_REHEARSAL] = { rehearsal, sizeof(rehearsal) / sizeof(rehearsal[0]) },
};
static_assert(sizeof(strategies) / sizeof(strategies[0]) == STRATEGY_COUNT, "every Strategy");

typedef struct Draft {
    const Inventory *inventory;
    Arena *arena;
    PlanStep *steps;
    size_t count;
} Draft;

static bool has_after(const StrategyRow *row, StepKind kind)
{
    for (size_t i = 0; row->after[i] != END; i++)
        if (row->after[i] == kind)
            return true;
    return false;
}

static bool waits(const Draft *draft, const StrategyRow *row, const char *target, size_t earlier)
{
    const PlanStep *other = &draft->steps[earlier];
    StepScope mine = step_spec(row->kind)->scope;

    if (!has_after(row, other->kind))
        return false;
    if (step_spec(other->kind)->scope == mine && mine != SCOPE_CLUSTER)
        return strcmp(other->target, target) == 0;
    return true;
}

/* `also`: index of one more earlier step to wait for, or SIZE_MAX. */
static void add_step(
    Draft *draft, const StrategyRow *row, const char *target, const char *agent, size_t also)
{
    uint32_t *waits_for = arena_take(draft->arena, draft->count * sizeof(*waits_for));
    size_t count = 0;

    for (size_t i = 0; i < draft->count; i++)
        if (i == also || waits(draft, row, target, i))
            waits_for[count++] = (uint32_t)i;
    draft->steps = memory_grow(draft->steps, (draft->count + 1) * sizeof(PlanStep));
    draft->steps[draft->count++] = (PlanStep){
        .kind = row->kind,
        .target = arena_text(draft->arena, target),
        .agent = arena_text(draft->arena, agent),
        .waits_for = waits_for,
        .wait_count = count,
    };
}

/* Managers before workers; servers start one after the other, each when the one before is up. */
static void add_nodes(Draft *draft, const StrategyRow *row)
{
    size_t before = SIZE_MAX;

    for (NodeRole role = NODE_MANAGER; role < NODE_ROLE_COUNT; role++)
        for (size_t i = 0; i < draft->inventory->node_count; i++) {
            const InventoryNode *node = &draft->inventory->nodes[i];

            if (node->role != role)
                continue;
            add_step(draft, row, node->name, node->agent, before);
            if (row->kind == STEP_START_SERVER)
                before = draft->count - 1;
        }
}

static const InventoryNode *first_manager(const Inventory *inventory)
{
    size_t i = 0;

    while (inventory->nodes[i].role != NODE_MANAGER) /* inventory_check(): there is one */
        i++;
    return &inventory->nodes[i];
}

static void add_row(Draft *draft, const StrategyRow *row)
{
    const Inventory *inventory = draft->inventory;
    const InventoryNode *manager = first_manager(inventory);

    switch (step_spec(row->kind)->scope) {
    case SCOPE_CLUSTER:
        add_step(draft, row, inventory->cluster, "", SIZE_MAX);
        break;
    case SCOPE_NODE:
        add_nodes(draft, row);
        break;
    case SCOPE_MANAGER:
        add_step(draft, row, manager->name, manager->agent, SIZE_MAX);
        break;
    case SCOPE_DATABASE:
        for (size_t i = 0; i < inventory->database_count; i++)
            add_step(
                draft, row, inventory->databases[i].name, inventory->databases[i].agent, SIZE_MAX);
        break;
    }
}

Plan *planner_make_plan(const Inventory *inventory)
{
    Plan *plan = memory_new(sizeof(*plan));
    Draft draft = { .inventory = inventory, .arena = arena_new() };
    PlanStep *steps;

    for (size_t i = 0; i < strategies[inventory->strategy].count; i++)
        add_row(&draft, &strategies[inventory->strategy].rows[i]);
    steps = arena_take(draft.arena, draft.count * sizeof(PlanStep));
    memcpy(steps, draft.steps, draft.count * sizeof(PlanStep));
    free(draft.steps);
    *plan = (Plan){
        .cluster = arena_text(draft.arena, inventory->cluster),
        .strategy = inventory->strategy,
        .inventory_path = arena_text(draft.arena, inventory->path),
        .inventory_text = arena_text(draft.arena, inventory->text),
        .steps = steps,
        .step_count = draft.count,
        .arena = draft.arena,
    };
    memcpy(plan->inventory_sha256, inventory->sha256, sizeof(plan->inventory_sha256));
    return plan;
}

Plan *planner_make_rehearsal(const Inventory *inventory)
{
    Inventory rehearsed = *inventory;

    rehearsed.strategy = STRATEGY_REHEARSAL;
    return planner_make_plan(&rehearsed);
}
