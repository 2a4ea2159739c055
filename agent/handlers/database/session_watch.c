#include "agent/handlers/database/session_watch.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/session_list.h"
#include "common/base/memory.h"
#include "common/os/clock.h"

#define LOOK_S 1

static const DatabaseLimits limits = { .connect_s = 5, .statement_s = 5, .lock_s = 5 };

struct SessionWatch {
    AgentIo *io; /* not for the thread */
    const AgentDatabase *config;
    const Command *command;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ending;
    bool end;
    char *intruder; /* the first one, in words */
    Millis blind;   /* while nobody could be seen */
};

static void must(int outcome)
{
    assert(outcome == 0);
    (void)outcome;
}

/* The first session that is not of our own login, in words; NULL for nobody. */
static bool find_intruder(Database *database, const Command *command, char **ret, Error *error)
{
    AUTO(SessionList) *list = NULL;
    AUTO_TEXT *ours = NULL;

    *ret = NULL;
    if (!database_value(database,
            database_type(database) == DATABASE_MYSQL ? "SELECT SUBSTRING_INDEX(USER(), '@', 1)"
                                                      : "SELECT session_user",
            &ours, error) ||
        !session_list_read(database, command, &list, error))
        return false;
    for (size_t i = 0; i < list->count && !*ret; i++)
        if (!ours || strcmp(list->items[i].user, ours) != 0)
            *ret = session_words(&list->items[i]);
    return true;
}

/* One look on a connection that is made anew after a failure. Says whether it could be had. */
static bool look(const SessionWatch *watch, Database **database, char **ret)
{
    Error failure = { 0 };

    *ret = NULL;
    if ((*database ||
            database_open(watch->config, SIDE_PRODUCTION, NULL, &limits, database, &failure)) &&
        find_intruder(*database, watch->command, ret, &failure))
        return true;
    database_close(*database);
    *database = NULL;
    return false;
}

/* With the lock held. */
static bool wait_for_end(SessionWatch *watch)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_S;
    while (!watch->end && pthread_cond_timedwait(&watch->ending, &watch->lock, &until) == 0)
        continue;
    return watch->end;
}

static void *watch_sessions(void *self)
{
    SessionWatch *watch = self;
    Database *database = NULL;
    Millis seen_at = clock_now(); /* session_watch_start() has just looked */

    for (bool last = false, end = false; !end;) {
        char *intruder;
        bool seen = look(watch, &database, &intruder);
        Millis now = clock_now();

        must(pthread_mutex_lock(&watch->lock));
        if (!seen)
            watch->blind += now - seen_at;
        seen_at = now;
        if (intruder && !watch->intruder)
            watch->intruder = TAKE(intruder);
        end = last; /* one more look when the work is done */
        last = wait_for_end(watch);
        must(pthread_mutex_unlock(&watch->lock));
        free(intruder);
    }
    database_close(database);
    return NULL;
}

static bool nobody_is_there(const SessionWatch *watch, Error *error)
{
    AUTO(Database) *database = NULL;
    AUTO_TEXT *intruder = NULL;

    if (!database_open(watch->config, SIDE_PRODUCTION, NULL, &limits, &database, error) ||
        !find_intruder(database, watch->command, &intruder, error))
        return false;
    return !intruder || error_set(error, ERROR_PRECONDITION,
                            "%s is at production of %s: end it, find out what it changed, then try "
                            "again",
                            intruder, watch->command->target);
}

static void init_waiting(SessionWatch *watch)
{
    pthread_condattr_t attributes;

    must(pthread_mutex_init(&watch->lock, NULL));
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(&watch->ending, &attributes));
    must(pthread_condattr_destroy(&attributes));
}

static void free_watch(SessionWatch *watch)
{
    must(pthread_cond_destroy(&watch->ending));
    must(pthread_mutex_destroy(&watch->lock));
    free(watch->intruder);
    free(watch);
}

bool session_watch_start(AgentIo *io, const Command *command, SessionWatch **ret, Error *error)
{
    SessionWatch *watch = memory_new(sizeof(*watch));
    int outcome;

    watch->io = io;
    watch->command = command;
    init_waiting(watch);
    if (!target_config(io, command, &watch->config, error) || !nobody_is_there(watch, error)) {
        free_watch(watch);
        return false;
    }
    outcome = pthread_create(&watch->thread, NULL, watch_sessions, watch);
    if (outcome != 0) {
        free_watch(watch);
        return error_set(
            error, ERROR_IO, "no thread to watch the sessions: %s", strerrordesc_np(outcome));
    }
    *ret = watch;
    return true;
}

bool session_watch_saw(SessionWatch *watch)
{
    bool saw;

    must(pthread_mutex_lock(&watch->lock));
    saw = watch->intruder != NULL;
    must(pthread_mutex_unlock(&watch->lock));
    return saw;
}

bool session_watch_end(SessionWatch *watch, bool worked, Error *error)
{
    must(pthread_mutex_lock(&watch->lock));
    watch->end = true;
    must(pthread_cond_signal(&watch->ending));
    must(pthread_mutex_unlock(&watch->lock));
    must(pthread_join(watch->thread, NULL));
    if (watch->blind > 0)
        facts_format(
            watch->io->evidence, "~unwatched-s", "%lld", (long long)(watch->blind + 999) / 1000);
    if (watch->intruder)
        facts_add(watch->io->evidence, "intruder", watch->intruder);
    if (watch->intruder && worked)
        worked = error_set(error, ERROR_PRECONDITION,
            "%s got at production of %s meanwhile: end it, find out what it changed, then try "
            "again",
            watch->intruder, watch->command->target);
    else if (watch->intruder)
        (void)error_prefix(error, "%s got in; ", watch->intruder);
    free_watch(watch);
    return worked;
}

bool session_watched(AgentIo *io, const Command *command, WatchedWork *work, Error *error)
{
    SessionWatch *watch = NULL;

    if (command_rehearses(command->kind))
        return work(io, command, error);
    return session_watch_start(io, command, &watch, error) &&
           session_watch_end(watch, work(io, command, error), error);
}
