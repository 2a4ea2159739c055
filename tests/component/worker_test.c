/*
 * The worker as a real child process: this same program, run again as `worker` with handlers that
 * behave well, hang, crash or talk nonsense, one per kind of command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config_xml.h"
#include "agent/ledger.h"
#include "agent/worker.h"
#include "agent/worker_child.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#define PROFILE_SHA256 "00000000000000000000000000000000000000000000000000000000000000aa"
#define OTHER_SHA256   "00000000000000000000000000000000000000000000000000000000000000bb"
#define LIMIT_MS       60000 /* a test fails when it waits for so long */

/* ---- in the child ---- */

static bool note_is_there(AgentIo *io, const char *key, bool *ret, Error *error)
{
    AUTO_TEXT *value = NULL;

    if (!io->recall(io->self, key, &value, error))
        return false;
    *ret = value != NULL;
    return true;
}

static bool never_holds(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    (void)io;
    (void)command;
    (void)error;
    *ret = false;
    return true;
}

static bool always_holds(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    (void)error;
    facts_add(io->evidence, "target", command->target);
    facts_add(io->evidence, "home", agent_config_node(io->config, "node1")->old_home);
    facts_add(io->evidence, "profile", io->profile->name);
    *ret = true;
    return true;
}

static bool done_is_noted(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    (void)command;
    return note_is_there(io, "done", ret, error);
}

static bool note_done(AgentIo *io, const Command *command, Error *error)
{
    (void)command;
    for (uint64_t i = 0; i <= 100; i++)
        io->progress(io->self, "files", i, 100);
    facts_add(io->evidence, "files", "100");
    return io->remember(io->self, "done", "yes", error);
}

static bool wait_for_ever(AgentIo *io, const Command *command, Error *error)
{
    (void)command;
    facts_add(io->evidence, "waited-for", "godot");
    return io->remember(io->self, "waiting", "yes", error) &&
           io->pause(io->self, 3600 * 1000, error);
}

static _Noreturn void hang(void)
{
    for (;;)
        (void)usleep(1000000);
}

static bool note_pid(AgentIo *io, const char *key, pid_t process, Error *error)
{
    AUTO_TEXT *value = memory_format("%d", (int)process);

    return io->remember(io->self, key, value, error);
}

/* Hangs, with a program of its own that hangs as well and is not interested in signals. */
static bool hang_with_child(AgentIo *io, const Command *command, Error *error)
{
    static const char *const argv[] = { "sleep", "1000", NULL };
    posix_spawnattr_t attributes;
    pid_t process = -1;

    (void)command;
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (posix_spawn(
            &process, "/bin/sleep", NULL, &attributes, (char *const *)(uintptr_t)argv, NULL) != 0)
        return error_set(error, ERROR_IO, "no sleep");
    (void)posix_spawnattr_destroy(&attributes);
    if (!note_pid(io, "child", process, error) || !note_pid(io, "worker", getpid(), error))
        return false;
    hang();
}

static bool die_once(AgentIo *io, const Command *command, Error *error)
{
    bool died = false;

    (void)command;
    if (!note_is_there(io, "died", &died, error))
        return false;
    if (died)
        return io->remember(io->self, "done", "yes", error);
    if (!io->remember(io->self, "died", "yes", error))
        return false;
    (void)raise(SIGKILL);
    return true;
}

static bool find_too_much(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *big = memory_new(400001);

    (void)command;
    (void)error;
    memset(big, 'x', 400000);
    big[400000] = '\0';
    for (unsigned i = 0; i < 4; i++)
        facts_add(io->evidence, "big", big);
    return true;
}

static bool talk_nonsense(AgentIo *io, const Command *command, Error *error)
{
    static const char nonsense[] = "\0\0\0\5hello";

    (void)io;
    (void)command;
    (void)error;
    (void)!write(WORKER_FRAMES, nonsense, sizeof(nonsense) - 1); /* the pipe is there */
    hang();
}

static bool leave(AgentIo *io, const Command *command, Error *error)
{
    (void)io;
    (void)command;
    (void)error;
    _exit(0);
}

