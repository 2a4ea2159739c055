#include "common/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <unistd.h>

#include "common/base/memory.h"

struct Store {
    sqlite3 *file;
    char *path;
};

struct Statement {
    Store *store;
    sqlite3_stmt *handle;
};

/* Primary result codes; every other one is a failing disk to the caller. */
static const struct {
    int code;
    ErrorKind kind;
} kinds[] = {
    { SQLITE_CORRUPT, ERROR_CORRUPT },
    { SQLITE_NOTADB, ERROR_CORRUPT },
    { SQLITE_BUSY, ERROR_TIMEOUT },
    { SQLITE_LOCKED, ERROR_TIMEOUT },
    { SQLITE_CONSTRAINT, ERROR_PRECONDITION },
};

static bool fail(const Store *store, int code, Error *error)
{
    ErrorKind kind = ERROR_IO;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].code == (code & 0xff))
            kind = kinds[i].kind;
    return error_set(error, kind, "%s: %s", store->path, sqlite3_errmsg(store->file));
}

bool store_run(Store *store, const char *sql, Error *error)
{
    int code = sqlite3_exec(store->file, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || fail(store, code, error);
}

uint64_t store_changes(const Store *store)
{
    return (uint64_t)sqlite3_changes64(store->file);
}

bool store_begin(Store *store, Error *error)
{
    return store_run(store, "BEGIN IMMEDIATE", error);
}

bool store_commit(Store *store, Error *error)
{
    if (store_run(store, "COMMIT", error))
        return true;
    store_rollback(store);
    return false;
}

void store_rollback(Store *store)
{
    if (!sqlite3_get_autocommit(store->file))
        (void)sqlite3_exec(store->file, "ROLLBACK", NULL, NULL, NULL); /* the file is as it was */
}

/* SQLite gives its -wal and -shm files the mode of this one. Only a file that is not there is
 * opened here: closing a descriptor of an open one would drop SQLite's locks on it. */
static bool make_private_file(const char *path, Error *error)
{
    AUTO_FD file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    AUTO_TEXT *folder = memory_text(path);
    char *slash = strrchr(folder, '/');
    AUTO_FD above = -1;

    if (file < 0)
        return errno == EEXIST || error_set(error, ERROR_IO, "%s cannot be made: %m", path);
    if (slash)
        slash[slash == folder] = '\0';
    above = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0 || fsync(above) != 0)
        return error_set(error, ERROR_IO, "folder of %s cannot be synced: %m", path);
    return true;
}

static bool open_file(const char *path, int flags, Store **ret, Error *error)
{
    AUTO(Store) *store = memory_new(sizeof(*store));
    int code;

    *store = (Store){ .path = memory_text(path) };
    code = sqlite3_open_v2(path, &store->file, flags | SQLITE_OPEN_EXRESCODE, NULL);
    if (!store->file)
        return error_set(error, ERROR_IO, "%s: %s", path, sqlite3_errstr(code));
    if (code != SQLITE_OK)
        return fail(store, code, error);
    code = sqlite3_busy_timeout(store->file, STORE_BUSY_MS);
    assert(code == SQLITE_OK);
    if (!store_run(store, "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF", error))
        return false;
    *ret = TAKE(store);
    return true;
}

/* First column of the first row of a statement that always has one. */
static bool one_value(Store *store, const char *sql, Statement **ret, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(store, sql, &row, error))
        return false;
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        *ret = TAKE(row);
        return true;
    case ROW_END:
        return error_set(error, ERROR_CORRUPT, "%s: no answer to %s", store->path, sql);
    case ROW_FAILED:
        return false;
    }
    return false;
}

static bool use_wal(Store *store, Error *error)
{
    AUTO(Statement) *mode = NULL;

    if (!one_value(store, "PRAGMA journal_mode=WAL", &mode, error))
        return false;
    if (strcmp(statement_text(mode, 0), "wal") != 0)
        return error_set(error, ERROR_IO,
            "%s: journal mode is %s, wal is needed: is the file on a network file system?",
            store->path, statement_text(mode, 0));
    return store_run(store, "PRAGMA synchronous=FULL", error);
}

static bool version_of(Store *store, size_t *ret, Error *error)
{
    AUTO(Statement) *version = NULL;

    if (!one_value(store, "PRAGMA user_version", &version, error))
        return false;
    *ret = (size_t)statement_number(version, 0);
    return true;
}

