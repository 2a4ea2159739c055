#include "agent/handlers/copy/copied.h"

#include <inttypes.h>

#include "agent/handlers/database/query_rows.h"
#include "common/base/text.h"
#include "common/os/digest.h"

#define COPIED_MAX ((size_t)4 << 20)

struct Copied {
    Text lines;
};

Copied *copied_new(void)
{
    Copied *copied = memory_new(sizeof(*copied));

    text_init(&copied->lines, COPIED_MAX);
    return copied;
}

void copied_free(Copied *copied)
{
    if (!copied)
        return;
    text_done(&copied->lines);
    free(copied);
}

char *copied_line(const CopyTable *table, const RowDigest *digest)
{
    char hex[ROW_DIGEST_HEX_BYTES];

    row_digest_hex(digest, hex);
    return memory_format("%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s", digest->rows, digest->bytes, hex,
        table->quoted, table->name);
}

void copied_add_line(Copied *copied, const char *line)
{
    text_add(&copied->lines, "%s\n", line);
}

const char *copied_text(const Copied *copied)
{
    return copied->lines.bytes;
}

Copied *copied_parse(const char *text)
{
    Copied *copied = copied_new();

    text_add(&copied->lines, "%s", text);
    return copied;
}

/* The bytes up to the next tab or the line's end; moves *at behind them. The caller frees. */
static char *take_field(const char **at)
{
    size_t length = strcspn(*at, "\t\n");
    char *field = memory_text_n(*at, length);

    *at += length + ((*at)[length] == '\t');
    return field;
}

bool copied_parse_line(const char *line, CopiedTable *ret)
{
    AUTO_TEXT *rows = take_field(&line);
    AUTO_TEXT *bytes = take_field(&line);
    AUTO_TEXT *digest = take_field(&line);
    unsigned long long row_number, byte_number;

    if (!text_to_number(rows, UINT64_MAX, &row_number) ||
        !text_to_number(bytes, UINT64_MAX, &byte_number) ||
        !text_copy(ret->digest, sizeof(ret->digest), digest))
        return false;
    ret->rows = row_number;
    ret->bytes = byte_number;
    ret->quoted = take_field(&line);
    ret->name = take_field(&line);
    return true;
}

void copied_table_done(CopiedTable *table)
{
    free(table->quoted);
    free(table->name);
    *table = (CopiedTable){ 0 };
}

bool copied_each(const Copied *copied, CopiedFunction *function, void *self, Error *error)
{
    for (const char *line = copied->lines.bytes; *line; line += strcspn(line, "\n") + 1) {
        CopiedTable table = { 0 };
        bool good;

        if (!copied_parse_line(line, &table))
            return error_set(error, ERROR_CORRUPT, "the ledger's list of tables cannot be read");
        good = function(self, &table, error);
        copied_table_done(&table);
        if (!good)
            return false;
    }
    return true;
}

typedef struct Looking {
    Database *database;
    bool all_there;
} Looking;

/* A table that is not there cannot be counted: any failure but a lost connection means "no". */
static bool look_for(void *self, const CopiedTable *table, Error *error)
{
    Looking *looking = self;
    AUTO_TEXT *sql = memory_format("SELECT COUNT(*) FROM %s", table->quoted);
    uint64_t rows = 0;
    Error failure = { 0 };

    if (!query_number(looking->database, sql, &rows, &failure)) {
        looking->all_there = false;
        if (failure.kind == ERROR_DATABASE)
            return true;
        *error = failure;
        return false;
    }
    looking->all_there &= rows == table->rows;
    return true;
}

bool copied_is_there(const Copied *copied, Database *database, bool *ret, Error *error)
{
    Looking looking = { .database = database, .all_there = true };

    if (!copied_each(copied, look_for, &looking, error))
        return false;
    *ret = looking.all_there;
    return true;
}

typedef struct Telling {
    Facts *evidence;
    Digest *digest;
    uint64_t tables, rows, bytes;
} Telling;

static bool tell(void *self, const CopiedTable *table, Error *error)
{
    Telling *telling = self;
    AUTO_TEXT *name = memory_format("table:%s", table->name);
    AUTO_TEXT *value = memory_format("rows=%" PRIu64 " digest=%s", table->rows, table->digest);

    (void)error;
    telling->tables++;
    telling->rows += table->rows;
    telling->bytes += table->bytes;
    facts_add(telling->evidence, name, value);
    digest_add(telling->digest, name, strlen(name) + 1);
    digest_add(telling->digest, value, strlen(value) + 1);
    return true;
}

void copied_add_evidence(const Copied *copied, Facts *evidence)
{
    AUTO(Digest) *digest = digest_new();
    Telling telling = { .evidence = evidence, .digest = digest };
    char hex[SHA256_HEX_BYTES];
    Error unreadable = { 0 }; /* it was read once already, when the tables were looked for */

    if (!copied_each(copied, tell, &telling, &unreadable))
        return;
    digest_end_hex(digest, hex);
    facts_format(evidence, "tables", "%" PRIu64, telling.tables);
    facts_format(evidence, "rows", "%" PRIu64, telling.rows);
    facts_format(evidence, "~bytes", "%" PRIu64, telling.bytes);
    facts_add(evidence, "digest", hex);
}
