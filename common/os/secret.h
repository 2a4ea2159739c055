#pragma once

/*
 * A value that is never printed: password files, join tokens. There is no function that formats it;
 * whoever hands it to a library asks secret_reveal() and keeps no copy. Wiped when freed.
 *
 * Errors: ERROR_INVALID the file is empty, too long or readable by everybody; ERROR_IO otherwise.
 * No error text ever has a byte of the value.
 */

#include "common/base/cleanup.h"
#include "common/base/error.h"

#define SECRET_MAX_BYTES 4096

typedef struct Secret Secret;

Secret *secret_new(const void *bytes, size_t length) __attribute__((nonnull, returns_nonnull));
/*
 * The file's first line, without its line end. A file that others may read or write, or its group
 * write, is refused (a group may read it: systemd gives credentials to a unit's user that way).
 */
bool secret_read(const char *path, Secret **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Always a C string; valid as long as the secret. */
const char *secret_reveal(const Secret *secret) __attribute__((nonnull, returns_nonnull));
size_t secret_length(const Secret *secret) __attribute__((nonnull));
void secret_free(Secret *secret);

DEFINE_AUTO(Secret, secret_free)
