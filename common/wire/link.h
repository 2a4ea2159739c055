#pragma once

/*
 * Links: mutually authenticated TLS 1.3 connections that carry frames.
 *
 * A Fleet-side program dials, an agent listens. All links of a program belong to one LinkHub. The
 * hub's file descriptor becomes readable when something happened; link_hub_take() then hands out
 * one LinkEvent after the other on the caller's thread. nng's threads do nothing but post raw bytes
 * to the mailbox: TLS, frames and everything else run on the caller's thread, so there are no locks
 * outside the mailbox.
 *
 *   hub = link_hub_new(&settings)                      certificates, own role
 *   link_dial(hub, "node1", "10.0.0.1", 9700)          dials, redials with back-off, until
 * link_drop link_listen(hub, "0.0.0.0", 9700) poll(link_hub_fd(hub)); while (link_hub_take(hub,
 * &event)) …; link_event_done(&event)
 *
 * Identity: read once from the verified certificate. A dialer accepts only a certificate whose role
 * URI says agent, this cluster and the name it dialled; a listener only coordinators and operators
 * of this cluster.
 * Limits: handshake 10 s; frames 1 MiB; what is queued for one peer 8 MiB, then the link is cut.
 * Heartbeat: the hub sends one each second on links that are up and cuts what is silent for 3 s;
 * heartbeats are answered inside the hub and never become events.
 * Errors: ERROR_REFUSED for certificates, ERROR_UNREACHABLE for the network.
 */

#include "common/base/cleanup.h"
#include "common/base/millis.h"
#include "common/model/peer.h"
#include "common/wire/wire.h"

typedef struct LinkHub LinkHub;
typedef struct Link Link;

typedef struct LinkSettings {
    const char *cluster;
    const char *name; /* own name, as in the certificate */
    PeerRole role;    /* own role */
    const char *ca_file, *certificate_file, *key_file;
    const char *crl_file;                          /* NULL: none */
    Millis handshake_ms, heartbeat_ms, silence_ms; /* 0: 10000, 1000, 3000 */
} LinkSettings;

typedef enum LinkEventKind {
    LINK_UP,      /* verified; `peer` is set */
    LINK_MESSAGE, /* `message` is set */
    LINK_DOWN,    /* `error` says why; a dialled link goes on dialling */
    LINK_REJECTED /* a peer was refused before it was anybody: `error` says who and why */
} LinkEventKind;

typedef struct LinkEvent {
    LinkEventKind kind;
    Link *link; /* NULL for a rejected peer; valid until the LINK_DOWN of an accepted link */
    char peer[NAME_MAX_BYTES];
    PeerRole role;
    Message message;
    Error error;
} LinkEvent;

bool link_hub_new(const LinkSettings *settings, LinkHub **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void link_hub_free(LinkHub *hub); /* closes everything; what was queued may be lost */
int link_hub_fd(const LinkHub *hub) __attribute__((nonnull));
/* Milliseconds until the hub wants link_hub_take() called even without readiness. */
int link_hub_wait_ms(const LinkHub *hub) __attribute__((nonnull));
/* True and an event, or false when there is none now. Also runs timers. */
bool link_hub_take(LinkHub *hub, LinkEvent *ret) __attribute__((nonnull));
void link_event_done(LinkEvent *event) __attribute__((nonnull));

/* Reads certificates and revocation list again; open links of revoked peers are cut. */
bool link_hub_reload(LinkHub *hub, Error *error) __attribute__((nonnull, warn_unused_result));

Link *link_dial(LinkHub *hub, const char *peer, const char *address, unsigned port)
    __attribute__((nonnull, returns_nonnull));
/* port 0: any; link_hub_port() tells which. */
bool link_listen(LinkHub *hub, const char *address, unsigned port, Error *error)
    __attribute__((nonnull, warn_unused_result));
unsigned link_hub_port(const LinkHub *hub) __attribute__((nonnull));

bool link_is_up(const Link *link) __attribute__((nonnull));
/* Fills cluster, sender and epoch as given in the message; false when the link is not up. */
bool link_send(Link *link, const Message *message, Error *error)
    __attribute__((nonnull, warn_unused_result));
void link_drop(Link *link, const char *why) __attribute__((nonnull));
void *link_user(const Link *link) __attribute__((nonnull));
void link_set_user(Link *link, void *user) __attribute__((nonnull(1)));

DEFINE_AUTO(LinkHub, link_hub_free)