static bool measure_script(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    const char *script = facts_get_or(&command->args, ARG_SCRIPT, "");

    (void)error;
    facts_format(io->evidence, "bytes", "%zu", strlen(script));
    *ret = true;
    return true;
}

static const Handler reads = { "it was read", always_holds, NULL };
static const Handler finds_too_much = { "much was found", done_is_noted, find_too_much };
static const Handler notes = { "it is noted", done_is_noted, note_done };
static const Handler waits = { "the wait is over", never_holds, wait_for_ever };
static const Handler hangs = { "the hanging is over", never_holds, hang_with_child };
static const Handler dies_once = { "it is alive", done_is_noted, die_once };
static const Handler babbles = { "sense is made", never_holds, talk_nonsense };
static const Handler leaves = { "it stayed", never_holds, leave };
static const Handler measures = { "it was measured", measure_script, NULL };
static const Handler cannot = { "it is so", never_holds, NULL };

static const Handler *handler_of_test(CommandKind kind)
{
    switch ((int)kind) {
    case COMMAND_INSPECT_NODE:
    case COMMAND_TEST_READINESS:
        return &reads;
    case COMMAND_BACKUP_HOME:
        return &notes;
    case COMMAND_START_OLD_SERVER:
        return &waits;
    case COMMAND_STOP_OLD_SERVER:
        return &hangs;
    case COMMAND_COPY_FOLDERS:
        return &dies_once;
    case COMMAND_REMOVE_FOLDERS:
        return &babbles;
    case COMMAND_STOP_NEW_SERVER:
        return &leaves;
    case COMMAND_MIGRATE_DATABASE:
        return &measures;
    case COMMAND_BACKUP_DATABASE:
        return &finds_too_much;
    default:
        return &cannot;
    }
}

static bool profile_of_test(const char *directory, Profile **ret, Error *error)
{
    AUTO(Profile) *profile = memory_new(sizeof(*profile));

    (void)error;
    assert_string_equal(directory, "/usr/share/dss-upgrade/profiles/test");
    *profile = (Profile){ .arena = arena_new(), .name = "test", .sha256 = PROFILE_SHA256 };
    *ret = TAKE(profile);
    return true;
}

/* ---- in the test ---- */

typedef struct Place {
    char folder[64], file[96];
    AgentConfig *config;
    Ledger *ledger;
    WorkerSettings settings;
} Place;

static void write_config(const Place *place)
{
    TEXT_AUTO(text, 8192);
    Error error = { 0 };

    text_add(&text,
        "<agent xmlns=\"urn:dss-upgrade:agent:1\" cluster=\"orders\" name=\"node1\">"
        "<listen address=\"127.0.0.1\" port=\"9700\"/><tls ca=\"ca\" certificate=\"c\" key=\"k\"/>"
        "<state directory=\"%s\"/><backup directory=\"/var/backups/test\"/>"
        "<profile directory=\"/usr/share/dss-upgrade/profiles/test\"/>"
        "<node name=\"node1\" old-home=\"/opt/old\" new-home=\"/opt/new\" old-java-home=\"/opt/j\""
        " new-java-home=\"/opt/j\" admin-user=\"admin\" admin-password-file=\"pw\"/>"
        "<database name=\"userdb\" type=\"mysql\"><production option-file=\"p\" database=\"a\"/>"
        "<staging option-file=\"s\" database=\"b\"/></database></agent>",
        place->folder);
    assert_true(file_replace(place->file, text.bytes, text.length, 0600, &error));
}

static int make_place(void **state)
{
    Place *place = memory_new(sizeof(*place));
    Error error = { 0 };

    *place = (Place){ .folder = "/tmp/worker_test.XXXXXX" };
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->file, sizeof(place->file), "%s/agent.xml", place->folder);
    write_config(place);
    if (!agent_config_load(place->file, &place->config, &error) ||
        !ledger_open(place->folder, &place->ledger, &error))
        fail_msg("%s", error.text);
    place->settings = (WorkerSettings){ place->config, place->file, handler_of_test };
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    Place *place = *state;
    Error error = { 0 };

    ledger_close(place->ledger);
    agent_config_free(place->config);
    assert_true(file_remove_tree(place->folder, &error));
    free(place);
    return 0;
}

