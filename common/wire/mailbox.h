#pragma once

/*
 * Where nng's threads leave word for the loop: the only lock of the program.
 *
 * A Post is embedded in what it speaks of (a channel's receive, its send, a door's accept), so
 * posting allocates nothing and the box holds at most one word of each. The descriptor is readable
 * while the box holds something.
 *
 * Threads: mailbox_post() from any thread; all else from the loop's.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/cleanup.h"

typedef enum PostKind {
    POST_ACCEPTED,
    POST_DIALLED,
    POST_RECEIVED,
    POST_SENT,
} PostKind;

typedef struct Post {
    struct Post *previous, *next;
    bool waits; /* it is in the box */
    PostKind kind;
    void *owner;
    int code; /* nng's result, 0 is good */
    size_t length;
    void *stream; /* what came of an accept or a dial */
} Post;

typedef struct Mailbox Mailbox;

Mailbox *mailbox_new(void) __attribute__((returns_nonnull));
/* The box has to be empty: withdraw what may wait. */
void mailbox_free(Mailbox *mailbox);
int mailbox_fd(const Mailbox *mailbox) __attribute__((nonnull));

void mailbox_post(Mailbox *mailbox, Post *post) __attribute__((nonnull));
/* The oldest word, or NULL. */
Post *mailbox_take(Mailbox *mailbox) __attribute__((nonnull));
/* Takes it out if it waits. */
void mailbox_withdraw(Mailbox *mailbox, Post *post) __attribute__((nonnull));
bool mailbox_holds(Mailbox *mailbox, const Post *post) __attribute__((nonnull));

DEFINE_AUTO(Mailbox, mailbox_free)
