#include "agent/handlers/inspection/database_checks.h"

#include "agent/handlers/database/query_rows.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"

const char *database_side_name(DatabaseSide side)
{
    return side == SIDE_PRODUCTION ? "production" : "staging";
}

bool database_checks_open(Inspection *inspection, DatabaseSide side, Error *error)
{
    static const DatabaseLimits limits = {
        .connect_s = 10, .statement_s = INSPECTION_STATEMENT_S, .lock_s = 10
    };

    return database_open(inspection->config, side, NULL, &limits, &inspection->side[side], error) &&
           database_only_reads(inspection->side[side], error);
}

bool database_checks_connect(Inspection *inspection, DatabaseSide side)
{
    const char *id = side == SIDE_PRODUCTION ? "DB-CONNECT-PRODUCTION" : "DB-CONNECT-STAGING";
    Error error = { 0 };

    if (!database_checks_open(inspection, side, &error)) {
        finding_add(inspection->io->evidence, id, FINDING_FAIL,
            "see that the server runs and that the login in agent.xml leads to it", "%s",
            error.text);
        return false;
    }
    finding_add(inspection->io->evidence, id, FINDING_PASS, "", "%s database %s answers: %s %s",
        database_side_name(side), inspection->config->name,
        database_type_name(inspection->config->type),
        database_server_version(inspection->side[side]));
    return true;
}

static bool has_what_it_needs(const Inspection *inspection, CheckNeed need)
{
    bool production = inspection->side[SIDE_PRODUCTION] != NULL;
    bool staging = inspection->side[SIDE_STAGING] != NULL;

    return (production || need == NEEDS_NOTHING || need == NEEDS_STAGING) &&
           (staging || need == NEEDS_NOTHING || need == NEEDS_PRODUCTION);
}

void database_checks_run(Inspection *inspection, const DatabaseCheck *checks)
{
    for (const DatabaseCheck *check = checks; check->id; check++) {
        Error error = { 0 };

        if (!has_what_it_needs(inspection, check->need) ||
            (database_checks_in_time(inspection, &error) && check->run(inspection, check, &error)))
            continue;
        if (error.kind == ERROR_TIMEOUT && inspection->until > 0) {
            finding_add(inspection->io->evidence, check->id, FINDING_WARN,
                "rehearse, which has more time", "not known in time: %s", error.text);
            continue;
        }
        finding_add(inspection->io->evidence, check->id, FINDING_FAIL,
            "see that the agent's login may ask this", "cannot be checked: %s", error.text);
    }
}

void database_checks_done(Inspection *inspection)
{
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++) {
        database_close(inspection->side[side]);
        inspection->side[side] = NULL;
    }
}

bool database_checks_in_time(const Inspection *inspection, Error *error)
{
    if (inspection->until == 0 || clock_now() < inspection->until)
        return true;
    return error_set(error, ERROR_TIMEOUT, "looking at the database has taken %d s", INSPECTION_S);
}

typedef struct List {
    Text *text;
    size_t count, shown;
} List;

static bool add_to_list(void *self, const DatabaseRow *row, Error *error)
{
    List *list = self;

    (void)error;
    if (list->count++ < list->shown)
        text_add(list->text, "%s%s", list->count > 1 ? "; " : "",
            row->values[0] ? row->values[0] : "NULL");
    return true;
}

bool database_checks_list(
    Database *database, const char *sql, size_t shown, char **ret, size_t *ret_count, Error *error)
{
    TEXT_AUTO(text, ERROR_TEXT_MAX);
    List list = { .text = &text, .shown = shown };

    if (!database_query(database, sql, add_to_list, &list, error))
        return false;
    if (list.count > shown)
        text_add(&text, "; and %zu more", list.count - shown);
    *ret = text_take(&text);
    *ret_count = list.count;
    return true;
}

bool database_checks_number(Database *database, const char *sql, uint64_t *ret, Error *error)
{
    AUTO_TEXT *value = NULL;
    unsigned long long number = 0;

    if (!database_value(database, sql, &value, error))
        return false;
    if (value && !text_to_number(value, UINT64_MAX, &number))
        return error_set(error, ERROR_DATABASE, "'%s' is not a number", value);
    *ret = number;
    return true;
}

bool database_checks_tally(Inspection *inspection, const char *queries, const char *unit,
    uint64_t *ret_sum, char **ret_words, Error *error)
{
    Database *database = inspection->side[SIDE_PRODUCTION];
    AUTO(Arena) *arena = arena_new();
    TEXT_AUTO(words, ERROR_TEXT_MAX / 2);
    QueryRows rows;

    *ret_sum = 0;
    if (!query_rows(database, arena, queries, &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        uint64_t count = 0;

        if (!database_checks_in_time(inspection, error) ||
            !database_checks_number(database, rows.rows[i][1], &count, error))
            return false;
        if (count > 0)
            text_add(&words, "%s%s: %llu %s", *ret_sum > 0 ? "; " : "", rows.rows[i][0],
                (unsigned long long)count, unit);
        *ret_sum += count;
    }
    *ret_words = text_take(&words);
    return true;
}

static bool take_second(void *self, const DatabaseRow *row, Error *error)
{
    char **value = self;

    (void)error;
    free(*value);
    *value = memory_text(row->values[1] ? row->values[1] : "");
    return true;
}

bool database_checks_variable(Database *database, const char *name, char **ret, Error *error)
{
    AUTO_TEXT *quoted = database_quote(database, name);
    AUTO_TEXT *sql = memory_format("SHOW GLOBAL VARIABLES WHERE Variable_name = %s", quoted);

    *ret = NULL;
    return database_query(database, sql, take_second, ret, error);
}
