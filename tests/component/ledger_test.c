/* The ledger on a real disk: nothing of a command, a result or a note is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ledger.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define KILLS 12

static int make_place(void **state)
{
    char *folder = memory_text("/tmp/ledger_test.XXXXXX");

    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int remove_place(void **state)
{
    Error error = { 0 };

    assert_true(file_remove_tree(*state, &error));
    free(*state);
    return 0;
}

static Ledger *opened(const char *folder)
{
    Ledger *ledger = NULL;
    Error error = { 0 };

    if (!ledger_open(folder, &ledger, &error))
        fail_msg("%s", error.text);
    return ledger;
}

static Command a_command(uint32_t step)
{
    Command command = { .kind = COMMAND_MIGRATE_DATABASE,
        .id = { .run = "r1", .attempt = 1 },
        .epoch = UINT64_MAX,
        .cluster = "orders",
        .target = "userdb",
        .deadline_s = 60 };

    command.id.step = step;
    facts_add(&command.args, ARG_SIDE, "staging");
    return command;
}

static LedgerLookup found(Ledger *ledger, const Command *command, CommandResult *ret)
{
    AgentLedgerIo io = ledger_io(ledger);
    Error error = { 0 };

    return io.find(io.self, command, ret, &error);
}

static void accept_it(Ledger *ledger, const Command *command)
{
    AgentLedgerIo io = ledger_io(ledger);
    Error error = { 0 };

    if (!io.accept(io.self, command, &error))
        fail_msg("%s", error.text);
}

static void a_command_goes_from_unknown_to_accepted_to_finished(void **state)
{
    AUTO(Ledger) *ledger = opened(*state);
    AgentLedgerIo io = ledger_io(ledger);
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(result);
    COMMAND_RESULT_AUTO(back);
    Error error = { 0 };

    command = a_command(3);
    assert_int_equal(found(ledger, &command, &back), LEDGER_UNKNOWN);
    accept_it(ledger, &command);
    assert_int_equal(found(ledger, &command, &back), LEDGER_ACCEPTED);
    result.id = command.id;
    result.state = RESULT_ALREADY;
    assert_true(io.finish(io.self, &result, &error));
    assert_int_equal(found(ledger, &command, &back), LEDGER_FINISHED);
    assert_int_equal(back.state, RESULT_ALREADY);
    assert_int_equal(back.error.kind, ERROR_NONE);
}

static void a_result_comes_back_whole_after_reopening(void **state)
{
    AUTO_TEXT *big = memory_new(300000);
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(result);
    COMMAND_RESULT_AUTO(back);
    Error error = { 0 };

    memset(big, 'x', 299999);
    big[299999] = '\0';
    command = a_command(3);
    result.id = command.id;
    result.state = RESULT_FAILED;
    (void)error_set(&result.error, ERROR_MISMATCH, "table 'REG_LOG': 5 rows, expected 7 – ünïcode");
    facts_add(&result.evidence, "table", "second");
    facts_add(&result.evidence, "table", "first");
    facts_add(&result.evidence, "empty", "");
    facts_add(&result.evidence, "lines", "a\nb\t'c'\"");
    facts_add(&result.evidence, "big", big);
    {
        AUTO(Ledger) *ledger = opened(*state);
        AgentLedgerIo io = ledger_io(ledger);

        accept_it(ledger, &command);
        assert_true(io.finish(io.self, &result, &error));
    }
    {
        AUTO(Ledger) *ledger = opened(*state);

        assert_int_equal(found(ledger, &command, &back), LEDGER_FINISHED);
    }
    assert_true(command_id_equal(&back.id, &command.id));
    assert_int_equal(back.state, RESULT_FAILED);
    assert_int_equal(back.error.kind, ERROR_MISMATCH);
    assert_string_equal(back.error.text, result.error.text);
    assert_int_equal(back.evidence.count, result.evidence.count);
    for (size_t i = 0; i < back.evidence.count; i++) {
        assert_string_equal(back.evidence.items[i].name, result.evidence.items[i].name);
        assert_string_equal(back.evidence.items[i].value, result.evidence.items[i].value);
    }
}

static void an_id_with_other_arguments_is_another_command(void **state)
{
    AUTO(Ledger) *ledger = opened(*state);
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(none);

    command = a_command(3);
    accept_it(ledger, &command);
    command.epoch = 1; /* of another leader, later: still the same command */
    command.deadline_s = 5;
    assert_int_equal(found(ledger, &command, &none), LEDGER_ACCEPTED);
    facts_add(&command.args, ARG_LOCK_S, "7");
    assert_int_equal(found(ledger, &command, &none), LEDGER_OTHER);
    command_done(&command);
    command = a_command(3);
    assert_true(text_copy(command.target, sizeof(command.target), "other"));
    assert_int_equal(found(ledger, &command, &none), LEDGER_OTHER);
}

