#include "agent/handlers/copy/catalogue.h"

#include <assert.h>
#include <stdarg.h>

#include "agent/handlers/copy/catalogue_builder.h"

static bool (*const readers[])(Database *, CopyCatalogue *, Error *) = {
    [DATABASE_MYSQL] = catalogue_read_mysql,
    [DATABASE_POSTGRESQL] = catalogue_read_postgresql,
};
static_assert(
    sizeof(readers) / sizeof(readers[0]) == DATABASE_TYPE_COUNT, "every DatabaseType is read");

bool copy_catalogue_read(Database *database, CopyCatalogue **ret, Error *error)
{
    AUTO(CopyCatalogue) *catalogue = memory_new(sizeof(*catalogue));

    catalogue->type = database_type(database);
    catalogue->arena = arena_new();
    if (!readers[catalogue->type](database, catalogue, error))
        return error_prefix(error, "catalogue: ");
    *ret = TAKE(catalogue);
    return true;
}

void copy_catalogue_free(CopyCatalogue *catalogue)
{
    if (!catalogue)
        return;
    arena_free(catalogue->arena);
    free(catalogue);
}

const CopyTable *copy_catalogue_table(const CopyCatalogue *catalogue, const char *name)
{
    for (size_t i = 0; i < catalogue->table_count; i++)
        if (strcmp(catalogue->tables[i].name, name) == 0)
            return &catalogue->tables[i];
    return NULL;
}

/* The list with room for one more item; doubles, so that the arena grows by a constant factor. */
static void *with_room(Arena *arena, void *items, size_t count, size_t bytes)
{
    void *grown;

    if (count > 0 && (count & (count - 1)) != 0)
        return items;
    grown = arena_take(arena, (count > 0 ? 2 * count : 1) * bytes);
    if (count > 0)
        memcpy(grown, items, count * bytes);
    return grown;
}

CopyTable *catalogue_add_table(CopyCatalogue *catalogue, const CopyTable *table)
{
    catalogue->tables =
        with_room(catalogue->arena, catalogue->tables, catalogue->table_count, sizeof(*table));
    catalogue->tables[catalogue->table_count] = *table;
    return &catalogue->tables[catalogue->table_count++];
}

void catalogue_add_table_step(CopyCatalogue *catalogue, const CopyStep *step)
{
    catalogue->steps = with_room(
        catalogue->arena, catalogue->steps, catalogue->step_count, sizeof(catalogue->steps[0]));
    catalogue->steps[catalogue->step_count++] = *step;
}

void catalogue_add_step(CopyCatalogue *catalogue, CopyStepKind kind, const char *name,
    const char *done, const char *sql)
{
    const CopyStep step = { .kind = kind, .name = name, .done = done, .sql = sql };

    catalogue_add_table_step(catalogue, &step);
}

void catalogue_set_cut(
    CopyCatalogue *catalogue, CopyTable *table, Database *database, const char *column)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->column[i].name, column) == 0) {
            AUTO_TEXT *quoted = database_quote_name(database, column);

            table->cut = arena_text(catalogue->arena, quoted);
            table->cut_column = i;
        }
}

void catalogue_add_leftover(CopyCatalogue *catalogue, const char *kind, const char *name)
{
    catalogue->leftovers = with_room(catalogue->arena, catalogue->leftovers,
        catalogue->leftover_count, sizeof(catalogue->leftovers[0]));
    catalogue->leftovers[catalogue->leftover_count++] = (CopyLeftover){ kind, name };
}

bool catalogue_add_leftovers(
    CopyCatalogue *catalogue, Database *database, const char *sql, Error *error)
{
    QueryRows rows;

    if (!query_rows(database, catalogue->arena, sql, &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++)
        catalogue_add_leftover(catalogue, rows.rows[i][0], rows.rows[i][1]);
    return true;
}

char *catalogue_format(CopyCatalogue *catalogue, const char *format, ...)
{
    AUTO_TEXT *text = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        abort(); /* out of memory */
    return arena_text(catalogue->arena, text);
}