static Command a_command(CommandKind kind)
{
    Command command = { .kind = kind,
        .id = { .run = "r1", .step = 4, .attempt = 1 },
        .epoch = 7,
        .cluster = "orders",
        .deadline_s = 60 };

    memset(command.audit_head, 'a', DIGEST_HEX_BYTES - 1);
    assert_true(text_copy(command.target, sizeof(command.target),
        command_target(kind) == TARGET_NODE ? "node1" : "userdb"));
    return command;
}

static Worker *started(const Place *place, const Command *command)
{
    Worker *worker = NULL;
    Error error = { 0 };

    if (!worker_start(&place->settings, command, clock_now(), &worker, &error))
        fail_msg("%s", error.text);
    return worker;
}

/* Waits for the end; counts progress and keeps the last. */
static void wait_for_end(Worker *worker, CommandResult *ret, unsigned *ret_progress)
{
    Millis until = clock_now() + LIMIT_MS;

    *ret_progress = 0;
    for (;;) {
        struct pollfd files[WORKER_DESCRIPTORS];
        WorkerNews news;
        WorkerNewsKind kind;

        assert_true(clock_now() < until);
        worker_descriptors(worker, files);
        (void)poll(files, WORKER_DESCRIPTORS, worker_wait_ms(worker, clock_now()));
        while ((kind = worker_take(worker, clock_now(), &news)) == WORKER_PROGRESS) {
            assert_string_equal(news.message.text, "files");
            ++*ret_progress;
            worker_news_done(&news);
        }
        if (kind == WORKER_ENDED) {
            *ret = news.result;
            return;
        }
        worker_news_done(&news);
    }
}

static void run_it(const Place *place, const Command *command, CommandResult *ret)
{
    AUTO(Worker) *worker = started(place, command);
    unsigned progress;

    wait_for_end(worker, ret, &progress);
    assert_true(command_id_equal(&ret->id, &command->id));
}

static void assert_failed(const CommandResult *result, ErrorKind kind, const char *words)
{
    assert_int_equal(result->state, RESULT_FAILED);
    if (result->error.kind != kind || !strstr(result->error.text, words))
        fail_msg("%s: '%s' does not say '%s'", error_kind_name(result->error.kind),
            result->error.text, words);
}

static bool note_comes(const Place *place, const char *key, char **ret)
{
    Millis until = clock_now() + LIMIT_MS;
    Error error = { 0 };

    for (*ret = NULL; !*ret && clock_now() < until; clock_sleep(20))
        assert_true(ledger_recall(place->ledger, key, ret, &error));
    return *ret != NULL;
}

static pid_t noted_pid(const Place *place, const char *key)
{
    AUTO_TEXT *value = NULL;
    unsigned long long process = 0;

    assert_true(note_comes(place, key, &value));
    assert_true(text_to_number(value, INT32_MAX, &process));
    return (pid_t)process;
}

/* A zombie that nobody of ours can reap counts as gone. */
static bool is_gone(pid_t process)
{
    Millis until = clock_now() + LIMIT_MS;

    while (clock_now() < until) {
        AUTO_TEXT *path = memory_format("/proc/%d/stat", (int)process);
        AUTO_TEXT *stat = NULL;
        size_t length = 0;
        Error error = { 0 };

        if (kill(process, 0) != 0 && errno == ESRCH)
            return true;
        if (!file_read(path, 4096, &stat, &length, &error) || strstr(stat, ") Z "))
            return true;
        clock_sleep(20);
    }
    return false;
}

static void a_change_is_done_then_already_so(void **state)
{
    Command command = a_command(COMMAND_BACKUP_HOME);
    COMMAND_RESULT_AUTO(first);
    COMMAND_RESULT_AUTO(second);
    unsigned progress = 0;

    {
        AUTO(Worker) *worker = started(*state, &command);

        wait_for_end(worker, &first, &progress);
    }
    assert_int_equal(first.state, RESULT_DONE);
    assert_string_equal(facts_get(&first.evidence, "files"), "100");
    assert_in_range(progress, 2, 100); /* the first, the last, and not all 101 */
    run_it(*state, &command, &second);
    assert_int_equal(second.state, RESULT_ALREADY);
}

