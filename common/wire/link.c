#include "common/wire/link.h"

#include <assert.h>
#include <limits.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/wire/link_private.h"

#define HANDSHAKE_MS   10000
#define HEARTBEAT_MS   1000
#define SILENCE_MS     3000
#define WAIT_MAX_MS    60000
#define POSTS_PER_TAKE 256 /* then time limits are looked at again */

Link *link_new(LinkHub *hub, LinkOrigin origin)
{
    Link *link = memory_new(sizeof(*link));

    link->hub = hub;
    link->origin = origin;
    link->next = hub->links;
    if (link->next)
        link->next->previous = link;
    hub->links = link;
    return link;
}

static void forget_events(const Link *link)
{
    LinkHub *hub = link->hub;
    EventNode **at = &hub->events;

    while (*at) {
        EventNode *node = *at;

        if (node->event.link == link) {
            *at = node->next;
            message_done(&node->event.message);
            free(node);
        } else {
            at = &node->next;
        }
    }
    hub->events_end = at;
}

void link_free(Link *link)
{
    LinkHub *hub = link->hub;

    forget_events(link);
    *(link->previous ? &link->previous->next : &hub->links) = link->next;
    if (link->next)
        link->next->previous = link->previous;
    channel_free(link->channel);
    tls_session_free(link->tls);
    frame_reader_next(&link->reader);
    free(link->address);
    free(link);
}

static EventNode *push(LinkHub *hub, LinkEventKind kind, Link *link)
{
    EventNode *node = memory_new(sizeof(*node));

    node->event.kind = kind;
    node->event.link = link;
    if (link) {
        node->event.role = link->peer.role;
        (void)text_copy(node->event.peer, NAME_MAX_BYTES, link->peer.name); /* the same size */
    }
    *hub->events_end = node;
    hub->events_end = &node->next;
    return node;
}

void link_hub_push(LinkHub *hub, LinkEventKind kind, Link *link, const Error *error)
{
    EventNode *node = push(hub, kind, link);

    if (error)
        node->event.error = *error;
}

void link_hub_push_message(Link *link, Message *message)
{
    push(link->hub, LINK_MESSAGE, link)->event.message = *message;
    *message = (Message){ 0 };
}

static TlsFiles files_of(const LinkHub *hub)
{
    return (TlsFiles){ hub->ca_file, hub->certificate_file, hub->key_file, hub->crl_file };
}

bool link_hub_new(const LinkSettings *settings, LinkHub **ret, Error *error)
{
    AUTO(LinkHub) *hub = memory_new(sizeof(*hub));
    TlsFiles files;

    hub->events_end = &hub->events;
    hub->mailbox = mailbox_new();
    hub->due = INT64_MAX;
    hub->own.role = settings->role;
    if (!name_is_valid(settings->cluster) || !name_is_valid(settings->name) ||
        !text_copy(hub->own.cluster, NAME_MAX_BYTES, settings->cluster) ||
        !text_copy(hub->own.name, NAME_MAX_BYTES, settings->name))
        return error_set(error, ERROR_INVALID, "cluster '%.64s' or name '%.64s' is not a name",
            settings->cluster, settings->name);
    hub->ca_file = memory_text(settings->ca_file);
    hub->certificate_file = memory_text(settings->certificate_file);
    hub->key_file = memory_text(settings->key_file);
    hub->crl_file = settings->crl_file ? memory_text(settings->crl_file) : NULL;
    hub->handshake_ms = settings->handshake_ms > 0 ? settings->handshake_ms : HANDSHAKE_MS;
    hub->heartbeat_ms = settings->heartbeat_ms > 0 ? settings->heartbeat_ms : HEARTBEAT_MS;
    hub->silence_ms = settings->silence_ms > 0 ? settings->silence_ms : SILENCE_MS;
    files = files_of(hub);
    if (!tls_context_new(&files, &hub->own, &hub->tls, error))
        return false;
    *ret = TAKE(hub);
    return true;
}

void link_hub_free(LinkHub *hub)
{
    if (!hub)
        return;
    while (hub->links)
        link_free(hub->links);
    while (hub->events) { /* of peers that were rejected */
        EventNode *node = hub->events;

        hub->events = node->next;
        free(node);
    }
    while (hub->farewells) {
        Farewell *farewell = hub->farewells;

        hub->farewells = farewell->next;
        channel_free(farewell->channel);
        free(farewell);
    }
    door_free(hub->door);
    mailbox_free(hub->mailbox);
    tls_context_free(hub->tls);
    free(hub->ca_file);
    free(hub->certificate_file);
    free(hub->key_file);
    free(hub->crl_file);
    free(hub);
}