static void what_was_given_up_does_not_begin_any_more(void **state)
{
    AUTO(Ledger) *ledger = opened(*state);
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(none);
    Command clear = { .kind = COMMAND_CLEAR_STAGING, .epoch = 1, .deadline_s = 1 };

    command = a_command(3);
    accept_it(ledger, &command);
    command.id.attempt += 10; /* as a number, not as a text */
    accept_it(ledger, &command);
    assert_int_equal(found(ledger, &command, &none), LEDGER_ACCEPTED);
    command.id.attempt -= 10;
    assert_int_equal(found(ledger, &command, &none), LEDGER_OVERTAKEN);
    command.id.attempt += 3; /* never seen */
    assert_int_equal(found(ledger, &command, &none), LEDGER_OVERTAKEN);
    command.id.step = 31;
    assert_int_equal(found(ledger, &command, &none), LEDGER_UNKNOWN);
    clear.id = command.id;
    clear.id.step = 2;
    assert_true(text_copy(clear.target, sizeof(clear.target), command.target));
    accept_it(ledger, &clear);
    assert_int_equal(found(ledger, &command, &none), LEDGER_OVERTAKEN);
    assert_int_equal(found(ledger, &clear, &none), LEDGER_ACCEPTED);
    assert_true(text_copy(command.id.run, sizeof(command.id.run), "another"));
    command.epoch = clear.epoch;
    assert_int_equal(found(ledger, &command, &none), LEDGER_RIVAL);
    command.epoch = 77;
    assert_int_equal(found(ledger, &command, &none), LEDGER_UNKNOWN);
}

static void a_result_is_written_once_and_only_for_what_was_accepted(void **state)
{
    AUTO(Ledger) *ledger = opened(*state);
    AgentLedgerIo io = ledger_io(ledger);
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(result);
    Error unknown = { 0 }, twice = { 0 }, again = { 0 }, error = { 0 };

    command = a_command(3);
    result.id = command.id;
    facts_add(&result.evidence, "a", "b");
    assert_false(io.finish(io.self, &result, &unknown));
    assert_int_equal(unknown.kind, ERROR_CORRUPT);
    accept_it(ledger, &command);
    assert_false(io.accept(io.self, &command, &again));
    assert_int_equal(again.kind, ERROR_PRECONDITION);
    assert_true(io.finish(io.self, &result, &error));
    assert_false(io.finish(io.self, &result, &twice));
    assert_int_equal(twice.kind, ERROR_CORRUPT);
}

static void the_epoch_survives(void **state)
{
    Error error = { 0 };
    uint64_t epoch = 1;

    {
        AUTO(Ledger) *ledger = opened(*state);
        AgentLedgerIo io = ledger_io(ledger);

        assert_true(io.get_epoch(io.self, &epoch, &error));
        assert_true(epoch == 0);
        assert_true(io.set_epoch(io.self, UINT64_MAX, &error));
    }
    {
        AUTO(Ledger) *ledger = opened(*state);
        AgentLedgerIo io = ledger_io(ledger);

        assert_true(io.get_epoch(io.self, &epoch, &error));
        assert_true(epoch == UINT64_MAX);
    }
}

static char *recalled(Ledger *ledger, const char *key)
{
    char *value = NULL;
    Error error = { 0 };

    assert_true(ledger_recall(ledger, key, &value, &error));
    return value;
}

static void notes_are_kept_replaced_and_forgotten_by_prefix(void **state)
{
    AUTO(Ledger) *ledger = opened(*state);
    AUTO_TEXT *absent = recalled(ledger, "a/1");
    AUTO_TEXT *second = NULL;
    AUTO_TEXT *gone = NULL;
    AUTO_TEXT *kept = NULL;
    Error error = { 0 };

    assert_null(absent);
    assert_true(ledger_remember(ledger, "a/1", "first", &error));
    assert_true(ledger_remember(ledger, "a/1", "second", &error));
    assert_true(ledger_remember(ledger, "a%1", "kept", &error));
    second = recalled(ledger, "a/1");
    assert_string_equal(second, "second");
    assert_true(ledger_forget(ledger, "a/", &error));
    gone = recalled(ledger, "a/1");
    assert_null(gone);
    kept = recalled(ledger, "a%1");
    assert_string_equal(kept, "kept");
}