static void a_read_only_command_is_done_with_its_evidence(void **state)
{
    Command command = a_command(COMMAND_INSPECT_NODE);
    COMMAND_RESULT_AUTO(result);

    run_it(*state, &command, &result);
    assert_int_equal(result.state, RESULT_DONE);
    assert_string_equal(facts_get(&result.evidence, "target"), "node1");
    assert_string_equal(facts_get(&result.evidence, "home"), "/opt/old");
    assert_string_equal(facts_get(&result.evidence, "profile"), "test");
}

static void a_gate_that_holds_is_a_failed_result(void **state)
{
    Command command = a_command(COMMAND_PREVIEW_CONFIGURATION);
    COMMAND_RESULT_AUTO(result);

    run_it(*state, &command, &result);
    assert_failed(&result, ERROR_PRECONDITION, "not true: it is so");
}

static void a_script_of_half_a_megabyte_arrives_whole(void **state)
{
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(result);
    AUTO_TEXT *script = memory_new(500001);

    memset(script, 's', 500000);
    script[500000] = '\0';
    command = a_command(COMMAND_MIGRATE_DATABASE);
    facts_add(&command.args, ARG_SCRIPT, script);
    run_it(*state, &command, &result);
    assert_int_equal(result.state, RESULT_ALREADY);
    assert_string_equal(facts_get(&result.evidence, "bytes"), "500000");
}

static void another_profile_than_the_planned_one_is_outdated(void **state)
{
    COMMAND_AUTO(command);
    COMMAND_RESULT_AUTO(wrong);
    COMMAND_RESULT_AUTO(right);

    command = a_command(COMMAND_TEST_READINESS);
    facts_add(&command.args, ARG_PROFILE_SHA256, OTHER_SHA256);
    run_it(*state, &command, &wrong);
    assert_failed(&wrong, ERROR_OUTDATED, PROFILE_SHA256);
    assert_non_null(strstr(wrong.error.text, OTHER_SHA256));
    facts_done(&command.args);
    facts_add(&command.args, ARG_PROFILE_SHA256, PROFILE_SHA256);
    run_it(*state, &command, &right);
    assert_int_equal(right.state, RESULT_ALREADY);
}

static void a_crash_is_a_result_and_the_next_run_goes_on(void **state)
{
    Command command = a_command(COMMAND_COPY_FOLDERS);
    COMMAND_RESULT_AUTO(crashed);
    COMMAND_RESULT_AUTO(done);

    run_it(*state, &command, &crashed);
    assert_failed(&crashed, ERROR_COMMAND_FAILED, "it is alive");
    assert_non_null(strstr(crashed.error.text, "signal 9"));
    run_it(*state, &command, &done);
    assert_int_equal(done.state, RESULT_DONE);
}

static void an_end_without_a_result_is_a_failure(void **state)
{
    Command command = a_command(COMMAND_STOP_NEW_SERVER);
    COMMAND_RESULT_AUTO(result);

    run_it(*state, &command, &result);
    assert_failed(&result, ERROR_COMMAND_FAILED, "before this was known: it stayed");
}

static void nonsense_from_the_child_ends_it(void **state)
{
    Command command = a_command(COMMAND_REMOVE_FOLDERS);
    COMMAND_RESULT_AUTO(result);

    run_it(*state, &command, &result);
    assert_failed(&result, ERROR_COMMAND_FAILED, "sense is made");
}

static void evidence_that_fits_no_frame_is_told(void **state)
{
    Command command = a_command(COMMAND_BACKUP_DATABASE);
    COMMAND_RESULT_AUTO(result);

    run_it(*state, &command, &result);
    assert_failed(&result, ERROR_INVALID, "bytes");
}

