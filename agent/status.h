#pragma once

/*
 * What `dss-agent status` says on the host: what the agent did, what it does, and what a person may
 * safely do meanwhile. Reads the ledger and the instance lock; works when the agent is down.
 */

#include <stdio.h>

#include "agent/core/agent_config.h"
#include "common/base/error.h"

bool status_print(const AgentConfig *config, FILE *stream, Error *error)
    __attribute__((nonnull, warn_unused_result));
