#pragma once

/*
 * Links: mutually authenticated TLS 1.3 connections that carry frames.
 *
 * The coordinator dials, an agent listens. All links of a program belong to one LinkHub. nng's
 * threads do nothing but post raw bytes to the mailbox: TLS, frames and everything else run on the
 * caller's thread, so there are no locks outside the mailbox.
 *
 *   link_hub_new(&settings, &hub, &error)          certificates, own role
 *   link_dial(hub, "node1", "10.0.0.1", 9700)      dials and redials until link_drop()
 *   link_listen(hub, "0.0.0.0", 9700, &error)
 *   for ever:
 *       poll() link_hub_fd(hub), at most link_hub_wait_ms(hub)
 *       while (link_hub_take(hub, &event))
 *           handle it, link_event_done(&event)
 *
 * The law: link_hub_take() is called at least once a second, also when the loop has other work,
 * because heartbeats, redials and time limits run inside it.
 *
 * Identity: read once from the verified certificate. A dialer accepts only the agent whose name it
 * dialled, in this cluster; a listener only coordinators and operators of this cluster. Each
 * message's cluster and sender are compared with it.
 * Up: when the peer's first frame came. With TLS 1.3 a dialer's handshake ends before the listener
 * has judged it, so only that frame proves that both accepted.
 * Limits: dial 10 s, then handshake 10 s; frames 1 MiB and 30 s; what is queued for one peer 8 MiB,
 * sending without progress 10 s; 64 unfinished handshakes, then the oldest is ended. Beyond 20 per
 * second rejected peers are only counted.
 * Heartbeat: the hub sends one each second on links that are up and cuts what is silent for 3 s;
 * heartbeats are answered inside the hub and never become events.
 * Redial: after 100 ms, then double up to 5 s, each time a random half of it less.
 * fork: a process with a hub has nng's threads; children are only spawned (posix_spawn).
 * Errors: ERROR_REFUSED for certificates and protocols, ERROR_UNREACHABLE for the network,
 * ERROR_INVALID for what a peer may not send, and for our own files.
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
    LINK_DOWN,    /* `error` says why; a dialled link goes on dialling, and says so each time that a
                     dial fails, whether it was up before or not */
    LINK_REJECTED /* somebody who came in was refused: `error` says who and why; `link` is NULL */
} LinkEventKind;

typedef struct LinkEvent {
    LinkEventKind kind;
    Link *link; /* an accepted link is valid until link_event_done() of its LINK_DOWN */
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

/* Reads certificates and revocation list again; links of peers that they refuse are cut. When a
 * file is wrong, all stays as it was. */
bool link_hub_reload(LinkHub *hub, Error *error) __attribute__((nonnull, warn_unused_result));

Link *link_dial(LinkHub *hub, const char *peer, const char *address, unsigned port)
    __attribute__((nonnull, returns_nonnull));
/* port 0: any; link_hub_port() tells which. */
bool link_listen(LinkHub *hub, const char *address, unsigned port, Error *error)
    __attribute__((nonnull, warn_unused_result));
unsigned link_hub_port(const LinkHub *hub) __attribute__((nonnull));

/* Whole days until the peer's certificate ends; the link has to be up. */
long link_days_left(const Link *link) __attribute__((nonnull));
bool link_is_up(const Link *link) __attribute__((nonnull));
/* Cluster and sender are filled in, the epoch is the message's. False when the link is not up, when
 * evidence or arguments are beyond the limits (ERROR_INVALID: the link stays up), or when too much
 * is queued (the link is cut). What was sent may be lost when the link goes down. */
bool link_send(Link *link, const Message *message, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Ends the link for good; the peer gets the reason as a refusal. No event of it comes any more, and
 * it must not be used again. */
void link_drop(Link *link, const char *why) __attribute__((nonnull));
void *link_user(const Link *link) __attribute__((nonnull));
void link_set_user(Link *link, void *user) __attribute__((nonnull(1)));

DEFINE_AUTO(LinkHub, link_hub_free)