static void a_pause_ends_at_the_deadline_with_the_goal_and_the_evidence(void **state)
{
    Command command = a_command(COMMAND_START_OLD_SERVER);
    COMMAND_RESULT_AUTO(result);
    Millis begin = clock_now();

    command.deadline_s = 1;
    run_it(*state, &command, &result);
    assert_failed(&result, ERROR_TIMEOUT, "not reached within 1 s: the wait is over");
    assert_string_equal(facts_get(&result.evidence, "waited-for"), "godot"); /* it was not killed */
    assert_true(clock_now() - begin >= 1000);
}

static void a_cancel_ends_a_pause(void **state)
{
    Place *place = *state;
    Command command = a_command(COMMAND_START_OLD_SERVER);
    AUTO(Worker) *worker = started(place, &command);
    COMMAND_RESULT_AUTO(result);
    AUTO_TEXT *note = NULL;
    unsigned progress;

    assert_true(note_comes(place, "waiting", &note));
    worker_cancel(worker, clock_now());
    worker_cancel(worker, clock_now());
    wait_for_end(worker, &result, &progress);
    assert_failed(&result, ERROR_CANCELLED, "cancelled");
}

static void what_hangs_is_killed_with_all_it_started(void **state)
{
    Command command = a_command(COMMAND_STOP_OLD_SERVER);
    COMMAND_RESULT_AUTO(result);
    Millis begin = clock_now();

    command.deadline_s = 1;
    run_it(*state, &command, &result);
    assert_failed(&result, ERROR_TIMEOUT, "the hanging is over");
    assert_true(clock_now() - begin >= 1000 + WORKER_GRACE_MS);
    assert_true(is_gone(noted_pid(*state, "child")));
}

static void freeing_a_worker_ends_it(void **state)
{
    Command command = a_command(COMMAND_STOP_OLD_SERVER);

    {
        AUTO(Worker) *worker = started(*state, &command);

        (void)noted_pid(*state, "worker");
    }
    assert_true(is_gone(noted_pid(*state, "worker")));
    assert_true(is_gone(noted_pid(*state, "child")));
}

static void a_worker_dies_with_its_agent(void **state)
{
    Place *place = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER);
    pid_t agent = fork(), worker, child;
    int status = 0;
    bool gone;

    if (agent == 0) {
        (void)started(place, &command);
        hang();
    }
    worker = noted_pid(place, "worker");
    child = noted_pid(place, "child");
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, &status, 0), agent);
    gone = is_gone(worker);
    if (!gone)
        (void)kill(worker, SIGKILL);
    (void)kill(child, SIGKILL); /* the program that the handler started is nobody's now */
    assert_true(gone);
}

static void a_worker_is_started_by_its_agent_alone(void **state)
{
    const WorkerDuty duty = { "/nowhere.xml", 1, handler_of_test, profile_of_test };
    pid_t process = fork();
    int status = 0;

    (void)state;
    if (process == 0)
        _exit(worker_child_run(&duty));
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_int_equal(WEXITSTATUS(status), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

static int run_as_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_done_then_already_so),
        TEST(a_read_only_command_is_done_with_its_evidence),
        TEST(a_gate_that_holds_is_a_failed_result),
        TEST(a_script_of_half_a_megabyte_arrives_whole),
        TEST(another_profile_than_the_planned_one_is_outdated),
        TEST(a_crash_is_a_result_and_the_next_run_goes_on),
        TEST(an_end_without_a_result_is_a_failure),
        TEST(nonsense_from_the_child_ends_it),
        TEST(evidence_that_fits_no_frame_is_told),
        TEST(a_pause_ends_at_the_deadline_with_the_goal_and_the_evidence),
        TEST(a_cancel_ends_a_pause),
        TEST(what_hangs_is_killed_with_all_it_started),
        TEST(freeing_a_worker_ends_it),
        TEST(a_worker_dies_with_its_agent),
        TEST(a_worker_is_started_by_its_agent_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    unsigned long long parent = 0;

    if (argc == 4 && strcmp(argv[1], "worker") == 0 &&
        text_to_number(argv[3], INT32_MAX, &parent)) {
        const WorkerDuty duty = { argv[2], (pid_t)parent, handler_of_test, profile_of_test };

        return worker_child_run(&duty);
    }
    return run_as_tests();
}
