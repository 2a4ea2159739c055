#include <inttypes.h>

#include "common/base/memory.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "coordinator/io/journal_files.h"

/* What is known so far on the way from the first row to the last. */
typedef struct Walk {
    Store *store;
    const SignatureKey *key;
    AuditHead known;  /* by audit.head; read before the rows, a coordinator may be writing */
    AuditHead newest; /* row read */
    bool known_found; /* that row was read, with that hash */
} Walk;

static bool plan_is_the_runs(Walk *walk, const Record *record, Error *error)
{
    AUTO(Statement) *row = NULL;
    char digest[SHA256_HEX_BYTES];
    const char *plan;

    if (!store_prepare(walk->store, "SELECT content FROM plan WHERE run = ?1", &row, error))
        return false;
    statement_bind_text(row, 1, record->run);
    if (statement_step(row, error) == ROW_FAILED)
        return false;
    plan = statement_text(row, 0);
    digest_of(plan, strlen(plan), digest);
    if (strcmp(digest, record->text) != 0)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64
            " of the journal makes run %s with plan %.64s, the plan that is kept has "
            "digest %s: it was changed or taken away",
            record->serial, record->run, record->text, digest);
    return true;
}

static bool check_row(Walk *walk, Statement *row, Error *error)
{
    Record record = { 0 };
    int64_t expected = walk->newest.serial + 1;

    if (statement_number(row, 0) != expected)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal is not there, row %" PRId64 " is: it was removed",
            expected, statement_number(row, 0));
    if (!record_verify(row, walk->key, &record, error) ||
        (record.event == 0 && !plan_is_the_runs(walk, &record, error)))
        return false;
    walk->newest.serial = record.serial;
    memcpy(walk->newest.hash, record.hash, sizeof(walk->newest.hash)); /* 64 digits: it was read */
    if (record.serial == walk->known.serial)
        walk->known_found = strcmp(record.hash, walk->known.hash) == 0;
    return true;
}

static bool check_rows(Walk *walk, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(walk->store, RECORD_SELECT "ORDER BY r.serial", &row, error))
        return false;
    for (;;)
        switch (statement_step(row, error)) {
        case ROW_FOUND:
            if (!check_row(walk, row, error))
                return false;
            break;
        case ROW_END:
            return true;
        case ROW_FAILED:
            return false;
        }
}

static bool end_is_there(const Walk *walk, const char *head_path, Error *error)
{
    if (walk->known.serial > walk->newest.serial)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal is not there: %s proves that there was a row %" PRId64
            ", the end was cut off",
            walk->newest.serial + 1, head_path, walk->known.serial);
    if (walk->known.serial > 0 && !walk->known_found)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal is not the one that %s proves", walk->known.serial,
            head_path);
    if (walk->known.serial == 0 && walk->newest.serial > 1)
        return error_set(error, ERROR_CORRUPT,
            "%s is not there: rows 1 to %" PRId64
            " are good, that none was cut off behind them cannot be known without it",
            head_path, walk->newest.serial);
    return true;
}

/* A plan without a row that makes its run was put in from outside. */
static bool no_plan_is_foreign(const Walk *walk, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(walk->store,
            "SELECT run FROM plan WHERE run NOT IN (SELECT run FROM record WHERE event = 0)", &row,
            error))
        return false;
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        return error_set(error, ERROR_CORRUPT,
            "the journal has a plan for run %.80s, which no row made", statement_text(row, 0));
    case ROW_END:
        return true;
    case ROW_FAILED:
        return false;
    }
    return false;
}

bool journal_verify(
    const char *directory, const char *public_key_file, uint64_t *ret_rows, Error *error)
{
    AUTO(SignatureKey) *key = NULL;
    AUTO(Store) *store = NULL;
    AUTO_TEXT *path = memory_format("%s/" JOURNAL_FILE, directory);
    AUTO_TEXT *head_path = memory_format("%s/" AUDIT_HEAD_FILE, directory);
    Walk walk = { 0 };

    if (!verify_key_load(public_key_file, &key, error) ||
        !audit_head_read(head_path, key, &walk.known, error) ||
        !store_open_to_read(path, &store, error))
        return false;
    walk.store = store;
    walk.key = key;
    if (!check_rows(&walk, error) || !end_is_there(&walk, head_path, error) ||
        !no_plan_is_foreign(&walk, error))
        return false;
    *ret_rows = (uint64_t)walk.newest.serial;
    return true;
}
