#include "agent/handlers/copy/difference.h"

#include "agent/handlers/copy/row_digest.h"

#define KEY_VALUE_BYTES 60 /* shown of one value of a key */

typedef struct RowHash {
    uint64_t parts[2];
} RowHash;

typedef struct Side {
    const CopyTable *table;
    RowHasher *hasher;
    RowHash *hashes; /* of one side, sorted before they are searched */
    size_t count, capacity;
    uint64_t missing; /* rows of the other side that are not among them */
    Text *first;      /* the key of the first of these */
} Side;

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(RowHash));
}

static RowHash hash_row(Side *side, const DatabaseRow *row)
{
    RowDigest unused = { 0 };
    RowHash hash;

    for (unsigned i = 0; i < row->count; i++)
        row_hasher_value(side->hasher, row->values[i], row->lengths[i]);
    row_hasher_end_with(side->hasher, &unused, hash.parts);
    return hash;
}

static bool keep_hash(void *self, const DatabaseRow *row, Error *error)
{
    Side *side = self;

    (void)error;
    if (side->count == side->capacity) {
        side->capacity = side->capacity > 0 ? 2 * side->capacity : 1024;
        side->hashes = memory_grow(side->hashes, side->capacity * sizeof(RowHash));
    }
    side->hashes[side->count++] = hash_row(side, row);
    return true;
}

static void add_key(const Side *side, const DatabaseRow *row)
{
    const CopyTable *table = side->table;

    for (unsigned i = 0; i < row->count; i++) {
        unsigned long length = row->lengths[i];

        if (!table->column[i].in_key)
            continue;
        text_add(side->first, "%s%s=%.*s", side->first->length > 0 ? ", " : "",
            table->column[i].name, (int)(length > KEY_VALUE_BYTES ? KEY_VALUE_BYTES : length),
            row->values[i] ? row->values[i] : "NULL");
    }
}

static bool look_up(void *self, const DatabaseRow *row, Error *error)
{
    Side *side = self;
    RowHash hash = hash_row(side, row);

    (void)error;
    if (bsearch(&hash, side->hashes, side->count, sizeof(hash), compare_hashes))
        return true;
    if (side->missing++ == 0 && side->table->has_key)
        add_key(side, row);
    return true;
}

/* Looks for rows of `of` that are not in `in`. */
typedef struct Direction {
    Database *in, *of;
    const char *words;
} Direction;

static bool count_missing(Side *side, const Direction *direction, Error *error)
{
    AUTO_TEXT *sql = memory_format("SELECT %s FROM %s", side->table->reads, side->table->quoted);

    if (!database_query(direction->in, sql, keep_hash, side, error))
        return false;
    if (side->count > 1)
        qsort(side->hashes, side->count, sizeof(RowHash), compare_hashes);
    return database_query(direction->of, sql, look_up, side, error);
}

static bool add_missing(const CopyTable *table, const Direction *direction, Text *ret, Error *error)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    TEXT_AUTO(key, 400);
    Side side = { .table = table, .hasher = hasher, .first = &key };
    bool counted = count_missing(&side, direction, error);

    free(side.hashes);
    if (!counted || side.missing == 0)
        return counted;
    text_add(ret, "%s%llu row(s) of %s", ret->length > 0 ? "; " : "",
        (unsigned long long)side.missing, direction->words);
    if (key.length > 0)
        text_add(ret, ", the first with %s", key.bytes);
    return true;
}

bool difference_find(
    Database *production, Database *staging, const CopyTable *table, Text *ret, Error *error)
{
    const Direction extra = { production, staging, "staging are not in production" };
    const Direction lost = { staging, production, "production are not in staging" };

    if (!add_missing(table, &extra, ret, error) || !add_missing(table, &lost, ret, error))
        return false;
    if (ret->length == 0)
        text_add(ret, "the same rows, but not equally often");
    return true;
}
