/* The audit log: whoever touched it is found, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "tests/component/journal_lab.h"

#define WITHOUT_TRIGGERS                                                                           \
    "DROP TRIGGER a_record_is_never_changed; DROP TRIGGER a_record_is_never_removed;"
#define CHANGED(row) "row " #row " of the journal was changed, moved or put in"

static const struct {
    const char *sql, *found;
} manipulations[] = {
    { "UPDATE record SET text = 'it went badly' WHERE serial = 3", CHANGED(3) },
    { "UPDATE record SET actor = 'bob@desk' WHERE serial = 6", CHANGED(6) },
    { "UPDATE record SET host = 'elsewhere' WHERE serial = 1", CHANGED(1) },
    { "UPDATE record SET cluster = 'bills' WHERE serial = 4", CHANGED(4) },
    { "UPDATE record SET time_ms = time_ms - 1 WHERE serial = 2", CHANGED(2) },
    { "UPDATE record SET kind = 'step-failed' WHERE serial = 5", CHANGED(5) },
    { "UPDATE record SET step = 8 WHERE serial = 5", CHANGED(5) },
    { "UPDATE record SET number = 3 WHERE serial = 5", CHANGED(5) },
    { "UPDATE record SET error = 'none' WHERE serial = 5", CHANGED(5) },
    { "UPDATE record SET evidence = replace(evidence, '12', '13') WHERE serial = 4", CHANGED(4) },
    /* a byte moves from one field to the next */
    { "UPDATE record SET error = 'timeou', text = 't' || text WHERE serial = 3", CHANGED(3) },
    { "UPDATE record SET text = text || ',4:rows', evidence = substr(evidence, 8) WHERE serial = 3",
        CHANGED(3) },
    { "UPDATE record SET event = 9 WHERE serial = 6", CHANGED(6) },
    { "UPDATE record SET hash = iif(hash LIKE 'a%', 'b', 'a') || substr(hash, 2) WHERE serial = 3",
        CHANGED(3) },
    { "UPDATE record SET signature = zeroblob(64) WHERE serial = 3",
        "row 3 of the journal is not signed by this key" },
    { "UPDATE record SET signature = x'00' WHERE serial = 3",
        "row 3 of the journal is not signed by this key" },
    { "DELETE FROM record WHERE serial = 3", "row 3 of the journal is not there, row 4 is" },
    { "DELETE FROM record WHERE serial = 1", "row 1 of the journal is not there, row 2 is" },
    { "DELETE FROM record WHERE serial = 3; UPDATE record SET serial = serial - 1, event = event - "
      "1"
      " WHERE serial > 3",
        CHANGED(3) },
    { "UPDATE record SET serial = -3 WHERE serial = 3; UPDATE record SET serial = 3 WHERE serial = "
      "4;"
      "UPDATE record SET serial = 4 WHERE serial = -3",
        CHANGED(3) },
    { "UPDATE record SET serial = -serial, event = 100 - serial WHERE serial > 3;"
      "UPDATE record SET serial = 1 - serial, event = -serial WHERE serial < 0;"
      "INSERT INTO record SELECT 4, run, 3, time_ms, actor, host, cluster, kind, step, number,"
      " error, text, evidence, hash, signature FROM record WHERE serial = 3",
        CHANGED(4) },
    { "INSERT INTO record SELECT 7, run, 6, time_ms, actor, host, cluster, kind, step, number,"
      " error, text, evidence, hash, signature FROM record WHERE serial = 6",
        CHANGED(7) },
    { "DELETE FROM record WHERE serial = 6", "row 6 of the journal is not there: " },
    { "DELETE FROM record WHERE serial > 2", "row 3 of the journal is not there: " },
    { "DELETE FROM record", "row 1 of the journal is not there: " },
    { "UPDATE plan SET content = '<plan/>'", "row 1 of the journal makes run run-1 with plan " },
    { "PRAGMA foreign_keys = OFF; DELETE FROM plan",
        "row 1 of the journal makes run run-1 with plan " },
    { "INSERT INTO plan VALUES ('run-9', '')",
        "the journal has a plan for run run-9, which no row made" },
};

