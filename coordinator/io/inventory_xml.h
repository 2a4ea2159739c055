#pragma once

/*
 * cluster.xml -> Inventory, validated against the shipped schema (inventory.xsd, embedded at build
 * time): every message has file and line. No network, no entity expansion, at most 1 MiB.
 * Errors: ERROR_INVALID what is wrong in the file, ERROR_IO cannot be read.
 */

#include "coordinator/core/inventory.h"

bool inventory_read(const char *path, Inventory **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The same for a text that came with a plan; `path` is for messages. */
bool inventory_parse(const char *path, const char *text, Inventory **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
