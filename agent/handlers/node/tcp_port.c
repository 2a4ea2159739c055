#include "agent/handlers/node/tcp_port.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/base/cleanup.h"

#define CONNECT_MS 2000

typedef struct addrinfo Addresses;
DEFINE_AUTO(Addresses, freeaddrinfo)

/* The failure of a connection that did not succeed at once. */
static int failure_of(int fd)
{
    struct pollfd ready = { .fd = fd, .events = POLLOUT };
    socklen_t size = sizeof(int);
    int failure = 0;

    if (poll(&ready, 1, CONNECT_MS) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno;
}

static int connect_failure(const Addresses *to)
{
    AUTO_FD fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return errno;
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
        return 0;
    return errno == EINPROGRESS ? failure_of(fd) : errno;
}

bool tcp_port_state(const char *address, unsigned port, PortState *ret, Error *error)
{
    const Addresses hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    AUTO(Addresses) *found = NULL;
    char service[12];
    int failure;

    (void)snprintf(service, sizeof(service), "%u", port); /* fits any unsigned */
    failure = getaddrinfo(address, service, &hints, &found);
    if (failure != 0) {
        found = NULL;
        return error_set(error, ERROR_UNREACHABLE, "address %s cannot be resolved: %s", address,
            gai_strerror(failure));
    }
    *ret = PORT_CLOSED;
    for (const Addresses *to = found; to; to = to->ai_next) {
        failure = connect_failure(to);
        if (failure == 0)
            *ret = PORT_OPEN;
        else if (failure == ETIMEDOUT && *ret == PORT_CLOSED)
            *ret = PORT_SILENT;
        else if (failure != ECONNREFUSED && !to->ai_next && *ret == PORT_CLOSED)
            return error_set(error, ERROR_UNREACHABLE, "port %u of %s: %s", port, address,
                strerrordesc_np(failure));
    }
    return true;
}
