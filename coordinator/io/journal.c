#include "coordinator/io/journal.h"

#include <assert.h>
#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "common/os/host.h"
#include "common/os/lock_file.h"
#include "coordinator/io/journal_files.h"

extern const char journal_sql_0001[];

static const char *const migrations[] = { journal_sql_0001 };

void journal_close(Journal *journal)
{
    if (!journal)
        return;
    store_close(journal->store);
    signature_key_free(journal->key);
    if (journal->lock >= 0)
        (void)close(journal->lock); /* nothing was written through it */
    free(journal->head_path);
    free(journal->host);
    free(journal);
}

static Journal *new_journal(const char *directory)
{
    Journal *journal = memory_new(sizeof(*journal));
    char host[HOST_NAME_BYTES];

    host_name(host);
    *journal = (Journal){
        .lock = -1,
        .head_path = memory_format("%s/" AUDIT_HEAD_FILE, directory),
        .host = memory_text(host),
    };
    return journal;
}

/* The newest row: its signature tells whether the key is the one that the journal was begun with.
 */
static bool read_newest(Journal *journal, Error *error)
{
    AUTO(Statement) *row = NULL;
    Record record = { 0 };

    if (!store_prepare(journal->store,
            RECORD_SELECT "WHERE r.serial = (SELECT max(serial) FROM record)", &row, error))
        return false;
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        if (!record_verify(row, journal->key, &record, error))
            return false;
        journal->head.serial = record.serial;
        return text_copy(journal->head.hash, sizeof(journal->head.hash), record.hash);
    case ROW_END:
        journal->head = (AuditHead){ 0 };
        return text_copy(journal->head.hash, sizeof(journal->head.hash), record_no_hash);
    case ROW_FAILED:
        return false;
    }
    return false;
}

/* *ret: the journal has the row that audit.head speaks of. */
static bool has_row(Journal *journal, const AuditHead *head, bool *ret, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(journal->store, "SELECT hash FROM record WHERE serial = ?1", &row, error))
        return false;
    statement_bind_number(row, 1, head->serial);
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        *ret = strcmp(statement_text(row, 0), head->hash) == 0;
        return true;
    case ROW_END:
        *ret = false;
        return true;
    case ROW_FAILED:
        return false;
    }
    return false;
}

/*
 * A crash leaves audit.head a row behind, or not there behind the first row. Behind is made good,
 * whatever the number: the rows are signed. Where it speaks of a row that is not there, or is not
 * there where it must have been, rows are gone.
 */
static bool settle_head(Journal *journal, Error *error)
{
    const AuditHead *newest = &journal->head;
    AuditHead known = { 0 };
    bool found = true;

    if (!audit_head_read(journal->head_path, journal->key, &known, error) ||
        (known.serial > 0 && !has_row(journal, &known, &found, error)))
        return false;
    if (!found)
        return error_set(error, ERROR_CORRUPT,
            "%s proves that the journal had row %" PRId64 " with hash %s, it is not there: bring "
            "the journal back from a backup",
            journal->head_path, known.serial, known.hash);
    if (known.serial == 0 && newest->serial > 1)
        return error_set(error, ERROR_CORRUPT,
            "%s is not there, the journal has %" PRId64 " rows: bring it back from a backup",
            journal->head_path, newest->serial);
    return known.serial == newest->serial ||
           audit_head_write(journal->head_path, newest, journal->key, error);
}

static bool is_empty(Journal *journal, bool *ret, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(journal->store, "SELECT 1 FROM record LIMIT 1", &row, error))
        return false;
    switch (statement_step(row, error)) {
    case ROW_FOUND:
    case ROW_END:
        break;
    case ROW_FAILED:
        return false;
    }
    *ret = statement_number(row, 0) == 0;
    return true;
}

static bool load_key(Journal *journal, const char *directory, Error *error)
{
    AUTO_TEXT *key_path = memory_format("%s/" AUDIT_KEY, directory);
    AUTO_TEXT *public_path = memory_format("%s/" AUDIT_PUBLIC, directory);
    bool empty = true;

    if (!is_empty(journal, &empty, error))
        return false;
    if (file_kind(key_path, LINKS_FOLLOWED) == FILE_ABSENT) {
        if (!empty)
            return error_set(error, ERROR_CORRUPT,
                "%s is not there, the journal has rows signed by it: bring it back from a backup",
                key_path);
        if (!signing_key_make(key_path, error))
            return false;
    }
    if (!signing_key_load(key_path, &journal->key, error))
        return false;
    return file_kind(public_path, LINKS_FOLLOWED) != FILE_ABSENT ||
           verify_key_write(journal->key, public_path, error);
}

bool journal_open(const char *directory, Journal **ret, Error *error)
{
    AUTO(Journal) *journal = new_journal(directory);
    AUTO_TEXT *path = memory_format("%s/" JOURNAL_FILE, directory);
    AUTO_TEXT *lock_path = memory_format("%s/" JOURNAL_LOCK, directory);

    if (!file_make_folders(directory, 0700, error) ||
        !lock_file_take(lock_path, &journal->lock, error))
        return false;
    if (!store_open(
            path, migrations, sizeof(migrations) / sizeof(migrations[0]), &journal->store, error) ||
        !load_key(journal, directory, error) || !read_newest(journal, error) ||
        !settle_head(journal, error))
        return false;
    *ret = TAKE(journal);
    return true;
}

