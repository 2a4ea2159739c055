#include "tests/fakes/raw_peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "common/base/cleanup.h"
#include "common/base/memory.h"

#define READ_MAX 65536

struct RawPeer {
    RawOrder order;
    pthread_t thread;
    int listener, fd; /* one is -1 */
    unsigned port;
    atomic_bool ended;
    char read[READ_MAX];
    size_t length;
};

static void must(bool ok)
{
    assert(ok);
    (void)ok;
}

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static SSL_CTX *context_of(const RawOrder *order)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    must(context != NULL);
    if (order->newest_version != 0)
        must(SSL_CTX_set_max_proto_version(context, order->newest_version) == 1);
    if (order->certificate) {
        must(SSL_CTX_use_certificate_file(context, order->certificate, SSL_FILETYPE_PEM) == 1);
        must(SSL_CTX_use_PrivateKey_file(context, order->key, SSL_FILETYPE_PEM) == 1);
    }
    return context; /* the other side is believed: it is the one under test */
}

static void converse_in_tls(RawPeer *peer)
{
    SSL_CTX *context = context_of(&peer->order);
    SSL *ssl = SSL_new(context);
    size_t got, sent;

    must(SSL_set_fd(ssl, peer->fd) == 1);
    if (peer->listener >= 0) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    if (SSL_do_handshake(ssl) == 1) {
        if (peer->order.length > 0)
            (void)!SSL_write_ex(ssl, peer->order.bytes, peer->order.length, &sent);
        while (peer->length < READ_MAX &&
               SSL_read_ex(ssl, peer->read + peer->length, READ_MAX - peer->length, &got) == 1)
            peer->length += got;
    }
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static void converse_plainly(RawPeer *peer)
{
    ssize_t got;

    if (peer->order.length > 0)
        (void)!send(peer->fd, peer->order.bytes, peer->order.length, MSG_NOSIGNAL);
    while (peer->length < READ_MAX &&
           (got = recv(peer->fd, peer->read + peer->length, READ_MAX - peer->length, 0)) > 0)
        peer->length += (size_t)got;
}

static void *run(void *arg)
{
    RawPeer *peer = arg;
    sigset_t pipes;

    must(sigemptyset(&pipes) == 0 && sigaddset(&pipes, SIGPIPE) == 0);
    must(pthread_sigmask(SIG_BLOCK, &pipes, NULL) == 0); /* OpenSSL writes without a flag */
    if (peer->listener >= 0)
        peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    if (peer->fd >= 0 && peer->order.plain)
        converse_plainly(peer);
    else if (peer->fd >= 0)
        converse_in_tls(peer);
    if (peer->fd >= 0)
        (void)shutdown(peer->fd, SHUT_RDWR); /* fails when the other side was first */
    atomic_store(&peer->ended, true);
    return NULL;
}

static RawPeer *start(const RawOrder *order, int listener, int fd, unsigned port)
{
    RawPeer *peer = memory_new(sizeof(*peer));

    peer->order = *order;
    peer->listener = listener;
    peer->fd = fd;
    peer->port = port;
    must(pthread_create(&peer->thread, NULL, run, peer) == 0);
    return peer;
}

RawPeer *raw_peer_dial(const RawOrder *order, unsigned port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);

    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return start(order, -1, fd, port);
}

RawPeer *raw_peer_listen(const RawOrder *order)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0);
    must(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    return start(order, fd, -1, ntohs(address.sin_port));
}

unsigned raw_peer_port(const RawPeer *peer)
{
    return peer->port;
}

bool raw_peer_has_ended(RawPeer *peer)
{
    return atomic_load(&peer->ended);
}

size_t raw_peer_end(RawPeer *peer, void *ret, size_t capacity)
{
    size_t length;

    if (peer->listener >= 0)
        (void)shutdown(peer->listener, SHUT_RDWR); /* nobody may have come */
    must(pthread_join(peer->thread, NULL) == 0);
    auto_close_fd(&peer->listener);
    auto_close_fd(&peer->fd);
    length = peer->length < capacity ? peer->length : capacity;
    memcpy(ret, peer->read, length);
    free(peer);
    return length;
}
