#pragma once

/*
 * Ed25519: a key pair in a file, signatures over short messages (OpenSSL).
 *
 *   signing_key_make(key_path, …)                  once
 *   signing_key_load(key_path, &key, …)            signs
 *   verify_key_write(key, public_path, …)          its public half, for whoever verifies
 *   verify_key_load(public_path, &key, …)          verifies, on any machine
 *
 * The private half never leaves its file and this module: nothing prints it. A key file that group
 * or others may read is refused.
 *
 * Owns: keys are freed by signature_key_free(). Errors: ERROR_INVALID not such a key, or open to
 * others; ERROR_PRECONDITION a key that would be replaced; ERROR_IO.
 */

#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

#define SIGNATURE_BYTES 64

typedef struct SignatureKey SignatureKey;

/* PEM, mode 600, on the disk when it returns. */
bool signing_key_make(const char *key_path, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool signing_key_load(const char *key_path, SignatureKey **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool verify_key_write(const SignatureKey *key, const char *public_path, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Signs nothing: only signature_holds() may be asked with it. */
bool verify_key_load(const char *public_path, SignatureKey **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void signature_key_free(SignatureKey *key);

void signature_make(const SignatureKey *key, const void *message, size_t length,
    unsigned char ret[SIGNATURE_BYTES]) __attribute__((nonnull));
/* True when `signature` was made over exactly this message with the key's private half. */
bool signature_holds(const SignatureKey *key, const void *message, size_t length,
    const unsigned char signature[SIGNATURE_BYTES]) __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(SignatureKey, signature_key_free)
