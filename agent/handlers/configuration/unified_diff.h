#pragma once

/*
 * The difference of two texts as people read it: lines, three of context. Bounded in size; where it
 * is cut off it says so.
 */

#include "common/base/text.h"

void unified_diff(const char *name, const char *before, const char *after, Text *out)
    __attribute__((nonnull));
