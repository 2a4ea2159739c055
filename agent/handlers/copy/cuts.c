#include "agent/handlers/copy/cuts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"

#define CUTS_MAX        10000 /* of one table */
#define CUTS_TEXT_MAX   ((size_t)1 << 20)
#define SAMPLE_PAGES    100 /* per chunk */
#define PAGE_BYTES      8192
#define EXPLAIN_COLUMNS 10 /* of MariaDB; MySQL has "partitions" before "type", and "filtered" */
#define EXPLAIN_ROWS    8

typedef struct Cutting {
    Database *database;
    const CopyTable *table;
    uint64_t wanted; /* chunks */
    uint64_t rows;   /* of one of them */
    int64_t *at;     /* CUTS_MAX */
    size_t count;
} Cutting;

static bool parse_number(const char *text, int64_t *ret)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    *ret = number;
    return errno == 0 && end != text && *end == '\0';
}

static bool add_cut(Cutting *cutting, int64_t at)
{
    if (cutting->count == CUTS_MAX)
        return false;
    if (cutting->count == 0 || cutting->at[cutting->count - 1] < at)
        cutting->at[cutting->count++] = at;
    return true;
}

static bool take_cut(void *self, const DatabaseRow *row, Error *error)
{
    int64_t at;

    if (!row->values[0] || !parse_number(row->values[0], &at))
        return error_set(error, ERROR_DATABASE, "the server gave no whole number");
    (void)add_cut(self, at); /* what is too many stays in the last chunk */
    return true;
}

/* Some pages of the table, wherever they are: as many as give a fair picture of each chunk. */
static bool cut_postgresql(Cutting *cutting, Error *error)
{
    const CopyTable *table = cutting->table;
    AUTO_TEXT *pages_sql = NULL;
    AUTO_TEXT *literal = database_quote(cutting->database, table->quoted);
    AUTO_TEXT *sql = NULL;
    uint64_t bytes = 0, pages;
    double percent;

    pages_sql = memory_format("SELECT pg_catalog.pg_relation_size(%s)", literal);
    if (!query_number(cutting->database, pages_sql, &bytes, error))
        return false;
    pages = bytes / PAGE_BYTES + 1;
    percent = 100.0 * SAMPLE_PAGES * (double)cutting->wanted / (double)pages;
    sql =
        memory_format("SELECT DISTINCT cut FROM (SELECT unnest(percentile_disc("
                      "(SELECT array_agg(i / %" PRIu64 "::float8) FROM generate_series(1, %" PRIu64
                      ") i)) WITHIN GROUP (ORDER BY %s)) AS cut FROM %s TABLESAMPLE SYSTEM (%f)"
                      ") cuts WHERE cut IS NOT NULL ORDER BY cut",
            cutting->wanted, cutting->wanted - 1, table->cut, table->quoted,
            percent < 100 ? percent : 100);
    return database_query(cutting->database, sql, take_cut, cutting, error);
}

static bool take_estimate(void *self, const DatabaseRow *row, Error *error)
{
    unsigned at = row->count > EXPLAIN_COLUMNS ? EXPLAIN_ROWS + 1 : EXPLAIN_ROWS;
    unsigned long long rows = 0;

    (void)error;
    if (row->count > at && row->values[at] && text_to_number(row->values[at], UINT64_MAX, &rows))
        *(uint64_t *)self = rows;
    return true;
}

/* Halves the keys from `low` to `high` until a part has few enough rows. */
static bool halve(Cutting *cutting, int64_t low, int64_t high, Error *error)
{
    const CopyTable *table = cutting->table;
    const uint64_t width = (uint64_t)high - (uint64_t)low;
    const int64_t middle = (int64_t)((uint64_t)low + width / 2);
    AUTO_TEXT *sql =
        memory_format("EXPLAIN SELECT * FROM %s WHERE %s BETWEEN %" PRId64 " AND %" PRId64,
            table->quoted, table->cut, low, high);
    uint64_t rows = 0;

    if (!database_query(cutting->database, sql, take_estimate, &rows, error))
        return false;
    if (width < 2 || rows <= cutting->rows + cutting->rows / 2 || cutting->count == CUTS_MAX)
        return true;
    return halve(cutting, low, middle - 1, error) && (add_cut(cutting, middle), true) &&
           halve(cutting, middle, high, error);
}

static bool cut_mysql(Cutting *cutting, Error *error)
{
    AUTO_TEXT *low_sql =
        memory_format("SELECT MIN(%s) FROM %s", cutting->table->cut, cutting->table->quoted);
    AUTO_TEXT *high_sql =
        memory_format("SELECT MAX(%s) FROM %s", cutting->table->cut, cutting->table->quoted);
    AUTO_TEXT *low_text = NULL;
    AUTO_TEXT *high_text = NULL;
    int64_t low, high;

    if (!database_value(cutting->database, low_sql, &low_text, error) ||
        !database_value(cutting->database, high_sql, &high_text, error))
        return false;
    if (!low_text || !high_text || !parse_number(low_text, &low) || !parse_number(high_text, &high))
        return true; /* it is empty */
    return halve(cutting, low, high, error);
}

static bool (*const cutters[])(Cutting *, Error *) = {
    [DATABASE_MYSQL] = cut_mysql,
    [DATABASE_POSTGRESQL] = cut_postgresql,
};
static_assert(
    sizeof(cutters) / sizeof(cutters[0]) == DATABASE_TYPE_COUNT, "every DatabaseType is cut");

bool cuts_decide(Database *production, const CopyTable *table, const ChunkSize *size, Arena *arena,
    RowsCuts *ret, Error *error)
{
    const uint64_t by_bytes = table->bytes / size->bytes, by_rows = table->estimated / size->rows;
    Cutting cutting = { .database = production,
        .table = table,
        .wanted = (by_bytes > by_rows ? by_bytes : by_rows) + 1 };

    *ret = (RowsCuts){ .column = table->cut_column };
    if (!table->cut || cutting.wanted < 2)
        return true;
    if (cutting.wanted > CUTS_MAX)
        cutting.wanted = CUTS_MAX;
    cutting.rows = table->estimated / cutting.wanted + 1;
    cutting.at = arena_take(arena, CUTS_MAX * sizeof(*cutting.at));
    if (!cutters[database_type(production)](&cutting, error))
        return error_prefix(error, "cutting %s into chunks: ", table->name);
    ret->at = cutting.at;
    ret->count = cutting.count;
    return true;
}

char *cuts_text(const RowsCuts *cuts)
{
    TEXT_AUTO(text, CUTS_TEXT_MAX);

    for (size_t i = 0; i < cuts->count; i++)
        text_add(&text, "%s%" PRId64, i > 0 ? "," : "", cuts->at[i]);
    return text_take(&text);
}

bool cuts_parse(const char *text, const CopyTable *table, Arena *arena, RowsCuts *ret)
{
    int64_t *at = arena_take(arena, (strlen(text) / 2 + 1) * sizeof(*at));

    *ret = (RowsCuts){ .column = table->cut_column, .at = at };
    while (*text) {
        size_t length = strcspn(text, ",");
        AUTO_TEXT *one = memory_text_n(text, length);

        if (!parse_number(one, &at[ret->count]) ||
            (ret->count > 0 && at[ret->count] <= at[ret->count - 1]))
            return false;
        ret->count++;
        text += length + (text[length] == ',');
    }
    return true;
}
