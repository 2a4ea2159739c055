#include <assert.h>
#include <sys/random.h>

#include "common/base/memory.h"
#include "common/wire/link_private.h"

#define QUEUE_MAX_BYTES   (8 * 1024 * 1024)
#define FRAME_MS          30000 /* a frame that has begun ends by then */
#define SEND_MS           10000 /* without progress */
#define FAREWELL_MS       1000
#define FAREWELLS_MAX     64
#define UNFINISHED_MAX    64
#define REDIAL_MIN_MS     100
#define REDIAL_MAX_MS     5000
#define REDIAL_DOUBLINGS  6
#define STEADY_MS         1000 /* up for so long */
#define FAILURES_UNSTEADY 3
#define DOOR_RETRY_MS     100 /* after an accept that failed, for lack of descriptors for example */
#define REJECTED_PER_S    20
#define PIECE_BYTES       (16 * 1024) /* one TLS record */
#define DIAL_GRACE_MS     1000        /* nng's own limit of the dial strikes first */

void link_machine_due(LinkHub *hub, Millis when)
{
    if (when < hub->due)
        hub->due = when;
}

/* Ends a connection that is over: its last bytes go out and what still comes in is thrown away,
 * because closing over unread bytes resets TCP, and the peer would never read the alert. */
static void say_farewell(LinkHub *hub, Channel *channel, Millis now)
{
    Farewell *farewell = memory_new(sizeof(*farewell));
    unsigned count = 0;

    channel_set_owner(channel, NULL);
    *farewell = (Farewell){ hub->farewells, channel, now + FAREWELL_MS };
    hub->farewells = farewell;
    link_machine_due(hub, farewell->deadline);
    for (; farewell; farewell = farewell->next)
        if (++count > FAREWELLS_MAX)
            farewell->deadline = now; /* the oldest stand last */
}

static void end_farewells(LinkHub *hub, const Channel *only, Millis now)
{
    Farewell **at = &hub->farewells;

    while (*at) {
        Farewell *farewell = *at;

        if (farewell->channel == only || farewell->deadline <= now) {
            *at = farewell->next;
            channel_free(farewell->channel);
            free(farewell);
        } else {
            link_machine_due(hub, farewell->deadline);
            at = &farewell->next;
        }
    }
}

static void put_out(Link *link, Millis now)
{
    uint8_t piece[PIECE_BYTES];
    size_t length;

    while ((length = tls_session_output(link->tls, piece, sizeof(piece))) > 0) {
        channel_send(link->channel, piece, length);
        if (link->sent_since == 0)
            link->sent_since = now;
    }
}

void link_machine_part(Link *link, Millis now)
{
    if (link->tls) {
        tls_session_end(link->tls);
        put_out(link, now);
    }
    if (link->channel && link->state != STATE_DIALLING)
        say_farewell(link->hub, TAKE(link->channel), now);
    channel_free(link->channel);
    link->channel = NULL;
    tls_session_free(link->tls);
    link->tls = NULL;
    frame_reader_next(&link->reader);
    link->frame_since = link->sent_since = 0;
}

static Millis redial_delay(unsigned failures)
{
    Millis delay = REDIAL_MIN_MS << (failures < REDIAL_DOUBLINGS ? failures : REDIAL_DOUBLINGS);
    uint32_t random = 0;

    if (delay > REDIAL_MAX_MS)
        delay = REDIAL_MAX_MS;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = 0; /* early at boot: no jitter then */
    return delay - random % (delay / 2);
}

/* A peer that was there is looked for soon; one that goes each time it came, not all the time. */
static unsigned failures_after_up(const Link *link, Millis now)
{
    if (now - link->up_since >= STEADY_MS)
        return 0;
    return link->failures < FAILURES_UNSTEADY ? link->failures : FAILURES_UNSTEADY;
}

/* So that a flood of strangers does not become a flood of events. */
static bool may_be_reported(LinkHub *hub, Millis now)
{
    if (now - hub->rejected_since >= 1000) {
        hub->rejected_since = now;
        hub->rejected = 0;
    }
    if (hub->rejected++ < REJECTED_PER_S)
        return true;
    hub->rejected_silently++;
    return false;
}

static void report_rejected(LinkHub *hub, const Error *error, Millis now)
{
    Error told = *error;

    if (!may_be_reported(hub, now))
        return;
    if (hub->rejected_silently > 0)
        (void)error_prefix(&told, "(%u more were rejected before) ", hub->rejected_silently);
    hub->rejected_silently = 0;
    link_hub_push(hub, LINK_REJECTED, NULL, &told);
}

