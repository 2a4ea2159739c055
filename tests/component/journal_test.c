/* The journal on a real disk: what was acknowledged is there after any crash, one writes at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/os/digest.h"
#include "common/os/host.h"
#include "tests/component/journal_lab.h"

static void what_was_appended_is_read_after_reopening(void **state)
{
    AUTO(Journal) *journal = NULL;
    LabSeen seen = { 0 };
    JournalRun run = { 0 };
    char digest[SHA256_HEX_BYTES];
    Error error = { 0 };

    lab_fill(*state);
    journal = lab_open(*state);
    lab_append(journal, 6, "and \"on\"\n");
    lab_must(journal_read(journal, LAB_RUN, lab_see, &seen, &error), &error);
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

    lab_must(journal_find_run(journal, LAB_RUN, &run, &error), &error);
    digest_of(LAB_PLAN, strlen(LAB_PLAN), digest);
    assert_string_equal(run.plan_sha256, digest);
    assert_string_equal(run.cluster, "orders");
    assert_int_equal(run.events, 6);
}

static void an_event_without_step_comes_back_without_step(void **state)
{
    AUTO(Journal) *journal = lab_open(*state);
    LabSeen seen = { 0 };
    EVENT_AUTO(event);
    Error error = { 0 };

    event.serial = 1;
    event.kind = EVENT_RUN_STARTED;
    lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    lab_must(journal_append(journal, LAB_RUN, &event, &error), &error);
    lab_must(journal_read(journal, LAB_RUN, lab_see, &seen, &error), &error);
    assert_int_equal(seen.last.step, EVENT_NO_STEP);
    assert_int_equal(seen.last.evidence.count, 0);
    event_done(&seen.last);
}

static void runs_are_found_by_name_and_by_cluster(void **state)
{
    AUTO(Journal) *journal = lab_open(*state);
    AUTO_TEXT *plan = NULL;
    JournalRun run = { 0 };
    JournalRun *runs = NULL;
    size_t count = 0;
    Error error = { 0 };

    assert_false(journal_last_run(journal, NULL, &run, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    lab_must(journal_new_run(journal, "run-1", "orders", LAB_PLAN, &error), &error);
    lab_must(journal_new_run(journal, "run-2", "orders", "<other/>", &error), &error);
    lab_must(journal_new_run(journal, "run-3", "bills", LAB_PLAN, &error), &error);
    lab_must(journal_last_run(journal, "orders", &run, &error), &error);
    assert_string_equal(run.id, "run-2");
    lab_must(journal_runs(journal, "orders", &runs, &count, &error), &error);
    assert_int_equal(count, 2);
    assert_string_equal(runs[0].id, "run-2");
    assert_string_equal(runs[1].id, "run-1");
    free(runs);
    lab_must(journal_runs(journal, "nobody", &runs, &count, &error), &error);
    assert_int_equal(count, 0);
    free(runs);
    lab_must(journal_last_run(journal, NULL, &run, &error), &error);
    assert_string_equal(run.id, "run-3");
    assert_int_equal(run.events, 0);
    lab_must(journal_plan(journal, "run-2", &plan, &error), &error);
    assert_string_equal(plan, "<other/>");
    assert_false(journal_find_run(journal, "run-4", &run, &error));
    assert_string_equal(error.text, "the journal has no run run-4");
}

static void a_run_is_made_once_and_has_a_name(void **state)
{
    static const char *const bad[] = { "", "a b", "../x",
        "a-name-that-is-longer-than-a-run-id-may-be-x" };
    AUTO(Journal) *journal = lab_open(*state);
    Error error = { 0 };

    lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    assert_false(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = (Error){ 0 };
        assert_false(journal_new_run(journal, bad[i], "orders", LAB_PLAN, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
    }
    assert_verifies(*state, 1);
}

static void an_event_out_of_order_is_refused(void **state)
{
    AUTO(Journal) *journal = NULL;
    EVENT_AUTO(event);
    Error error = { 0 };

    lab_fill(*state);
    journal = lab_open(*state);
    event.serial = 7;
    assert_false(journal_append(journal, LAB_RUN, &event, &error));
    assert_string_equal(error.text, "run run-1 has 5 events, number 7 cannot follow");
    event.serial = 5;
    error = (Error){ 0 };
    assert_false(journal_append(journal, LAB_RUN, &event, &error));
    error = (Error){ 0 };
    assert_false(journal_append(journal, "run-2", &event, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    lab_append(journal, 6, "in order");
    assert_verifies(*state, 7);
}

static void the_head_moves_with_each_row(void **state)
{
    AUTO(Journal) *journal = lab_open(*state);
    char before[DIGEST_HEX_BYTES];
    char after[DIGEST_HEX_BYTES];
    Error error = { 0 };

    lab_must(journal_head(journal, before, &error), &error);
    assert_string_equal(before, "0000000000000000000000000000000000000000000000000000000000000000");
    lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    lab_must(journal_head(journal, after, &error), &error);
    assert_string_not_equal(before, after);
    lab_append(journal, 1, "x");
    lab_must(journal_head(journal, before, &error), &error);
    assert_string_not_equal(before, after);
}

static void the_epoch_rises_over_restarts_and_backups(void **state)
{
    AUTO(Journal) *journal = lab_open(*state);
    uint64_t epoch = 0;
    EVENT_AUTO(event);
    Error error = { 0 };

    lab_must(journal_next_epoch(journal, &epoch, &error), &error);
    assert_int_equal(epoch, 1);
    journal_close(TAKE(journal));
    journal = lab_open(*state);
    lab_must(journal_next_epoch(journal, &epoch, &error), &error);
    assert_int_equal(epoch, 2);
    lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    event.serial = 1;
    event.kind = EVENT_LEAD_TAKEN;
    event.number = 41;
    lab_must(journal_append(journal, LAB_RUN, &event, &error), &error);
    lab_must(journal_next_epoch(journal, &epoch, &error), &error);
    assert_int_equal(epoch, 42);
}

static void keys_and_head_are_private_files_and_the_public_key_is_not(void **state)
{
    static const char *const private[] = { AUDIT_KEY, JOURNAL_FILE, JOURNAL_LOCK, AUDIT_HEAD_FILE };
    AUTO_TEXT *public_path = lab_path(*state, AUDIT_PUBLIC);
    struct stat status;

    lab_fill(*state);
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
        AUTO_TEXT *path = lab_path(*state, private[i]);

        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    assert_int_equal(stat(public_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);
}

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

    lab_fill(*state);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        hold(*state, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    host_name(host);
    holder = memory_format(" is held by pid %d on host %s, user ", child, host);
    assert_not_opened(*state, ERROR_PRECONDITION, holder);
    lab_must(journal_open_to_read(*state, &reader, &error), &error);
    assert_verifies(*state, 6);

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]), (void)close(ready[1]);
    journal_close(lab_open(*state)); /* the lock went with its holder */
}

