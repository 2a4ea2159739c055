#pragma once

/*
 * The agent's loop: links, workers and signals on one thread that never blocks.
 *
 * Nothing begins by itself: every worker is started by a command that came over a link, and what
 * only waited for its target is forgotten when its asker is gone. What is at work when the
 * coordinator disappears is finished and kept in the ledger.
 *
 * SIGTERM and SIGINT: ends at once, workers with it; the ledger knows. Carbon servers that were
 * started stay. SIGHUP: certificates and revocation list are read again.
 */

#include "agent/core/agent_config.h"
#include "agent/core/handler.h"
#include "agent/core/profile.h"
#include "common/base/log.h"

typedef struct AgentSettings {
    const AgentConfig *config;
    const char *config_file; /* absolute: workers read it themselves */
    const Profile *profile;
    const Handler *(*handler_for)(CommandKind kind);
    const char *program; /* "dss-agent 1.2.3", for greetings */
    Log log;
} AgentSettings;

/* True after a signal asked for the end. */
bool agent_serve(const AgentSettings *settings, Error *error)
    __attribute__((nonnull, warn_unused_result));