/* Runs in a transaction: another process may be opening the same new file. */
static bool migrate_one(
    Store *store, const char *const *migrations, size_t count, bool *ret_more, Error *error)
{
    AUTO_TEXT *mark = NULL;
    size_t version = 0;

    if (!version_of(store, &version, error))
        return false;
    if (version > count)
        return error_set(error, ERROR_INVALID,
            "%s has layout %zu, this program knows %zu: a newer program made it", store->path,
            version, count);
    *ret_more = version < count;
    if (version == count)
        return true;
    if (!store_run(store, migrations[version], error))
        return error_prefix(error, "layout %zu: ", version + 1);
    mark = memory_format("PRAGMA user_version=%zu", version + 1);
    return store_run(store, mark, error);
}

static bool migrate(Store *store, const char *const *migrations, size_t count, Error *error)
{
    size_t version = 0;
    bool more = true;

    if (!version_of(store, &version, error))
        return false;
    if (version == count)
        return true;
    while (more) {
        if (!store_begin(store, error))
            return false;
        if (!migrate_one(store, migrations, count, &more, error)) {
            store_rollback(store);
            return false;
        }
        if (!store_commit(store, error))
            return false;
    }
    return true;
}

bool store_open(const char *path, const char *const *migrations, size_t migration_count,
    Store **ret, Error *error)
{
    AUTO(Store) *store = NULL;

    if (!make_private_file(path, error) || !open_file(path, SQLITE_OPEN_READWRITE, &store, error) ||
        !use_wal(store, error) || !migrate(store, migrations, migration_count, error))
        return false;
    *ret = TAKE(store);
    return true;
}

bool store_open_to_read(const char *path, Store **ret, Error *error)
{
    AUTO(Store) *store = NULL;
    size_t version;

    /* asking for the version reads the file: a wrong one is refused here */
    if (!open_file(path, SQLITE_OPEN_READONLY, &store, error) ||
        !version_of(store, &version, error))
        return false;
    *ret = TAKE(store);
    return true;
}

void store_close(Store *store)
{
    int code;

    if (!store)
        return;
    if (store->file)
        store_rollback(store);
    code = sqlite3_close(store->file);
    assert(code == SQLITE_OK); /* every statement was freed */
    free(store->path);
    free(store);
}

bool store_prepare(Store *store, const char *sql, Statement **ret, Error *error)
{
    AUTO(Statement) *statement = memory_new(sizeof(*statement));
    int code;

    *statement = (Statement){ .store = store };
    code = sqlite3_prepare_v2(store->file, sql, -1, &statement->handle, NULL);
    if (code != SQLITE_OK)
        return fail(store, code, error);
    assert(statement->handle);
    *ret = TAKE(statement);
    return true;
}

void statement_free(Statement *statement)
{
    if (!statement)
        return;
    (void)sqlite3_finalize(statement->handle); /* repeats what the last step reported */
    free(statement);
}

void statement_bind_text(Statement *statement, int place, const char *value)
{
    int code = sqlite3_bind_text(statement->handle, place, value, -1, SQLITE_TRANSIENT);

    assert(code == SQLITE_OK);
}

void statement_bind_number(Statement *statement, int place, int64_t value)
{
    int code = sqlite3_bind_int64(statement->handle, place, value);

    assert(code == SQLITE_OK);
}

void statement_bind_blob(Statement *statement, int place, const void *bytes, size_t length)
{
    int code = sqlite3_bind_blob64(statement->handle, place, bytes, length, SQLITE_TRANSIENT);

    assert(code == SQLITE_OK);
}

RowOutcome statement_step(Statement *statement, Error *error)
{
    int code = sqlite3_step(statement->handle);

    if (code == SQLITE_ROW)
        return ROW_FOUND;
    if (code == SQLITE_DONE)
        return ROW_END;
    (void)fail(statement->store, code, error);
    return ROW_FAILED;
}

bool statement_run(Statement *statement, Error *error)
{
    RowOutcome outcome;

    do
        outcome = statement_step(statement, error);
    while (outcome == ROW_FOUND);
    statement_reset(statement);
    return outcome == ROW_END;
}

void statement_reset(Statement *statement)
{
    (void)sqlite3_reset(statement->handle); /* repeats what the last step reported */
    (void)sqlite3_clear_bindings(statement->handle);
}

bool statement_is_null(Statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

const char *statement_text(Statement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement->handle, column);

    return text ? (const char *)text : "";
}

int64_t statement_number(Statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

const void *statement_blob(Statement *statement, int column, size_t *ret_length)
{
    const void *bytes = sqlite3_column_blob(statement->handle, column);

    *ret_length = (size_t)sqlite3_column_bytes(statement->handle, column);
    return bytes;
}