void link_machine_fail(Link *link, const Error *error, Millis now)
{
    LinkHub *hub = link->hub;
    LinkState before = link->state;
    Error told = *error;

    if (link->origin == LINK_DIALLED)
        (void)error_prefix(&told, "agent %s (%s:%u): ", link->peer.name, link->address, link->port);
    else
        (void)error_prefix(&told, "%s%s%s: ", link->peer.name, link->peer.name[0] ? " at " : "",
            channel_peer(link->channel));
    link_machine_part(link, now);
    if (link->origin == LINK_DIALLED) {
        if (before == STATE_UP)
            link->failures = failures_after_up(link, now);
        link->state = STATE_RESTING;
        link->deadline = now + redial_delay(link->failures++);
        link_machine_due(hub, link->deadline);
        link_hub_push(hub, LINK_DOWN, link, &told);
    } else if (before == STATE_UP) {
        link->state = STATE_OVER;
        link_hub_push(hub, LINK_DOWN, link, &told);
    } else {
        link_free(link);
        report_rejected(hub, &told, now);
    }
}

static bool put_frame(Link *link, const uint8_t *frame, size_t bytes, Millis now, Error *error)
{
    if (!tls_session_write(link->tls, frame, bytes, error))
        return false;
    put_out(link, now);
    if (channel_unsent(link->channel) > QUEUE_MAX_BYTES)
        return error_set(error, ERROR_UNREACHABLE,
            "the peer does not read: %zu bytes wait, at most %d may", channel_unsent(link->channel),
            QUEUE_MAX_BYTES);
    return true;
}

bool link_machine_send(Link *link, const Message *message, Millis now, Error *error)
{
    Message sent = *message; /* borrows its texts */
    uint8_t *frame;
    size_t bytes;
    bool good;

    memcpy(sent.cluster, link->hub->own.cluster, sizeof(sent.cluster));
    memcpy(sent.sender, link->hub->own.name, sizeof(sent.sender));
    if (!wire_pack(&sent, &frame, &bytes, error))
        return false;
    good = put_frame(link, frame, bytes, now, error);
    free(frame);
    if (!good)
        link_machine_fail(link, error, now);
    return good;
}

static bool send_heartbeat(Link *link, uint64_t sequence, uint64_t answer, Millis now)
{
    Message heartbeat = { .kind = MESSAGE_HEARTBEAT, .done = sequence, .total = answer };
    Error error = { 0 };

    return link_machine_send(link, &heartbeat, now, &error);
}

/* The peer gets the reason in words, then the end. */
static void refuse(Link *link, const Error *why, Millis now)
{
    Message refusal = { .kind = MESSAGE_REFUSAL, .text = memory_text(why->text) };
    Error error = { 0 };
    bool sent = link_machine_send(link, &refusal, now, &error);

    message_done(&refusal);
    if (sent)
        link_machine_fail(link, why, now);
}

static bool is_from_the_peer(const Link *link, const Message *message, Error *error)
{
    if (strcmp(message->cluster, link->hub->own.cluster) == 0 &&
        strcmp(message->sender, link->peer.name) == 0)
        return true;
    return error_set(error, ERROR_REFUSED, "a message of %s in cluster %s came over the link of %s",
        message->sender, message->cluster, link->peer.name);
}

static void be_up(Link *link, Millis now)
{
    link->state = STATE_UP;
    link->up_since = now;
    link->heartbeat_due = now + link->hub->heartbeat_ms;
    link_machine_due(link->hub, link->heartbeat_due);
    link_hub_push(link->hub, LINK_UP, link, NULL);
}

/* False: the link was ended, and may be gone. */
static bool take_frame(Link *link, Millis now)
{
    MESSAGE_AUTO(message);
    Error error = { 0 };

    if (!wire_unpack(link->reader.content, link->reader.length, &message, &error) ||
        !is_from_the_peer(link, &message, &error)) {
        refuse(link, &error, now);
        return false;
    }
    frame_reader_next(&link->reader);
    link->frame_since = 0;
    if (link->state == STATE_GREETING)
        be_up(link, now);
    if (message.kind == MESSAGE_HEARTBEAT)
        return message.total != 0 || send_heartbeat(link, message.done, 1, now);
    link_hub_push_message(link, &message);
    return true;
}