int link_hub_fd(const LinkHub *hub)
{
    return mailbox_fd(hub->mailbox);
}

int link_hub_wait_ms(const LinkHub *hub)
{
    Millis left;

    if (hub->events)
        return 0;
    if (hub->due == INT64_MAX)
        return WAIT_MAX_MS;
    left = hub->due - clock_now();
    return left <= 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : (int)left;
}

bool link_hub_take(LinkHub *hub, LinkEvent *ret)
{
    EventNode *node;

    if (clock_now() >= hub->due)
        link_machine_tick(hub, clock_now());
    for (unsigned i = 0; i < POSTS_PER_TAKE && !hub->events; i++) {
        Post *post = mailbox_take(hub->mailbox);

        if (!post)
            break;
        link_machine_handle(hub, post, clock_now());
    }
    node = hub->events;
    if (!node)
        return false;
    hub->events = node->next;
    if (!hub->events)
        hub->events_end = &hub->events;
    *ret = node->event;
    if (ret->kind == LINK_DOWN)
        ret->link->down_is_taken = true;
    free(node);
    return true;
}

void link_event_done(LinkEvent *event)
{
    message_done(&event->message);
    if (event->kind == LINK_DOWN && event->link && event->link->state == STATE_OVER)
        link_free(event->link);
    event->link = NULL;
}

Link *link_dial(LinkHub *hub, const char *peer, const char *address, unsigned port)
{
    Link *link = link_new(hub, LINK_DIALLED);

    assert(name_is_valid(peer));
    link->state = STATE_RESTING;
    link->peer = (PeerIdentity){ .role = PEER_AGENT };
    (void)text_copy(link->peer.cluster, NAME_MAX_BYTES, hub->own.cluster); /* the same size */
    (void)text_copy(link->peer.name, NAME_MAX_BYTES, peer);                /* a valid name fits */
    link->address = memory_text(address);
    link->port = port;
    link->deadline = clock_now();
    link_machine_due(hub, link->deadline);
    return link;
}

bool link_listen(LinkHub *hub, const char *address, unsigned port, Error *error)
{
    assert(!hub->door);
    if (!door_open(hub->mailbox, address, port, &hub->door, error))
        return false;
    door_accept(hub->door);
    return true;
}

unsigned link_hub_port(const LinkHub *hub)
{
    return hub->door ? door_port(hub->door) : 0;
}

bool link_is_up(const Link *link)
{
    return link->state == STATE_UP;
}

long link_days_left(const Link *link)
{
    assert(link->state == STATE_UP);
    return tls_session_days_left(link->tls);
}

bool link_send(Link *link, const Message *message, Error *error)
{
    if (link->state != STATE_UP)
        return error_set(error, ERROR_UNREACHABLE, "%s %s is not connected",
            peer_role_name(link->peer.role), link->peer.name);
    return link_machine_send(link, message, clock_now(), error);
}

void link_drop(Link *link, const char *why)
{
    Message goodbye = { .kind = MESSAGE_REFUSAL, .text = memory_text(why) };
    Error ignored = { 0 };

    if (link->state == STATE_OVER && link->down_is_taken) {
        message_done(&goodbye);
        return; /* link_event_done() frees it */
    }
    if (link->state == STATE_UP) {
        /* the peer learns why if it can; if it cannot, the link ends all the same */
        bool told = link_machine_send(link, &goodbye, clock_now(), &ignored);

        (void)told;
    }
    message_done(&goodbye);
    link_machine_part(link, clock_now());
    link_free(link);
}

void *link_user(const Link *link)
{
    return link->user;
}

void link_set_user(Link *link, void *user)
{
    link->user = user;
}

static bool stays(const Link *link, Error *error)
{
    switch (link->state) {
    case STATE_RESTING:
    case STATE_DIALLING:
    case STATE_OVER:
        return true;
    case STATE_SECURING:
    case STATE_GREETING:
        return error_set(error, ERROR_UNREACHABLE, "certificates were read again meanwhile");
    case STATE_UP:
        break;
    }
    return tls_session_is_still_good(link->tls, link->hub->tls, error);
}

bool link_hub_reload(LinkHub *hub, Error *error)
{
    TlsFiles files = files_of(hub);
    TlsContext *fresh;

    if (!tls_context_new(&files, &hub->own, &fresh, error))
        return false;
    tls_context_free(hub->tls);
    hub->tls = fresh;
    for (Link *link = hub->links, *next; link; link = next) {
        Error why = { 0 };

        next = link->next;
        if (!stays(link, &why))
            link_machine_fail(link, &why, clock_now());
    }
    return true;
}
