#pragma once

/* What link.c (hub, events, calls) and link_machine.c (posts and time limits) share. */

#include "common/wire/channel.h"
#include "common/wire/frame_reader.h"
#include "common/wire/link.h"
#include "common/wire/tls.h"

typedef enum LinkState {
    STATE_RESTING,  /* dialled: until `deadline` */
    STATE_DIALLING, /* TCP, until `deadline` */
    STATE_SECURING, /* TLS handshake, until `deadline` */
    STATE_GREETING, /* TLS stands, the first frame is awaited until `deadline` */
    STATE_UP,
    STATE_OVER, /* accepted: only its LINK_DOWN is left */
} LinkState;

typedef enum LinkOrigin { LINK_DIALLED, LINK_ACCEPTED } LinkOrigin;

struct Link {
    LinkHub *hub;
    Link *previous, *next;
    LinkOrigin origin;
    LinkState state;
    PeerIdentity peer; /* a dialled link knows whom it wants from the start */
    char *address;     /* dialled */
    unsigned port;
    Channel *channel;
    TlsSession *tls;
    FrameReader reader;
    Millis deadline;
    Millis up_since, heard, heartbeat_due;
    Millis frame_since; /* 0: none has begun */
    Millis sent_since;  /* last progress of sending; 0: nothing is queued */
    unsigned failures;  /* of dialling; fewer after it was up */
    uint64_t heartbeats;
    bool down_is_taken;
    void *user;
};

typedef struct EventNode {
    struct EventNode *next;
    LinkEvent event;
} EventNode;

/* A connection that is over but for its last bytes, an alert for example. */
typedef struct Farewell {
    struct Farewell *next;
    Channel *channel;
    Millis deadline;
} Farewell;

struct LinkHub {
    PeerIdentity own;
    char *ca_file, *certificate_file, *key_file, *crl_file;
    Millis handshake_ms, heartbeat_ms, silence_ms;
    TlsContext *tls;
    Mailbox *mailbox;
    Door *door;
    Millis door_retry; /* 0: it is open */
    Link *links;       /* the newest first */
    Farewell *farewells;
    EventNode *events, **events_end;
    Millis due; /* when link_machine_tick() has something to do */
    Millis rejected_since;
    unsigned rejected, rejected_silently;
};

/* Runs what is due. */
void link_machine_tick(LinkHub *hub, Millis now) __attribute__((nonnull));
void link_machine_handle(LinkHub *hub, Post *post, Millis now) __attribute__((nonnull));
/* Sends on a link that is greeting or up. False: it was ended (`error`), or did not fit. */
bool link_machine_send(Link *link, const Message *message, Millis now, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Ends the connection; the event is queued. An accepted link that was not up is freed. */
void link_machine_fail(Link *link, const Error *error, Millis now) __attribute__((nonnull));
/* Ends the connection without an event; what is queued goes out, if it does so soon. */
void link_machine_part(Link *link, Millis now) __attribute__((nonnull));
void link_machine_due(LinkHub *hub, Millis when) __attribute__((nonnull));

Link *link_new(LinkHub *hub, LinkOrigin origin) __attribute__((nonnull, returns_nonnull));
void link_free(Link *link) __attribute__((nonnull));
void link_hub_push(LinkHub *hub, LinkEventKind kind, Link *link, const Error *error)
    __attribute__((nonnull(1)));
void link_hub_push_message(Link *link, Message *message) __attribute__((nonnull));
