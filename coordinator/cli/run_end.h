#pragma once

/* What the operator reads when a lead has ended: what holds, what is safe now. */

#include "coordinator/cli/night.h"

/* The exit code that stands for it. */
int run_end_print(const Night *night, const LeadResult *result) __attribute__((nonnull));
