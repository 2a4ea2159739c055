#include "common/wire/channel.h"

#include <arpa/inet.h>
#include <assert.h>
#include <nng/nng.h>

#include "common/base/memory.h"

#define RECEIVE_BYTES (16 * 1024) /* about one TLS record */
#define SEND_MAX      (64 * 1024) /* in one piece: progress is seen at this grain */
#define PORT_MAX      65535

typedef struct Outgoing {
    uint8_t *bytes;
    size_t begin, end, capacity;
} Outgoing;

struct Channel {
    Mailbox *mailbox;
    void *owner;
    nng_stream_dialer *dialer; /* until it is connected */
    nng_aio *dial, *receive, *send;
    nng_stream *stream;
    Post dialled, received, sent;
    bool sending;
    Outgoing out; /* what is being sent may not move: it waits in `piece` */
    uint8_t *piece;
    size_t piece_length;
    char peer[CHANNEL_PEER_BYTES];
    uint8_t incoming[RECEIVE_BYTES];
};

struct Door {
    Mailbox *mailbox;
    nng_stream_listener *listener;
    nng_aio *accept;
    Post accepted;
};

static void must(int code)
{
    assert(code == 0); /* these fail only for lack of memory */
    (void)code;
}

/* On nng's threads: no more than this. */
static void post_stream(Mailbox *mailbox, Post *post, nng_aio *aio)
{
    post->code = nng_aio_result(aio);
    post->stream = post->code == 0 ? nng_aio_get_output(aio, 0) : NULL;
    mailbox_post(mailbox, post);
}

static void on_dialled(void *arg)
{
    Channel *channel = arg;

    post_stream(channel->mailbox, &channel->dialled, channel->dial);
}

static void on_accepted(void *arg)
{
    Door *door = arg;

    post_stream(door->mailbox, &door->accepted, door->accept);
}

static void on_received(void *arg)
{
    Channel *channel = arg;

    channel->received.code = nng_aio_result(channel->receive);
    channel->received.length = nng_aio_count(channel->receive);
    mailbox_post(channel->mailbox, &channel->received);
}

static void on_sent(void *arg)
{
    Channel *channel = arg;

    channel->sent.code = nng_aio_result(channel->send);
    channel->sent.length = nng_aio_count(channel->send);
    mailbox_post(channel->mailbox, &channel->sent);
}

static Channel *channel_new(Mailbox *mailbox)
{
    Channel *channel = memory_new(sizeof(*channel));

    channel->mailbox = mailbox;
    channel->dialled = (Post){ .kind = POST_DIALLED, .owner = channel };
    channel->received = (Post){ .kind = POST_RECEIVED, .owner = channel };
    channel->sent = (Post){ .kind = POST_SENT, .owner = channel };
    must(nng_aio_alloc(&channel->receive, on_received, channel));
    must(nng_aio_alloc(&channel->send, on_sent, channel));
    nng_aio_set_timeout(channel->receive, NNG_DURATION_INFINITE); /* the loop has its own limits */
    nng_aio_set_timeout(channel->send, NNG_DURATION_INFINITE);
    return channel;
}

static void end_dialling(Channel *channel)
{
    if (!channel->dialer)
        return;
    nng_stream_dialer_close(channel->dialer);
    nng_aio_stop(channel->dial);
    nng_aio_free(channel->dial);
    nng_stream_dialer_free(channel->dialer);
    channel->dialer = NULL;
    mailbox_withdraw(channel->mailbox, &channel->dialled);
}

void channel_free(Channel *channel)
{
    if (!channel)
        return;
    end_dialling(channel);
    if (channel->dialled.stream != channel->stream)
        nng_stream_free(channel->dialled.stream); /* connected, and nobody looked */
    if (channel->stream)
        nng_stream_close(channel->stream);
    nng_aio_stop(channel->receive);
    nng_aio_stop(channel->send);
    mailbox_withdraw(channel->mailbox, &channel->received);
    mailbox_withdraw(channel->mailbox, &channel->sent);
    nng_stream_free(channel->stream);
    nng_aio_free(channel->receive);
    nng_aio_free(channel->send);
    free(channel->out.bytes);
    free(channel->piece);
    free(channel);
}

