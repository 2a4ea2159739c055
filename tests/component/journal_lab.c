#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/base/text.h"
#include "tests/component/journal_lab.h"

void lab_must(bool good, const Error *error)
{
    if (!good)
        fail_msg("%s", error->text);
}

int lab_make_folder(void **state)
{
    char folder[] = "/tmp/journal-XXXXXX";

    *state = mkdtemp(folder) ? memory_text(folder) : NULL;
    return *state ? 0 : -1;
}

int lab_remove_folder(void **state)
{
    Error error = { 0 };
    bool good = file_remove_tree(*state, &error);

    free(*state);
    return good ? 0 : -1;
}

char *lab_path(const char *folder, const char *name)
{
    return memory_format("%s/%s", folder, name);
}

Journal *lab_open(const char *folder)
{
    Journal *journal = NULL;
    Error error = { 0 };

    lab_must(journal_open(folder, &journal, &error), &error);
    return journal;
}

void lab_append(Journal *journal, uint64_t serial, const char *text)
{
    EVENT_AUTO(event);
    Error error = { 0 };

    event.serial = serial;
    event.kind = EVENT_STEP_DONE;
    event.step = 6;
    event.number = 2;
    event.error = ERROR_TIMEOUT;
    lab_must(text_copy(event.actor, sizeof(event.actor), "ann@desk"), &error);
    lab_must(text_copy(event.text, sizeof(event.text), text), &error);
    facts_add(&event.evidence, "rows", "12");
    facts_add(&event.evidence, "~seconds", "3,4:5");
    facts_add(&event.evidence, "rows", "");
    lab_must(journal_append(journal, LAB_RUN, &event, &error), &error);
    assert_true(event.time_ms > 1500000000000);
}

/* Six rows: the making of the run and five events. */
void lab_fill(const char *folder)
{
    AUTO(Journal) *journal = lab_open(folder);
    Error error = { 0 };

    lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    for (uint64_t serial = 1; serial <= 5; serial++)
        lab_append(journal, serial, "it went well");
}

bool lab_verify(const char *folder, uint64_t *ret_rows, Error *error)
{
    AUTO_TEXT *public_key = lab_path(folder, AUDIT_PUBLIC);

    return journal_verify(folder, public_key, ret_rows, error);
}

void assert_verifies(const char *folder, uint64_t expected)
{
    uint64_t rows = 0;
    Error error = { 0 };

    lab_must(lab_verify(folder, &rows, &error), &error);
    assert_int_equal(rows, expected);
}

void assert_found(const char *folder, const char *beginning)
{
    uint64_t rows = 99;
    Error error = { 0 };

    if (lab_verify(folder, &rows, &error))
        fail_msg("not found: %s", beginning);
    assert_int_equal(rows, 99);
    assert_int_equal(error.kind, ERROR_CORRUPT);
    if (strncmp(error.text, beginning, strlen(beginning)) != 0)
        fail_msg("'%s' does not begin with '%s'", error.text, beginning);
}

void assert_not_opened(const char *folder, ErrorKind kind, const char *part)
{
    AUTO(Journal) *journal = NULL;
    Error error = { 0 };

    assert_false(journal_open(folder, &journal, &error));
    if (error.kind != kind || !strstr(error.text, part))
        fail_msg("%s: '%s' has not '%s'", error_kind_name(error.kind), error.text, part);
}

bool lab_see(void *self, const Event *event, Error *error)
{
    LabSeen *seen = self;

    (void)error;
    seen->count++;
    event_done(&seen->last);
    event_copy(&seen->last, event);
    return true;
}

void lab_run_sql(const char *folder, const char *sql)
{
    AUTO_TEXT *path = lab_path(folder, JOURNAL_FILE);
    sqlite3 *database = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

/* An event with all that may go wrong in a text. */
void lab_fill_with_evil(const char *folder, Event *event, char head[DIGEST_HEX_BYTES])
{
    AUTO(Journal) *journal = lab_open(folder);
    Error error = { 0 };

    lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    event->serial = 1;
    event->kind = EVENT_STEP_FAILED;
    event->step = 2;
    event->number = 3;
    event->error = ERROR_DATABASE;
    lab_must(text_copy(event->actor, sizeof(event->actor), "ann@desk"), &error);
    lab_must(text_copy(event->text, sizeof(event->text),
                 "say \"hi\"]\\\n\x1b[2Jcaf\xc3\xa9 \xff \xc2\x9b"
                 "1m, over"),
        &error);
    facts_add(&event->evidence, "~free", "1\"2");
    lab_must(journal_append(journal, LAB_RUN, event, &error), &error);
    lab_must(journal_head(journal, head, &error), &error);
}
