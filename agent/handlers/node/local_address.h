#pragma once

/* Whether an address is this host's own: loopback, or carried by one of its interfaces. */

#include <stdbool.h>

/* `address` is numeric, IPv4 or IPv6. */
bool address_is_local(const char *address) __attribute__((nonnull));
/* All that a host name (or a numeric address) resolves to is local; false also when it does not. */
bool host_is_local(const char *host) __attribute__((nonnull));
