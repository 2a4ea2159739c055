#include "agent/handlers/database/query_rows.h"

#include "common/base/text.h"

typedef struct Collecting {
    Arena *arena;
    const char *const **rows;
    size_t count, capacity;
} Collecting;

static bool collect(void *self, const DatabaseRow *row, Error *error)
{
    Collecting *collecting = self;
    const char **values = arena_take(collecting->arena, row->count * sizeof(*values));

    if (collecting->count == QUERY_ROWS_MAX)
        return error_set(error, ERROR_INVALID, "the catalogue has more than %d rows for a question",
            QUERY_ROWS_MAX);
    for (unsigned i = 0; i < row->count; i++) {
        if (!row->values[i])
            continue;
        AUTO_TEXT *value = memory_text_n(row->values[i], row->lengths[i]);

        values[i] = arena_text(collecting->arena, value);
    }
    if (collecting->count == collecting->capacity) {
        collecting->capacity = collecting->capacity > 0 ? 2 * collecting->capacity : 16;
        collecting->rows =
            memory_grow(collecting->rows, collecting->capacity * sizeof(*collecting->rows));
    }
    collecting->rows[collecting->count++] = values;
    return true;
}

bool query_rows(Database *database, Arena *arena, const char *sql, QueryRows *ret, Error *error)
{
    Collecting collecting = { .arena = arena };
    bool answered = database_query(database, sql, collect, &collecting, error);

    if (answered) {
        ret->count = collecting.count;
        ret->rows = arena_take(arena, collecting.count * sizeof(*ret->rows));
        if (collecting.count > 0)
            memcpy(ret->rows, collecting.rows, collecting.count * sizeof(*ret->rows));
    }
    free(collecting.rows);
    return answered;
}

bool query_number(Database *database, const char *sql, uint64_t *ret, Error *error)
{
    AUTO_TEXT *value = NULL;
    unsigned long long number = 0;

    if (!database_value(database, sql, &value, error))
        return false;
    *ret = value && text_to_number(value, UINT64_MAX, &number) ? number : 0;
    return true;
}
