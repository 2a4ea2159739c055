#pragma once

/*
 * Whom a verified certificate belongs to, and whether that is whom we want. Called inside the
 * handshake, so that it fails there.
 *
 * Wanted by a listener: a coordinator or an operator of this cluster, usage clientAuth and no
 * other. Wanted by a dialer: the agent of that name, usage serverAuth and no other; when the
 * certificate lists host names or addresses, the dialled one among them.
 * Errors: ERROR_REFUSED.
 */

#include <openssl/x509.h>

#include "common/model/peer.h"

typedef struct TlsWanted {
    const char *cluster;
    const char *name;    /* a dialer's; NULL for a listener */
    const char *address; /* a dialer's */
} TlsWanted;

/* Identity alone: exactly one URI, in our form. */
bool tls_peer_identity(const X509 *certificate, PeerIdentity *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool tls_peer_check(X509 *certificate, const TlsWanted *wanted, PeerIdentity *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
