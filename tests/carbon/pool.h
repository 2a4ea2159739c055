#pragma once

/*
 * The connection pool of one data source: sessions opened at start and held until the server ends.
 *
 * A session that died is opened anew when it is asked for (testOnBorrow). A pool of an H2 data
 * source has no sessions: it touches the database's file, as H2 would.
 * Owns: a Pool by pool_close(). Errors: those of session_open(). Threads: one at a time.
 */

#include "tests/carbon/session.h"

typedef struct Pool Pool;

bool pool_open(const char *home, const Datasource *datasource, Pool **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void pool_close(Pool *pool);
const Datasource *pool_datasource(const Pool *pool) __attribute__((nonnull));
/* A living session, borrowed until the next call. */
bool pool_session(Pool *pool, Session **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(Pool, pool_close)
