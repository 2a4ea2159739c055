#include "tests/carbon/source_address.h"

#include <arpa/inet.h>
#include <sys/syscall.h>
#include <unistd.h>

/* connect() has no argument through which it could be handed in */
static struct sockaddr_in source;

void source_address_set(const char *address)
{
    if (inet_pton(AF_INET, address, &source.sin_addr) == 1)
        source.sin_family = AF_INET;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc reserves its names */
__attribute__((visibility("default"))) int connect(
    int fd, __CONST_SOCKADDR_ARG peer, socklen_t length)
{
    const struct sockaddr *to = peer.__sockaddr__;

    if (source.sin_family == AF_INET && to->sa_family == AF_INET)
        /* an address that is not of this host: the database sees the ordinary one */
        (void)bind(fd, (const struct sockaddr *)&source, sizeof source);
    return (int)syscall(SYS_connect, fd, to, length);
}