typedef struct Seen {
    unsigned count, finished;
    char first[COMMAND_KEY_BYTES];
} Seen;

static bool see(void *self, const LedgerRow *row, Error *error)
{
    Seen *seen = self;

    (void)error;
    if (seen->count++ == 0)
        assert_true(text_copy(seen->first, sizeof(seen->first), row->key));
    if (row->finished_ms != 0)
        seen->finished++;
    assert_string_equal(row->kind, "migrate-database");
    assert_true(row->accepted_ms > 0);
    return true;
}

static void a_reader_sees_the_newest_commands_first(void **state)
{
    AUTO(Ledger) *ledger = opened(*state);
    AUTO(Ledger) *reader = NULL;
    AgentLedgerIo io = ledger_io(ledger);
    Seen seen = { 0 };
    Error error = { 0 };

    for (uint32_t step = 1; step <= 5; step++) {
        COMMAND_AUTO(command);
        COMMAND_RESULT_AUTO(result);

        command = a_command(step);
        result.id = command.id;
        accept_it(ledger, &command);
        if (step < 5)
            assert_true(io.finish(io.self, &result, &error));
    }
    assert_true(ledger_open_to_read(*state, &reader, &error));
    assert_true(ledger_each(reader, 3, see, &seen, &error));
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.finished, 2);
    assert_string_equal(seen.first, "r1/5/1");
}

/* Accepts and finishes from step `next` on, and tells each step once its result is durable. */
static _Noreturn void finish_and_tell(const char *folder, uint32_t next, int pipe)
{
    AgentLedgerIo io = ledger_io(opened(folder));
    Error error = { 0 };

    for (;; next++) {
        COMMAND_RESULT_AUTO(result);
        Command command = a_command(next);

        result.id = command.id;
        facts_format(&result.evidence, "step", "%u", next);
        if (!io.accept(io.self, &command, &error) || !io.finish(io.self, &result, &error) ||
            write(pipe, &next, sizeof(next)) != (ssize_t)sizeof(next))
            _exit(1);
        command_done(&command);
    }
}

static uint32_t told_until_killed(const char *folder, uint32_t next, unsigned wait_us)
{
    uint32_t step = 0, last = 0;
    int ends[2], status = 0;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        finish_and_tell(folder, next, ends[1]);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &last, sizeof(last)), sizeof(last));
    (void)usleep(wait_us); /* when the kill comes is chance on purpose */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &step, sizeof(step)) == (ssize_t)sizeof(step))
        last = step;
    (void)close(ends[0]);
    return last;
}

static void no_result_that_was_told_is_lost_by_kill(void **state)
{
    uint32_t next = 1, told = 0;

    for (unsigned i = 0; i < KILLS; i++) {
        uint32_t last = told_until_killed(*state, next, 20000 + i * 3000);
        AUTO(Ledger) *ledger = opened(*state);

        for (uint32_t step = next; step <= last; step++) {
            COMMAND_AUTO(command);
            COMMAND_RESULT_AUTO(back);

            command = a_command(step);
            assert_int_equal(found(ledger, &command, &back), LEDGER_FINISHED);
            assert_int_equal(facts_number(&back.evidence, "step", 0), step);
        }
        told = last > told ? last : told;
        next = (last > next ? last : next) + 2; /* beyond one that may have been accepted alone */
    }
    assert_true(told > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_goes_from_unknown_to_accepted_to_finished),
        TEST(a_result_comes_back_whole_after_reopening),
        TEST(an_id_with_other_arguments_is_another_command),
        TEST(what_was_given_up_does_not_begin_any_more),
        TEST(a_result_is_written_once_and_only_for_what_was_accepted),
        TEST(the_epoch_survives),
        TEST(notes_are_kept_replaced_and_forgotten_by_prefix),
        TEST(a_reader_sees_the_newest_commands_first),
        TEST(no_result_that_was_told_is_lost_by_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
