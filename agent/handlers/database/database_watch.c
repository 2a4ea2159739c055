#include "agent/handlers/database/database_driver.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"

#define LOOK_EVERY_MS 1000
#define WORDS_MAX     80 /* of what a blocking session runs, bytes */

/* Before half of the time for a lock is over; early when somebody watches. */
static Millis first_look(const Database *database)
{
    Millis half = (Millis)database->limits.lock_s * 500;

    return database->watch && half > LOOK_EVERY_MS ? LOOK_EVERY_MS : half;
}

void database_watch_begin(Database *database, const char *sql)
{
    Millis now = clock_now();

    database->statement =
        (Statement){ .sql = sql, .started = now, .next_look = now + first_look(database) };
    database->remarks = (DatabaseRemarks){ 0 };
}

void database_watch_end(Database *database)
{
    database->statement.blockers[0] = '\0';
    if (!database->watch)
        database_close(TAKE(database->watcher));
}

static void add_in_one_line(Text *text, const char *words)
{
    size_t length = strnlen(words, WORDS_MAX);

    while (length < strlen(words) && ((unsigned char)words[length] & 0xc0) == 0x80)
        length--; /* not in the middle of a character */
    for (size_t i = 0; i < length; i++)
        text_add(text, "%c", (unsigned char)words[i] < ' ' ? ' ' : words[i]);
}

static bool add_blocker(void *self, const DatabaseRow *row, Error *error)
{
    Text *text = self;

    (void)error;
    text_add(text, "%ssession %s of %s from %s, for %s s (", text->length > 0 ? "; " : "",
        row->values[0], row->values[1] ? row->values[1] : "?",
        row->values[2] ? row->values[2] : "?", row->values[3] ? row->values[3] : "?");
    add_in_one_line(text, row->values[4] ? row->values[4] : "idle");
    text_add(text, ")");
    return true;
}

static bool open_watcher(Database *database, Error *error)
{
    const DatabaseLimits limits = { .connect_s = 5, .statement_s = 5, .lock_s = 5 };

    if (database->watcher)
        return true;
    if (!database_open(
            database->config, database->side, database->name, &limits, &database->watcher, error))
        return false;
    database->watcher->is_watcher = true;
    return true;
}

/* Failing to see who blocks must not fail the statement: errors end here. */
static void find_blockers(Database *database, Text *ret)
{
    Error ignored = { 0 };

    if (!open_watcher(database, &ignored) ||
        !database->driver->find_blockers(database->watcher, database, add_blocker, ret, &ignored))
        database_close(TAKE(database->watcher));
}

void database_watch_look(Database *database)
{
    Statement *statement = &database->statement;
    TEXT_AUTO(seen, DATABASE_BLOCKERS_BYTES - 1);

    if (database->is_watcher || clock_now() < statement->next_look)
        return;
    find_blockers(database, &seen);
    if (seen.length > 0)
        (void)snprintf(statement->blockers, sizeof(statement->blockers), "%s", seen.bytes);
    if (database->watch)
        database->watch(database->watch_self, clock_now() - statement->started, seen.bytes);
    statement->next_look = clock_now() + LOOK_EVERY_MS;
}

const char *database_blockers(const Database *database)
{
    return database->statement.blockers[0] ? database->statement.blockers : "not visible";
}