static bool take_frames(Link *link, const uint8_t *bytes, size_t left, Millis now)
{
    Error error = { 0 };

    for (;;) {
        FrameOutcome outcome = frame_reader_add(&link->reader, &bytes, &left, &error);

        if (outcome == FRAME_REFUSED) {
            refuse(link, &error, now);
            return false;
        }
        if (outcome == FRAME_INCOMPLETE)
            break;
        if (!take_frame(link, now))
            return false;
    }
    if (link->reader.have > 0 && link->frame_since == 0) {
        link->frame_since = now;
        link_machine_due(link->hub, now + FRAME_MS);
    }
    return true;
}

static bool secure(Link *link, Millis now)
{
    Error error = { 0 };
    TlsOutcome outcome = tls_session_handshake(link->tls, &error);

    put_out(link, now);
    if (outcome == TLS_BROKEN)
        link_machine_fail(link, &error, now);
    if (outcome != TLS_DONE)
        return false;
    link->state = STATE_GREETING;
    link->peer = *tls_session_peer(link->tls);
    return send_heartbeat(link, link->heartbeats++, 0, now);
}

/* Everything that the bytes that came in make possible. */
static void advance(Link *link, Millis now)
{
    uint8_t plain[PIECE_BYTES];
    TlsOutcome outcome;
    size_t length;
    Error error = { 0 };

    if (link->state == STATE_SECURING && !secure(link, now))
        return;
    while (
        (outcome = tls_session_read(link->tls, plain, sizeof(plain), &length, &error)) == TLS_DONE)
        if (!take_frames(link, plain, length, now))
            return;
    put_out(link, now); /* TLS may have an answer of its own, to a key update */
    if (outcome == TLS_BROKEN)
        link_machine_fail(link, &error, now);
}

static void begin_handshake(Link *link, Millis now)
{
    link->state = STATE_SECURING;
    link->heard = now;
    link->deadline = now + link->hub->handshake_ms;
    link_machine_due(link->hub, link->deadline);
    link->tls = link->origin == LINK_DIALLED
                    ? tls_session_dial(link->hub->tls, link->peer.name, link->address)
                    : tls_session_listen(link->hub->tls);
    channel_receive(link->channel);
    if (link->origin == LINK_DIALLED)
        (void)secure(link, now); /* only says hello yet: nothing has come */
}

static void dial(Link *link, Millis now)
{
    LinkHub *hub = link->hub;
    ChannelTarget target = { link->address, link->port, hub->handshake_ms };
    Error error = { 0 };

    link->state = STATE_DIALLING;
    link->deadline = now + hub->handshake_ms + DIAL_GRACE_MS;
    link_machine_due(hub, link->deadline);
    if (channel_dial(hub->mailbox, &target, &link->channel, &error))
        channel_set_owner(link->channel, link);
    else
        link_machine_fail(link, &error, now);
}

/* Whoever opens many connections and says nothing loses them, not those who come after. */
static void make_room(LinkHub *hub, Millis now)
{
    Link *oldest = NULL;
    unsigned unfinished = 0;
    Error error = { 0 };

    for (Link *link = hub->links; link; link = link->next) {
        if (link->origin == LINK_ACCEPTED &&
            (link->state == STATE_SECURING || link->state == STATE_GREETING)) {
            unfinished++;
            oldest = link; /* the newest stand first */
        }
    }
    if (unfinished < UNFINISHED_MAX)
        return;
    (void)error_set(
        &error, ERROR_UNREACHABLE, "%u handshakes are unfinished, this one longest", unfinished);
    link_machine_fail(oldest, &error, now);
}

static void accept_peer(LinkHub *hub, const Post *post, Millis now)
{
    Error error = { 0 };
    Channel *channel;
    Link *link;

    if (!door_accepted(hub->door, post, &channel, &error)) {
        hub->door_retry = now + DOOR_RETRY_MS;
        link_machine_due(hub, hub->door_retry);
        report_rejected(hub, &error, now);
        return;
    }
    door_accept(hub->door);
    make_room(hub, now);
    link = link_new(hub, LINK_ACCEPTED);
    link->channel = channel;
    channel_set_owner(channel, link);
    begin_handshake(link, now);
}

static bool handle_bytes(Link *link, const Post *post, Millis now, Error *error)
{
    const uint8_t *bytes;

    if (!channel_received(link->channel, post, &bytes, error))
        return false;
    link->heard = now;
    tls_session_receive(link->tls, bytes, post->length);
    channel_receive(link->channel);
    advance(link, now);
    return true;
}

