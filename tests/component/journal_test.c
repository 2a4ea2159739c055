/* The journal on a real disk: what was acknowledged is there, whoever touched it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "common/os/host.h"
#include "coordinator/io/journal_files.h"

#define RUN  "run-1"
#define PLAN "<plan>\n</plan>\n"

static void must(bool good, const Error *error)
{
    if (!good)
        fail_msg("%s", error->text);
}

static int make_folder(void **state)
{
    char folder[] = "/tmp/journal-XXXXXX";

    *state = mkdtemp(folder) ? memory_text(folder) : NULL;
    return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
    Error error = { 0 };
    bool good = file_remove_tree(*state, &error);

    free(*state);
    return good ? 0 : -1;
}

static char *in(const char *folder, const char *name)
{
    return memory_format("%s/%s", folder, name);
}

static Journal *opened(const char *folder)
{
    Journal *journal = NULL;
    Error error = { 0 };

    must(journal_open(folder, &journal, &error), &error);
    return journal;
}

static void append(Journal *journal, uint64_t serial, const char *text)
{
    EVENT_AUTO(event);
    Error error = { 0 };

    event.serial = serial;
    event.kind = EVENT_STEP_DONE;
    event.step = 6;
    event.number = 2;
    event.error = ERROR_TIMEOUT;
    must(text_copy(event.actor, sizeof(event.actor), "ann@desk"), &error);
    must(text_copy(event.text, sizeof(event.text), text), &error);
    facts_add(&event.evidence, "rows", "12");
    facts_add(&event.evidence, "~seconds", "3,4:5");
    facts_add(&event.evidence, "rows", "");
    must(journal_append(journal, RUN, &event, &error), &error);
    assert_true(event.time_ms > 1500000000000);
}

/* Six rows: the making of the run and five events. */
static void fill(const char *folder)
{
    AUTO(Journal) *journal = opened(folder);
    Error error = { 0 };

    must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    for (uint64_t serial = 1; serial <= 5; serial++)
        append(journal, serial, "it went well");
}

static bool verify(const char *folder, uint64_t *ret_rows, Error *error)
{
    AUTO_TEXT *public_key = in(folder, AUDIT_PUBLIC);

    return journal_verify(folder, public_key, ret_rows, error);
}

static void assert_verifies(const char *folder, uint64_t expected)
{
    uint64_t rows = 0;
    Error error = { 0 };

    must(verify(folder, &rows, &error), &error);
    assert_int_equal(rows, expected);
}

static void assert_found(const char *folder, const char *beginning)
{
    uint64_t rows = 99;
    Error error = { 0 };

    if (verify(folder, &rows, &error))
        fail_msg("not found: %s", beginning);
    assert_int_equal(rows, 99);
    assert_int_equal(error.kind, ERROR_CORRUPT);
    if (strncmp(error.text, beginning, strlen(beginning)) != 0)
        fail_msg("'%s' does not begin with '%s'", error.text, beginning);
}

static void assert_not_opened(const char *folder, ErrorKind kind, const char *part)
{
    AUTO(Journal) *journal = NULL;
    Error error = { 0 };

    assert_false(journal_open(folder, &journal, &error));
    if (error.kind != kind || !strstr(error.text, part))
        fail_msg("%s: '%s' has not '%s'", error_kind_name(error.kind), error.text, part);
}

typedef struct Seen {
    uint64_t count;
    Event last;
} Seen;

static bool see(void *self, const Event *event, Error *error)
{
    Seen *seen = self;

    (void)error;
    seen->count++;
    event_done(&seen->last);
    event_copy(&seen->last, event);
    return true;
}

