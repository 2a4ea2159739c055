#pragma once

/*
 * `dss-agent check-config`: says of everything that agent.xml names whether it is there, one line
 * each. The file itself was read before.
 */

#include <stdio.h>

#include "agent/core/agent_config.h"
#include "agent/core/profile.h"

/* How many things are wrong. */
unsigned check_config(const AgentConfig *config, const Profile *profile, FILE *stream)
    __attribute__((nonnull));
