#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/digest.h"
#include "coordinator/io/journal_files.h"

static bool fill_run(const Record *record, uint64_t events, JournalRun *ret)
{
    JournalRun run = { .started_ms = record->time_ms, .events = events };

    if (!text_copy(run.id, sizeof(run.id), record->run) ||
        !text_copy(run.cluster, sizeof(run.cluster), record->cluster) ||
        !text_copy(run.plan_sha256, sizeof(run.plan_sha256), record->text))
        return false;
    *ret = run;
    return true;
}

static bool count_events(Journal *journal, const char *run, uint64_t *ret, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(journal->store, "SELECT max(event) FROM record WHERE run = ?1", &row, error))
        return false;
    statement_bind_text(row, 1, run);
    if (statement_step(row, error) == ROW_FAILED)
        return false;
    *ret = (uint64_t)statement_number(row, 0);
    return true;
}

/* `row` stands on the making of a run. */
static bool read_run(Journal *journal, Statement *row, JournalRun *ret, Error *error)
{
    Record record = { 0 };
    uint64_t events = 0;

    if (!record_read(row, &record, error) || !count_events(journal, record.run, &events, error))
        return false;
    return fill_run(&record, events, ret) ||
           error_set(error, ERROR_CORRUPT, "row %" PRId64 " of the journal has names too long",
               record.serial);
}

/* The run whose making is the first row of `row`, which is bound; `missing` when there is none. */
static bool take_run(
    Journal *journal, Statement *row, const char *missing, JournalRun *ret, Error *error)
{
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        return read_run(journal, row, ret, error);
    case ROW_END:
        return error_set(error, ERROR_INVALID, "%s", missing);
    case ROW_FAILED:
        break;
    }
    return false;
}

bool journal_last_run(Journal *journal, const char *cluster, JournalRun *ret, Error *error)
{
    AUTO(Statement) *row = NULL;
    AUTO_TEXT *missing = memory_format(
        "the journal has no run%s%.80s", cluster ? " of cluster " : "", cluster ? cluster : "");

    if (!store_prepare(journal->store,
            RECORD_SELECT "WHERE r.event = 0 AND (?1 IS NULL OR r.cluster = ?1)"
                          " ORDER BY r.serial DESC LIMIT 1",
            &row, error))
        return false;
    statement_bind_text(row, 1, cluster);
    return take_run(journal, row, missing, ret, error);
}

bool journal_find_run(Journal *journal, const char *run, JournalRun *ret, Error *error)
{
    AUTO(Statement) *row = NULL;
    AUTO_TEXT *missing = memory_format("the journal has no run %.80s", run);

    if (!store_prepare(
            journal->store, RECORD_SELECT "WHERE r.run = ?1 AND r.event = 0", &row, error))
        return false;
    statement_bind_text(row, 1, run);
    return take_run(journal, row, missing, ret, error);
}

bool journal_runs(
    Journal *journal, const char *cluster, JournalRun **ret, size_t *ret_count, Error *error)
{
    AUTO(Statement) *row = NULL;
    JournalRun *runs = NULL;
    size_t count = 0;
    RowOutcome state;

    if (!store_prepare(journal->store,
            RECORD_SELECT "WHERE r.event = 0 AND r.cluster = ?1 ORDER BY r.serial DESC", &row,
            error))
        return false;
    statement_bind_text(row, 1, cluster);
    while ((state = statement_step(row, error)) == ROW_FOUND) {
        runs = memory_grow(runs, (count + 1) * sizeof(*runs));
        if (!read_run(journal, row, &runs[count++], error))
            break;
    }
    if (state != ROW_END) {
        free(runs);
        return false;
    }
    *ret = runs;
    *ret_count = count;
    return true;
}

bool journal_plan(Journal *journal, const char *run, char **ret, Error *error)
{
    AUTO(Statement) *row = NULL;
    JournalRun found = { 0 };
    char digest[SHA256_HEX_BYTES];
    const char *plan;

    if (!journal_find_run(journal, run, &found, error) ||
        !store_prepare(journal->store, "SELECT content FROM plan WHERE run = ?1", &row, error))
        return false;
    statement_bind_text(row, 1, run);
    if (statement_step(row, error) == ROW_FAILED)
        return false;
    plan = statement_text(row, 0);
    digest_of(plan, strlen(plan), digest);
    if (strcmp(digest, found.plan_sha256) != 0)
        return error_set(error, ERROR_CORRUPT,
            "the plan of run %s was changed in the journal: it has digest %s, the run was made "
            "with %s",
            run, digest, found.plan_sha256);
    *ret = memory_text(plan);
    return true;
}

static bool fill_event(const Record *record, Event *ret, Error *error)
{
    ret->serial = (uint64_t)record->event;
    ret->time_ms = record->time_ms;
    ret->kind = event_from_name(record->kind);
    ret->step = record->step == 0 ? EVENT_NO_STEP : (uint32_t)(record->step - 1);
    ret->number = (uint64_t)record->number;
    ret->error = error_kind_from_name(record->error);
    if (ret->kind == EVENT_KIND_COUNT || ret->error == ERROR_KIND_COUNT)
        return error_set(error, ERROR_INVALID,
            "row %" PRId64 " of the journal has kind '%.40s' and error '%.40s', this program does "
            "not know one of them: a newer one wrote it",
            record->serial, record->kind, record->error);
    if (!text_copy(ret->actor, sizeof(ret->actor), record->actor) ||
        !text_copy(ret->text, sizeof(ret->text), record->text) ||
        !evidence_read(record->evidence, &ret->evidence))
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal cannot be read back as an event", record->serial);
    return true;
}

typedef struct Reader {
    bool (*take)(void *self, const Event *event, Error *error);
    void *self;
    uint64_t serial; /* of the event before */
} Reader;

static bool hand_over(Reader *reader, Statement *row, Error *error)
{
    Record record = { 0 };
    EVENT_AUTO(event);

    if (!record_read(row, &record, error) || !fill_event(&record, &event, error))
        return false;
    if (event.serial != reader->serial + 1)
        return error_set(error, ERROR_CORRUPT,
            "row %" PRId64 " of the journal is event %" PRIu64 " of its run behind event %" PRIu64,
            record.serial, event.serial, reader->serial);
    reader->serial = event.serial;
    return reader->take(reader->self, &event, error);
}

bool journal_read(Journal *journal, const char *run,
    bool (*take)(void *self, const Event *event, Error *error), void *self, Error *error)
{
    AUTO(Statement) *row = NULL;
    JournalRun found = { 0 };
    Reader reader = { .take = take, .self = self };

    if (!journal_find_run(journal, run, &found, error) ||
        !store_prepare(journal->store,
            RECORD_SELECT "WHERE r.run = ?1 AND r.event > 0 ORDER BY r.event", &row, error))
        return false;
    statement_bind_text(row, 1, run);
    for (;;)
        switch (statement_step(row, error)) {
        case ROW_FOUND:
            if (!hand_over(&reader, row, error))
                return false;
            break;
        case ROW_END:
            return true;
        case ROW_FAILED:
            return false;
        }
}

bool journal_head(Journal *journal, char ret[DIGEST_HEX_BYTES], Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(
            journal->store, "SELECT hash FROM record ORDER BY serial DESC LIMIT 1", &row, error))
        return false;
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        return text_copy(ret, DIGEST_HEX_BYTES, statement_text(row, 0)) ||
               error_set(error, ERROR_CORRUPT, "the newest row of the journal has no valid hash");
    case ROW_END:
        return text_copy(ret, DIGEST_HEX_BYTES, record_no_hash);
    case ROW_FAILED:
        return false;
    }
    return false;
}