static void what_was_appended_is_read_after_reopening(void **state)
{
    AUTO(Journal) *journal = NULL;
    Seen seen = { 0 };
    JournalRun run = { 0 };
    char digest[SHA256_HEX_BYTES];
    Error error = { 0 };

    fill(*state);
    journal = opened(*state);
    append(journal, 6, "and \"on\"\n");
    must(journal_read(journal, RUN, see, &seen, &error), &error);
    assert_int_equal(seen.count, 6);
    assert_int_equal(seen.last.serial, 6);
    assert_int_equal(seen.last.kind, EVENT_STEP_DONE);
    assert_int_equal(seen.last.step, 6);
    assert_int_equal(seen.last.number, 2);
    assert_int_equal(seen.last.error, ERROR_TIMEOUT);
    assert_string_equal(seen.last.actor, "ann@desk");
    assert_string_equal(seen.last.text, "and \"on\"\n");
    assert_int_equal(seen.last.evidence.count, 3);
    assert_string_equal(seen.last.evidence.items[1].name, "~seconds");
    assert_string_equal(seen.last.evidence.items[1].value, "3,4:5");
    assert_string_equal(seen.last.evidence.items[2].value, "");
    event_done(&seen.last);

    must(journal_find_run(journal, RUN, &run, &error), &error);
    digest_of(PLAN, strlen(PLAN), digest);
    assert_string_equal(run.plan_sha256, digest);
    assert_string_equal(run.cluster, "orders");
    assert_int_equal(run.events, 6);
}

static void an_event_without_step_comes_back_without_step(void **state)
{
    AUTO(Journal) *journal = opened(*state);
    Seen seen = { 0 };
    EVENT_AUTO(event);
    Error error = { 0 };

    event.serial = 1;
    event.kind = EVENT_RUN_STARTED;
    must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    must(journal_append(journal, RUN, &event, &error), &error);
    must(journal_read(journal, RUN, see, &seen, &error), &error);
    assert_int_equal(seen.last.step, EVENT_NO_STEP);
    assert_int_equal(seen.last.evidence.count, 0);
    event_done(&seen.last);
}

