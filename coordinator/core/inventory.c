#include "coordinator/core/inventory.h"

#include <assert.h>

const InventoryLimits inventory_limits_default = {
    .stop_s = 180,
    .start_s = 600,
    .quiet_s = 5,
    .statement_s = 1800,
    .lock_s = 30,
    .copy_s = 14400,
    .backup_s = 14400,
    .agent_lost_s = 300,
    .sessions_max = 200,
    .statements_max = 50,
    .traffic_sample_s = 2,
    .failure_budget = 0,
};

static const char *const strategies[] = {
    [STRATEGY_DOCUMENTED] = "documented",
    [STRATEGY_COPY_FIRST] = "copy-first",
};
static_assert(sizeof(strategies) / sizeof(strategies[0]) == STRATEGY_COUNT, "every Strategy");

static const char *const roles[] = {
    [NODE_MANAGER] = "manager",
    [NODE_WORKER] = "worker",
};
static_assert(sizeof(roles) / sizeof(roles[0]) == NODE_ROLE_COUNT, "every NodeRole");

const char *strategy_name(Strategy strategy)
{
    assert(strategy < STRATEGY_COUNT);
    return strategies[strategy];
}

Strategy strategy_from_name(const char *name)
{
    Strategy strategy = STRATEGY_DOCUMENTED;

    while (strategy < STRATEGY_COUNT && strcmp(strategies[strategy], name) != 0)
        strategy++;
    return strategy;
}

const char *node_role_name(NodeRole role)
{
    assert(role < NODE_ROLE_COUNT);
    return roles[role];
}

NodeRole node_role_from_name(const char *name)
{
    NodeRole role = NODE_MANAGER;

    while (role < NODE_ROLE_COUNT && strcmp(roles[role], name) != 0)
        role++;
    return role;
}

void inventory_free(Inventory *inventory)
{
    if (!inventory)
        return;
    arena_free(inventory->arena);
    free(inventory);
}

const InventoryAgent *inventory_agent(const Inventory *inventory, const char *name)
{
    for (size_t i = 0; i < inventory->agent_count; i++)
        if (strcmp(inventory->agents[i].name, name) == 0)
            return &inventory->agents[i];
    return NULL;
}

const InventoryNode *inventory_node(const Inventory *inventory, const char *name)
{
    for (size_t i = 0; i < inventory->node_count; i++)
        if (strcmp(inventory->nodes[i].name, name) == 0)
            return &inventory->nodes[i];
    return NULL;
}

const InventoryDatabase *inventory_database(const Inventory *inventory, const char *name)
{
    for (size_t i = 0; i < inventory->database_count; i++)
        if (strcmp(inventory->databases[i].name, name) == 0)
            return &inventory->databases[i];
    return NULL;
}

static bool agents_are_sound(const Inventory *inventory, Error *error)
{
    for (size_t i = 0; i < inventory->agent_count; i++) {
        const InventoryAgent *agent = &inventory->agents[i];
        const InventoryAgent *first = inventory_agent(inventory, agent->name);

        if (!name_is_valid(agent->name))
            return error_set(error, ERROR_INVALID,
                "%s:%u: '%.80s' is no name: letters, digits, dot, dash and underscore, at most 63",
                inventory->path, agent->line, agent->name);
        if (first != agent)
            return error_set(error, ERROR_INVALID,
                "%s:%u: agent '%s' stands here and in line %u: each name once", inventory->path,
                agent->line, agent->name, first->line);
    }
    return true;
}

static bool node_is_sound(const Inventory *inventory, const InventoryNode *node, Error *error)
{
    const InventoryNode *first = inventory_node(inventory, node->name);

    if (!name_is_valid(node->name))
        return error_set(error, ERROR_INVALID,
            "%s:%u: '%.80s' is no name: letters, digits, dot, dash and underscore, at most 63",
            inventory->path, node->line, node->name);
    if (first != node)
        return error_set(error, ERROR_INVALID,
            "%s:%u: node '%s' stands here and in line %u: each name once", inventory->path,
            node->line, node->name, first->line);
    if (!inventory_agent(inventory, node->agent))
        return error_set(error, ERROR_INVALID,
            "%s:%u: node '%s' names agent '%s', which is not under <agents>", inventory->path,
            node->line, node->name, node->agent);
    return true;
}

static bool nodes_are_sound(const Inventory *inventory, Error *error)
{
    size_t managers = 0;

    for (size_t i = 0; i < inventory->node_count; i++) {
        if (!node_is_sound(inventory, &inventory->nodes[i], error))
            return false;
        managers += inventory->nodes[i].role == NODE_MANAGER;
    }
    if (managers == 0)
        return error_set(error, ERROR_INVALID,
            "%s: no node has role=\"manager\": the manager starts first and is tested",
            inventory->path);
    return true;
}

static bool database_is_sound(
    const Inventory *inventory, const InventoryDatabase *database, Error *error)
{
    const InventoryDatabase *first = inventory_database(inventory, database->name);

    if (!name_is_valid(database->name))
        return error_set(error, ERROR_INVALID,
            "%s:%u: '%.80s' is no name: letters, digits, dot, dash and underscore, at most 63",
            inventory->path, database->line, database->name);
    if (first != database)
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s' stands here and in line %u: each name once", inventory->path,
            database->line, database->name, first->line);
    if (!inventory_agent(inventory, database->agent))
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s' names agent '%s', which is not under <agents>", inventory->path,
            database->line, database->name, database->agent);
    if (strcmp(database->production_url, database->staging_url) == 0)
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s' has the same url for production and staging: %s", inventory->path,
            database->line, database->name, database->staging_url);
    return true;
}

static bool databases_are_sound(const Inventory *inventory, Error *error)
{
    size_t users = 0;

    for (size_t i = 0; i < inventory->database_count; i++) {
        if (!database_is_sound(inventory, &inventory->databases[i], error))
            return false;
        users += inventory->databases[i].holds_users;
    }
    if (users != 1)
        return error_set(error, ERROR_INVALID,
            "%s: %zu databases say holds=\"users\", exactly one has to: the one that the "
            "dataSource of user-mgt.xml names",
            inventory->path, users);
    return true;
}

bool inventory_check(const Inventory *inventory, Error *error)
{
    if (!name_is_valid(inventory->cluster))
        return error_set(error, ERROR_INVALID, "%s: '%.80s' is no name for a cluster",
            inventory->path, inventory->cluster);
    return agents_are_sound(inventory, error) && nodes_are_sound(inventory, error) &&
           databases_are_sound(inventory, error);
}
