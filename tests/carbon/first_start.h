#pragma once

/*
 * What the user manager does with its database when the server starts: it looks for the tables of
 * its generation, then makes what is missing (domains, the everyone role, the anonymous user, the
 * administrator when AddAdmin allows it).
 *
 * Errors: ERROR_DATABASE for a database of another layout, with the database's own words;
 * ERROR_INVALID for an administrator who is missing and may not be made.
 */

#include "tests/carbon/realm.h"

/* `realm` is that of the super tenant. */
bool first_start(const Realm *realm, Error *error) __attribute__((nonnull, warn_unused_result));
