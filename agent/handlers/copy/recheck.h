#pragma once

/*
 * Whether a finished copy still is what was written down, row by row and definition by definition.
 *
 * What differs is told as finding COPY-CHANGED of the evidence, by the name of the table, key,
 * index or sequence and the key of the first row. Both sides are read; nothing is changed.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/copy/copied.h"

typedef struct RecheckOf {
    AgentIo *io;
    Database *production, *staging; /* in a snapshot each */
    const CopyCatalogue *catalogue; /* production's */
} RecheckOf;

/* Makes *ret_holds false when something differs. */
bool recheck(const RecheckOf *of, const Copied *copied, bool *ret_holds, Error *error)
    __attribute__((nonnull, warn_unused_result));