static bool url_of(const char *address, unsigned port, char **ret, Error *error)
{
    bool brackets = strchr(address, ':') != NULL;

    if (port > PORT_MAX)
        return error_set(error, ERROR_INVALID, "%u is not a port", port);
    if (address[0] == '\0' || strlen(address) > 255 || strpbrk(address, "/[]@?#% \t\n"))
        return error_set(error, ERROR_INVALID, "'%.255s' is not an address", address);
    *ret =
        memory_format("tcp://%s%s%s:%u", brackets ? "[" : "", address, brackets ? "]" : "", port);
    return true;
}

static bool not_reached(int code, const char *what, Error *error)
{
    if (code == NNG_ETIMEDOUT)
        return error_set(error, ERROR_UNREACHABLE, "%s: no answer", what);
    return error_set(error, ERROR_UNREACHABLE, "%s: %s", what, nng_strerror(code));
}

bool channel_dial(Mailbox *mailbox, const ChannelTarget *target, Channel **ret, Error *error)
{
    AUTO(Channel) *channel = NULL;
    AUTO_TEXT *url = NULL;
    int code;

    if (!url_of(target->address, target->port, &url, error))
        return false;
    channel = channel_new(mailbox);
    /* may be cut: it is for people */
    (void)snprintf(channel->peer, sizeof(channel->peer), "%s:%u", target->address, target->port);
    code = nng_stream_dialer_alloc(&channel->dialer, url);
    if (code != 0) {
        channel->dialer = NULL;
        return not_reached(code, url, error);
    }
    must(nng_aio_alloc(&channel->dial, on_dialled, channel));
    nng_aio_set_timeout(
        channel->dial, (nng_duration)target->limit); /* a dial has no limit of its own */
    nng_stream_dialer_dial(channel->dialer, channel->dial);
    *ret = TAKE(channel);
    return true;
}

bool channel_dialled(Channel *channel, const Post *post, Error *error)
{
    if (post->code != 0)
        return not_reached(post->code, "cannot connect", error);
    channel->stream = post->stream;
    end_dialling(channel);
    return true;
}

void channel_set_owner(Channel *channel, void *owner)
{
    channel->owner = owner;
}

void *channel_owner(const Channel *channel)
{
    return channel->owner;
}

const char *channel_peer(const Channel *channel)
{
    return channel->peer;
}

static void submit(nng_aio *aio, uint8_t *bytes, size_t length)
{
    nng_iov vector = { .iov_buf = bytes, .iov_len = length };

    must(nng_aio_set_iov(aio, 1, &vector));
}

void channel_receive(Channel *channel)
{
    submit(channel->receive, channel->incoming, sizeof(channel->incoming));
    nng_stream_recv(channel->stream, channel->receive);
}

bool channel_received(Channel *channel, const Post *post, const uint8_t **ret_bytes, Error *error)
{
    if (post->code != 0)
        return not_reached(post->code, "the connection ended", error);
    if (post->length == 0)
        return error_set(error, ERROR_UNREACHABLE, "the peer closed the connection");
    *ret_bytes = channel->incoming;
    return true;
}

bool channel_has_mail(const Channel *channel)
{
    return mailbox_holds(channel->mailbox, &channel->received);
}

static void send_next(Channel *channel)
{
    Outgoing *out = &channel->out;

    if (channel->piece_length == 0) {
        channel->piece_length = out->end - out->begin < SEND_MAX ? out->end - out->begin : SEND_MAX;
        if (channel->piece_length == 0)
            return;
        if (!channel->piece)
            channel->piece = memory_new(SEND_MAX);
        memcpy(channel->piece, out->bytes + out->begin, channel->piece_length);
        out->begin += channel->piece_length;
    }
    channel->sending = true;
    submit(channel->send, channel->piece, channel->piece_length);
    nng_stream_send(channel->stream, channel->send);
}

