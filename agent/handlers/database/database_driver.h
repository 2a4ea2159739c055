#pragma once

/*
 * What a database type has to bring so that database.h works for it; for database*.c alone.
 *
 * Owns: `name`, `host` and `version` belong to the Database, `handle` to the driver. The
 * configuration is borrowed: it outlives every Database opened from it.
 */

#include "agent/handlers/database/database.h"

/* Seconds that the client waits beyond the server's own limit before it gives the server up. */
#define DATABASE_GRACE_S        15
#define DATABASE_BLOCKERS_MAX   3 /* sessions named in a message about a lock */
#define DATABASE_BLOCKERS_BYTES 500

typedef struct DatabaseDriver DatabaseDriver;

/* The statement that runs. */
typedef struct Statement {
    const char *sql;
    Millis started, next_look;
    char blockers[DATABASE_BLOCKERS_BYTES]; /* as last seen */
} Statement;

struct Database {
    const DatabaseDriver *driver;
    const AgentDatabase *config;
    const DatabaseLogin *login;
    DatabaseSide side;
    DatabaseLimits limits;
    char *name;    /* of the database on its server */
    char *host;    /* instead of that of the login; NULL: as the login says */
    unsigned port; /* goes with host */
    char *version; /* as the server says it */
    void *handle;  /* MYSQL * or PGconn *; NULL before connect() */
    DatabaseWatch *watch;
    void *watch_self;
    Statement statement;
    DatabaseRemarks remarks; /* PostgreSQL: as the notices came */
    Database *watcher;       /* a second connection that asks who holds what this one waits for */
    bool is_watcher;         /* it is one itself: nobody is asked about it */
    void *order;             /* PGcancel *: what interrupt() needs; NULL on MySQL */
};

struct DatabaseDriver {
    const char *type_name;
    /* Fills handle and version and sets up the session; after a failure disconnect() follows. */
    bool (*connect)(Database *database, Error *error);
    void (*disconnect)(Database *database);
    /* One statement; `row` may be NULL, then rows are thrown away. *ret_rows: changed or sent. */
    bool (*query)(Database *database, const char *sql, DatabaseRowFunction *row, void *self,
        uint64_t *ret_rows, Error *error);
    /* Who holds what the session `waiting` waits for, asked by another; a row for each: id, user,
     * host, seconds, what it runs. */
    bool (*find_blockers)(Database *asking, const Database *waiting, DatabaseRowFunction *row,
        void *self, Error *error);
    bool (*remarks)(Database *database, DatabaseRemarks *ret, Error *error);
    bool (*in_transaction)(const Database *database);
    /* From any thread, between connect() and disconnect(): uses nothing that query() changes. */
    void (*interrupt)(Database *database);
    char *(*quote)(Database *database, const char *value);
    char *(*quote_name)(Database *database, const char *name);
};

extern const DatabaseDriver database_mysql;
extern const DatabaseDriver database_postgresql;

/* `text` between two marks, every mark inside doubled; the caller frees. */
char *database_double_marks(const char *text, char mark) __attribute__((nonnull, returns_nonnull));

/* Around each statement, and while it is waited for: looks when it is time, tells the watch. */
void database_watch_begin(Database *database, const char *sql) __attribute__((nonnull));
void database_watch_look(Database *database) __attribute__((nonnull));
void database_watch_end(Database *database) __attribute__((nonnull));
/* Who held the statement: words for a message. */
const char *database_blockers(const Database *database) __attribute__((nonnull));
