#pragma once

/*
 * Passwords as the JDBC user store of Carbon 4 keeps them: Base64 of digest(password + salt), the
 * salt being Base64 of 16 random bytes; and the passwords in user store files, which only the
 * holder of the server's key store can read.
 *
 * The real product encrypts those with RSA from the JKS. Here the bytes of the key store are the
 * key: SHA-256 of them and a counter is the key stream, in front stand 8 bytes of
 * SHA-256(key store, text). What matters stays true: another key store does not decrypt.
 *
 * Owns: texts are the caller's. Errors: ERROR_INVALID.
 */

#include <stddef.h>

#include "common/base/error.h"

#define PASSWORD_SALT_BYTES 25 /* 24 characters and the end */

/* `salt` NULL: none. `digest`: a name that OpenSSL knows ("SHA-256"), or "PLAIN_TEXT" or "". */
bool password_hash(const char *digest, const char *password, const char *salt, char **ret,
    Error *error) __attribute__((nonnull(1, 2, 4, 5), warn_unused_result));
void password_make_salt(char ret[PASSWORD_SALT_BYTES]) __attribute__((nonnull));

bool password_encrypt(const char *key_store, const char *text, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool password_decrypt(const char *key_store, const char *base64, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Base64 without line ends; the caller frees. */
char *password_base64(const unsigned char *bytes, size_t length)
    __attribute__((nonnull, returns_nonnull));
/* The decoded bytes, with an end mark behind them; NULL: not Base64. */
char *password_from_base64(const char *base64, size_t *ret_length) __attribute__((nonnull));
