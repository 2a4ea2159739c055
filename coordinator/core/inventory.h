#pragma once

/*
 * The cluster as its operator declares it in cluster.xml: who is there, which databases are moved,
 * how, within which limits. Paths of homes and credentials are not here: each agent has its own.
 *
 * A document: built once by inventory_read() (coordinator/io), read-only, freed in one call.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/memory.h"
#include "common/model/command.h"

typedef enum Strategy {
    STRATEGY_DOCUMENTED, /* migrate production in place, then copy it to staging */
    STRATEGY_COPY_FIRST, /* copy production to staging, migrate the copy */
    STRATEGY_REHEARSAL,  /* of plans alone, no inventory has it: try it beside running servers */
    STRATEGY_COUNT,
} Strategy;

typedef enum NodeRole {
    NODE_MANAGER,
    NODE_WORKER,
    NODE_ROLE_COUNT,
} NodeRole;

typedef struct InventoryAgent {
    const char *name;
    const char *address; /* numeric or a host name */
    unsigned port;       /* default 9700 */
    unsigned line;       /* in the file, for messages */
} InventoryAgent;

typedef struct InventoryNode {
    const char *name;
    const char *agent;
    const char *address; /* from which its database sessions come; default: the agent's */
    NodeRole role;
    unsigned line;
} InventoryNode;

typedef struct InventoryAccount {
    const char *name;
    bool only_watched; /* others need it: it is not locked out, and the sessions are watched */
} InventoryAccount;

typedef struct InventoryDatabase {
    const char *name;
    const char *agent;
    bool holds_registry, holds_users;
    const char *account;              /* with which the Carbon servers log in to production */
    const InventoryAccount *accounts; /* more of them, or more about `account` */
    size_t account_count;
    const char *production_url; /* jdbc */
    const char *staging_url;    /* jdbc: the exact text for the new files */
    const char *script_path;    /* NULL: the profile's own; resolved against the file's folder */
    const char *script_sha256;  /* hex, when script_path is set */
    unsigned line;
} InventoryDatabase;

typedef struct InventoryLimits {
    unsigned stop_s;         /* a server that has not stopped by then is killed */
    unsigned start_s;        /* a server has to be healthy by then */
    unsigned quiet_s;        /* no session at the database for so long */
    unsigned statement_s;    /* one statement of the script */
    unsigned lock_s;         /* waiting for a lock at the database */
    unsigned copy_s;         /* copying one database */
    unsigned backup_s;       /* backing up one home or one database */
    unsigned agent_lost_s;   /* an agent away so long while it works: outcome unknown, exit 7 */
    unsigned sessions_max;   /* low traffic: sessions of the Carbon account at most */
    unsigned statements_max; /* low traffic: statements per second at most */
    unsigned traffic_sample_s;
} InventoryLimits;

typedef struct Inventory {
    const char *cluster;
    const char *profile; /* "dss-3.2.0" */
    Strategy strategy;
    const InventoryAgent *agents;
    size_t agent_count;
    const InventoryNode *nodes;
    size_t node_count;
    const InventoryDatabase *databases;
    size_t database_count;
    InventoryLimits limits;
    const char *path; /* as it was given, for messages */
    const char *text; /* the file, byte for byte */
    char sha256[DIGEST_HEX_BYTES];
    Arena *arena;
} Inventory;

extern const InventoryLimits inventory_limits_default;

void inventory_free(Inventory *inventory);
const InventoryAgent *inventory_agent(const Inventory *inventory, const char *name)
    __attribute__((nonnull)); /* or NULL */
const InventoryNode *inventory_node(const Inventory *inventory, const char *name)
    __attribute__((nonnull)); /* or NULL */
const InventoryDatabase *inventory_database(const Inventory *inventory, const char *name)
    __attribute__((nonnull)); /* or NULL */

/*
 * What a schema cannot say: names used once, agents that exist, at least one manager and one
 * database, users held exactly once, production and staging not the same. ERROR_INVALID with file
 * and line.
 */
bool inventory_check(const Inventory *inventory, Error *error)
    __attribute__((nonnull, warn_unused_result));

const char *strategy_name(Strategy strategy);
Strategy strategy_from_name(const char *name) __attribute__((nonnull)); /* or STRATEGY_COUNT */
const char *node_role_name(NodeRole role);
NodeRole node_role_from_name(const char *name) __attribute__((nonnull)); /* or NODE_ROLE_COUNT */

DEFINE_AUTO(Inventory, inventory_free)
