#include "tests/carbon/pool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define POOL_SESSIONS 3

struct Pool {
    const Datasource *datasource;
    Session *sessions[POOL_SESSIONS];
    size_t next;
};

static bool touch_file(const char *home, const Datasource *datasource, Error *error)
{
    bool absolute = datasource->database[0] == '/';
    AUTO_TEXT *path = memory_format(
        "%s%s%s.h2.db", absolute ? "" : home, absolute ? "" : "/", datasource->database);
    AUTO_TEXT *folder = memory_text_n(path, (size_t)(strrchr(path, '/') - path));
    AUTO_FD fd = -1;

    (void)mkdir(folder, 0755); /* open() tells when it is not there in the end */
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(error, ERROR_IO, "cannot open the H2 database %s", path);
    return true;
}

bool pool_open(const char *home, const Datasource *datasource, Pool **ret, Error *error)
{
    AUTO(Pool) *pool = memory_new(sizeof *pool);

    *pool = (Pool){ .datasource = datasource };
    if (datasource->kind == JDBC_H2) {
        if (!touch_file(home, datasource, error))
            return false;
    } else {
        for (size_t i = 0; i < POOL_SESSIONS; i++)
            if (!session_open(datasource, &pool->sessions[i], error))
                return false;
    }
    *ret = TAKE(pool);
    return true;
}

void pool_close(Pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < POOL_SESSIONS; i++)
        session_close(pool->sessions[i]);
    free(pool);
}

const Datasource *pool_datasource(const Pool *pool)
{
    return pool->datasource;
}

bool pool_session(Pool *pool, Session **ret, Error *error)
{
    Session **slot = &pool->sessions[pool->next];

    pool->next = (pool->next + 1) % POOL_SESSIONS;
    if (*slot && !session_is_alive(*slot)) {
        session_close(*slot);
        *slot = NULL;
    }
    if (!*slot && !session_open(pool->datasource, slot, error))
        return false;
    *ret = *slot;
    return true;
}
