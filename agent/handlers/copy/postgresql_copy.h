#pragma once

/*
 * COPY over libpq with a limit to every wait: a server that falls silent ends the copy, and so does
 * a meter that is stopped, at once. For postgresql_rows.c alone.
 *
 *   pg_copy_start(connection, "COPY … TO STDOUT", PGRES_COPY_OUT, …)
 *   pg_copy_take() until *ret is NULL; or pg_copy_put(), and pg_copy_end_putting()
 *
 * Owns: what pg_copy_take() gives is freed by PQfreemem(). Errors: ERROR_TIMEOUT, ERROR_CANCELLED,
 * ERROR_UNREACHABLE, ERROR_DATABASE; after any of them, but ERROR_DATABASE of pg_copy_start(), the
 * connection is good for closing only.
 */

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/millis.h"

typedef struct PgCopy {
    PGconn *connection;
    const atomic_bool *stopped;
    Millis silence; /* how long the server may not move */
} PgCopy;

bool pg_copy_start(const PgCopy *copy, const char *sql, ExecStatusType wanted, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The next row's message; NULL after the last. */
bool pg_copy_take(const PgCopy *copy, char **ret, size_t *ret_length, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool pg_copy_put(const PgCopy *copy, const char *bytes, size_t length, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* After the last message of a COPY to the server. */
bool pg_copy_end_putting(const PgCopy *copy, Error *error)
    __attribute__((nonnull, warn_unused_result));
