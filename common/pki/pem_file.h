#pragma once

/*
 * Keys (mode 600), certificates and revocation lists in files, written atomically.
 * Owns: what comes out of ret is the caller's. Errors: ERROR_INVALID for what is no PEM, ERROR_IO.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(X509, X509_free)
DEFINE_AUTO(X509_CRL, X509_CRL_free)

bool certificate_read(const char *path, X509 **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool certificate_write(const char *path, X509 *certificate, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool key_read(const char *path, EVP_PKEY **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool key_write(const char *path, EVP_PKEY *key, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool revocation_list_write(const char *path, X509_CRL *list, Error *error)
    __attribute__((nonnull, warn_unused_result));