static void every_manipulation_is_found_and_named(void **state)
{
    for (size_t i = 0; i < sizeof(manipulations) / sizeof(manipulations[0]); i++) {
        AUTO_TEXT *folder = memory_format("%s/%zu", (const char *)*state, i);
        AUTO_TEXT *sql = memory_format(WITHOUT_TRIGGERS "%s", manipulations[i].sql);

        lab_fill(folder);
        assert_verifies(folder, 6);
        lab_run_sql(folder, sql);
        assert_found(folder, manipulations[i].found);
    }
}

/* Row 7: row 6 once more with another kind and text, hashed, and signed by the key in that file. */
static void put_row(const char *folder, const char *key_path, const char *kind, const char *text)
{
    static const char *const known[] = { "" }; /* what the file's tables were made by */
    AUTO(SignatureKey) *key = NULL;
    AUTO(Store) *store = NULL;
    AUTO_TEXT *path = lab_path(folder, JOURNAL_FILE);
    AUTO(Statement) *row = NULL;
    char previous[DIGEST_HEX_BYTES];
    char hash[DIGEST_HEX_BYTES];
    Record record = { 0 };
    Error error = { 0 };

    lab_must(signing_key_load(key_path, &key, &error), &error);
    lab_must(store_open(path, known, 1, &store, &error), &error);
    lab_must(store_prepare(store, RECORD_SELECT "WHERE r.serial = 6", &row, &error), &error);
    assert_int_equal(statement_step(row, &error), ROW_FOUND);
    lab_must(record_read(row, &record, &error), &error);
    lab_must(text_copy(previous, sizeof(previous), record.hash), &error);
    record.serial = 7;
    record.event = 6;
    record.kind = kind;
    record.text = text;
    record_hash(&record, previous, hash);
    record.hash = hash;
    lab_must(record_insert(store, &record, key, &error), &error);
}

/* Whoever can write the file can compute hashes, but has no key. */
static void hashes_computed_anew_do_not_help(void **state)
{
    AUTO_TEXT *other_key = lab_path(*state, "other.key");
    Error error = { 0 };

    lab_fill(*state);
    lab_must(signing_key_make(other_key, &error), &error);
    put_row(*state, other_key, "step-done", "forged");
    assert_found(*state, "row 7 of the journal is not signed by this key");
    assert_not_opened(*state, ERROR_CORRUPT, "row 7 of the journal is not signed by this key");
}

static void what_a_newer_program_wrote_is_verified_and_not_guessed_at(void **state)
{
    AUTO_TEXT *key = lab_path(*state, AUDIT_KEY);
    AUTO(Journal) *journal = NULL;
    LabSeen seen = { 0 };
    Error error = { 0 };

    lab_fill(*state);
    put_row(*state, key, "step-mended", "by magic");
    assert_verifies(*state, 7);
    journal = lab_open(*state);
    assert_false(journal_read(journal, LAB_RUN, lab_see, &seen, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.text, "'step-mended'"));
    event_done(&seen.last);
}

