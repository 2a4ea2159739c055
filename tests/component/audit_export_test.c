/* The audit log written out, and read by a program that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <spawn.h>
#include <sys/wait.h>

#include "common/base/wall_time.h"
#include "common/os/host.h"
#include "tests/component/journal_lab.h"

/* The last record as `format` writes it; the caller frees. */
static char *exported(const char *folder, AuditFormat format, const char *run)
{
    AUTO(Journal) *journal = NULL;
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    Error error = { 0 };

    assert_non_null(stream);
    lab_must(journal_open_to_read(folder, &journal, &error), &error);
    lab_must(journal_export(journal, run, format, stream, &error), &error);
    assert_int_equal(fclose(stream), 0);
    return text;
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

    lab_fill_with_evil(*state, &event, head);
    wall_text(event.time_ms, time);
    host_name(host);
    text = exported(*state, AUDIT_TEXT, NULL);
    json = exported(*state, AUDIT_JSON_LINES, LAB_RUN);
    csv = exported(*state, AUDIT_CSV, NULL);
    syslog = exported(*state, AUDIT_SYSLOG, LAB_RUN);
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
    AUTO(Journal) *journal = lab_open(*state);
    Error error = { 0 };

    lab_must(journal_new_run(journal, "run-1", "orders", LAB_PLAN, &error), &error);
    lab_must(journal_new_run(journal, "run-2", "orders", LAB_PLAN, &error), &error);
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
    lab_fill(*state);
    journal = lab_open(*state);
    assert_false(journal_export(journal, NULL, AUDIT_TEXT, full, &error));
    assert_int_equal(error.kind, ERROR_IO);
    (void)fclose(full); /* it cannot write here either */
}

/* The definition in coordinator/io/README.md is enough to verify a journal. */
static void another_program_comes_to_the_same_hashes_and_signatures(void **state)
{
    char name[] = "python3", script[] = CHAIN_CHECKER, path[] = "PATH=/usr/bin:/bin";
    char *const arguments[] = { name, script, *state, NULL };
    char *const environment[] = { path, NULL };
    EVENT_AUTO(event);
    char head[DIGEST_HEX_BYTES];
    pid_t child = 0;
    int status = 0;

    lab_fill_with_evil(*state, &event, head);
    assert_int_equal(
        posix_spawn(&child, "/usr/bin/python3", NULL, NULL, arguments, environment), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(another_program_comes_to_the_same_hashes_and_signatures),
        JOURNAL_TEST(every_format_says_everything_and_escapes_it),
        JOURNAL_TEST(one_run_is_exported_without_the_others),
        JOURNAL_TEST(an_export_that_cannot_be_written_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
