#pragma once

/*
 * TLS 1.3 without a socket: bytes of the network in, bytes for the network out (OpenSSL on memory
 * buffers). Both sides show a certificate; no tickets, no resumption, no early data.
 *
 *   tls_session_receive(s, bytes, n)          whatever came
 *   tls_session_handshake(s, &error)          until TLS_DONE
 *   tls_session_read/_write                   then
 *   tls_session_output(s, buffer, n)          after each of these: to be sent, also after a failure
 *
 * Owns: a session keeps its context's certificates alive by itself. Errors: ERROR_REFUSED for
 * certificates and broken TLS, ERROR_UNREACHABLE when the peer ended in order, ERROR_INVALID for
 * our own files.
 */

#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/model/peer.h"

typedef struct TlsContext TlsContext;
typedef struct TlsSession TlsSession;

typedef struct TlsFiles {
    const char *ca, *certificate, *key;
    const char *crl; /* NULL: none */
} TlsFiles;

typedef enum TlsOutcome {
    TLS_DONE,
    TLS_WAITS, /* for more bytes of the peer */
    TLS_BROKEN,
} TlsOutcome;

/* The own certificate must be what `own` says, and have its key. */
bool tls_context_new(const TlsFiles *files, const PeerIdentity *own, TlsContext **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void tls_context_free(TlsContext *context);

/* A dialer's: accepts the agent of that name and address. */
TlsSession *tls_session_dial(const TlsContext *context, const char *name, const char *address)
    __attribute__((nonnull, returns_nonnull));
/* A listener's: accepts coordinators and operators. */
TlsSession *tls_session_listen(const TlsContext *context) __attribute__((nonnull, returns_nonnull));
void tls_session_free(TlsSession *session);

void tls_session_receive(TlsSession *session, const uint8_t *bytes, size_t length)
    __attribute__((nonnull(1)));
TlsOutcome tls_session_handshake(TlsSession *session, Error *error)
    __attribute__((nonnull, warn_unused_result));
TlsOutcome tls_session_read(TlsSession *session, uint8_t *buffer, size_t capacity,
    size_t *ret_length, Error *error) __attribute__((nonnull, warn_unused_result));
bool tls_session_write(TlsSession *session, const uint8_t *bytes, size_t length, Error *error)
    __attribute__((nonnull, warn_unused_result));
size_t tls_session_output(TlsSession *session, uint8_t *buffer, size_t capacity)
    __attribute__((nonnull));
/* Says goodbye: close_notify goes to the output. */
void tls_session_end(TlsSession *session) __attribute__((nonnull));

/* After the handshake: from the verified certificate. */
const PeerIdentity *tls_session_peer(const TlsSession *session)
    __attribute__((nonnull, returns_nonnull));
/* Whole days until the peer's certificate ends. */
long tls_session_days_left(const TlsSession *session) __attribute__((nonnull));
/* Judges the peer's certificate again, by another context's authority and revocation list. */
bool tls_session_is_still_good(const TlsSession *session, const TlsContext *context, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(TlsContext, tls_context_free)
DEFINE_AUTO(TlsSession, tls_session_free)
