#pragma once

/*
 * Why a handshake failed, in the operator's words instead of OpenSSL's.
 *
 * Errors: ERROR_REFUSED, always set.
 */

#include <openssl/x509_vfy.h>

#include "common/base/error.h"

/* From a verification that just failed: what is wrong with the peer's certificate. */
void tls_reason_of_verification(X509_STORE_CTX *store, Error *error) __attribute__((nonnull));
/* From OpenSSL's queue of errors, which is empty afterwards: an alert of the peer, or our own. */
void tls_reason_of_failure(Error *error) __attribute__((nonnull));
