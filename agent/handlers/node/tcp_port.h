#pragma once

/* Whether something listens on a port of this host, asked by connecting to it. */

#include "common/base/error.h"

typedef enum PortState {
    PORT_CLOSED, /* the connection is refused */
    PORT_OPEN,
    PORT_SILENT, /* neither within the limit */
} PortState;

/* `address` is a name or numeric. ERROR_UNREACHABLE when it cannot be resolved or routed. */
bool tcp_port_state(const char *address, unsigned port, PortState *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
