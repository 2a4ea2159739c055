#include "agent/handlers/copy/crew.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

#define INTERRUPT_EVERY_MS 300

typedef struct Worker {
    Crew *crew;
    pthread_t thread;
    CrewHand hand; /* its databases belong to the thread; the crew's lock guards their change */
} Worker;

struct Crew {
    const CrewOrder *order;
    pthread_mutex_t lock;
    pthread_cond_t work_came, task_done;
    CrewTask *waiting, *done; /* guarded by lock; waiting: heaviest first */
    bool ending;              /* guarded by lock */
    size_t alive;             /* threads; guarded by lock */
    size_t out;               /* of the owner's thread alone */
    Worker *workers;
};

static void must(bool ok)
{
    assert(ok);
    (void)ok;
}

static bool open_side(Worker *worker, DatabaseSide side, Database **slot, Error *error)
{
    const CrewOrder *order = worker->crew->order;
    Database *database = NULL;

    if (!database_open(order->config, side, NULL, &order->limits, &database, error))
        return false;
    must(pthread_mutex_lock(&worker->crew->lock) == 0);
    *slot = database;
    must(pthread_mutex_unlock(&worker->crew->lock) == 0);
    return true;
}

static bool open_hand(Worker *worker, Error *error)
{
    CrewHand *hand = &worker->hand;

    return (hand->production ||
               (open_side(worker, SIDE_PRODUCTION, &hand->production, error) &&
                   rows_begin_reading(hand->production, worker->crew->order->snapshot, error))) &&
           (hand->staging || (open_side(worker, SIDE_STAGING, &hand->staging, error) &&
                                 rows_begin_writing(hand->staging, error)));
}

static void close_hand(Worker *worker)
{
    CrewHand hand = worker->hand;

    must(pthread_mutex_lock(&worker->crew->lock) == 0);
    worker->hand.production = worker->hand.staging = NULL;
    must(pthread_mutex_unlock(&worker->crew->lock) == 0);
    database_close(hand.production);
    database_close(hand.staging);
}

/* NULL when the crew ends. */
static CrewTask *next_task(Crew *crew)
{
    CrewTask *task = NULL;

    must(pthread_mutex_lock(&crew->lock) == 0);
    while (!crew->ending && !crew->waiting)
        must(pthread_cond_wait(&crew->work_came, &crew->lock) == 0);
    if (!crew->ending) {
        task = crew->waiting;
        crew->waiting = task->next;
    }
    must(pthread_mutex_unlock(&crew->lock) == 0);
    return task;
}

/* With the lock: behind those that are done already. */
static void add_done(Crew *crew, CrewTask *task)
{
    CrewTask **end = &crew->done;

    while (*end)
        end = &(*end)->next;
    *end = task;
}

static void give_back(Crew *crew, CrewTask *task)
{
    must(pthread_mutex_lock(&crew->lock) == 0);
    task->next = NULL;
    add_done(crew, task);
    must(pthread_cond_signal(&crew->task_done) == 0);
    must(pthread_mutex_unlock(&crew->lock) == 0);
}

static void leave(Crew *crew)
{
    must(pthread_mutex_lock(&crew->lock) == 0);
    crew->alive--;
    must(pthread_cond_signal(&crew->task_done) == 0);
    must(pthread_mutex_unlock(&crew->lock) == 0);
}

static void *run_worker(void *self)
{
    Worker *worker = self;
    CrewTask *task;

    while ((task = next_task(worker->crew))) {
        task->error = (Error){ 0 };
        if (!open_hand(worker, &task->error) || !task->work(task, &worker->hand, &task->error))
            close_hand(worker); /* what failed half-way is not used again */
        give_back(worker->crew, task);
    }
    close_hand(worker);
    leave(worker->crew);
    return NULL;
}

Crew *crew_start(const CrewOrder *order)
{
    Crew *crew = memory_new(sizeof(*crew));
    pthread_condattr_t attributes;

    crew->order = order;
    crew->alive = order->threads;
    crew->workers = memory_new(order->threads * sizeof(*crew->workers));
    must(pthread_mutex_init(&crew->lock, NULL) == 0);
    must(pthread_cond_init(&crew->work_came, NULL) == 0);
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&crew->task_done, &attributes) == 0);
    must(pthread_condattr_destroy(&attributes) == 0);
    for (size_t i = 0; i < order->threads; i++) {
        Worker *worker = &crew->workers[i];

        worker->crew = crew;
        worker->hand.meter = order->meter;
        must(pthread_create(&worker->thread, NULL, run_worker, worker) == 0);
    }
    return crew;
}

static struct timespec time_in(Millis wait)
{
    struct timespec at;

    must(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    at.tv_sec += wait / 1000;
    at.tv_nsec += wait % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* With the lock. What a worker waits for at a server ends there, whatever it is. */
static void interrupt(Crew *crew)
{
    for (size_t i = 0; i < crew->order->threads; i++) {
        const CrewHand *hand = &crew->workers[i].hand;

        if (hand->production)
            database_interrupt(hand->production);
        if (hand->staging)
            database_interrupt(hand->staging);
    }
}

/* Again and again: a worker may just have sent its next statement. */
static void end_all(Crew *crew)
{
    must(pthread_mutex_lock(&crew->lock) == 0);
    crew->ending = true;
    must(pthread_cond_broadcast(&crew->work_came) == 0);
    if (crew->out > 0)
        atomic_store(&crew->order->meter->stopped, true);
    while (crew->alive > 0) {
        const struct timespec until = time_in(INTERRUPT_EVERY_MS);
        int waited;

        if (crew->out > 0)
            interrupt(crew);
        waited = pthread_cond_timedwait(&crew->task_done, &crew->lock, &until);
        must(waited == 0 || waited == ETIMEDOUT);
    }
    must(pthread_mutex_unlock(&crew->lock) == 0);
}

void crew_stop(Crew *crew)
{
    end_all(crew);
    for (size_t i = 0; i < crew->order->threads; i++)
        must(pthread_join(crew->workers[i].thread, NULL) == 0);
    add_done(crew, crew->waiting); /* nobody else is there any more */
    crew->waiting = NULL;
}

void crew_free(Crew *crew)
{
    if (!crew)
        return;
    must(pthread_cond_destroy(&crew->task_done) == 0);
    must(pthread_cond_destroy(&crew->work_came) == 0);
    must(pthread_mutex_destroy(&crew->lock) == 0);
    free(crew->workers);
    free(crew);
}

void crew_add(Crew *crew, CrewTask *task)
{
    CrewTask **at = &crew->waiting;

    must(pthread_mutex_lock(&crew->lock) == 0);
    while (*at && (*at)->weight >= task->weight)
        at = &(*at)->next;
    task->next = *at;
    *at = task;
    must(pthread_cond_signal(&crew->work_came) == 0);
    must(pthread_mutex_unlock(&crew->lock) == 0);
    crew->out++;
}

CrewTask *crew_take(Crew *crew, Millis wait)
{
    const struct timespec until = time_in(wait);
    CrewTask *task;
    int waited = 0;

    must(pthread_mutex_lock(&crew->lock) == 0);
    while (!crew->done && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&crew->task_done, &crew->lock, &until);
        must(waited == 0 || waited == ETIMEDOUT);
    }
    task = crew->done;
    if (task)
        crew->done = task->next;
    must(pthread_mutex_unlock(&crew->lock) == 0);
    crew->out -= task != NULL;
    return task;
}

size_t crew_out(const Crew *crew)
{
    return crew->out;
}
