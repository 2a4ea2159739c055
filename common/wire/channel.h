#pragma once

/*
 * A TCP connection, and the door through which others come in, on nng's byte streams.
 *
 * The only file that knows nng is channel_nng.c. nng's callbacks do nothing but leave a Post in
 * the mailbox (its owner is the Channel or Door); the loop's thread reads the bytes and asks for
 * more. So there is at most one receive and one send under way per channel, and a peer that sends
 * faster than the loop reads is slowed down by TCP.
 *
 * A process with channels has nng's threads, and nng does not survive fork(): children are only
 * spawned (posix_spawn), and every descriptor is close-on-exec.
 *
 * Owns: a Channel its connection and what it has to send. Errors: ERROR_UNREACHABLE, ERROR_INVALID
 * for addresses.
 */

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/millis.h"
#include "common/wire/mailbox.h"

typedef struct Channel Channel;
typedef struct Door Door;

#define CHANNEL_PEER_BYTES 80

typedef struct ChannelTarget {
    const char *address;
    unsigned port;
    Millis limit;
} ChannelTarget;

/* A POST_DIALLED follows, at the latest after the limit: give it to channel_dialled(). nng 1.5.2
 * sometimes (3 of 8 times against a listener with a full queue) reports a connection that TCP is
 * still waiting for: what follows needs a limit of its own. */
bool channel_dial(Mailbox *mailbox, const ChannelTarget *target, Channel **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool channel_dialled(Channel *channel, const Post *post, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Ends what is under way and waits for its callbacks; nothing of it is in the mailbox then. */
void channel_free(Channel *channel);

void channel_set_owner(Channel *channel, void *owner) __attribute__((nonnull(1)));
void *channel_owner(const Channel *channel) __attribute__((nonnull));
/* "10.0.0.7:41234" */
const char *channel_peer(const Channel *channel) __attribute__((nonnull));

/* A POST_RECEIVED follows: give it to channel_received(). */
void channel_receive(Channel *channel) __attribute__((nonnull));
/* The bytes are valid until channel_receive() is called again. */
bool channel_received(Channel *channel, const Post *post, const uint8_t **ret_bytes, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Says whether received bytes wait in the mailbox. */
bool channel_has_mail(const Channel *channel) __attribute__((nonnull));

/* Copies the bytes; sends them in order. POST_SENT follows: give it to channel_sent(). */
void channel_send(Channel *channel, const void *bytes, size_t length) __attribute__((nonnull(1)));
bool channel_sent(Channel *channel, const Post *post, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Bytes that were not handed to the kernel yet. */
size_t channel_unsent(const Channel *channel) __attribute__((nonnull));

/* Port 0: any. */
bool door_open(Mailbox *mailbox, const char *address, unsigned port, Door **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void door_free(Door *door);
unsigned door_port(const Door *door) __attribute__((nonnull));
/* A POST_ACCEPTED follows: give it to door_accepted(). */
void door_accept(Door *door) __attribute__((nonnull));
bool door_accepted(Door *door, const Post *post, Channel **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(Channel, channel_free)