static _Noreturn void append_for_ever(const char *folder, int acknowledged, uint64_t from)
{
    Journal *journal = NULL;
    Error error = { 0 };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left behind when a test fails */
    if (!journal_open(folder, &journal, &error))
        _exit(1);
    for (uint64_t serial = from;; serial++) {
        Event event = { .serial = serial, .kind = EVENT_STEP_STARTED, .step = EVENT_NO_STEP };

        if (!journal_append(journal, LAB_RUN, &event, &error) ||
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

    lab_fill(*state);
    run.events = 5;
    for (unsigned round = 0; round < 12; round++) {
        uint64_t safe = append_until_killed(*state, run.events + 1, 700 + 1900 * round);
        AUTO(Journal) *journal = NULL;
        uint64_t rows = 0;

        lab_must(lab_verify(*state, &rows, &error), &error); /* before anything is made good */
        journal = lab_open(*state);
        lab_must(journal_find_run(journal, LAB_RUN, &run, &error), &error);
        assert_in_range(run.events, safe, safe + 1);
        assert_int_equal(rows, run.events + 1);
        lab_append(journal, ++run.events, "after the crash");
        assert_verifies(*state, run.events + 1);
    }
}

static void a_head_file_that_is_behind_is_made_good(void **state)
{
    AUTO_TEXT *head = lab_path(*state, AUDIT_HEAD_FILE);
    AUTO_TEXT *old = lab_path(*state, "head.old");
    Error error = { 0 };

    lab_fill(*state);
    lab_must(file_copy(head, old, &error), &error);
    {
        AUTO(Journal) *journal = lab_open(*state);

        lab_append(journal, 6, "one more");
    }
    lab_must(file_copy(old, head, &error), &error);
    assert_verifies(*state, 7);
    journal_close(lab_open(*state));
    lab_must(file_remove_tree(old, &error), &error);
    lab_must(file_copy(head, old, &error), &error);
    {
        AUTO_TEXT *text = NULL;
        size_t length = 0;

        lab_must(file_read(head, 1000, &text, &length, &error), &error);
        assert_non_null(strstr(text, "\nserial 7\n"));
    }
}

static void a_crash_before_the_first_head_is_made_good(void **state)
{
    AUTO_TEXT *head = lab_path(*state, AUDIT_HEAD_FILE);
    Error error = { 0 };

    {
        AUTO(Journal) *journal = lab_open(*state);

        lab_must(journal_new_run(journal, LAB_RUN, "orders", LAB_PLAN, &error), &error);
    }
    lab_must(file_remove_tree(head, &error), &error);
    assert_verifies(*state, 1);
    journal_close(lab_open(*state));
    assert_int_equal(file_kind(head, LINKS_FOLLOWED), FILE_REGULAR);
}

/* A file system of our own that only this process sees; false where that is not permitted. */
static bool mount_small(const char *folder)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, "size=512k,mode=700") == 0;
}

