#pragma once

/*
 * Which row differs: for the message after two digests of a table were not equal. Reads both sides
 * again and keeps 16 bytes per row of one side.
 *
 * Adds to `ret` the key of the first row that one side has and the other lacks ("row REG_ID=17,
 * REG_TENANT_ID=-1234 of staging is not in production"), or how many there are where the table has
 * no key.
 */

#include "agent/handlers/copy/catalogue.h"
#include "common/base/text.h"

bool difference_find(Database *production, Database *staging, const CopyTable *table, Text *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
