#pragma once

/*
 * DIRECTORY/profile.xml and the scripts that it names -> Profile.
 *
 * The schema is agent/profile.xsd. A row with several layouts or types ("4.0 4.1") becomes one row
 * for each. What a schema cannot say is checked here: layouts that are named exist, scripts lie in
 * the folder and are there, a kind of setting has what it needs.
 *
 * `sha256` is that of profile.xml followed by each script in the order of profile.xml, each as its
 * name, a zero byte, its length in decimal, a zero byte, its bytes.
 *
 * Errors: ERROR_INVALID with file and line; ERROR_IO when a file cannot be read.
 */

#include "agent/core/profile.h"

bool profile_load(const char *directory, Profile **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
