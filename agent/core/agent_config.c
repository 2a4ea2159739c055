#include "agent/core/agent_config.h"

const AgentNode *agent_config_node(const AgentConfig *config, const char *name)
{
    for (size_t i = 0; i < config->node_count; i++)
        if (strcmp(config->nodes[i].name, name) == 0)
            return &config->nodes[i];
    return NULL;
}

const AgentDatabase *agent_config_database(const AgentConfig *config, const char *name)
{
    for (size_t i = 0; i < config->database_count; i++)
        if (strcmp(config->databases[i].name, name) == 0)
            return &config->databases[i];
    return NULL;
}

void agent_config_free(AgentConfig *config)
{
    if (!config)
        return;
    arena_free(config->arena);
    free(config);
}
