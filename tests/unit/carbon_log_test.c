/* carbon_log.c and the pid file's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <fcntl.h>

#include "agent/handlers/node/carbon_home.h"
#include "agent/handlers/node/carbon_log.h"
#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#define STARTED "INFO {x} -  WSO2 Carbon started in 31 sec {x}\n"

static const char *const failures[] = { "initialization Failed", "Cannot start" };
static const Profile profile = {
    .started_line = "WSO2 Carbon started in",
    .failure_lines = failures,
    .failure_line_count = 2,
};

typedef struct Folder {
    char *path, *log;
} Folder;

static int set_up(void **state)
{
    Folder *folder = memory_new(sizeof(*folder));

    folder->path = memory_text("/tmp/carbon-log-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    folder->log = memory_format("%s/wso2carbon.log", folder->path);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    Folder *folder = *state;
    Error error = { 0 };

    assert_true(file_remove_tree(folder->path, &error));
    free(folder->path);
    free(folder->log);
    free(folder);
    return 0;
}

static void append(const Folder *folder, const char *text)
{
    AUTO_FD fd = open(folder->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void roll(const Folder *folder, const char *suffix)
{
    AUTO_TEXT *to = memory_format("%s.%s", folder->log, suffix);

    assert_int_equal(rename(folder->log, to), 0);
}

static LogPlace now(const Folder *folder)
{
    LogPlace place;
    Error error = { 0 };

    assert_true(log_place_now(folder->log, &place, &error));
    return place;
}

static bool says_started(const Folder *folder, LogPlace place)
{
    CarbonLog log;
    Error error = { 0 };
    bool started;

    carbon_log_init(&log, &profile, folder->log, place);
    assert_true(carbon_log_read(&log, &error));
    started = log.started != NULL;
    carbon_log_done(&log);
    return started;
}

static void only_what_comes_after_the_place_counts(void **state)
{
    LogPlace place;

    append(*state, STARTED "more\n");
    place = now(*state);
    assert_false(says_started(*state, place));
    append(*state, "one\n" STARTED);
    assert_true(says_started(*state, place));
}

static void a_log_that_was_not_there_is_read_from_its_beginning(void **state)
{
    LogPlace place = now(*state);

    assert_int_equal(place.inode, 0);
    assert_false(says_started(*state, place));
    append(*state, STARTED);
    assert_true(says_started(*state, place));
}

static void a_line_before_the_roll_is_found_in_the_renamed_file(void **state)
{
    LogPlace place;

    append(*state, STARTED);
    place = now(*state);
    append(*state, "half past eleven\n");
    roll(*state, "2014-03-01");
    append(*state, "midnight\n");
    assert_false(says_started(*state, place));
    roll(*state, "2014-03-02");
    append(*state, "next day\n");
    assert_false(says_started(*state, place));
    append(*state, STARTED);
    assert_true(says_started(*state, place));
}

static void lines_of_all_files_since_the_place_are_read(void **state)
{
    LogPlace place;

    append(*state, "a\n");
    place = now(*state);
    append(*state, "b\n");
    roll(*state, "2014-03-01");
    clock_sleep(20); /* another time of change */
    append(*state, STARTED);
    roll(*state, "2014-03-02");
    clock_sleep(20);
    append(*state, "c\n");
    assert_true(says_started(*state, place));
}

static void a_log_cut_to_nothing_is_read_from_its_beginning(void **state)
{
    const Folder *folder = *state;
    LogPlace place;

    append(folder, "a long line that stands before the place\n" STARTED);
    place = now(folder);
    assert_int_equal(truncate(folder->log, 0), 0);
    assert_false(says_started(folder, place));
    append(folder, STARTED);
    assert_true(says_started(folder, place));
}

static void a_line_that_arrives_in_pieces_is_one_line(void **state)
{
    static const char text[] = "x ERROR y\r\nFATAL - Cannot start User Manager\nWSO2 Carbon sta";
    CarbonLog log;

    (void)state;
    carbon_log_init(&log, &profile, "/none", (LogPlace){ 0 });
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        carbon_log_feed(&log, &text[i], 1);
    assert_string_equal(log.failure, "FATAL - Cannot start User Manager");
    assert_string_equal(log.last.bytes, "x ERROR y");
    assert_null(log.started); /* the line is not complete */
    carbon_log_feed(&log, "rted in 3 sec\n", 14);
    assert_string_equal(log.started, "WSO2 Carbon started in 3 sec");
    carbon_log_done(&log);
}

static void an_endless_line_is_cut_and_harms_nothing(void **state)
{
    AUTO_TEXT *text = memory_new(100001);
    CarbonLog log;

    (void)state;
    memset(text, 'x', 100000);
    carbon_log_init(&log, &profile, "/none", (LogPlace){ 0 });
    carbon_log_feed(&log, text, 100000);
    carbon_log_feed(&log, "\n" STARTED, strlen(STARTED) + 1);
    assert_non_null(log.started);
    carbon_log_done(&log);
}

static void a_place_survives_being_remembered(void **state)
{
    const LogPlace place = { .inode = UINT64_MAX, .offset = 12345 };
    AUTO_TEXT *text = log_place_text(&place);
    LogPlace again = { 0 };

    (void)state;
    assert_true(log_place_from_text(text, &again));
    assert_true(again.inode == place.inode && again.offset == place.offset);
    assert_false(log_place_from_text("12", &again));
    assert_false(log_place_from_text("12:x", &again));
    assert_false(log_place_from_text("", &again));
}

static void a_pid_file_is_digits_and_then_anything(void **state)
{
    char bytes[100] = "12345\n";

    (void)state;
    assert_int_equal(home_pid_in(bytes, sizeof(bytes)), 12345);
    assert_int_equal(home_pid_in(bytes, 3), 123);
    assert_int_equal(home_pid_in("", 0), 0);
    assert_int_equal(home_pid_in("\0\0\0", 3), 0);
    assert_int_equal(home_pid_in("-1\n", 3), 0);
    assert_int_equal(home_pid_in("99999999999999999999", 20), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_comes_after_the_place_counts),
        TEST(a_log_that_was_not_there_is_read_from_its_beginning),
        TEST(a_line_before_the_roll_is_found_in_the_renamed_file),
        TEST(lines_of_all_files_since_the_place_are_read),
        TEST(a_log_cut_to_nothing_is_read_from_its_beginning),
        TEST(a_line_that_arrives_in_pieces_is_one_line),
        TEST(an_endless_line_is_cut_and_harms_nothing),
        TEST(a_place_survives_being_remembered),
        TEST(a_pid_file_is_digits_and_then_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
