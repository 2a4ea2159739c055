#include "coordinator/io/journal_record.h"

#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/digest.h"

#define EVIDENCE_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define NUMBER_BYTES       24

enum {
    HASH_COLUMN = 13,
    SIGNATURE_COLUMN,
    PREVIOUS_COLUMN,
};

const char record_no_hash[DIGEST_HEX_BYTES] =
    "0000000000000000000000000000000000000000000000000000000000000000";

static void hash_text(Digest *digest, const char *value)
{
    char length[NUMBER_BYTES];
    int digits = snprintf(length, sizeof(length), "%zu:", strlen(value)); /* fits */

    digest_add(digest, length, (size_t)digits);
    digest_add(digest, value, strlen(value));
    digest_add(digest, ",", 1);
}

static void hash_number(Digest *digest, int64_t value)
{
    char text[NUMBER_BYTES];

    (void)snprintf(text, sizeof(text), "%" PRId64, value); /* fits */
    hash_text(digest, text);
}

void record_hash(const Record *record, const char *previous, char ret[DIGEST_HEX_BYTES])
{
    AUTO(Digest) *digest = digest_new();

    digest_add(digest, previous, strlen(previous));
    hash_number(digest, record->serial);
    hash_text(digest, record->run);
    hash_number(digest, record->event);
    hash_number(digest, record->time_ms);
    hash_text(digest, record->actor);
    hash_text(digest, record->host);
    hash_text(digest, record->cluster);
    hash_text(digest, record->kind);
    hash_number(digest, record->step);
    hash_number(digest, record->number);
    hash_text(digest, record->error);
    hash_text(digest, record->text);
    hash_text(digest, record->evidence);
    digest_end_hex(digest, ret);
}

bool record_insert(Store *store, const Record *record, const SignatureKey *key, Error *error)
{
    AUTO(Statement) *row = NULL;
    unsigned char signature[SIGNATURE_BYTES];

    if (!store_prepare(store,
            "INSERT INTO record (serial, run, event, time_ms, actor, host, cluster, kind, step,"
            " number, error, text, evidence, hash, signature)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            &row, error))
        return false;
    signature_make(key, record->hash, strlen(record->hash), signature);
    statement_bind_number(row, 1, record->serial);
    statement_bind_text(row, 2, record->run);
    statement_bind_number(row, 3, record->event);
    statement_bind_number(row, 4, record->time_ms);
    statement_bind_text(row, 5, record->actor);
    statement_bind_text(row, 6, record->host);
    statement_bind_text(row, 7, record->cluster);
    statement_bind_text(row, 8, record->kind);
    statement_bind_number(row, 9, record->step);
    statement_bind_number(row, 10, record->number);
    statement_bind_text(row, 11, record->error);
    statement_bind_text(row, 12, record->text);
    statement_bind_text(row, 13, record->evidence);
    statement_bind_text(row, 14, record->hash);
    statement_bind_blob(row, 15, signature, sizeof(signature));
    return statement_run(row, error);
}

static Record record_of(Statement *row)
{
    return (Record){
        .serial = statement_number(row, 0),
        .run = statement_text(row, 1),
        .event = statement_number(row, 2),
        .time_ms = statement_number(row, 3),
        .actor = statement_text(row, 4),
        .host = statement_text(row, 5),
        .cluster = statement_text(row, 6),
        .kind = statement_text(row, 7),
        .step = statement_number(row, 8),
        .number = statement_number(row, 9),
        .error = statement_text(row, 10),
        .text = statement_text(row, 11),
        .evidence = statement_text(row, 12),
        .hash = statement_text(row, HASH_COLUMN),
    };
}

static bool is_in_the_chain(Statement *row, const Record *record, Error *error)
{
    const char *previous =
        record->serial == 1 ? record_no_hash : statement_text(row, PREVIOUS_COLUMN);
    char hash[DIGEST_HEX_BYTES];

    if (record->serial != 1 && statement_is_null(row, PREVIOUS_COLUMN))
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal is not there, row %" PRId64 " is", record->serial - 1,
            record->serial);
    record_hash(record, previous, hash);
    if (strcmp(hash, record->hash) != 0)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal was changed, moved or put in: its hash is %.64s, its "
            "content behind row %" PRId64 " has %s",
            record->serial, record->hash, record->serial - 1, hash);
    return true;
}

bool record_read(Statement *row, Record *ret, Error *error)
{
    const Record record = record_of(row);

    if (!is_in_the_chain(row, &record, error))
        return false;
    *ret = record;
    return true;
}

bool record_verify(Statement *row, const SignatureKey *key, Record *ret, Error *error)
{
    const Record record = record_of(row);
    size_t length = 0;
    const void *signature = statement_blob(row, SIGNATURE_COLUMN, &length);

    if (!is_in_the_chain(row, &record, error))
        return false;
    if (length != SIGNATURE_BYTES ||
        !signature_holds(key, record.hash, strlen(record.hash), signature))
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal is not signed by this key: it was put in or changed, "
            "or the key is another one",
            record.serial);
    *ret = record;
    return true;
}

bool evidence_write(const Facts *evidence, char **ret, Error *error)
{
    TEXT_AUTO(text, EVIDENCE_MAX_BYTES);

    for (size_t i = 0; i < evidence->count; i++) {
        const Fact *fact = &evidence->items[i];

        text_add(&text, "%zu:%s,", strlen(fact->name), fact->name);
        text_add(&text, "%zu:%s,", strlen(fact->value), fact->value);
    }
    if (text.overflow)
        return error_set(
            error, ERROR_INVALID, "evidence of more than %zu bytes", EVIDENCE_MAX_BYTES);
    *ret = text_take(&text);
    return true;
}

/* One netstring from *at, which moves behind it; the caller frees. NULL: there is none. */
static char *take_text(const char **at)
{
    char *end = NULL;
    unsigned long long length;

    if (**at < '0' || **at > '9')
        return NULL;
    length = strtoull(*at, &end, 10);
    if (*end != ':' || length >= strlen(end) || end[1 + length] != ',')
        return NULL;
    *at = end + length + 2;
    return memory_text_n(end + 1, length);
}

bool evidence_read(const char *text, Facts *ret)
{
    while (*text) {
        AUTO_TEXT *name = take_text(&text);
        AUTO_TEXT *value = name ? take_text(&text) : NULL;

        if (!value)
            return false;
        facts_add(ret, name, value);
    }
    return true;
}
