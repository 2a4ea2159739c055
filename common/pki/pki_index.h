#pragma once

/* The authority's index file: what was issued, one line each. Format: pki.h. */

#include "common/pki/pki.h"

bool pki_index_read(const char *folder, PkiEntries *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool pki_index_write(const char *folder, const PkiEntries *entries, Error *error)
    __attribute__((nonnull, warn_unused_result));
void pki_index_add(PkiEntries *entries, const PkiEntry *entry) __attribute__((nonnull));