static void runs_are_found_by_name_and_by_cluster(void **state)
{
    AUTO(Journal) *journal = opened(*state);
    AUTO_TEXT *plan = NULL;
    JournalRun run = { 0 };
    Error error = { 0 };

    assert_false(journal_last_run(journal, NULL, &run, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    must(journal_new_run(journal, "run-1", "orders", PLAN, &error), &error);
    must(journal_new_run(journal, "run-2", "orders", "<other/>", &error), &error);
    must(journal_new_run(journal, "run-3", "bills", PLAN, &error), &error);
    must(journal_last_run(journal, "orders", &run, &error), &error);
    assert_string_equal(run.id, "run-2");
    must(journal_last_run(journal, NULL, &run, &error), &error);
    assert_string_equal(run.id, "run-3");
    assert_int_equal(run.events, 0);
    must(journal_plan(journal, "run-2", &plan, &error), &error);
    assert_string_equal(plan, "<other/>");
    assert_false(journal_find_run(journal, "run-4", &run, &error));
    assert_string_equal(error.text, "the journal has no run run-4");
}

static void a_run_is_made_once_and_has_a_name(void **state)
{
    static const char *const bad[] = { "", "a b", "../x",
        "a-name-that-is-longer-than-a-run-id-may-be-x" };
    AUTO(Journal) *journal = opened(*state);
    Error error = { 0 };

    must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    assert_false(journal_new_run(journal, RUN, "orders", PLAN, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = (Error){ 0 };
        assert_false(journal_new_run(journal, bad[i], "orders", PLAN, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
    }
    assert_verifies(*state, 1);
}

static void an_event_out_of_order_is_refused(void **state)
{
    AUTO(Journal) *journal = NULL;
    EVENT_AUTO(event);
    Error error = { 0 };

    fill(*state);
    journal = opened(*state);
    event.serial = 7;
    assert_false(journal_append(journal, RUN, &event, &error));
    assert_string_equal(error.text, "run run-1 has 5 events, number 7 cannot follow");
    event.serial = 5;
    error = (Error){ 0 };
    assert_false(journal_append(journal, RUN, &event, &error));
    error = (Error){ 0 };
    assert_false(journal_append(journal, "run-2", &event, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    append(journal, 6, "in order");
    assert_verifies(*state, 7);
}

static void the_head_moves_with_each_row(void **state)
{
    AUTO(Journal) *journal = opened(*state);
    char before[DIGEST_HEX_BYTES];
    char after[DIGEST_HEX_BYTES];
    Error error = { 0 };

    must(journal_head(journal, before, &error), &error);
    assert_string_equal(before, "0000000000000000000000000000000000000000000000000000000000000000");
    must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    must(journal_head(journal, after, &error), &error);
    assert_string_not_equal(before, after);
    append(journal, 1, "x");
    must(journal_head(journal, before, &error), &error);
    assert_string_not_equal(before, after);
}

static void the_epoch_rises_over_restarts_and_backups(void **state)
{
    AUTO(Journal) *journal = opened(*state);
    uint64_t epoch = 0;
    EVENT_AUTO(event);
    Error error = { 0 };

    must(journal_next_epoch(journal, &epoch, &error), &error);
    assert_int_equal(epoch, 1);
    journal_close(TAKE(journal));
    journal = opened(*state);
    must(journal_next_epoch(journal, &epoch, &error), &error);
    assert_int_equal(epoch, 2);
    must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    event.serial = 1;
    event.kind = EVENT_LEAD_TAKEN;
    event.number = 41;
    must(journal_append(journal, RUN, &event, &error), &error);
    must(journal_next_epoch(journal, &epoch, &error), &error);
    assert_int_equal(epoch, 42);
}

static void keys_and_head_are_private_files_and_the_public_key_is_not(void **state)
{
    static const char *const private[] = { AUDIT_KEY, JOURNAL_FILE, JOURNAL_LOCK, AUDIT_HEAD_FILE };
    AUTO_TEXT *public_path = in(*state, AUDIT_PUBLIC);
    struct stat status;

    fill(*state);
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
        AUTO_TEXT *path = in(*state, private[i]);

        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    assert_int_equal(stat(public_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);
}

/* ---- one at a time ---- */

static _Noreturn void hold(const char *folder, int ready)
{
    Journal *journal = NULL;
    Error error = { 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left behind when a test fails */
    if (!journal_open(folder, &journal, &error) || write(ready, "x", 1) != 1)
        _exit(1);
    (void)pause(); /* until it is killed */
    _exit(1);
}

static void a_second_coordinator_is_refused_with_the_holders_name(void **state)
{
    int ready[2];
    char byte;
    char host[HOST_NAME_BYTES];
    pid_t child;
    AUTO_TEXT *holder = NULL;
    AUTO(Journal) *reader = NULL;
    Error error = { 0 };

    fill(*state);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        hold(*state, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    host_name(host);
    holder = memory_format(" is held by pid %d on host %s, user ", child, host);
    assert_not_opened(*state, ERROR_PRECONDITION, holder);
    must(journal_open_to_read(*state, &reader, &error), &error);
    assert_verifies(*state, 6);

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]), (void)close(ready[1]);
    journal_close(opened(*state)); /* the lock went with its holder */
}

/* ---- a crash at any moment ---- */

static _Noreturn void append_for_ever(const char *folder, int acknowledged, uint64_t from)
{
    Journal *journal = NULL;
    Error error = { 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left behind when a test fails */
    if (!journal_open(folder, &journal, &error))
        _exit(1);
    for (uint64_t serial = from;; serial++) {
        Event event = { .serial = serial, .kind = EVENT_STEP_STARTED, .step = EVENT_NO_STEP };

        if (!journal_append(journal, RUN, &event, &error) ||
            write(acknowledged, &serial, sizeof(serial)) != sizeof(serial))
            _exit(1);
    }
}

/* Returns the last serial that the child said was safe. */
static uint64_t append_until_killed(const char *folder, uint64_t from, unsigned wait_us)
{
    int acknowledged[2];
    uint64_t serial = 0, last = 0;
    pid_t child;

    assert_int_equal(pipe2(acknowledged, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        append_for_ever(folder, acknowledged[1], from);
    (void)close(acknowledged[1]);
    assert_int_equal(read(acknowledged[0], &serial, sizeof(serial)), sizeof(serial));
    last = serial;
    (void)usleep(wait_us); /* somewhere in the middle of an append */
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(acknowledged[0], &serial, sizeof(serial)) == sizeof(serial))
        last = serial;
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(acknowledged[0]);
    return last;
}

static void what_was_acknowledged_survives_kill_9_and_verifies(void **state)
{
    JournalRun run = { 0 };
    Error error = { 0 };

    fill(*state);
    run.events = 5;
    for (unsigned round = 0; round < 12; round++) {
        uint64_t safe = append_until_killed(*state, run.events + 1, 700 + 1900 * round);
        AUTO(Journal) *journal = NULL;
        uint64_t rows = 0;

        must(verify(*state, &rows, &error), &error); /* before anything is made good */
        journal = opened(*state);
        must(journal_find_run(journal, RUN, &run, &error), &error);
        assert_in_range(run.events, safe, safe + 1);
        assert_int_equal(rows, run.events + 1);
        append(journal, ++run.events, "after the crash");
        assert_verifies(*state, run.events + 1);
    }
}

static void a_head_file_that_is_behind_is_made_good(void **state)
{
    AUTO_TEXT *head = in(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *old = in(*state, "head.old");
    Error error = { 0 };

    fill(*state);
    must(file_copy(head, old, &error), &error);
    {
        AUTO(Journal) *journal = opened(*state);

        append(journal, 6, "one more");
    }
    must(file_copy(old, head, &error), &error);
    assert_verifies(*state, 7);
    journal_close(opened(*state));
    must(file_remove_tree(old, &error), &error);
    must(file_copy(head, old, &error), &error);
    {
        AUTO_TEXT *text = NULL;
        size_t length = 0;

        must(file_read(head, 1000, &text, &length, &error), &error);
        assert_non_null(strstr(text, "\nserial 7\n"));
    }
}

static void a_crash_before_the_first_head_is_made_good(void **state)
{
    AUTO_TEXT *head = in(*state, AUDIT_HEAD_FILE);
    Error error = { 0 };

    {
        AUTO(Journal) *journal = opened(*state);

        must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    }
    must(file_remove_tree(head, &error), &error);
    assert_verifies(*state, 1);
    journal_close(opened(*state));
    assert_int_equal(file_kind(head, LINKS_FOLLOWED), FILE_REGULAR);
}

/* ---- tampering ---- */

static void run_sql(const char *folder, const char *sql)
{
    AUTO_TEXT *path = in(folder, JOURNAL_FILE);
    sqlite3 *database = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

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

        fill(folder);
        assert_verifies(folder, 6);
        run_sql(folder, sql);
        assert_found(folder, manipulations[i].found);
    }
}

/* Whoever can write the file can compute hashes, but has no key. */
static void hashes_computed_anew_do_not_help(void **state)
{
    static const char *const known[] = { "" }; /* what the file's tables were made by */
    AUTO_TEXT *other_key = in(*state, "other.key");
    AUTO(SignatureKey) *key = NULL;
    AUTO(Store) *store = NULL;
    AUTO_TEXT *path = in(*state, JOURNAL_FILE);
    AUTO(Statement) *row = NULL;
    char previous[DIGEST_HEX_BYTES];
    char hash[DIGEST_HEX_BYTES];
    Record record = { 0 };
    Error error = { 0 };

    fill(*state);
    run_sql(*state, WITHOUT_TRIGGERS);
    must(signing_key_make(other_key, &error), &error);
    must(signing_key_load(other_key, &key, &error), &error);
    must(store_open(path, known, 1, &store, &error), &error);
    must(store_prepare(store, RECORD_SELECT "WHERE r.serial = 6", &row, &error), &error);
    assert_int_equal(statement_step(row, &error), ROW_FOUND);
    must(record_read(row, &record, &error), &error);
    must(text_copy(previous, sizeof(previous), record.hash), &error);
    record.serial = 7;
    record.event = 6;
    record.text = "forged";
    record_hash(&record, previous, hash);
    record.hash = hash;
    must(record_insert(store, &record, key, &error), &error);
    statement_free(TAKE(row));
    store_close(TAKE(store));
    assert_found(*state, "row 7 of the journal is not signed by this key");
    assert_not_opened(*state, ERROR_CORRUPT, "row 7 of the journal is not signed by this key");
}

static void another_public_key_finds_the_first_row(void **state)
{
    AUTO_TEXT *other = in(*state, "other");
    AUTO_TEXT *public_path = in(other, AUDIT_PUBLIC);
    AUTO_TEXT *head = in(*state, AUDIT_HEAD_FILE);
    uint64_t rows = 0;
    Error error = { 0 };

    fill(*state);
    fill(other);
    assert_false(journal_verify(*state, public_path, &rows, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_non_null(strstr(error.text, "audit.head is not signed by this key"));
    error = (Error){ 0 };
    must(file_remove_tree(head, &error), &error);
    assert_false(journal_verify(*state, public_path, &rows, &error));
    assert_non_null(strstr(error.text, "row 1 of the journal is not signed by this key"));
}

static void a_missing_head_file_is_told(void **state)
{
    AUTO_TEXT *head = in(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *beginning = NULL;
    Error error = { 0 };

    fill(*state);
    must(file_remove_tree(head, &error), &error);
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
    AUTO_TEXT *path = in(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *good = NULL;
    size_t length = 0;
    Error error = { 0 };

    fill(*state);
    must(file_read(path, 1000, &good, &length, &error), &error);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const char *at = strstr(good, changes[i].from);
        AUTO_TEXT *changed = memory_format(
            "%.*s%s%s", (int)(at - good), good, changes[i].to, at + strlen(changes[i].from));

        must(file_replace(path, changed, strlen(changed), 0600, &error), &error);
        assert_found(*state, path);
        assert_not_opened(*state, ERROR_CORRUPT, "audit.head is not signed by this key");
    }
    must(file_replace(path, good, length, 0600, &error), &error);
    assert_verifies(*state, 6);
}

/* The same length, so only the hash tells. */
static void a_journal_with_another_end_is_told(void **state)
{
    AUTO_TEXT *head = in(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *database = in(*state, JOURNAL_FILE);
    AUTO_TEXT *kept = in(*state, "kept.db");
    Error error = { 0 };

    fill(*state);
    must(file_copy(database, kept, &error), &error);
    {
        AUTO(Journal) *journal = opened(*state);

        append(journal, 6, "what really happened");
    }
    {
        AUTO_TEXT *real_head = in(*state, "real.head");

        must(file_copy(head, real_head, &error), &error);
        must(file_remove_tree(database, &error), &error);
        must(file_copy(kept, database, &error), &error);
        assert_not_opened(*state, ERROR_CORRUPT, "proves that the journal had row 7");
        assert_found(*state, "row 7 of the journal is not there: ");
    }
}

static void a_plan_that_was_changed_is_not_given_out(void **state)
{
    AUTO(Journal) *journal = NULL;
    AUTO_TEXT *plan = NULL;
    Error error = { 0 };

    fill(*state);
    run_sql(*state, "UPDATE plan SET content = '<plan/>'");
    journal = opened(*state);
    assert_false(journal_plan(journal, RUN, &plan, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
}

static void a_changed_row_is_not_folded_into_a_run(void **state)
{
    AUTO(Journal) *journal = NULL;
    Seen seen = { 0 };
    Error error = { 0 };

    fill(*state);
    run_sql(*state, WITHOUT_TRIGGERS "UPDATE record SET step = 1 WHERE serial = 4");
    journal = opened(*state);
    assert_false(journal_read(journal, RUN, see, &seen, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_int_equal(seen.count, 2);
    event_done(&seen.last);
}

static void a_row_is_neither_changed_nor_removed_by_accident(void **state)
{
    AUTO_TEXT *path = in(*state, JOURNAL_FILE);
    sqlite3 *database = NULL;

    fill(*state);
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
    AUTO_TEXT *key = in(*state, AUDIT_KEY);
    AUTO_TEXT *kept = in(*state, "kept.key");
    Error error = { 0 };

    fill(*state);
    assert_int_equal(chmod(key, 0640), 0);
    assert_not_opened(*state, ERROR_INVALID, "audit.key has mode 640");
    assert_int_equal(rename(key, kept), 0);
    assert_not_opened(*state, ERROR_CORRUPT, "audit.key is not there, the journal has rows");
    assert_int_equal(file_kind(key, LINKS_FOLLOWED), FILE_ABSENT);
    must(signing_key_make(key, &error), &error);
    assert_not_opened(*state, ERROR_CORRUPT, "row 6 of the journal is not signed by this key");
    must(file_replace(key, "no key", 6, 0600, &error), &error);
    assert_not_opened(*state, ERROR_INVALID, "audit.key holds no key");
}

/* ---- the disk ---- */

/* A file system of our own that only this process sees; false where that is not permitted. */
static bool mount_small(const char *folder)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, "size=512k,mode=700") == 0;
}

static void a_full_disk_is_an_error_and_loses_nothing(void **state)
{
    AUTO_TEXT *ballast = in(*state, "ballast");
    AUTO(Journal) *journal = NULL;
    EVENT_AUTO(event);
    Error error = { 0 };

    if (!mount_small(*state))
        skip();
    fill(*state);
    journal = opened(*state);
    event.serial = 6;
    memset(event.text, 'x', sizeof(event.text) - 1);
    while (journal_append(journal, RUN, &event, &error))
        event.serial++;
    assert_int_equal(error.kind, ERROR_IO);
    assert_true(event.serial > 10);
    error = (Error){ 0 };
    assert_false(journal_append(journal, RUN, &event, &error)); /* still full, still told */
    assert_int_equal(error.kind, ERROR_IO);
    journal_close(TAKE(journal));

    error = (Error){ 0 };
    assert_int_equal(mount("none", *state, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    journal = opened(*state);
    {
        JournalRun run = { 0 };

        must(journal_find_run(journal, RUN, &run, &error), &error);
        assert_in_range(run.events, event.serial - 1, event.serial);
        assert_verifies(*state, run.events + 1);
    }
    journal_close(TAKE(journal));
    assert_int_equal(umount(*state), 0);
}

static void a_read_only_disk_is_an_error(void **state)
{
    if (!mount_small(*state))
        skip();
    fill(*state);
    assert_int_equal(mount("none", *state, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_not_opened(*state, ERROR_IO, "cannot be locked: Read-only file system");
    assert_int_equal(umount(*state), 0);
}

/* The row is on the disk, its head is not: nothing goes on before a restart has looked. */
static void after_a_head_that_could_not_be_written_only_a_restart_goes_on(void **state)
{
    AUTO_TEXT *head = in(*state, AUDIT_HEAD_FILE);
    AUTO(Journal) *journal = NULL;
    EVENT_AUTO(event);
    Error error = { 0 };

    fill(*state);
    journal = opened(*state);
    must(file_remove_tree(head, &error), &error);
    assert_int_equal(mkdir(head, 0700), 0);
    event.serial = 6;
    assert_false(journal_append(journal, RUN, &event, &error));
    assert_int_equal(rmdir(head), 0);
    event.serial = 7;
    error = (Error){ 0 };
    assert_false(journal_append(journal, RUN, &event, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_non_null(strstr(error.text, "start again"));
}

static void there_is_no_journal_to_read_before_one_was_made(void **state)
{
    AUTO(Journal) *journal = NULL;
    Error error = { 0 };

    assert_false(journal_open_to_read(*state, &journal, &error));
    assert_int_equal(error.kind, ERROR_IO);
}

/* ---- export ---- */

/* The last record as `format` writes it; the caller frees. */
static char *exported(const char *folder, AuditFormat format, const char *run)
{
    AUTO(Journal) *journal = NULL;
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    Error error = { 0 };

    assert_non_null(stream);
    must(journal_open_to_read(folder, &journal, &error), &error);
    must(journal_export(journal, run, format, stream, &error), &error);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void fill_with_evil(const char *folder, Event *event, char head[DIGEST_HEX_BYTES])
{
    AUTO(Journal) *journal = opened(folder);
    Error error = { 0 };

    must(journal_new_run(journal, RUN, "orders", PLAN, &error), &error);
    event->serial = 1;
    event->kind = EVENT_STEP_FAILED;
    event->step = 2;
    event->number = 3;
    event->error = ERROR_DATABASE;
    must(text_copy(event->actor, sizeof(event->actor), "ann@desk"), &error);
    must(text_copy(event->text, sizeof(event->text),
             "say \"hi\"]\\\n\x1b[2Jcaf\xc3\xa9 \xff \xc2\x9b"
             "1m, over"),
        &error);
    facts_add(&event->evidence, "~free", "1\"2");
    must(journal_append(journal, RUN, event, &error), &error);
    must(journal_head(journal, head, &error), &error);
}

static void assert_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    if (length < strlen(end) || strcmp(text + length - strlen(end), end) != 0)
        fail_msg("this:\n%s\ndoes not end with:\n%s", text, end);
}

static void every_format_says_everything_and_escapes_it(void **state)
{
    char head[DIGEST_HEX_BYTES], time[WALL_TEXT_BYTES], host[HOST_NAME_BYTES];
    AUTO_TEXT *text = NULL, *json = NULL, *csv = NULL, *syslog = NULL;
    AUTO_TEXT *expected_text = NULL, *expected_json = NULL, *expected_csv = NULL;
    AUTO_TEXT *expected_syslog = NULL;
    EVENT_AUTO(event);

    fill_with_evil(*state, &event, head);
    wall_text(event.time_ms, time);
    host_name(host);
    text = exported(*state, AUDIT_TEXT, NULL);
    json = exported(*state, AUDIT_JSON_LINES, RUN);
    csv = exported(*state, AUDIT_CSV, NULL);
    syslog = exported(*state, AUDIT_SYSLOG, RUN);
    expected_text = memory_format(
        "\n2 %s step-failed step 3 number 3 error database run run-1 cluster orders by ann@desk"
        " on %s hash %s\n"
        "    say \"hi\"]\\\\x0a\\x1b[2Jcaf\xc3\xa9 ? \\x9b1m, over\n"
        "    ~free: 1\"2\n",
        time, host, head);
    expected_json = memory_format(
        "}\n{\"serial\":2,\"time\":\"%s\",\"actor\":\"ann@desk\",\"host\":\"%s\",\"cluster\":"
        "\"orders\",\"run\":\"run-1\",\"kind\":\"step-failed\",\"step\":3,\"number\":3,\"error\":"
        "\"database\",\"text\":\"say \\\"hi\\\"]\\\\\\u000a\\u001b[2Jcaf\xc3\xa9 ? \xc2\x9b"
        "1m, over\",\"evidence\":[{\"name\":\"~free\",\"value\":\"1\\\"2\"}],\"hash\":\"%s\"}\n",
        time, host, head);
    expected_csv = memory_format(
        "\r\n2,%s,\"ann@desk\",\"%s\",\"orders\",\"run-1\",\"step-failed\",3,3,\"database\",\"say "
        "\"\"hi\"\"]\\\\x0a\\x1b[2Jcaf\xc3\xa9 ? \\x9b1m, over\",\"[{\"\"name\"\":\"\"~free\"\","
        "\"\"value\"\":\"\"1\\\"\"2\"\"}]\",%s\r\n",
        time, host, head);
    expected_syslog = memory_format(
        "\n<107>1 %s %s dss-coordinator - step-failed [audit@32473 serial=\"2\" actor=\"ann@desk\""
        " cluster=\"orders\" run=\"run-1\" step=\"3\" number=\"3\" error=\"database\" evidence=\""
        "[{\\\"name\\\":\\\"~free\\\",\\\"value\\\":\\\"1\\\\\\\"2\\\"}\\]\" hash=\"%s\"] say "
        "\"hi\"]"
        "\\\\x0a\\x1b[2Jcaf\xc3\xa9 ? \\x9b1m, over\n",
        time, host, head);
    assert_ends_with(text, expected_text);
    assert_ends_with(json, expected_json);
    assert_ends_with(csv, expected_csv);
    assert_ends_with(syslog, expected_syslog);
    assert_memory_equal(csv, "serial,time,actor,host,cluster,run,kind,step,number,error,text,", 63);
    assert_memory_equal(syslog, "<110>1 ", 7);
}

static void one_run_is_exported_without_the_others(void **state)
{
    AUTO_TEXT *all = NULL;
    AUTO_TEXT *one = NULL;
    AUTO(Journal) *journal = opened(*state);
    Error error = { 0 };

    must(journal_new_run(journal, "run-1", "orders", PLAN, &error), &error);
    must(journal_new_run(journal, "run-2", "orders", PLAN, &error), &error);
    all = exported(*state, AUDIT_JSON_LINES, NULL);
    one = exported(*state, AUDIT_JSON_LINES, "run-2");
    assert_non_null(strstr(all, "\"run\":\"run-1\""));
    assert_null(strstr(one, "\"run\":\"run-1\""));
    assert_non_null(strstr(one, "\"run\":\"run-2\""));
    assert_false(journal_export(journal, "run-3", AUDIT_CSV, stderr, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void an_export_that_cannot_be_written_is_an_error(void **state)
{
    AUTO(Journal) *journal = NULL;
    FILE *full = fopen("/dev/full", "we");
    Error error = { 0 };

    assert_non_null(full);
    fill(*state);
    journal = opened(*state);
    assert_false(journal_export(journal, NULL, AUDIT_TEXT, full, &error));
    assert_int_equal(error.kind, ERROR_IO);
    (void)fclose(full); /* it cannot write here either */
}

#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(what_was_appended_is_read_after_reopening),
        JOURNAL_TEST(an_event_without_step_comes_back_without_step),
        JOURNAL_TEST(runs_are_found_by_name_and_by_cluster),
        JOURNAL_TEST(a_run_is_made_once_and_has_a_name),
        JOURNAL_TEST(an_event_out_of_order_is_refused),
        JOURNAL_TEST(the_head_moves_with_each_row),
        JOURNAL_TEST(the_epoch_rises_over_restarts_and_backups),
        JOURNAL_TEST(keys_and_head_are_private_files_and_the_public_key_is_not),
        JOURNAL_TEST(a_second_coordinator_is_refused_with_the_holders_name),
        JOURNAL_TEST(what_was_acknowledged_survives_kill_9_and_verifies),
        JOURNAL_TEST(a_head_file_that_is_behind_is_made_good),
        JOURNAL_TEST(a_crash_before_the_first_head_is_made_good),
        JOURNAL_TEST(every_manipulation_is_found_and_named),
        JOURNAL_TEST(hashes_computed_anew_do_not_help),
        JOURNAL_TEST(another_public_key_finds_the_first_row),
        JOURNAL_TEST(a_missing_head_file_is_told),
        JOURNAL_TEST(a_changed_head_file_is_told),
        JOURNAL_TEST(a_journal_with_another_end_is_told),
        JOURNAL_TEST(a_plan_that_was_changed_is_not_given_out),
        JOURNAL_TEST(a_changed_row_is_not_folded_into_a_run),
        JOURNAL_TEST(a_row_is_neither_changed_nor_removed_by_accident),
        JOURNAL_TEST(a_key_that_is_gone_or_open_or_another_is_refused),
        JOURNAL_TEST(a_full_disk_is_an_error_and_loses_nothing),
        JOURNAL_TEST(a_read_only_disk_is_an_error),
        JOURNAL_TEST(after_a_head_that_could_not_be_written_only_a_restart_goes_on),
        JOURNAL_TEST(there_is_no_journal_to_read_before_one_was_made),
        JOURNAL_TEST(every_format_says_everything_and_escapes_it),
        JOURNAL_TEST(one_run_is_exported_without_the_others),
        JOURNAL_TEST(an_export_that_cannot_be_written_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
