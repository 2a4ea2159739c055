#pragma once

/*
 * The ports of the server: 9443 (HTTPS, admin services), 9763 (HTTP), 9999 and 11111 (JMX), each
 * plus the offset. Only the first one answers; the others take connections and close them.
 *
 * A HostName in 127.0.0.0/8 is the address that is listened on, so that several servers live on
 * one machine; with any other one all addresses are.
 * Threads: one that accepts, one per HTTPS connection; listener_stop() waits for all of them.
 */

#include "tests/carbon/server.h"

typedef struct Listener Listener;

/* ERROR_IO: a port is in use. */
bool listener_start(Server *server, Listener **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Ports are closed when it returns; running requests are finished. */
void listener_stop(Listener *listener);
