#pragma once

/*
 * One database session, MySQL or PostgreSQL, as a connection pool of the server holds it.
 *
 * SQL is written once: '?' stands for a text parameter (NULL for SQL NULL), names are unquoted.
 * Owns: a Session by session_close(), Rows by session_rows_free(). Threads: one at a time.
 * Errors: ERROR_UNREACHABLE no connection, ERROR_DATABASE with the words of the server.
 */

#include "tests/carbon/datasource.h"

typedef struct Session Session;

typedef struct SessionRows {
    size_t rows, columns;
    char **values; /* row by row; NULL for SQL NULL */
} SessionRows;

typedef struct SessionValues {
    const char *const *items;
    size_t count;
} SessionValues;

/* SESSION_VALUES(name, tenant) for the parameters of a statement */
#define SESSION_VALUES(...)                                                                        \
    ((SessionValues){ (const char *const[]){ __VA_ARGS__ },                                        \
        sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *) })
#define SESSION_NO_VALUES ((SessionValues){ NULL, 0 })

bool session_open(const Datasource *datasource, Session **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void session_close(Session *session);
/* A statement; `ret` may be NULL when no rows are wanted. */
bool session_run(Session *session, const char *sql, SessionValues values, SessionRows **ret,
    Error *error) __attribute__((nonnull(1, 2, 5), warn_unused_result));
/* An INSERT into a table whose UM_ID is made by the database; gives that. */
bool session_insert(Session *session, const char *sql, SessionValues values, char ret_id[24],
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Ends a transaction that failed; a session that is gone has none. */
void session_roll_back(Session *session) __attribute__((nonnull));
bool session_is_alive(Session *session) __attribute__((nonnull));
void session_rows_free(SessionRows *rows);
/* The value; NULL for SQL NULL. */
const char *session_cell(const SessionRows *rows, size_t row, size_t column)
    __attribute__((nonnull));

DEFINE_AUTO(Session, session_close)
DEFINE_AUTO(SessionRows, session_rows_free)

/* What a client library has to offer; one row per library, in its own file. */
typedef struct SessionDriver {
    void *(*open)(const Datasource *datasource, Error *error);
    void (*close)(void *connection);
    bool (*run)(
        void *connection, const char *sql, SessionValues values, SessionRows **ret, Error *error);
    bool (*insert)(
        void *connection, const char *sql, SessionValues values, char ret_id[24], Error *error);
    bool (*is_alive)(void *connection);
} SessionDriver;

extern const SessionDriver session_mysql, session_postgresql;

SessionRows *session_rows_new(size_t rows, size_t columns) __attribute__((returns_nonnull));
