/* process.c against real programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/process.h"

#define BIG (3 * 1024 * 1024)
/* A test fails when it waits for so long; what it must not wait for lasts 600 s. */
#define LIMIT_MS 60000

static ProcessOrder shell(const char *const *argv)
{
    return (ProcessOrder){ .argv = argv, .timeout = LIMIT_MS };
}

static void a_program_gets_its_arguments_environment_and_folder(void **state)
{
    const char *const argv[] = { "sh", "-c",
        "echo \"$1|$A|$PWD|$(env | grep -v ^PWD | grep -c ^[A-Z])\"", "sh", "x  'y'", NULL };
    const char *const environment[] = { "A=1", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };

    (void)state;
    order.environment = environment;
    order.directory = "/usr";
    assert_true(process_run(&order, &result, &error));
    assert_true(process_succeeded(&order, &result, &error));
    assert_string_equal(result.output, "x  'y'|1|/usr|1\n");
}

static void a_bad_end_is_an_error_with_the_last_words(void **state)
{
    const char *const argv[] = { "sh", "-c", "echo no such table >&2; exit 3", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };

    (void)state;
    assert_true(process_run(&order, &result, &error));
    assert_int_equal(result.code, 3);
    assert_false(process_succeeded(&order, &result, &error));
    assert_int_equal(error.kind, ERROR_COMMAND_FAILED);
    assert_string_equal(error.text, "sh ended with code 3: no such table");
}

static void a_signal_is_told_in_words(void **state)
{
    const char *const argv[] = { "sh", "-c", "kill -9 $$", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };

    (void)state;
    assert_true(process_run(&order, &result, &error));
    assert_false(process_succeeded(&order, &result, &error));
    assert_string_equal(error.text, "sh was ended by signal 9 (Killed)");
}

