#pragma once

/*
 * Logging in to a node's admin services as its administrator: the name and the file with the
 * password are in the agent's own configuration and travel nowhere.
 * Errors: those of soap.h, and ERROR_INVALID for a password file that cannot be used.
 */

#include "agent/handlers/node/soap.h"

bool admin_login(const AgentNode *node, unsigned https_port, Soap **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The server answers and lets the administrator in: a sign of health that an open port is not. */
bool admin_login_check(const AgentNode *node, unsigned https_port, Error *error)
    __attribute__((nonnull, warn_unused_result));
