#include "agent/handlers/inspection/database_checks.h"

#include "common/base/memory.h"
#include "common/base/text.h"

const char *database_side_name(DatabaseSide side)
{
    return side == SIDE_PRODUCTION ? "production" : "staging";
}

bool database_checks_open(Inspection *inspection, DatabaseSide side, Error *error)
{
    return database_open(inspection->config, side, NULL, &database_limits_default,
               &inspection->side[side], error) &&
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

        if (!has_what_it_needs(inspection, check->need) || check->run(inspection, check, &error))
            continue;
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
