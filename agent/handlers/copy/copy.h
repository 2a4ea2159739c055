#pragma once

/* copy-database with other sizes than those of copy_tuning_default: for tests and benchmarks. */

#include "agent/handlers/copy/engine.h"
#include "common/model/command.h"

bool copy_apply(AgentIo *io, const Command *command, const CopyTuning *tuning, Error *error)
    __attribute__((nonnull, warn_unused_result));
