#include "tests/carbon/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/base/text.h"
#include "tests/carbon/http.h"
#include "tests/carbon/soap.h"
#include "tests/carbon/tls.h"

#define PORTS          4
#define HTTPS          0 /* index of the port that answers */
#define BACKLOG        64
#define REQUEST_WAIT_S 15
#define REPLY_MAX      (5 << 20)
#define SERVICES       "/services/"

static const unsigned ports[PORTS] = { 9443, 9763, 9999, 11111 };

struct Listener {
    Server *server;
    SSL_CTX *tls;
    int sockets[PORTS];
    int wake; /* eventfd: stop accepting */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned connections; /* running threads, under `lock` */
};

typedef struct Connection {
    Listener *listener;
    int fd;
} Connection;

static void answer_request(Server *server, const HttpRequest *request, SoapReply *reply)
{
    bool is_service = strncmp(request->path, SERVICES, strlen(SERVICES)) == 0;
    SoapRequest soap = {
        .service = is_service ? request->path + strlen(SERVICES) : "",
        .cookie = request->cookie,
        .user = request->user,
        .password = request->password,
        .body = request->body,
        .length = request->body_length,
    };

    (void)pthread_mutex_lock(&server->lock); /* a plain mutex of ours: cannot fail */
    soap_answer(server, &soap, reply);
    (void)pthread_mutex_unlock(&server->lock);
}

static void serve_tls(Connection *connection, SSL *tls)
{
    SoapReply reply = { .status = 500 };
    HttpRequest request;

    if (SSL_set_fd(tls, connection->fd) != 1 || SSL_accept(tls) != 1)
        return;
    text_init(&reply.body, REPLY_MAX);
    if (http_read(tls, &request)) {
        answer_request(connection->listener->server, &request, &reply);
        http_write(tls, &(HttpAnswer){ .status = reply.status,
                            .type = reply.status == 401 ? "text/html" : "text/xml",
                            .cookie = reply.cookie,
                            .body = &reply.body });
        (void)SSL_shutdown(tls); /* the peer may have gone already */
    }
    http_request_done(&request);
    text_done(&reply.body);
}

static void *serve_connection(void *self)
{
    Connection *connection = self;
    Listener *listener = connection->listener;
    struct timeval wait = { .tv_sec = REQUEST_WAIT_S };
    SSL *tls = SSL_new(listener->tls);

    /* without these a dead peer would hold the thread; both options exist on every TCP socket */
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    serve_tls(connection, tls);
    SSL_free(tls);
    (void)close(connection->fd);
    free(connection);
    (void)pthread_mutex_lock(&listener->lock);
    listener->connections--;
    (void)pthread_cond_signal(&listener->idle);
    (void)pthread_mutex_unlock(&listener->lock);
    return NULL;
}

static void start_connection(Listener *listener, int fd)
{
    Connection *connection = memory_new(sizeof *connection);
    pthread_t thread;

    *connection = (Connection){ .listener = listener, .fd = fd };
    (void)pthread_mutex_lock(&listener->lock);
    listener->connections++;
    (void)pthread_mutex_unlock(&listener->lock);
    if (pthread_create(&thread, NULL, serve_connection, connection) != 0)
        abort();
    (void)pthread_detach(thread); /* a thread that was just made */
}

static void accept_one(Listener *listener, size_t port)
{
    int fd = accept4(listener->sockets[port], NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return; /* the peer went away before it was accepted */
    if (port == HTTPS)
        start_connection(listener, fd);
    else
        (void)close(fd);
}

static void *accept_all(void *self)
{
    Listener *listener = self;
    struct pollfd polled[PORTS + 1];

    for (size_t i = 0; i < PORTS; i++)
        polled[i] = (struct pollfd){ .fd = listener->sockets[i], .events = POLLIN };
    polled[PORTS] = (struct pollfd){ .fd = listener->wake, .events = POLLIN };
    for (;;) {
        int ready = poll(polled, PORTS + 1, -1);

        if (ready > 0 && polled[PORTS].revents)
            return NULL;
        for (size_t i = 0; ready > 0 && i < PORTS; i++)
            if (polled[i].revents)
                accept_one(listener, i);
    }
}

static struct in_addr listening_address(const char *host_name)
{
    struct in_addr address = { 0 };

    if (inet_pton(AF_INET, host_name, &address) != 1 || (ntohl(address.s_addr) >> 24) != 127)
        address.s_addr = htonl(INADDR_ANY);
    return address;
}

static bool open_port(Listener *listener, size_t index, Error *error)
{
    const Home *home = listener->server->home;
    unsigned port = ports[index] + home->offset;
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = listening_address(home->host_name) };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    listener->sockets[index] = fd;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0)
        return error_set(
            error, ERROR_IO, "Address already in use: port %u (%s)", port, strerrorname_np(errno));
    return true;
}

static void close_ports(Listener *listener)
{
    for (size_t i = 0; i < PORTS; i++)
        if (listener->sockets[i] >= 0)
            (void)close(listener->sockets[i]);
}

static void listener_free(Listener *listener)
{
    close_ports(listener);
    (void)close(listener->wake);
    SSL_CTX_free(listener->tls);
    free(listener);
}

bool listener_start(Server *server, Listener **ret, Error *error)
{
    Listener *listener = memory_new(sizeof *listener);
    bool open = true;

    *listener = (Listener){ .server = server,
        .sockets = { -1, -1, -1, -1 },
        .wake = eventfd(0, EFD_CLOEXEC),
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .idle = PTHREAD_COND_INITIALIZER };
    for (size_t i = 0; open && i < PORTS; i++)
        open = open_port(listener, i, error);
    if (!open || !tls_new_context(server->home->path, &listener->tls, error)) {
        listener_free(listener);
        return false;
    }
    if (pthread_create(&listener->thread, NULL, accept_all, listener) != 0)
        abort();
    *ret = listener;
    return true;
}

void listener_stop(Listener *listener)
{
    if (!listener)
        return;
    if (eventfd_write(listener->wake, 1) != 0)
        abort();
    (void)pthread_join(listener->thread, NULL); /* a thread of ours that was told to end */
    close_ports(listener);
    for (size_t i = 0; i < PORTS; i++)
        listener->sockets[i] = -1;
    (void)pthread_mutex_lock(&listener->lock);
    while (listener->connections > 0)
        (void)pthread_cond_wait(&listener->idle, &listener->lock);
    (void)pthread_mutex_unlock(&listener->lock);
    listener_free(listener);
}