static bool handle_sent(Link *link, const Post *post, Millis now, Error *error)
{
    if (!channel_sent(link->channel, post, error))
        return false;
    link->sent_since = channel_unsent(link->channel) > 0 ? now : 0;
    return true;
}

static bool handle_dialled(Link *link, const Post *post, Millis now, Error *error)
{
    if (!channel_dialled(link->channel, post, error))
        return false;
    begin_handshake(link, now);
    return true;
}

static void handle_farewell(LinkHub *hub, Channel *channel, const Post *post, Millis now)
{
    const uint8_t *bytes;
    Error error = { 0 };
    bool lives = post->kind == POST_SENT ? channel_sent(channel, post, &error)
                                         : channel_received(channel, post, &bytes, &error);

    if (!lives)
        end_farewells(hub, channel, now);
    else if (post->kind == POST_RECEIVED)
        channel_receive(channel);
}

void link_machine_handle(LinkHub *hub, Post *post, Millis now)
{
    Channel *channel = post->owner;
    Error error = { 0 };
    bool lives = true;
    Link *link;

    if (post->kind == POST_ACCEPTED) {
        accept_peer(hub, post, now);
        return;
    }
    link = channel_owner(channel);
    if (!link) {
        handle_farewell(hub, channel, post, now);
        return;
    }
    if (post->kind == POST_DIALLED)
        lives = handle_dialled(link, post, now, &error);
    else if (post->kind == POST_RECEIVED)
        lives = handle_bytes(link, post, now, &error);
    else
        lives = handle_sent(link, post, now, &error);
    if (!lives)
        link_machine_fail(link, &error, now);
}

/* Why an open link has to end now, or true. */
static bool is_in_time(const Link *link, Millis now, Error *error)
{
    if (now - link->heard >= link->hub->silence_ms && !channel_has_mail(link->channel))
        return error_set(error, ERROR_UNREACHABLE, "silent for %lld ms, at most %lld are allowed",
            (long long)(now - link->heard), (long long)link->hub->silence_ms);
    if (link->frame_since != 0 && now - link->frame_since >= FRAME_MS)
        return error_set(error, ERROR_UNREACHABLE, "a frame is incomplete for %d ms", FRAME_MS);
    if (link->sent_since != 0 && now - link->sent_since >= SEND_MS)
        return error_set(error, ERROR_UNREACHABLE, "the peer takes nothing for %d ms", SEND_MS);
    return true;
}

static Millis earliest(Millis a, Millis b)
{
    return a < b ? a : b;
}

static void tick_up(Link *link, Millis now)
{
    LinkHub *hub = link->hub;
    Error error = { 0 };
    Millis due;

    if (!is_in_time(link, now, &error)) {
        link_machine_fail(link, &error, now);
        return;
    }
    if (now >= link->heartbeat_due) {
        link->heartbeat_due = now + hub->heartbeat_ms;
        if (!send_heartbeat(link, link->heartbeats++, 0, now))
            return;
    }
    /* with mail in the box it is looked at again after the mail */
    due = link->heard + hub->silence_ms > now ? link->heard + hub->silence_ms
                                              : now + hub->heartbeat_ms;
    due = earliest(due, link->heartbeat_due);
    if (link->frame_since != 0)
        due = earliest(due, link->frame_since + FRAME_MS);
    if (link->sent_since != 0)
        due = earliest(due, link->sent_since + SEND_MS);
    link_machine_due(hub, due);
}

static void tick_waiting(Link *link, Millis now)
{
    Error error = { 0 };

    if (now < link->deadline) {
        link_machine_due(link->hub, link->deadline);
        return;
    }
    if (link->state == STATE_RESTING) {
        dial(link, now);
        return;
    }
    (void)error_set(&error, ERROR_UNREACHABLE, "%s within %lld ms",
        link->state == STATE_DIALLING ? "not connected" : "the handshake did not end",
        (long long)link->hub->handshake_ms);
    link_machine_fail(link, &error, now);
}

void link_machine_tick(LinkHub *hub, Millis now)
{
    hub->due = INT64_MAX;
    if (hub->door_retry != 0 && now >= hub->door_retry) {
        hub->door_retry = 0;
        door_accept(hub->door);
    } else if (hub->door_retry != 0) {
        link_machine_due(hub, hub->door_retry);
    }
    end_farewells(hub, NULL, now);
    for (Link *link = hub->links, *next; link; link = next) {
        next = link->next;
        if (link->state == STATE_UP)
            tick_up(link, now);
        else if (link->state != STATE_OVER)
            tick_waiting(link, now);
    }
}
