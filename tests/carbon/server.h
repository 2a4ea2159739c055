#pragma once

/*
 * The running server: what its parts share.
 *
 * Threads: each HTTPS connection has one; `lock` is held while a request is answered, so that
 * everything behind it (pools, realms, logins) is used by one thread at a time.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "tests/carbon/conduct.h"
#include "tests/carbon/login.h"
#include "tests/carbon/pool.h"
#include "tests/carbon/realm.h"
#include "tests/carbon/server_log.h"

#define SERVER_POOLS_MAX 32

typedef struct Server {
    const Home *home;
    const Conduct *conduct;
    const ServerLog *log;
    Pool *pools[SERVER_POOLS_MAX]; /* of the data sources that realm and registry use */
    size_t pool_count;
    Logins logins;
    pthread_mutex_t lock;
    time_t started;
    atomic_int wanted_exit; /* SERVER_RUNS, or the exit code that was asked for */
} Server;

#define SERVER_RUNS         (-1)
#define SERVER_EXIT_RESTART 121 /* what the start script takes for "start me again" */

/* Monotonic. */
Millis server_now(void);
/* SIGTERM and SIGINT: the signals that end the server. */
sigset_t server_ending_signals(void);
/* SIG_BLOCK before the first thread is made, so that the main thread alone takes them. */
void server_hold_signals(int how);

/* The pool of that data source, opened when it is not yet. */
bool server_pool(Server *server, const Datasource *datasource, Pool **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void server_close_pools(Server *server) __attribute__((nonnull));
/* A session of the users' database. ERROR_PRECONDITION: the users are in a local H2 database. */
bool server_users(Server *server, Session **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
