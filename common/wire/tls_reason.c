#include "common/wire/tls_reason.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/base/memory.h"
#include "common/os/openssl_reason.h"

#define KEY_BYTES_SHOWN 6

/* "key 3f2a91c07d44": two authorities of one cluster's name differ in nothing else. */
static char *key_words(const ASN1_OCTET_STRING *key)
{
    const unsigned char *bytes = key ? ASN1_STRING_get0_data(key) : NULL;

    if (!key || ASN1_STRING_length(key) < KEY_BYTES_SHOWN)
        return memory_text("key unknown");
    return memory_format(
        "key %02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

/* The key of the authority that ca.crt names; NULL when it names none. */
static const ASN1_OCTET_STRING *trusted_key(X509_STORE_CTX *store)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(X509_STORE_CTX_get0_store(store));

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (authority)
            return X509_get0_subject_key_id(authority);
    }
    return NULL;
}

static void set_other_authority(X509_STORE_CTX *store, Error *error)
{
    AUTO_TEXT *issuer = key_words(X509_get0_authority_key_id(X509_STORE_CTX_get0_cert(store)));
    AUTO_TEXT *trusted = key_words(trusted_key(store));

    (void)error_set(error, ERROR_REFUSED,
        "its certificate was issued by another authority (%s) than the one trusted here (%s)",
        issuer, trusted);
}

void tls_reason_of_verification(X509_STORE_CTX *store, Error *error)
{
    int code = X509_STORE_CTX_get_error(store);

    switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG: /* it brought its authority along */
        set_other_authority(store, error);
        return;
    default:
        (void)error_set(error, ERROR_REFUSED, "its certificate is refused: %s%s",
            X509_verify_cert_error_string(code),
            X509_STORE_CTX_get_error_depth(store) > 0 ? " (the authority's)" : "");
    }
}

/* Alerts by which a peer says that it does not accept our certificate. */
static bool is_about_our_certificate(int reason)
{
    switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
        return true;
    default:
        return false;
    }
}

void tls_reason_of_failure(Error *error)
{
    bool about_us = is_about_our_certificate(ERR_GET_REASON(ERR_peek_last_error()));

    (void)error_set(error, ERROR_REFUSED, "%s: %s", about_us ? "it refuses our certificate" : "TLS",
        openssl_reason());
}
