#pragma once

/*
 * Plan <-> file. The same plan gives the same bytes. A file whose content was changed by hand is
 * refused: its own digest stands in it (attribute sha256 of the root, over the file with that
 * attribute empty).
 * Errors: ERROR_INVALID not a plan, ERROR_OUTDATED digest differs, ERROR_IO.
 */

#include "coordinator/core/plan.h"

/* The caller frees. */
char *plan_write(const Plan *plan) __attribute__((nonnull, returns_nonnull));
bool plan_parse(const char *path, const char *text, Plan **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
