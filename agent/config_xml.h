#pragma once

/*
 * agent.xml -> AgentConfig: the only place where an agent's paths and logins come from.
 *
 * Relative paths are relative to the file's folder. After that every path has to be absolute and
 * plain: no "..", no empty part, no slash at the end; homes have no blanks, since the servers' own
 * start script does not survive one. What the paths name is not looked at here.
 *
 * Errors: ERROR_INVALID with file and line; ERROR_IO when the file cannot be read.
 */

#include "agent/core/agent_config.h"
#include "common/base/error.h"

bool agent_config_load(const char *path, AgentConfig **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
