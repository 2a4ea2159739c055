#pragma once

/*
 * One connection to one database, whatever its type: the only door to libpq and to the MySQL client
 * outside of copy/.
 *
 * Blocking, for the worker only. Every wait has a limit: connecting, a statement, a lock. Session
 * settings are fixed at opening: UTC, utf8mb4 or UTF8, a sql_mode of our own that is strict and
 * keeps zero dates, an application name that session lists show as ours ("dss-upgrade").
 * Values arrive as text, NULL as a NULL pointer; lengths count (a value may hold zero bytes).
 *
 * Owns: a Database is freed by database_close(); the configuration has to outlive it. Errors:
 * ERROR_UNREACHABLE no connection, ERROR_TIMEOUT a limit (the text names who holds the lock: user,
 * host, age, what it runs), ERROR_DATABASE anything else, with the server's own code and words.
 */

#include <stdint.h>

#include "agent/core/agent_config.h"
#include "common/base/error.h"
#include "common/base/millis.h"

typedef struct Database Database;

typedef enum DatabaseSide {
    SIDE_PRODUCTION,
    SIDE_STAGING,
    SIDE_COUNT,
} DatabaseSide;

typedef struct DatabaseLimits {
    unsigned connect_s, statement_s, lock_s;
} DatabaseLimits;

extern const DatabaseLimits database_limits_default; /* 10 s, 300 s, 10 s */

typedef struct DatabaseRow {
    const char *const *values;
    const unsigned long *lengths; /* bytes */
    unsigned count;
} DatabaseRow;

typedef bool DatabaseRowFunction(void *self, const DatabaseRow *row, Error *error);

/* `name`: another database of that server (a scratch one), or NULL for the configured one. */
bool database_open(const AgentDatabase *config, DatabaseSide side, const char *name,
    const DatabaseLimits *limits, Database **ret, Error *error)
    __attribute__((warn_unused_result, nonnull(1, 4, 5, 6)));
/* The same login, but to the server at `place` ("name:port", "[::1]:port"). */
bool database_open_at(const AgentDatabase *config, DatabaseSide side, const char *place,
    const DatabaseLimits *limits, Database **ret, Error *error)
    __attribute__((warn_unused_result, nonnull));
void database_close(Database *database);

DatabaseType database_type(const Database *database) __attribute__((nonnull));
const char *database_type_name(DatabaseType type); /* "mysql", "postgresql": as in the profile */
/* What the server says of itself: "10.11.11-MariaDB…", "15.14". */
const char *database_server_version(const Database *database) __attribute__((nonnull));

/* Streams the rows; stops when the function fails. */
bool database_query(Database *database, const char *sql, DatabaseRowFunction *row, void *self,
    Error *error) __attribute__((warn_unused_result, nonnull(1, 2, 3, 5)));
/* The first column of the first row; *ret NULL for no row or NULL; the caller frees. */
bool database_value(Database *database, const char *sql, char **ret, Error *error)
    __attribute__((warn_unused_result, nonnull));
/* A statement without rows; *ret_rows (may be NULL): rows it changed. */
bool database_run(Database *database, const char *sql, uint64_t *ret_rows, Error *error)
    __attribute__((warn_unused_result, nonnull(1, 2, 4)));

/* From here on the server itself refuses to change anything for this session. */
bool database_only_reads(Database *database, Error *error)
    __attribute__((warn_unused_result, nonnull));

/*
 * Called about once a second while a statement runs: for how long, and who holds what it waits for
 * ("session 12 of carbon from 10.0.0.5, for 34 s (UPDATE …)"), "" for nobody.
 */
typedef void DatabaseWatch(void *self, Millis running, const char *blockers);
/* Until database_close(); NULL: nobody watches. */
void database_watch(Database *database, DatabaseWatch *watch, void *self)
    __attribute__((nonnull(1)));

/* What the server remarked on the last statement: warnings of MySQL, notices of PostgreSQL. */
typedef struct DatabaseRemarks {
    unsigned long count;
    char first[200]; /* one line */
} DatabaseRemarks;
/* Right after the statement, which has to have succeeded. */
bool database_remarks(Database *database, DatabaseRemarks *ret, Error *error)
    __attribute__((warn_unused_result, nonnull));
/* Says whether a transaction is open that can still be committed. */
bool database_in_transaction(const Database *database) __attribute__((nonnull));

/*
 * Ends what the connection is doing at the server, from another thread: its statement fails there.
 * Says nothing when it is too late or the server cannot be reached; the limits still hold.
 */
void database_interrupt(Database *database) __attribute__((nonnull));

/* `value` as a literal, quotes included; the caller frees. */
char *database_quote(Database *database, const char *value)
    __attribute__((nonnull, returns_nonnull));
/* `name` as an identifier, quotes included, exactly as the catalogue spells it. */
char *database_quote_name(Database *database, const char *name)
    __attribute__((nonnull, returns_nonnull));

/* The libraries' own handles (PGconn *, MYSQL *), for copy/ alone. */
void *database_native(Database *database) __attribute__((nonnull));

DEFINE_AUTO(Database, database_close)
