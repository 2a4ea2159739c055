#include "agent/handlers/copy/copy_ledger.h"

#include <inttypes.h>

#define VALUE_MAX ((size_t)4 << 20)
#define ENTRY_MS  200

void copy_ledger_init(CopyLedger *ledger, AgentIo *io, const char *database)
{
    *ledger = (CopyLedger){ .io = io, .database = database };
    text_init(&ledger->pending, VALUE_MAX);
}

void copy_ledger_done(CopyLedger *ledger)
{
    text_done(&ledger->pending);
}

bool copy_ledger_remember(
    const CopyLedger *ledger, const char *name, const char *value, Error *error)
{
    AUTO_TEXT *key = memory_format("copy/%s/%s", ledger->database, name);

    return ledger->io->remember(ledger->io->self, key, value, error);
}

bool copy_ledger_recall(const CopyLedger *ledger, const char *name, char **ret, Error *error)
{
    AUTO_TEXT *key = memory_format("copy/%s/%s", ledger->database, name);

    return ledger->io->recall(ledger->io->self, key, ret, error);
}

bool copy_ledger_save_cuts(
    const CopyLedger *ledger, const TableJob *jobs, size_t count, Error *error)
{
    TEXT_AUTO(lines, VALUE_MAX);

    for (size_t i = 0; i < count; i++) {
        AUTO_TEXT *cuts = cuts_text(&jobs[i].cuts);

        if (jobs[i].cuts.count > 0)
            text_add(&lines, "%s\t%s\n", cuts, jobs[i].table->name);
    }
    return copy_ledger_remember(ledger, "cuts", lines.bytes, error);
}

/* The line's bytes without its end; moves *at to the next. NULL at the end; the caller frees. */
static char *take_line(const char **at)
{
    size_t length = strcspn(*at, "\n");
    char *line;

    if (**at == '\0')
        return NULL;
    line = memory_text_n(*at, length);
    *at += length + ((*at)[length] == '\n');
    return line;
}

static size_t find_table(const CopyCatalogue *catalogue, const char *name)
{
    const CopyTable *table = copy_catalogue_table(catalogue, name);

    return table ? (size_t)(table - catalogue->tables) : catalogue->table_count;
}

static bool load_cut(
    const CopyCatalogue *catalogue, Arena *arena, char *line, RowsCuts *ret, Error *error)
{
    char *tab = strchr(line, '\t');
    size_t table;

    if (!tab)
        return error_set(error, ERROR_CORRUPT, "the ledger's list of cuts cannot be read");
    *tab = '\0';
    table = find_table(catalogue, tab + 1);
    if (table == catalogue->table_count || !catalogue->tables[table].cut ||
        !cuts_parse(line, &catalogue->tables[table], arena, &ret[table]))
        return error_set(error, ERROR_CORRUPT, "the ledger's cuts of %s cannot be read", tab + 1);
    return true;
}

bool copy_ledger_load_cuts(
    const CopyLedger *ledger, const CutsOf *of, RowsCuts *ret, bool *ret_known, Error *error)
{
    AUTO_TEXT *lines = NULL;
    const char *at;
    char *line;

    if (!copy_ledger_recall(ledger, "cuts", &lines, error))
        return false;
    *ret_known = lines != NULL;
    for (at = lines ? lines : ""; (line = take_line(&at));) {
        bool good = load_cut(of->catalogue, of->arena, line, ret, error);

        free(line);
        if (!good)
            return false;
    }
    return true;
}

bool copy_ledger_flush(CopyLedger *ledger, Error *error)
{
    AUTO_TEXT *name = memory_format("done/%zu", ledger->entries);

    if (ledger->pending.length == 0)
        return true;
    if (!copy_ledger_remember(ledger, name, ledger->pending.bytes, error))
        return false;
    ledger->entries++;
    ledger->written = ledger->io->now(ledger->io->self);
    text_clear(&ledger->pending);
    ledger->pending_bytes = 0;
    ledger->pending_chunks = 0;
    return true;
}

bool copy_ledger_add(CopyLedger *ledger, const TableJob *job, size_t chunk, Error *error)
{
    const RowDigest *digest = &job->chunks[chunk].source;

    text_add(&ledger->pending, "%zu %" PRIu64 " %" PRIu64 " %" PRIx64 " %" PRIx64 " %s\n", chunk,
        digest->rows, digest->bytes, digest->high, digest->low, job->table->name);
    ledger->pending_bytes += digest->bytes;
    if (++ledger->pending_chunks < ledger->entry_chunks &&
        ledger->pending_bytes < ledger->entry_bytes &&
        ledger->io->now(ledger->io->self) - ledger->written < ENTRY_MS)
        return true;
    return copy_ledger_flush(ledger, error);
}

/* A number and the blank behind it. */
static bool take_number(char **at, int base, uint64_t *ret)
{
    char *end;

    *ret = strtoull(*at, &end, base);
    if (end == *at || *end != ' ')
        return false;
    *at = end + 1;
    return true;
}

static TableJob *find_job(TableJob *jobs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(jobs[i].table->name, name) == 0)
            return &jobs[i];
    return NULL;
}

static bool load_chunk(char *line, TableJob *jobs, size_t count, Error *error)
{
    RowDigest digest;
    uint64_t chunk;
    TableJob *job;

    if (!take_number(&line, 10, &chunk) || !take_number(&line, 10, &digest.rows) ||
        !take_number(&line, 10, &digest.bytes) || !take_number(&line, 16, &digest.high) ||
        !take_number(&line, 16, &digest.low) || !(job = find_job(jobs, count, line)) ||
        chunk >= job->chunk_count)
        return error_set(error, ERROR_CORRUPT, "the ledger's list of chunks cannot be read");
    job->chunks[chunk].source = digest;
    job->chunks[chunk].known = true;
    return true;
}

static bool load_entry(const char *lines, TableJob *jobs, size_t count, Error *error)
{
    char *line;

    while ((line = take_line(&lines))) {
        bool good = load_chunk(line, jobs, count, error);

        free(line);
        if (!good)
            return false;
    }
    return true;
}

bool copy_ledger_load(CopyLedger *ledger, TableJob *jobs, size_t count, Error *error)
{
    for (;; ledger->entries++) {
        AUTO_TEXT *name = memory_format("done/%zu", ledger->entries);
        AUTO_TEXT *lines = NULL;

        if (!copy_ledger_recall(ledger, name, &lines, error))
            return false;
        if (!lines)
            return true;
        if (!load_entry(lines, jobs, count, error))
            return false;
    }
}
