#pragma once

/*
 * What one agent may touch, from its own agent.xml: nothing outside of it exists for a command.
 *
 * A document: built once by agent_config_load(), read-only, freed in one call.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/memory.h"

typedef enum DatabaseType {
    DATABASE_MYSQL, /* MySQL and MariaDB */
    DATABASE_POSTGRESQL,
    DATABASE_TYPE_COUNT,
} DatabaseType;

/* Where an administrator's login to one server is kept, as the ecosystem keeps it. */
typedef struct DatabaseLogin {
    const char *option_file;  /* MySQL: --defaults-file, group [client]; NULL on PostgreSQL */
    const char *service_file; /* PostgreSQL: pg_service.conf; NULL on MySQL */
    const char *service;      /* PostgreSQL: the service's name in it */
    const char *database;     /* the database's name on that server */
} DatabaseLogin;

typedef struct AgentDatabase {
    const char *name; /* as in the inventory */
    DatabaseType type;
    DatabaseLogin production, staging;
} AgentDatabase;

typedef struct AgentNode {
    const char *name;
    const char *old_home, *new_home;           /* absolute, no trailing slash */
    const char *old_java_home, *new_java_home; /* JAVA_HOME for each */
    const char *user;                          /* owner of the servers; NULL: the agent's own */
    const char *admin_user;                    /* for the admin services */
    const char *admin_password_file;           /* first line is the password; mode 600 */
    const char *address; /* where the admin services answer; default 127.0.0.1 */
} AgentNode;

typedef struct AgentConfig {
    const char *cluster, *name;
    const char *listen_address; /* numeric */
    unsigned listen_port;
    const char *ca_file, *certificate_file, *key_file, *crl_file; /* PEM; crl_file may be NULL */
    const char *state_directory;
    const char *backup_directory;
    const char *profile_directory; /* the folder of one profile, e.g. …/profiles/dss-3.2.0 */
    const AgentNode *nodes;
    size_t node_count;
    const AgentDatabase *databases;
    size_t database_count;
    Arena *arena;
} AgentConfig;

const AgentNode *agent_config_node(const AgentConfig *config, const char *name)
    __attribute__((nonnull)); /* or NULL */
const AgentDatabase *agent_config_database(const AgentConfig *config, const char *name)
    __attribute__((nonnull)); /* or NULL */
void agent_config_free(AgentConfig *config);

DEFINE_AUTO(AgentConfig, agent_config_free)
