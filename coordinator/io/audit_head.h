#pragma once

/*
 * audit.head: serial and hash of the journal's newest row in a small signed file beside it, so that
 * rows cut off at the journal's end are missed. It is replaced after each row; a crash between the
 * two leaves it one row behind, never ahead.
 *
 *   dss-upgrade audit head 1
 *   serial 17
 *   hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *   signature 128 hex digits, over the lines above with their line ends
 *
 * Errors: ERROR_IO; ERROR_CORRUPT no such file's content, or another key's.
 */

#include <stdint.h>

#include "common/model/command.h"
#include "common/os/signature.h"

typedef struct AuditHead {
    int64_t serial; /* 0: there is no file */
    char hash[DIGEST_HEX_BYTES];
} AuditHead;

bool audit_head_write(const char *path, const AuditHead *head, const SignatureKey *key,
    Error *error) __attribute__((nonnull, warn_unused_result));
bool audit_head_read(const char *path, const SignatureKey *key, AuditHead *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
