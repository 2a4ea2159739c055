#include "agent/handlers/node/local_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The address inside, without port and scope; IPv4 in IPv6 as IPv4. */
typedef struct PlainAddress {
    int family;
    unsigned char bytes[16];
} PlainAddress;

static bool plain_address(const struct sockaddr *from, PlainAddress *ret)
{
    *ret = (PlainAddress){ .family = from->sa_family };
    if (from->sa_family == AF_INET) {
        struct sockaddr_in four;

        memcpy(&four, from, sizeof(four));
        memcpy(ret->bytes, &four.sin_addr, 4);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 six;

        memcpy(&six, from, sizeof(six));
        if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
            ret->family = AF_INET;
            memcpy(ret->bytes, six.sin6_addr.s6_addr + 12, 4);
            return true;
        }
        memcpy(ret->bytes, &six.sin6_addr, 16);
        return true;
    }
    return false;
}

static bool plain_is_loopback(const PlainAddress *address)
{
    static const unsigned char six_loopback[16] = { [15] = 1 };

    if (address->family == AF_INET)
        return address->bytes[0] == 127;
    return memcmp(address->bytes, six_loopback, sizeof(six_loopback)) == 0;
}

static bool plain_is_ours(const PlainAddress *address)
{
    struct ifaddrs *interfaces = NULL;
    PlainAddress ours;
    bool found = false;

    if (plain_is_loopback(address))
        return true;
    if (getifaddrs(&interfaces) != 0)
        return false;
    for (struct ifaddrs *each = interfaces; each && !found; each = each->ifa_next)
        found = each->ifa_addr && plain_address(each->ifa_addr, &ours) &&
                ours.family == address->family &&
                memcmp(ours.bytes, address->bytes, sizeof(ours.bytes)) == 0;
    freeifaddrs(interfaces);
    return found;
}

static bool all_resolve_to_us(const char *host, int flags)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    struct addrinfo *list = NULL;
    PlainAddress address;
    bool ours = true;

    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    for (struct addrinfo *each = list; each && ours; each = each->ai_next)
        ours = plain_address(each->ai_addr, &address) && plain_is_ours(&address);
    ours = ours && list;
    freeaddrinfo(list);
    return ours;
}

bool address_is_local(const char *address)
{
    return all_resolve_to_us(address, AI_NUMERICHOST);
}

bool host_is_local(const char *host)
{
    return all_resolve_to_us(host, 0);
}
