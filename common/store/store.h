#pragma once

/*
 * One SQLite file: the only door to SQLite, for the coordinator's journal and the agent's ledger.
 *
 *   static const char *const migrations[] = { ledger_sql_0001 };       embed_text() in CMake
 *   store_open(path, migrations, 1, &store, error)
 *   store_prepare(store, "SELECT value FROM note WHERE key = ?1", &row, error)
 *   statement_bind_text(row, 1, key);
 *   switch (statement_step(row, error)) { case ROW_FOUND: statement_text(row, 0) … }
 *
 * What a statement or a commit acknowledged is on the disk (WAL, synchronous=FULL). A file may be
 * open in several processes; a write waits for another one at most STORE_BUSY_MS.
 * Files are made with mode 600. The number of migrations that ran is the file's user_version;
 * a file with more of them than the program has is refused, never guessed at. An open Store may not
 * be used by a child after fork(): open it in the child, or exec.
 *
 * Owns: statements are freed by statement_free(), before their Store by store_close().
 * Errors: ERROR_IO disk full, read-only or failing; ERROR_CORRUPT the file is damaged;
 * ERROR_TIMEOUT another process writes; ERROR_PRECONDITION a constraint of the tables;
 * ERROR_INVALID the file was made by a newer program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

#define STORE_BUSY_MS 10000

typedef struct Store Store;
typedef struct Statement Statement;

typedef enum RowOutcome {
    ROW_FOUND,
    ROW_END,
    ROW_FAILED,
} RowOutcome;

/* Makes the file when it is not there (not its folder) and runs the migrations that are missing,
 * each in a transaction of its own. */
bool store_open(const char *path, const char *const *migrations, size_t migration_count,
    Store **ret, Error *error) __attribute__((nonnull, warn_unused_result));
/* Beside a running program or without one; ERROR_IO when there is no such file. */
bool store_open_to_read(const char *path, Store **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void store_close(Store *store);

/* Takes the right to write at once, so that nothing read in it can change before the commit. */
bool store_begin(Store *store, Error *error) __attribute__((nonnull, warn_unused_result));
/* Durable when true; rolled back when false. */
bool store_commit(Store *store, Error *error) __attribute__((nonnull, warn_unused_result));
/* Nothing happens when no transaction is open. */
void store_rollback(Store *store) __attribute__((nonnull));

/* One or more statements without values and without rows. */
bool store_run(Store *store, const char *sql, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Rows that the last statement changed. */
uint64_t store_changes(const Store *store) __attribute__((nonnull));

bool store_prepare(Store *store, const char *sql, Statement **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void statement_free(Statement *statement);

/* Places count from 1. Values are copied. A place that does not exist is a programming error. */
void statement_bind_text(Statement *statement, int place, const char *value) /* NULL: null */
    __attribute__((nonnull(1)));
void statement_bind_number(Statement *statement, int place, int64_t value) __attribute__((nonnull));
void statement_bind_blob(Statement *statement, int place, const void *bytes, size_t length)
    __attribute__((nonnull(1)));

RowOutcome statement_step(Statement *statement, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* For a statement that has no rows: steps to the end and resets. */
bool statement_run(Statement *statement, Error *error) __attribute__((nonnull, warn_unused_result));
/* From the start again; forgets what was bound. */
void statement_reset(Statement *statement) __attribute__((nonnull));

/* Columns count from 0; what is returned lives until the next step, reset or free. */
bool statement_is_null(Statement *statement, int column) __attribute__((nonnull));
const char *statement_text(Statement *statement, int column) /* "" for null */
    __attribute__((nonnull, returns_nonnull));
int64_t statement_number(Statement *statement, int column) __attribute__((nonnull));
const void *statement_blob(Statement *statement, int column, size_t *ret_length)
    __attribute__((nonnull));

DEFINE_AUTO(Store, store_close)
DEFINE_AUTO(Statement, statement_free)
