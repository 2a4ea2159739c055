#pragma once

/*
 * Writes a planned configuration, after saving what was there, and puts that back.
 *
 * Before the first change the list of touched files is remembered and the originals are copied
 * under the state directory; a file saved once is not saved again, so what is put back is what the
 * home had before any of this began.
 * Errors: ERROR_IO, ERROR_CORRUPT a saved original that is not what was saved.
 */

#include "agent/handlers/configuration/configuration_plan.h"

bool configuration_save_originals(AgentIo *io, const ConfigurationPlan *plan, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool configuration_write(const ConfigurationPlan *plan, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Whether something was changed that can be put back. */
bool configuration_has_originals(AgentIo *io, const AgentNode *node, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Byte for byte; files that were added go. Then all that was remembered is forgotten. */
bool configuration_put_back(AgentIo *io, const AgentNode *node, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* The mark that a server of the node may start with its new home: what its files were like. */
bool configuration_set_mark(AgentIo *io, const ConfigurationPlan *plan, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* ERROR_PRECONDITION when there is no mark, or when a file is not what it was then. */
bool configuration_check_mark(AgentIo *io, const AgentNode *node, Error *error)
    __attribute__((nonnull, warn_unused_result));
