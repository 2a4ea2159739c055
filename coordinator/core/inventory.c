#include "coordinator/core/inventory.h"

#include <assert.h>
#include <regex.h>

#define URL_MAX 4000

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
};

static const char *const strategies[] = {
    [STRATEGY_DOCUMENTED] = "documented",
    [STRATEGY_COPY_FIRST] = "copy-first",
    [STRATEGY_REHEARSAL] = "rehearsal",
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

static bool agent_is_sound(const Inventory *inventory, const InventoryAgent *agent, Error *error)
{
    const InventoryAgent *first = inventory_agent(inventory, agent->name);

    if (!name_is_valid(agent->name))
        return error_set(error, ERROR_INVALID,
            "%s:%u: '%.80s' is no name: letters, digits, dot, dash and underscore, at most 63",
            inventory->path, agent->line, agent->name);
    if (first != agent)
        return error_set(error, ERROR_INVALID,
            "%s:%u: agent '%s' stands here and in line %u: each name once", inventory->path,
            agent->line, agent->name, first->line);
    if (agent->port == 0 || agent->port > UINT16_MAX)
        return error_set(error, ERROR_INVALID,
            "%s:%u: agent '%s': a port is 1 to 65535, digits only", inventory->path, agent->line,
            agent->name);
    return true;
}

static bool agents_are_sound(const Inventory *inventory, Error *error)
{
    for (const InventoryAgent *agent = inventory->agents;
         agent < inventory->agents + inventory->agent_count; agent++) {
        if (!agent_is_sound(inventory, agent, error))
            return false;
        for (const InventoryAgent *other = inventory->agents; other < agent; other++)
            if (other->port == agent->port && strcmp(other->address, agent->address) == 0)
                return error_set(error, ERROR_INVALID,
                    "%s:%u: agent '%s' has the address %s port %u, which is agent '%s' of line %u",
                    inventory->path, agent->line, agent->name, agent->address, agent->port,
                    other->name, other->line);
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
            "%s:%u: no node has role=\"manager\", neither this nor another: the manager starts "
            "first "
            "and is tested",
            inventory->path, inventory->node_count > 0 ? inventory->nodes[0].line : 1);
    return true;
}

/* In the parameters, before the host, or as Oracle's user/password@. */
static bool holds_a_password(const char *url)
{
    regex_t pattern;
    int outcome = regcomp(&pattern,
        "(password|passwd|pwd)[[:space:]]*=|//[^/?#]*:[^/?#]*@|^jdbc:oracle:[a-z]+:[^/@]+/[^@]*@",
        REG_EXTENDED | REG_ICASE | REG_NOSUB);

    assert(outcome == 0); /* the pattern is ours */
    outcome = regexec(&pattern, url, 0, NULL, 0);
    regfree(&pattern);
    return outcome == 0;
}

/* The texts may differ in their parameters only. */
static bool is_same_database(const char *url, const char *other)
{
    size_t length = strcspn(url, "?;");

    return length == strcspn(other, "?;") && strncmp(url, other, length) == 0;
}

/* A url that may hold a password is never shown. */
static bool url_is_sound(const Inventory *inventory, const InventoryDatabase *database,
    const char *side, const char *url, Error *error)
{
    if (holds_a_password(url))
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s': the %s url holds a password: take it out, each agent and each "
            "server has it in files of its own",
            inventory->path, database->line, database->name, side);
    if (strncmp(url, "jdbc:", 5) != 0)
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s': the %s url does not begin with \"jdbc:\": %.200s",
            inventory->path, database->line, database->name, side, url);
    if (strlen(url) > URL_MAX)
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s': the %s url has %zu characters, at most %d are allowed",
            inventory->path, database->line, database->name, side, strlen(url), URL_MAX);
    return true;
}

static bool urls_are_used_once(
    const Inventory *inventory, const InventoryDatabase *database, Error *error)
{
    if (is_same_database(database->production_url, database->staging_url))
        return error_set(error, ERROR_INVALID,
            "%s:%u: database '%s' has the same url for production and staging: %.400s",
            inventory->path, database->line, database->name, database->staging_url);
    for (const InventoryDatabase *other = inventory->databases; other < database; other++) {
        const char *urls[] = { other->production_url, other->staging_url };

        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
            if (is_same_database(database->production_url, urls[i]) ||
                is_same_database(database->staging_url, urls[i]))
                return error_set(error, ERROR_INVALID,
                    "%s:%u: database '%s' names a url that database '%s' of line %u has: %.400s; "
                    "what holds registry and users is one database",
                    inventory->path, database->line, database->name, other->name, other->line,
                    urls[i]);
    }
    return true;
}

static bool accounts_are_named_once(
    const Inventory *inventory, const InventoryDatabase *database, Error *error)
{
    for (size_t i = 0; i < database->account_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(database->accounts[i].name, database->accounts[j].name) == 0)
                return error_set(error, ERROR_INVALID,
                    "%s:%u: database '%s' names account '%s' twice: each once", inventory->path,
                    database->line, database->name, database->accounts[i].name);
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
    return url_is_sound(inventory, database, "production", database->production_url, error) &&
           url_is_sound(inventory, database, "staging", database->staging_url, error) &&
           urls_are_used_once(inventory, database, error) &&
           accounts_are_named_once(inventory, database, error);
}

static bool users_are_held_once(const Inventory *inventory, Error *error)
{
    const InventoryDatabase *holder = NULL;

    for (size_t i = 0; i < inventory->database_count; i++) {
        const InventoryDatabase *database = &inventory->databases[i];

        if (!database->holds_users)
            continue;
        if (holder)
            return error_set(error, ERROR_INVALID,
                "%s:%u: database '%s' holds users, and so does '%s' of line %u: exactly one does, "
                "the one that the dataSource of user-mgt.xml names",
                inventory->path, database->line, database->name, holder->name, holder->line);
        holder = database;
    }
    if (!holder)
        return error_set(error, ERROR_INVALID,
            "%s:%u: no database holds users, neither this nor another: exactly one does, the one "
            "that the dataSource of user-mgt.xml names",
            inventory->path, inventory->database_count > 0 ? inventory->databases[0].line : 1);
    return true;
}

static bool databases_are_sound(const Inventory *inventory, Error *error)
{
    for (size_t i = 0; i < inventory->database_count; i++)
        if (!database_is_sound(inventory, &inventory->databases[i], error))
            return false;
    return users_are_held_once(inventory, error);
}

/* Quiet is watched for stop_s seconds: a longer silence would never have passed by then. */
static bool limits_are_sound(const Inventory *inventory, Error *error)
{
    const InventoryLimits *limits = &inventory->limits;

    if (limits->quiet_s <= limits->stop_s)
        return true;
    return error_set(error, ERROR_INVALID,
        "%s: limits: quiet-s is %u, stop-s is %u: no database can be quiet for so long in that "
        "time",
        inventory->path, limits->quiet_s, limits->stop_s);
}

bool inventory_check(const Inventory *inventory, Error *error)
{
    if (!name_is_valid(inventory->cluster))
        return error_set(error, ERROR_INVALID, "%s: '%.80s' is no name for a cluster",
            inventory->path, inventory->cluster);
    return agents_are_sound(inventory, error) && nodes_are_sound(inventory, error) &&
           databases_are_sound(inventory, error) && limits_are_sound(inventory, error);
}
