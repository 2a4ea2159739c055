#pragma once

/*
 * SHA-256 of buffers, files and streams (OpenSSL).
 * Owns: a Digest is freed by digest_free(). Errors: ERROR_IO for files.
 */

#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

#define SHA256_BYTES     32
#define SHA256_HEX_BYTES 65

typedef struct Digest Digest;

Digest *digest_new(void) __attribute__((returns_nonnull));
void digest_free(Digest *digest);
void digest_add(Digest *digest, const void *bytes, size_t length) __attribute__((nonnull(1)));
/* Ends it; the digest can be used again from the start. */
void digest_end(Digest *digest, unsigned char ret[SHA256_BYTES]) __attribute__((nonnull));
void digest_end_hex(Digest *digest, char ret[SHA256_HEX_BYTES]) __attribute__((nonnull));

void digest_of(const void *bytes, size_t length, char ret[SHA256_HEX_BYTES])
    __attribute__((nonnull(3)));
bool digest_of_file(const char *path, char ret[SHA256_HEX_BYTES], Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(Digest, digest_free)
