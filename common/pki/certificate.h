#pragma once

/*
 * The authority's key and certificate, and what it signs.
 * Owns: what comes out of ret is the caller's.
 */

#include "common/pki/pem_file.h"
#include "common/pki/pki.h"

typedef struct Authority {
    EVP_PKEY *key;
    X509 *certificate;
    char cluster[NAME_MAX_BYTES];
} Authority;

void authority_done(Authority *authority) __attribute__((nonnull));
#define AUTHORITY_AUTO(name) __attribute__((cleanup(authority_done))) Authority name = { 0 }

bool authority_make(const char *cluster, Authority *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool authority_load(const char *folder, Authority *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

EVP_PKEY *key_make(void) __attribute__((returns_nonnull));
bool certificate_make(const Authority *authority, const PkiRequest *request, EVP_PKEY *key,
    X509 **ret, Error *error) __attribute__((nonnull, warn_unused_result));
/* Serial, end of validity; not revoked. Role and name are left as they are. */
void certificate_describe(const X509 *certificate, PkiEntry *ret) __attribute__((nonnull));

/* The signed list of all entries that are revoked. */
bool revocation_list_make(const Authority *authority, const PkiEntries *entries, X509_CRL **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