void channel_send(Channel *channel, const void *bytes, size_t length)
{
    Outgoing *out = &channel->out;

    if (out->begin == out->end)
        out->begin = out->end = 0;
    if (length > out->capacity - out->end && out->begin > 0) {
        memmove(out->bytes, out->bytes + out->begin, out->end - out->begin);
        out->end -= out->begin;
        out->begin = 0;
    }
    if (length > out->capacity - out->end) {
        out->capacity = 2 * (out->end + length);
        out->bytes = memory_grow(out->bytes, out->capacity);
    }
    if (length > 0)
        memcpy(out->bytes + out->end, bytes, length);
    out->end += length;
    if (!channel->sending)
        send_next(channel);
}

/* What a peak left behind is given back. */
static void shrink(Outgoing *out)
{
    if (out->begin == out->end && out->capacity > SEND_MAX) {
        free(out->bytes);
        *out = (Outgoing){ 0 };
    }
}

bool channel_sent(Channel *channel, const Post *post, Error *error)
{
    channel->sending = false;
    if (post->code != 0)
        return not_reached(post->code, "sending failed", error);
    assert(post->length <= channel->piece_length);
    channel->piece_length -= post->length;
    memmove(channel->piece, channel->piece + post->length, channel->piece_length);
    shrink(&channel->out);
    send_next(channel);
    return true;
}

size_t channel_unsent(const Channel *channel)
{
    return channel->piece_length + channel->out.end - channel->out.begin;
}

bool door_open(Mailbox *mailbox, const char *address, unsigned port, Door **ret, Error *error)
{
    AUTO_TEXT *url = NULL;
    Door *door;
    int code;

    if (!url_of(address, port, &url, error))
        return false;
    door = memory_new(sizeof(*door));
    door->mailbox = mailbox;
    door->accepted = (Post){ .kind = POST_ACCEPTED, .owner = door };
    must(nng_aio_alloc(&door->accept, on_accepted, door));
    code = nng_stream_listener_alloc(&door->listener, url);
    if (code == 0)
        code = nng_stream_listener_listen(door->listener);
    if (code != 0) {
        door_free(door);
        return error_set(
            error, ERROR_UNREACHABLE, "cannot listen on %s: %s", url + 6, nng_strerror(code));
    }
    *ret = door;
    return true;
}

void door_free(Door *door)
{
    if (!door)
        return;
    if (door->listener)
        nng_stream_listener_close(door->listener);
    nng_aio_stop(door->accept);
    if (mailbox_holds(door->mailbox, &door->accepted) && door->accepted.stream)
        nng_stream_free(door->accepted.stream);
    mailbox_withdraw(door->mailbox, &door->accepted);
    nng_aio_free(door->accept);
    nng_stream_listener_free(door->listener);
    free(door);
}

unsigned door_port(const Door *door)
{
    int port = 0;

    must(nng_stream_listener_get_int(door->listener, NNG_OPT_TCP_BOUND_PORT, &port));
    return (unsigned)port;
}

void door_accept(Door *door)
{
    nng_stream_listener_accept(door->listener, door->accept);
}

static void name_peer(Channel *channel)
{
    char address[INET6_ADDRSTRLEN] = "?";
    nng_sockaddr peer;
    unsigned port = 0;

    if (nng_stream_get_addr(channel->stream, NNG_OPT_REMADDR, &peer) == 0) {
        if (peer.s_family == NNG_AF_INET) {
            (void)inet_ntop(AF_INET, &peer.s_in.sa_addr, address, sizeof(address)); /* fits */
            port = ntohs(peer.s_in.sa_port);
        } else if (peer.s_family == NNG_AF_INET6) {
            (void)inet_ntop(AF_INET6, peer.s_in6.sa_addr, address, sizeof(address)); /* fits */
            port = ntohs(peer.s_in6.sa_port);
        }
    }
    (void)snprintf(channel->peer, sizeof(channel->peer), "%s:%u", address, port); /* fits */
}

bool door_accepted(Door *door, const Post *post, Channel **ret, Error *error)
{
    Channel *channel;

    if (post->code != 0)
        return not_reached(post->code, "a connection was not accepted", error);
    channel = channel_new(door->mailbox);
    channel->stream = post->stream;
    name_peer(channel);
    *ret = channel;
    return true;
}
