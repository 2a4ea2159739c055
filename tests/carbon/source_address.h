#pragma once

/*
 * The address from which this process reaches databases.
 *
 * Two servers on one machine look like two hosts to a database only when their connections come
 * from different addresses. The MySQL client can be told its own address, libpq cannot: so this
 * program has a connect() of its own, which the libraries find before that of the C library. It
 * binds an IPv4 TCP socket to the chosen address, then connects as usual.
 */

/*
 * To be called before the first thread. An address that is not numeric IPv4 changes nothing: this
 * host's ordinary one is used.
 */
void source_address_set(const char *address) __attribute__((nonnull));
