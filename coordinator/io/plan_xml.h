#pragma once

/*
 * Plan <-> file. The same plan gives the same bytes. A file whose content was changed by hand is
 * refused: its own digest stands in it (attribute sha256 of the root, over the file with that
 * attribute empty).
 * Files of more than 64 MiB are refused. A value that XML cannot hold (control characters, bytes
 * that are not UTF-8) is written in hex, so every fact comes back as it was.
 * Errors: ERROR_INVALID not a plan, ERROR_OUTDATED digest differs, ERROR_CORRUPT steps that wait
 * for each other; each names `path`.
 */

#include "coordinator/core/plan.h"

/* The caller frees. */
char *plan_write(const Plan *plan) __attribute__((nonnull, returns_nonnull));
bool plan_parse(const char *path, const char *text, Plan **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
