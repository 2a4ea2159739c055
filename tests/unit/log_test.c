/* Log lines and wall-clock texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/wall_time.h"

static void assert_time(int64_t wall_ms, const char *expected)
{
    char text[WALL_TEXT_BYTES];

    wall_text(wall_ms, text);
    assert_string_equal(text, expected);
}

static void times_are_rfc_3339_in_utc(void **state)
{
    (void)state;
    assert_time(0, "1970-01-01T00:00:00.000Z");
    assert_time(-1, "1969-12-31T23:59:59.999Z");
    assert_time(1709251199123, "2024-02-29T23:59:59.123Z");
    assert_time(INT64_MAX, "9999-12-31T23:59:59.999Z");
    assert_time(INT64_MIN, "0000-01-01T00:00:00.000Z");
    assert_true(wall_now() > 1500000000000);
}

/* What log_say() writes, through a pipe. */
static void said(Log log, LogLevel level, const char *words, char ret[512])
{
    int ends[2];
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    log.file = ends[1];
    log_say(&log, level, "%s", words);
    (void)close(ends[1]);
    got = read(ends[0], ret, 511);
    (void)close(ends[0]);
    assert_true(got >= 0);
    ret[got] = '\0';
}

static void a_line_has_time_level_and_context(void **state)
{
    Log log = { .least = LOG_LEVEL_INFO };
    Log with = log_with(&log, "node1");
    char line[512];

    (void)state;
    with = log_with(&with, "r1/4/1");
    said(with, LOG_LEVEL_WARNING, "it is late", line);
    assert_int_equal(line[WALL_TEXT_BYTES - 2], 'Z');
    assert_string_equal(line + WALL_TEXT_BYTES - 1, " warning node1: r1/4/1: it is late\n");
}

static void journald_gets_priorities(void **state)
{
    Log log = { .least = LOG_LEVEL_INFO, .journald = true };
    char line[512];

    (void)state;
    said(log, LOG_LEVEL_ERROR, "bad", line);
    assert_string_equal(line, "<3>bad\n");
    said(log, LOG_LEVEL_INFO, "good", line);
    assert_string_equal(line, "<6>good\n");
}

static void what_is_less_important_is_left_out(void **state)
{
    Log log = { .least = LOG_LEVEL_WARNING };
    char line[512];

    (void)state;
    said(log, LOG_LEVEL_NOTICE, "chatter", line);
    assert_string_equal(line, "");
}

static void a_text_of_others_cannot_forge_a_line(void **state)
{
    Log log = { .least = LOG_LEVEL_INFO, .journald = true };
    char line[512];

    (void)state;
    said(log, LOG_LEVEL_INFO, "a\n<0>forged\x1b[2J", line);
    assert_string_equal(line, "<6>a?<0>forged?[2J\n");
}

static void a_long_text_is_cut_and_ends_its_line(void **state)
{
    Log log = { .least = LOG_LEVEL_INFO };
    char words[4096], line[4096];
    int ends[2];
    ssize_t got;

    (void)state;
    memset(words, 'x', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    memset(log.context, 'c', sizeof(log.context) - 1);
    log = log_with(&log, "more");
    assert_int_equal(pipe(ends), 0);
    log.file = ends[1];
    log_say(&log, LOG_LEVEL_INFO, "%s", words);
    got = read(ends[0], line, sizeof(line));
    assert_true(got > 1000 && got < 2048);
    assert_int_equal(line[got - 1], '\n');
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void the_journal_is_known_by_its_stream(void **state)
{
    struct stat status;
    char stream[64];
    Log log;

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(
        stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_open(&log, LOG_LEVEL_INFO);
    assert_true(log.journald);
    assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    log_open(&log, LOG_LEVEL_INFO);
    assert_false(log.journald);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    log_open(&log, LOG_LEVEL_INFO);
    assert_false(log.journald);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_rfc_3339_in_utc),
        cmocka_unit_test(a_line_has_time_level_and_context),
        cmocka_unit_test(journald_gets_priorities),
        cmocka_unit_test(what_is_less_important_is_left_out),
        cmocka_unit_test(a_text_of_others_cannot_forge_a_line),
        cmocka_unit_test(a_long_text_is_cut_and_ends_its_line),
        cmocka_unit_test(the_journal_is_known_by_its_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
