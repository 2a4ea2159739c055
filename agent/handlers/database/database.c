#include "agent/handlers/database/database.h"

#include <assert.h>

#include "agent/handlers/database/database_driver.h"
#include "common/base/memory.h"
#include "common/base/text.h"

const DatabaseLimits database_limits_default = {
    .connect_s = 10, .statement_s = 300, .lock_s = 10
};

static const DatabaseDriver *const drivers[] = {
    [DATABASE_MYSQL] = &database_mysql,
    [DATABASE_POSTGRESQL] = &database_postgresql,
};
static_assert(
    sizeof(drivers) / sizeof(drivers[0]) == DATABASE_TYPE_COUNT, "every DatabaseType has a driver");

static Database *new_database(
    const AgentDatabase *config, DatabaseSide side, const char *name, const DatabaseLimits *limits)
{
    Database *database = memory_new(sizeof(*database));

    assert(config->type < DATABASE_TYPE_COUNT && side < SIDE_COUNT);
    assert(limits->connect_s > 0 && limits->statement_s > 0 && limits->lock_s > 0);

    database->driver = drivers[config->type];
    database->config = config;
    database->login = side == SIDE_PRODUCTION ? &config->production : &config->staging;
    database->side = side;
    database->limits = *limits;
    database->name = memory_text(name ? name : database->login->database);
    return database;
}

bool database_open(const AgentDatabase *config, DatabaseSide side, const char *name,
    const DatabaseLimits *limits, Database **ret, Error *error)
{
    AUTO(Database) *database = new_database(config, side, name, limits);

    if (!database->driver->connect(database, error))
        return error_prefix(error,
            "%s database %s (%s): ", side == SIDE_PRODUCTION ? "production" : "staging",
            config->name, database->name);
    *ret = TAKE(database);
    return true;
}

bool database_open_at(const AgentDatabase *config, DatabaseSide side, const char *place,
    const DatabaseLimits *limits, Database **ret, Error *error)
{
    AUTO(Database) *database = new_database(config, side, NULL, limits);
    const char *colon = strrchr(place, ':');
    unsigned long long port = 0;

    if (!colon || !text_to_number(colon + 1, UINT16_MAX, &port))
        return error_set(error, ERROR_INVALID, "%s has no port", place);
    database->host = place[0] == '[' && colon > place + 2 && colon[-1] == ']'
                         ? memory_text_n(place + 1, (size_t)(colon - place) - 2)
                         : memory_text_n(place, (size_t)(colon - place));
    database->port = (unsigned)port;
    if (!database->driver->connect(database, error))
        return error_prefix(error, "%s: ", place);
    *ret = TAKE(database);
    return true;
}

void database_close(Database *database)
{
    if (!database)
        return;
    database_close(database->watcher);
    if (database->driver && database->handle)
        database->driver->disconnect(database);
    free(database->name);
    free(database->host);
    free(database->version);
    free(database);
}

DatabaseType database_type(const Database *database)
{
    return database->config->type;
}

const char *database_type_name(DatabaseType type)
{
    return type < DATABASE_TYPE_COUNT ? drivers[type]->type_name : "unknown";
}

const char *database_server_version(const Database *database)
{
    return database->version;
}

static bool run(Database *database, const char *sql, DatabaseRowFunction *row, void *self,
    uint64_t *ret_rows, Error *error)
{
    bool done;

    database_watch_begin(database, sql);
    done = database->driver->query(database, sql, row, self, ret_rows, error);
    database_watch_end(database);
    return done;
}

bool database_query(
    Database *database, const char *sql, DatabaseRowFunction *row, void *self, Error *error)
{
    return run(database, sql, row, self, NULL, error);
}

typedef struct FirstValue {
    bool seen;
    char *value;
} FirstValue;

static bool keep_first_value(void *self, const DatabaseRow *row, Error *error)
{
    FirstValue *first = self;

    (void)error;
    assert(row->count > 0);
    if (!first->seen && row->values[0])
        first->value = memory_text_n(row->values[0], row->lengths[0]);
    first->seen = true;
    return true;
}

bool database_value(Database *database, const char *sql, char **ret, Error *error)
{
    FirstValue first = { 0 };

    if (!run(database, sql, keep_first_value, &first, NULL, error)) {
        free(first.value);
        return false;
    }
    *ret = first.value;
    return true;
}

bool database_run(Database *database, const char *sql, uint64_t *ret_rows, Error *error)
{
    return run(database, sql, NULL, NULL, ret_rows, error);
}

void database_watch(Database *database, DatabaseWatch *watch, void *self)
{
    database->watch = watch;
    database->watch_self = self;
}

bool database_remarks(Database *database, DatabaseRemarks *ret, Error *error)
{
    return database->driver->remarks(database, ret, error);
}

bool database_in_transaction(const Database *database)
{
    return database->driver->in_transaction(database);
}

bool database_only_reads(Database *database, Error *error)
{
    static const char *const statements[] = {
        [DATABASE_MYSQL] = "SET SESSION TRANSACTION READ ONLY",
        [DATABASE_POSTGRESQL] = "SET default_transaction_read_only = on",
    };

    return database_run(database, statements[database_type(database)], NULL, error);
}

void database_interrupt(Database *database)
{
    database->driver->interrupt(database);
}

char *database_quote(Database *database, const char *value)
{
    return database->driver->quote(database, value);
}

char *database_quote_name(Database *database, const char *name)
{
    return database->driver->quote_name(database, name);
}

char *database_double_marks(const char *text, char mark)
{
    char *marked = memory_new(2 * strlen(text) + 3);
    char *to = marked;

    *to++ = mark;
    for (const char *from = text; *from; from++) {
        if (*from == mark)
            *to++ = mark;
        *to++ = *from;
    }
    *to = mark;
    return marked;
}

void *database_native(Database *database)
{
    return database->handle;
}
