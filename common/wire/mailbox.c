#include "common/wire/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "common/base/memory.h"

struct Mailbox {
    pthread_mutex_t lock;
    Post *first, *last;
    int fd; /* its counter is not 0 while the box holds something */
};

static void must(bool ok)
{
    assert(ok);
    (void)ok;
}

Mailbox *mailbox_new(void)
{
    Mailbox *mailbox = memory_new(sizeof(*mailbox));

    must(pthread_mutex_init(&mailbox->lock, NULL) == 0);
    mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(mailbox->fd >= 0); /* as with memory: without a descriptor nothing can go on */
    return mailbox;
}

void mailbox_free(Mailbox *mailbox)
{
    if (!mailbox)
        return;
    assert(!mailbox->first);
    (void)close(mailbox->fd); /* nothing was written that could be lost */
    must(pthread_mutex_destroy(&mailbox->lock) == 0);
    free(mailbox);
}

int mailbox_fd(const Mailbox *mailbox)
{
    return mailbox->fd;
}

static void raise_flag(const Mailbox *mailbox)
{
    uint64_t one = 1;

    must(write(mailbox->fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

static void lower_flag(const Mailbox *mailbox)
{
    uint64_t count;

    must(read(mailbox->fd, &count, sizeof(count)) == (ssize_t)sizeof(count));
}

static void unlink_post(Mailbox *mailbox, Post *post)
{
    *(post->previous ? &post->previous->next : &mailbox->first) = post->next;
    *(post->next ? &post->next->previous : &mailbox->last) = post->previous;
    post->previous = post->next = NULL;
    post->waits = false;
    if (!mailbox->first)
        lower_flag(mailbox);
}

void mailbox_post(Mailbox *mailbox, Post *post)
{
    must(pthread_mutex_lock(&mailbox->lock) == 0);
    assert(!post->waits);
    if (!mailbox->first)
        raise_flag(mailbox);
    post->previous = mailbox->last;
    post->next = NULL;
    *(mailbox->last ? &mailbox->last->next : &mailbox->first) = post;
    mailbox->last = post;
    post->waits = true;
    must(pthread_mutex_unlock(&mailbox->lock) == 0);
}

Post *mailbox_take(Mailbox *mailbox)
{
    Post *post;

    must(pthread_mutex_lock(&mailbox->lock) == 0);
    post = mailbox->first;
    if (post)
        unlink_post(mailbox, post);
    must(pthread_mutex_unlock(&mailbox->lock) == 0);
    return post;
}

void mailbox_withdraw(Mailbox *mailbox, Post *post)
{
    must(pthread_mutex_lock(&mailbox->lock) == 0);
    if (post->waits)
        unlink_post(mailbox, post);
    must(pthread_mutex_unlock(&mailbox->lock) == 0);
}

bool mailbox_holds(Mailbox *mailbox, const Post *post)
{
    bool waits;

    must(pthread_mutex_lock(&mailbox->lock) == 0);
    waits = post->waits;
    must(pthread_mutex_unlock(&mailbox->lock) == 0);
    return waits;
}
