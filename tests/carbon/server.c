#include "tests/carbon/server.h"

Millis server_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (Millis)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

sigset_t server_ending_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set); /* these cannot fail with valid numbers */
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    return set;
}

void server_hold_signals(int how)
{
    sigset_t signals = server_ending_signals();

    if (pthread_sigmask(how, &signals, NULL) != 0)
        abort();
}

bool server_pool(Server *server, const Datasource *datasource, Pool **ret, Error *error)
{
    for (size_t i = 0; i < server->pool_count; i++) {
        if (pool_datasource(server->pools[i]) == datasource) {
            *ret = server->pools[i];
            return true;
        }
    }
    if (server->pool_count == SERVER_POOLS_MAX)
        return error_set(error, ERROR_INVALID, "more than %d data sources", SERVER_POOLS_MAX);
    if (!pool_open(server->home->path, datasource, ret, error))
        return false;
    server->pools[server->pool_count++] = *ret;
    return true;
}

void server_close_pools(Server *server)
{
    while (server->pool_count > 0)
        pool_close(server->pools[--server->pool_count]);
}

bool server_users(Server *server, Session **ret, Error *error)
{
    const Datasource *datasource =
        datasource_find(&server->home->datasources, server->home->realm.jndi);
    Pool *pool;

    if (!datasource)
        return error_set(
            error, ERROR_INVALID, "data source %s does not exist", server->home->realm.jndi);
    if (datasource->kind == JDBC_H2)
        return error_set(error, ERROR_PRECONDITION,
            "the users are in the local database %s, which is not played here", datasource->url);
    return server_pool(server, datasource, &pool, error) && pool_session(pool, ret, error);
}
