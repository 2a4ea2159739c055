#pragma once

/*
 * The other end of a link, made by hand: a thread with one blocking connection on 127.0.0.1 that
 * speaks TLS with any certificate, or none, or no TLS at all, then sends what it was given and
 * reads until the end.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct RawOrder {
    const char *ca, *certificate, *key; /* files; certificate NULL: shows none */
    int newest_version;                 /* of TLS; 0: whatever there is */
    bool plain;                         /* no TLS */
    const void *bytes;                  /* sent first, or after the handshake */
    size_t length;
} RawOrder;

typedef struct RawPeer RawPeer;

RawPeer *raw_peer_dial(const RawOrder *order, unsigned port);
/* Listens, takes one connection. */
RawPeer *raw_peer_listen(const RawOrder *order);
unsigned raw_peer_port(const RawPeer *peer);
/* The other side has closed, or it did itself. */
bool raw_peer_has_ended(RawPeer *peer);
/* Waits until that is so; what was read is written to `ret`, cut. */
size_t raw_peer_end(RawPeer *peer, void *ret, size_t capacity);