bool journal_open_to_read(const char *directory, Journal **ret, Error *error)
{
    AUTO(Journal) *journal = new_journal(directory);
    AUTO_TEXT *path = memory_format("%s/" JOURNAL_FILE, directory);

    if (file_kind(path, LINKS_FOLLOWED) == FILE_ABSENT &&
        file_kind(journal->head_path, LINKS_FOLLOWED) == FILE_ABSENT)
        return error_set(error, ERROR_INVALID,
            "%s has no journal: no run was started from there, or name the right folder with "
            "--state",
            directory);
    if (!store_open_to_read(path, &journal->store, error))
        return false;
    *ret = TAKE(journal);
    return true;
}

/* ---- writing ---- */

static bool may_write(const Journal *journal, Error *error)
{
    assert(journal->key); /* it was not opened to read */
    if (journal->broken)
        return error_set(error, ERROR_IO,
            "the journal failed to write %s before: start again when the disk is well",
            journal->head_path);
    return true;
}

/* In the caller's transaction; *ret_head is the head when it is committed. */
static bool add_record(Journal *journal, Record *record, AuditHead *ret_head, Error *error)
{
    record->serial = journal->head.serial + 1;
    record->host = journal->host;
    record_hash(record, journal->head.hash, ret_head->hash);
    record->hash = ret_head->hash;
    ret_head->serial = record->serial;
    return record_insert(journal->store, record, journal->key, error);
}

static bool commit(Journal *journal, const AuditHead *head, Error *error)
{
    if (!store_commit(journal->store, error))
        return false;
    journal->head = *head;
    if (audit_head_write(journal->head_path, head, journal->key, error))
        return true;
    journal->broken = true;
    return false;
}

static bool add_plan(Journal *journal, const char *run, const char *plan, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(
            journal->store, "INSERT INTO plan (run, content) VALUES (?1, ?2)", &row, error))
        return false;
    statement_bind_text(row, 1, run);
    statement_bind_text(row, 2, plan);
    if (statement_run(row, error))
        return true;
    if (error->kind == ERROR_PRECONDITION)
        error_prefix(error, "run %s is in the journal already: ", run);
    return false;
}

bool journal_new_run(
    Journal *journal, const char *run, const char *cluster, const char *plan, Error *error)
{
    char user[HOST_USER_BYTES];
    char digest[SHA256_HEX_BYTES];
    AUTO_TEXT *actor = NULL;
    AuditHead head = { 0 };

    if (!name_is_valid(run) || strlen(run) >= RUN_ID_MAX_BYTES || !name_is_valid(cluster))
        return error_set(
            error, ERROR_INVALID, "'%.80s' of cluster '%.80s' is no name for a run", run, cluster);
    if (!may_write(journal, error) || !store_begin(journal->store, error))
        return false;
    host_user(user);
    actor = memory_format("%s@%s", user, journal->host);
    digest_of(plan, strlen(plan), digest);
    Record record = {
        .run = run,
        .event = 0,
        .time_ms = wall_now(),
        .actor = actor,
        .cluster = cluster,
        .kind = RECORD_RUN_MADE,
        .error = error_kind_name(ERROR_NONE),
        .text = digest,
        .evidence = "",
    };
    if (!add_plan(journal, run, plan, error) || !add_record(journal, &record, &head, error)) {
        store_rollback(journal->store);
        return false;
    }
    return commit(journal, &head, error);
}

static bool append_in_transaction(
    Journal *journal, const JournalRun *run, const Event *event, AuditHead *ret, Error *error)
{
    AUTO_TEXT *evidence = NULL;

    if (event->serial != run->events + 1)
        return error_set(error, ERROR_INVALID,
            "run %s has %" PRIu64 " events, number %" PRIu64 " cannot follow", run->id, run->events,
            event->serial);
    if (!evidence_write(&event->evidence, &evidence, error))
        return false;
    Record record = {
        .run = run->id,
        .event = (int64_t)event->serial,
        .time_ms = event->time_ms,
        .actor = event->actor,
        .cluster = run->cluster,
        .kind = event_name(event->kind),
        .step = event->step == EVENT_NO_STEP ? 0 : (int64_t)event->step + 1,
        .number = (int64_t)event->number,
        .error = error_kind_name(event->error),
        .text = event->text,
        .evidence = evidence,
    };
    return add_record(journal, &record, ret, error);
}

bool journal_append(Journal *journal, const char *run, Event *event, Error *error)
{
    JournalRun found = { 0 };
    AuditHead head = { 0 };

    event->time_ms = wall_now();
    if (!may_write(journal, error) || !store_begin(journal->store, error))
        return false;
    if (!journal_find_run(journal, run, &found, error) ||
        !append_in_transaction(journal, &found, event, &head, error)) {
        store_rollback(journal->store);
        return false;
    }
    return commit(journal, &head, error);
}

bool journal_next_epoch(Journal *journal, uint64_t *ret, Error *error)
{
    AUTO(Statement) *row = NULL;
    uint64_t epoch;

    /* never below an epoch that was led with, should the counter come from an older backup */
    if (!may_write(journal, error) ||
        !store_prepare(journal->store,
            "UPDATE epoch SET value = 1 + max(value, (SELECT coalesce(max(number), 0) FROM record"
            " WHERE kind = 'lead-taken')) RETURNING value",
            &row, error))
        return false;
    if (statement_step(row, error) != ROW_FOUND)
        return error->kind != ERROR_NONE
                   ? false
                   : error_set(error, ERROR_CORRUPT, "the journal has no row for the epoch");
    epoch = (uint64_t)statement_number(row, 0);
    if (statement_step(row, error) == ROW_FAILED)
        return false;
    *ret = epoch;
    return true;
}
