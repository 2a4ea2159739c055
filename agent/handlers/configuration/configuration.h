#pragma once

/*
 * The configuration of a node's new home: preview, configure, restore, and what an inspection
 * finds.
 *
 * Evidence: "change" one sentence per value (no secrets), "changes" and "unchanged" how many,
 * "file:PATH" the digest of each file afterwards, "~diff:PATH" (preview) the difference with
 * secrets masked, "restored" and "removed" paths.
 */

#include "agent/core/agent_config.h"
#include "agent/core/agent_io.h"
#include "common/model/command.h"

/* Adds findings CONF-…, and the digests of the configuration files as facts "conf:old:PATH". */
void configuration_findings(AgentIo *io, const AgentNode *node, const Command *command)
    __attribute__((nonnull));
/* Whether a server may start with the new home: ERROR_PRECONDITION when it is not configured. */
bool configuration_is_in_place(AgentIo *io, const AgentNode *node, Error *error)
    __attribute__((nonnull, warn_unused_result));