static void a_text_longer_than_an_event_is_not_cut(void **state)
{
    AUTO_TEXT *key = lab_path(*state, AUDIT_KEY);
    AUTO_TEXT *text = memory_new(EVENT_TEXT_MAX + 1);
    AUTO(Journal) *journal = NULL;
    LabSeen seen = { 0 };
    Error error = { 0 };

    lab_fill(*state);
    memset(text, 'x', EVENT_TEXT_MAX);
    put_row(*state, key, "step-done", text);
    journal = lab_open(*state);
    assert_false(journal_read(journal, LAB_RUN, lab_see, &seen, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    event_done(&seen.last);
}

/* A page of zeros anywhere in the file: an error, or, where nobody needs the page, the truth. */
static void a_damaged_file_is_told_and_nothing_is_made_of_it(void **state)
{
    AUTO_TEXT *path = lab_path(*state, JOURNAL_FILE);
    AUTO_TEXT *bytes = NULL;
    size_t length = 0, told = 0;
    Error error = { 0 };

    lab_fill(*state);
    lab_must(file_read(path, 1 << 20, &bytes, &length, &error), &error);
    for (size_t page = 4096; page + 4096 <= length; page += 4096) {
        AUTO_TEXT *damaged = memory_text_n(bytes, length);
        AUTO(Journal) *journal = NULL;
        LabSeen seen = { 0 };
        uint64_t rows = 0;

        memset(damaged + page, 0, 4096);
        lab_must(file_replace(path, damaged, length, 0600, &error), &error);
        if (lab_verify(*state, &rows, &error) && journal_open(*state, &journal, &error) &&
            journal_read(journal, LAB_RUN, lab_see, &seen, &error))
            assert_true(rows == 6 && seen.count == 5);
        else
            told++;
        event_done(&seen.last);
        error = (Error){ 0 };
    }
    assert_true(told >= 3);
    lab_must(file_replace(path, "SQLite is not what this is", 26, 0600, &error), &error);
    assert_not_opened(*state, ERROR_CORRUPT, "journal.db");
}

static void another_public_key_finds_the_first_row(void **state)
{
    AUTO_TEXT *other = lab_path(*state, "other");
    AUTO_TEXT *public_path = lab_path(other, AUDIT_PUBLIC);
    AUTO_TEXT *head = lab_path(*state, AUDIT_HEAD_FILE);
    uint64_t rows = 0;
    Error error = { 0 };

    lab_fill(*state);
    lab_fill(other);
    assert_false(journal_verify(*state, public_path, &rows, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_non_null(strstr(error.text, "audit.head is not signed by this key"));
    error = (Error){ 0 };
    lab_must(file_remove_tree(head, &error), &error);
    assert_false(journal_verify(*state, public_path, &rows, &error));
    assert_non_null(strstr(error.text, "row 1 of the journal is not signed by this key"));
}

static void a_missing_head_file_is_told(void **state)
{
    AUTO_TEXT *head = lab_path(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *beginning = NULL;
    Error error = { 0 };

    lab_fill(*state);
    lab_must(file_remove_tree(head, &error), &error);
    beginning = memory_format("%s is not there: rows 1 to 6 are good, that none was cut off", head);
    assert_found(*state, beginning);
    assert_not_opened(*state, ERROR_CORRUPT, "audit.head is not there, the journal has 6 rows");
}

static void a_changed_head_file_is_told(void **state)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        { "serial 6", "serial 5" },
        { "serial 6", "serial 06" },
        { "serial 6", "serial  6" },
        { "head 1", "head 2" },
        { "signature ", "signature 00" },
        { "signature ", "signature x" },
        { "\nhash ", " hash " },
    };
    AUTO_TEXT *path = lab_path(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *good = NULL;
    size_t length = 0;
    Error error = { 0 };

    lab_fill(*state);
    lab_must(file_read(path, 1000, &good, &length, &error), &error);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const char *at = strstr(good, changes[i].from);
        AUTO_TEXT *changed = memory_format(
            "%.*s%s%s", (int)(at - good), good, changes[i].to, at + strlen(changes[i].from));

        lab_must(file_replace(path, changed, strlen(changed), 0600, &error), &error);
        assert_found(*state, path);
        assert_not_opened(*state, ERROR_CORRUPT, "audit.head is not signed by this key");
    }
    lab_must(file_replace(path, good, length, 0600, &error), &error);
    assert_verifies(*state, 6);
}

/* The same length, so only the hash tells. */
static void a_journal_with_another_end_is_told(void **state)
{
    AUTO_TEXT *head = lab_path(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *database = lab_path(*state, JOURNAL_FILE);
    AUTO_TEXT *kept = lab_path(*state, "kept.db");
    Error error = { 0 };

    lab_fill(*state);
    lab_must(file_copy(database, kept, &error), &error);
    {
        AUTO(Journal) *journal = lab_open(*state);

        lab_append(journal, 6, "what really happened");
    }
    {
        AUTO_TEXT *real_head = lab_path(*state, "real.head");

        lab_must(file_copy(head, real_head, &error), &error);
        lab_must(file_remove_tree(database, &error), &error);
        lab_must(file_copy(kept, database, &error), &error);
        assert_not_opened(*state, ERROR_CORRUPT, "proves that the journal had row 7");
        assert_found(*state, "row 7 of the journal is not there: ");
    }
}

static void a_plan_that_was_changed_is_not_given_out(void **state)
{
    AUTO(Journal) *journal = NULL;
    AUTO_TEXT *plan = NULL;
    Error error = { 0 };

    lab_fill(*state);
    lab_run_sql(*state, "UPDATE plan SET content = '<plan/>'");
    journal = lab_open(*state);
    assert_false(journal_plan(journal, LAB_RUN, &plan, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
}

static void a_changed_row_is_not_folded_into_a_run(void **state)
{
    AUTO(Journal) *journal = NULL;
    LabSeen seen = { 0 };
    Error error = { 0 };

    lab_fill(*state);
    lab_run_sql(*state, WITHOUT_TRIGGERS "UPDATE record SET step = 1 WHERE serial = 4");
    journal = lab_open(*state);
    assert_false(journal_read(journal, LAB_RUN, lab_see, &seen, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_int_equal(seen.count, 2);
    event_done(&seen.last);
}

static void a_row_is_neither_changed_nor_removed_by_accident(void **state)
{
    AUTO_TEXT *path = lab_path(*state, JOURNAL_FILE);
    sqlite3 *database = NULL;

    lab_fill(*state);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(database, "UPDATE record SET text = ''", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(
        sqlite3_exec(database, "DELETE FROM record", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    assert_verifies(*state, 6);
}

static void a_key_that_is_gone_or_open_or_another_is_refused(void **state)
{
    AUTO_TEXT *key = lab_path(*state, AUDIT_KEY);
    AUTO_TEXT *kept = lab_path(*state, "kept.key");
    Error error = { 0 };

    lab_fill(*state);
    assert_int_equal(chmod(key, 0640), 0);
    assert_not_opened(*state, ERROR_INVALID, "audit.key has mode 640");
    assert_int_equal(rename(key, kept), 0);
    assert_not_opened(*state, ERROR_CORRUPT, "audit.key is not there, the journal has rows");
    assert_int_equal(file_kind(key, LINKS_FOLLOWED), FILE_ABSENT);
    lab_must(signing_key_make(key, &error), &error);
    assert_not_opened(*state, ERROR_CORRUPT, "row 6 of the journal is not signed by this key");
    lab_must(file_replace(key, "no key", 6, 0600, &error), &error);
    assert_not_opened(*state, ERROR_INVALID, "audit.key holds no key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(every_manipulation_is_found_and_named),
        JOURNAL_TEST(hashes_computed_anew_do_not_help),
        JOURNAL_TEST(what_a_newer_program_wrote_is_verified_and_not_guessed_at),
        JOURNAL_TEST(a_text_longer_than_an_event_is_not_cut),
        JOURNAL_TEST(a_damaged_file_is_told_and_nothing_is_made_of_it),
        JOURNAL_TEST(another_public_key_finds_the_first_row),
        JOURNAL_TEST(a_missing_head_file_is_told),
        JOURNAL_TEST(a_changed_head_file_is_told),
        JOURNAL_TEST(a_journal_with_another_end_is_told),
        JOURNAL_TEST(a_plan_that_was_changed_is_not_given_out),
        JOURNAL_TEST(a_changed_row_is_not_folded_into_a_run),
        JOURNAL_TEST(a_row_is_neither_changed_nor_removed_by_accident),
        JOURNAL_TEST(a_key_that_is_gone_or_open_or_another_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