static void a_program_that_is_not_there_is_invalid(void **state)
{
    const char *const names[] = { "no-such-program", "/no/such/program", "bin/sh" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *const argv[] = { names[i], NULL };
        ProcessOrder order = shell(argv);
        PROCESS_RESULT_AUTO(result);
        Error error = { 0 };

        assert_false(process_run(&order, &result, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
    }
}

static void the_whole_group_ends_at_the_deadline(void **state)
{
    char path[] = "/tmp/test-process-XXXXXX";
    const char *const argv[] = { "sh", "-c",
        "trap '' TERM; (trap '' TERM; sleep 600) & echo $! >\"$1\"; wait; sleep 600", "sh", path,
        NULL };
    ProcessOrder order = shell(argv);
    Error error = { 0 };
    AUTO_TEXT *text = NULL;
    AUTO_FD fd = mkstemp(path);
    size_t length = 0;
    unsigned long long child;
    Millis until = clock_now() + LIMIT_MS;

    (void)state;
    order.timeout = 300;
    while (length == 0) { /* longer, when the shell did not come so far */
        PROCESS_RESULT_AUTO(result);

        error = (Error){ 0 };
        assert_false(process_run(&order, &result, &error));
        assert_int_equal(error.kind, ERROR_TIMEOUT);
        assert_true(clock_now() < until);
        free(TAKE(text));
        assert_true(file_read(path, 100, &text, &length, &error));
        order.timeout *= 2;
    }
    text[strcspn(text, "\n")] = '\0';
    assert_true(text_to_number(text, INT32_MAX, &child));
    while (kill((pid_t)child, 0) == 0 && clock_now() < until)
        clock_sleep(20); /* init has to bury it */
    assert_int_equal(kill((pid_t)child, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(unlink(path), 0);
}

static void a_grandchild_that_keeps_the_pipe_does_not_make_us_wait(void **state)
{
    const char *const argv[] = { "sh", "-c", "sleep 600 & echo done", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };

    (void)state;
    assert_true(process_run(&order, &result, &error));
    assert_string_equal(result.output, "done\n");
    assert_true(result.duration < LIMIT_MS);
}

static void only_the_tail_of_the_output_is_kept(void **state)
{
    const char *const argv[] = { "sh", "-c", "seq 1 100000; seq 1 50000 >&2", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };

    (void)state;
    order.tail_bytes = 20;
    assert_true(process_run(&order, &result, &error));
    assert_string_equal(result.output, "\n99998\n99999\n100000\n");
    assert_int_equal(result.message_bytes, 20);
}

typedef struct Count {
    size_t bytes, limit;
} Count;

static bool count_bytes(void *self, const char *bytes, size_t length, Error *error)
{
    Count *count = self;

    (void)bytes;
    count->bytes += length;
    if (count->bytes > count->limit)
        return error_set(error, ERROR_INVALID, "enough");
    return true;
}

static void input_and_output_larger_than_a_pipe_pass_through(void **state)
{
    const char *const argv[] = { "sh", "-c", "tee /dev/stderr", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    AUTO_TEXT *input = memory_new(BIG);
    Count count = { .limit = BIG };
    Error error = { 0 };

    (void)state;
    memset(input, 'x', BIG);
    order.input_kind = PROCESS_INPUT_BYTES;
    order.input = input;
    order.input_bytes = BIG;
    order.on_output = count_bytes;
    order.on_output_self = &count;
    assert_true(process_run(&order, &result, &error));
    assert_int_equal(count.bytes, BIG);
}

static void a_reader_that_has_enough_ends_the_program(void **state)
{
    const char *const argv[] = { "yes", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Count count = { .limit = 100000 };
    Error error = { 0 };

    (void)state;
    order.on_output = count_bytes;
    order.on_output_self = &count;
    assert_false(process_run(&order, &result, &error));
    assert_string_equal(error.text, "enough");
}

static void a_program_that_does_not_read_its_input_is_no_trap(void **state)
{
    const char *const argv[] = { "true", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    AUTO_TEXT *input = memory_new(BIG);
    Error error = { 0 };

    (void)state;
    order.input_kind = PROCESS_INPUT_BYTES;
    order.input = input;
    order.input_bytes = BIG;
    assert_true(process_run(&order, &result, &error)); /* and no SIGPIPE */
    assert_int_equal(result.code, 0);
}

static void a_stream_is_written_and_read_in_pieces(void **state)
{
    const char *const argv[] = { "sort", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    AUTO(Process) *process = NULL;
    Error error = { 0 };
    char buffer[64];
    size_t got;

    (void)state;
    order.input_kind = PROCESS_INPUT_PIPE;
    assert_true(process_start(&order, &process, &error));
    assert_true(process_write(process, "b\n", 2, &error));
    assert_true(process_write(process, "a\n", 2, &error));
    process_end_input(process);
    assert_true(process_read(process, buffer, sizeof(buffer), &got, &error));
    assert_int_equal(got, 4);
    assert_memory_equal(buffer, "a\nb\n", 4);
    assert_true(process_read(process, buffer, sizeof(buffer), &got, &error));
    assert_int_equal(got, 0);
    assert_true(process_wait(process, &result, &error));
    assert_int_equal(result.code, 0);
}

static void no_descriptor_of_ours_reaches_the_program(void **state)
{
    const char *const argv[] = { "ls", "-l", "/proc/self/fd", NULL };
    char path[] = "/tmp/process-test-XXXXXX";
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };
    AUTO_FD inherited = mkstemp(path); /* without O_CLOEXEC, on purpose */

    (void)state;
    assert_true(inherited > 2);
    assert_true(process_run(&order, &result, &error));
    assert_non_null(strstr(result.output, " 2 -> "));
    assert_null(strstr(result.output, path));
    assert_int_equal(unlink(path), 0);
}

static void root_runs_a_program_as_another_user(void **state)
{
    const char *const argv[] = { "id", "-un", NULL };
    ProcessOrder order = shell(argv);
    PROCESS_RESULT_AUTO(result);
    Error error = { 0 };

    (void)state;
    order.user = "nobody";
    if (geteuid() != 0) {
        assert_false(process_run(&order, &result, &error));
        assert_int_equal(error.kind, ERROR_PRECONDITION);
        return;
    }
    assert_true(process_run(&order, &result, &error));
    assert_string_equal(result.output, "nobody\n");
}

static void a_detached_program_has_its_own_session_and_writes_to_its_file(void **state)
{
    char path[] = "/tmp/test-process-XXXXXX";
    const char *const argv[] = { "sh", "-c", "cut -d' ' -f6 /proc/$$/stat; echo $$", NULL };
    ProcessOrder order = shell(argv);
    AUTO_FD fd = mkstemp(path);
    AUTO_TEXT *text = NULL;
    AUTO_TEXT *expected = NULL;
    Error error = { 0 };
    size_t length;
    pid_t child;
    int code = -1;
    int number = -1;
    Millis until = clock_now() + LIMIT_MS;

    (void)state;
    assert_true(process_detach(&order, path, &child, &error));
    while (!process_has_ended(child, &code, &number) && clock_now() < until)
        clock_sleep(10);
    assert_int_equal(code, 0);
    assert_true(file_read(path, 100, &text, &length, &error));
    expected = memory_format("%d\n%d\n", (int)child, (int)child);
    assert_string_equal(text, expected);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_gets_its_arguments_environment_and_folder),
        cmocka_unit_test(a_bad_end_is_an_error_with_the_last_words),
        cmocka_unit_test(a_signal_is_told_in_words),
        cmocka_unit_test(a_program_that_is_not_there_is_invalid),
        cmocka_unit_test(the_whole_group_ends_at_the_deadline),
        cmocka_unit_test(a_grandchild_that_keeps_the_pipe_does_not_make_us_wait),
        cmocka_unit_test(only_the_tail_of_the_output_is_kept),
        cmocka_unit_test(input_and_output_larger_than_a_pipe_pass_through),
        cmocka_unit_test(a_reader_that_has_enough_ends_the_program),
        cmocka_unit_test(a_program_that_does_not_read_its_input_is_no_trap),
        cmocka_unit_test(a_stream_is_written_and_read_in_pieces),
        cmocka_unit_test(no_descriptor_of_ours_reaches_the_program),
        cmocka_unit_test(root_runs_a_program_as_another_user),
        cmocka_unit_test(a_detached_program_has_its_own_session_and_writes_to_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