static void a_full_disk_is_an_error_and_loses_nothing(void **state)
{
    AUTO_TEXT *ballast = lab_path(*state, "ballast");
    AUTO(Journal) *journal = NULL;
    EVENT_AUTO(event);
    Error error = { 0 };

    if (!mount_small(*state))
        skip();
    lab_fill(*state);
    journal = lab_open(*state);
    event.serial = 6;
    memset(event.text, 'x', sizeof(event.text) - 1);
    while (journal_append(journal, LAB_RUN, &event, &error))
        event.serial++;
    assert_int_equal(error.kind, ERROR_IO);
    assert_true(event.serial > 10);
    error = (Error){ 0 };
    assert_false(journal_append(journal, LAB_RUN, &event, &error)); /* still full, still told */
    assert_int_equal(error.kind, ERROR_IO);
    journal_close(TAKE(journal));

    error = (Error){ 0 };
    assert_int_equal(mount("none", *state, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    journal = lab_open(*state);
    {
        JournalRun run = { 0 };

        lab_must(journal_find_run(journal, LAB_RUN, &run, &error), &error);
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
    lab_fill(*state);
    assert_int_equal(mount("none", *state, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_not_opened(*state, ERROR_IO, "cannot be locked: Read-only file system");
    assert_int_equal(umount(*state), 0);
}

/* The row is on the disk, its head is not: nothing goes on before a restart has looked. */
static void after_a_head_that_could_not_be_written_only_a_restart_goes_on(void **state)
{
    AUTO_TEXT *head = lab_path(*state, AUDIT_HEAD_FILE);
    AUTO(Journal) *journal = NULL;
    EVENT_AUTO(event);
    Error error = { 0 };

    lab_fill(*state);
    journal = lab_open(*state);
    lab_must(file_remove_tree(head, &error), &error);
    assert_int_equal(mkdir(head, 0700), 0);
    event.serial = 6;
    assert_false(journal_append(journal, LAB_RUN, &event, &error));
    assert_int_equal(rmdir(head), 0);
    event.serial = 7;
    error = (Error){ 0 };
    assert_false(journal_append(journal, LAB_RUN, &event, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_non_null(strstr(error.text, "start again"));
}

static void there_is_no_journal_to_read_before_one_was_made(void **state)
{
    AUTO(Journal) *journal = NULL;
    Error error = { 0 };

    assert_false(journal_open_to_read(*state, &journal, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_non_null(strstr(error.text, *state));
}

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
        JOURNAL_TEST(a_full_disk_is_an_error_and_loses_nothing),
        JOURNAL_TEST(a_read_only_disk_is_an_error),
        JOURNAL_TEST(after_a_head_that_could_not_be_written_only_a_restart_goes_on),
        JOURNAL_TEST(there_is_no_journal_to_read_before_one_was_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
