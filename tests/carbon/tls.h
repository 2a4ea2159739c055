#pragma once

/*
 * The server's TLS: a self-signed certificate for CN=localhost, as every fresh pack has one, and at
 * most TLS 1.2, as Java 7 speaks it. The key is HOME/repository/resources/security/standin.pem when
 * that exists (key, then certificate), otherwise a new one for each start.
 *
 * Owns: SSL_CTX by SSL_CTX_free(). Errors: ERROR_INVALID.
 */

#include <openssl/ssl.h>

#include "common/base/error.h"

bool tls_new_context(const char *home, SSL_CTX **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
