/* server.c and carbon_process.c with real processes: jvm.c plays the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/handlers/node/carbon_process.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "tests/fakes/worker_io.h"

#define LIMIT_MS 60000 /* a test fails when it waits for so long */
#define SCRIPT                                                                                     \
    "#!/bin/sh\n"                                                                                  \
    "echo \"CARBON_HOME $CARBON_HOME\"\n"                                                          \
    "status=121\n"                                                                                 \
    "while [ $status = 121 ]; do\n"                                                                \
    "  $JAVA_HOME/bin/java -Xmx64m -Dcarbon.home=\"$CARBON_HOME\" \\\n"                            \
    "    org.wso2.carbon.bootstrap.Bootstrap $*\n"                                                 \
    "  status=$?\n"                                                                                \
    "done\n"

static const char *const failures[] = { "WSO2 Carbon initialization Failed" };

typedef struct Host {
    char *folder;
    char *old_home, *new_home, *java_home, *state;
    AgentNode node;
    AgentConfig config;
    Profile profile;
    WorkerIo worker;
    Command command;
} Host;

static void put(const char *folder, const char *name, const char *text)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    AUTO_TEXT *above = file_folder_of(path);
    Error error = { 0 };

    assert_true(file_make_folders(above, 0755, &error));
    assert_true(file_replace(path, text, strlen(text), 0755, &error));
}

static unsigned free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);
    AUTO_FD fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void make_home(const char *home, unsigned port)
{
    AUTO_TEXT *text = memory_format("%u\n", port);

    put(home, "bin/wso2server.sh", SCRIPT);
    put(home, "repository/conf/carbon.xml",
        "<?xml version=\"1.0\"?><Server xmlns=\"http://wso2.org/projects/carbon/carbon.xml\">"
        "<!-- <Ports><Offset>7</Offset></Ports> --><Ports><Offset> 0 </Offset></Ports></Server>");
    put(home, "repository/logs/wso2carbon.log",
        "TID: [0] [DSS] [2014-02-01 02:00:00,000]  INFO - WSO2 Carbon started in 99 sec\n");
    put(home, "port", text);
}

static int set_up(void **state)
{
    Host *host = memory_new(sizeof(*host));
    AUTO_TEXT *java = NULL;
    unsigned port = free_port();

    host->folder = memory_text("/tmp/server-test-XXXXXX");
    assert_non_null(mkdtemp(host->folder));
    host->old_home = memory_format("%s/old", host->folder);
    host->new_home = memory_format("%s/new", host->folder);
    host->java_home = memory_format("%s/java", host->folder);
    host->state = memory_format("%s/state", host->folder);
    make_home(host->old_home, port);
    make_home(host->new_home, port);
    put(host->java_home, "bin/README", "");
    put(host->state, "README", "");
    java = memory_format("%s/bin/java", host->java_home);
    assert_int_equal(symlink(JVM_PROGRAM, java), 0);
    host->node = (AgentNode){ .name = "node1",
        .old_home = host->old_home,
        .new_home = host->new_home,
        .old_java_home = host->java_home,
        .new_java_home = host->java_home,
        .address = "127.0.0.1" };
    host->config = (AgentConfig){
        .name = "agent1", .state_directory = host->state, .nodes = &host->node, .node_count = 1
    };
    host->profile = (Profile){ .failure_lines = failures,
        .failure_line_count = 1,
        .log_file = "repository/logs/wso2carbon.log",
        .started_line = "WSO2 Carbon started in",
        .pid_file = "wso2carbon.pid",
        .start_script = "bin/wso2server.sh",
        .main_class = "org.wso2.carbon.bootstrap.Bootstrap",
        .home_property = "carbon.home",
        .https_port = port };
    worker_io_init(&host->worker);
    host->worker.io.config = &host->config;
    host->worker.io.profile = &host->profile;
    (void)text_copy(host->command.target, sizeof(host->command.target), "node1");
    facts_add(&host->command.args, ARG_DEADLINE_S, "60");
    *state = host;
    return 0;
}

static void set_deadline(Host *host, const char *seconds)
{
    facts_done(&host->command.args);
    facts_add(&host->command.args, ARG_DEADLINE_S, seconds);
}

static Home home(Host *host, HomeSide side)
{
    Home ret;
    Error error = { 0 };

    assert_true(home_of(&host->worker.io, &host->command, side, &ret, &error));
    return ret;
}

/* Without the code under test's own way of stopping. */
static void end_all(Host *host, HomeSide side)
{
    const Home of = home(host, side);
    CARBON_PROCESSES_AUTO(found);
    Error error = { 0 };

    do {
        assert_true(carbon_processes_find(&of, &found, &error));
        for (size_t i = 0; i < found.count; i++)
            (void)kill(found.items[i].pid, SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        clock_sleep(20);
    } while (found.count > 0);
}

static int tear_down(void **state)
{
    Host *host = *state;
    Error error = { 0 };

    end_all(host, HOME_OLD);
    end_all(host, HOME_NEW);
    assert_true(file_remove_tree(host->folder, &error));
    worker_io_done(&host->worker);
    command_done(&host->command);
    free(host->folder);
    free(host->old_home);
    free(host->new_home);
    free(host->java_home);
    free(host->state);
    free(host);
    return 0;
}

static bool run(Host *host, const Handler *handler, ResultState *ret, Error *error)
{
    *error = (Error){ 0 };
    worker_io_next_command(&host->worker);
    return handler_run(handler, &host->worker.io, &host->command, ret, error);
}

static void must(Host *host, const Handler *handler, ResultState expected)
{
    ResultState state;
    Error error;
    bool done = run(host, handler, &state, &error);

    if (!done)
        print_error("%s\n", error.text);
    assert_true(done);
    assert_int_equal(state, expected);
}

static void must_fail(Host *host, const Handler *handler, ErrorKind kind, const char *words)
{
    ResultState state;
    Error error;

    assert_false(run(host, handler, &state, &error));
    if (error.kind != kind || !strstr(error.text, words))
        print_error("%s: %s\n", error_kind_name(error.kind), error.text);
    assert_int_equal(error.kind, kind);
    assert_non_null(strstr(error.text, words));
}

static size_t jvms(Host *host, HomeSide side)
{
    const Home of = home(host, side);
    CARBON_PROCESSES_AUTO(found);
    Error error = { 0 };

    assert_true(carbon_processes_find(&of, &found, &error));
    return found.jvms;
}

static const char *evidence(const Host *host, const char *name)
{
    return facts_get_or(&host->worker.evidence, name, "");
}

static void a_server_is_started_once_and_stopped_with_proof(void **state)
{
    Host *host = *state;
    unsigned long long pid;
    AUTO_TEXT *fact = NULL;

    must(host, &handler_start_old_server, RESULT_DONE);
    assert_true(text_to_number(evidence(host, "pid"), INT32_MAX, &pid));
    assert_non_null(strstr(evidence(host, "log-line"), "started in 1 sec"));
    assert_int_equal(jvms(host, HOME_OLD), 1);
    must(host, &handler_start_old_server, RESULT_ALREADY);
    assert_int_equal(jvms(host, HOME_OLD), 1);
    must(host, &handler_stop_old_server, RESULT_DONE);
    fact = memory_format("stopped:%llu", pid);
    assert_memory_equal(evidence(host, fact), "by TERM in ", 11);
    assert_int_equal(jvms(host, HOME_OLD), 0);
    must(host, &handler_stop_old_server, RESULT_ALREADY);
}

static bool has_open(unsigned long long pid, const char *file)
{
    for (int fd = 0; fd < 20; fd++) {
        AUTO_TEXT *link = memory_format("/proc/%llu/fd/%d", pid, fd);
        char target[4096] = "";

        if (readlink(link, target, sizeof(target) - 1) > 0 && strcmp(target, file) == 0)
            return true;
    }
    return false;
}

static void the_server_has_a_session_of_its_own_and_no_descriptor_of_ours(void **state)
{
    Host *host = *state;
    AUTO_TEXT *file = memory_format("%s/java/bin/README", host->folder);
    AUTO_FD ours = open(file, O_RDONLY); /* without O_CLOEXEC, on purpose */
    unsigned long long pid;

    assert_true(has_open((unsigned long long)getpid(), file));
    must(host, &handler_start_old_server, RESULT_DONE);
    assert_true(text_to_number(evidence(host, "pid"), INT32_MAX, &pid));
    assert_int_not_equal(getsid((pid_t)pid), getsid(0));
    assert_false(has_open(pid, file));
}

static void a_hung_server_is_killed_after_its_deadline(void **state)
{
    Host *host = *state;
    AUTO_TEXT *fact = NULL;
    Millis began;

    put(host->old_home, "behaviour", "hang");
    must(host, &handler_start_old_server, RESULT_DONE);
    fact = memory_format("stopped:%s", evidence(host, "pid"));
    set_deadline(host, "1");
    began = clock_now();
    must(host, &handler_stop_old_server, RESULT_DONE);
    assert_true(clock_now() - began >= 1000);
    assert_non_null(strstr(evidence(host, fact), "killed after "));
}

static bool says_ready(const char *output)
{
    AUTO_TEXT *text = NULL;
    size_t length = 0;
    Error absent = { 0 };

    return file_read(output, 4096, &text, &length, &absent) && strstr(text, "ready");
}

/* As another person would have started it; returns when it is up. */
static void start_aside(Host *host, const char *main_class)
{
    AUTO_TEXT *java = memory_format("%s/bin/java", host->java_home);
    AUTO_TEXT *property = memory_format("-Dcarbon.home=%s/../old/", host->old_home);
    AUTO_TEXT *output = memory_format("%s/aside.log", host->folder);
    const char *const argv[] = { java, property, main_class, "-DworkerNode=true", "start", NULL };
    const ProcessOrder order = { .argv = argv };
    Millis until = clock_now() + LIMIT_MS;
    Error error = { 0 };
    pid_t pid;

    assert_true(process_detach(&order, output, &pid, &error));
    while (!says_ready(output)) {
        assert_true(clock_now() < until);
        clock_sleep(10);
    }
}

static void a_second_jvm_without_pid_file_is_found_and_stopped(void **state)
{
    Host *host = *state;

    must(host, &handler_start_old_server, RESULT_DONE);
    put(host->old_home, "behaviour", "no-pid deaf old-log");
    start_aside(host, "org.wso2.carbon.bootstrap.Bootstrap");
    assert_int_equal(jvms(host, HOME_OLD), 2);
    must_fail(host, &handler_start_old_server, ERROR_PRECONDITION, "2 JVMs");
    must(host, &handler_stop_old_server, RESULT_DONE);
    assert_string_equal(evidence(host, "jvms-found"), "2");
    assert_int_equal(jvms(host, HOME_OLD), 0);
}

static void another_program_and_another_home_are_not_touched(void **state)
{
    Host *host = *state;
    unsigned long long pid;

    put(host->new_home, "behaviour", "deaf");
    assert_true(
        host->worker.io.remember(host->worker.io.self, "configured/node1/", "", &(Error){ 0 }));
    put(host->old_home, "behaviour", "deaf old-log no-pid");
    start_aside(host, "org.example.Tool"); /* names the home, is not a server of it */
    assert_int_equal(jvms(host, HOME_OLD), 0);
    put(host->new_home, "behaviour", "");
    must(host, &handler_start_new_server, RESULT_DONE);
    assert_true(text_to_number(evidence(host, "pid"), INT32_MAX, &pid));
    must(host, &handler_stop_old_server, RESULT_ALREADY); /* the port is the new server's */
    assert_int_equal(kill((pid_t)pid, 0), 0);
    must_fail(host, &handler_start_old_server, ERROR_PRECONDITION, "still runs");
}

static void a_stale_pid_file_that_names_another_process_kills_nobody(void **state)
{
    Host *host = *state;
    AUTO_TEXT *pid = memory_format("%d\n", (int)getpid());

    put(host->old_home, "wso2carbon.pid", pid);
    must(host, &handler_stop_old_server, RESULT_ALREADY); /* and we are still here */
}

static void the_new_server_is_not_started_before_it_is_configured(void **state)
{
    must_fail(*state, &handler_start_new_server, ERROR_PRECONDITION, "not configured");
    assert_int_equal(jvms(*state, HOME_NEW), 0);
}

static void an_old_started_line_does_not_count(void **state)
{
    Host *host = *state;

    put(host->old_home, "behaviour", "silent");
    set_deadline(host, "1");
    must_fail(host, &handler_start_old_server, ERROR_TIMEOUT, "does not say that it has started");
    must_fail(host, &handler_start_old_server, ERROR_TIMEOUT, "does not say that it has started");
    assert_int_equal(jvms(host, HOME_OLD), 1); /* and never a second one */
}

static void a_failed_boot_is_told_at_once_in_the_logs_words(void **state)
{
    Host *host = *state;
    Millis began = clock_now();

    put(host->old_home, "behaviour", "fail");
    must_fail(host, &handler_start_old_server, ERROR_COMMAND_FAILED, "initialization Failed");
    assert_true(clock_now() - began < 10000);
}

static void a_jvm_that_dies_at_once_is_told_in_its_own_words(void **state)
{
    Host *host = *state;

    put(host->old_home, "behaviour", "die");
    must_fail(host, &handler_start_old_server, ERROR_COMMAND_FAILED, "Unrecognized VM option");
}

static void a_port_held_by_another_program_holds_start_and_stop(void **state)
{
    Host *host = *state;
    struct sockaddr_in address = { .sin_family = AF_INET };
    AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)host->profile.https_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 100), 0);
    must_fail(host, &handler_start_old_server, ERROR_PRECONDITION, "in use");
    set_deadline(host, "1");
    must_fail(host, &handler_stop_old_server, ERROR_PRECONDITION, "something answers");
}

static void secure_vault_without_a_password_holds_the_start(void **state)
{
    Host *host = *state;

    put(host->old_home, "repository/conf/security/secret-conf.properties",
        "## comment\n\n#x=y\nsecretRepositories=file\n");
    must_fail(host, &handler_start_old_server, ERROR_PRECONDITION, "password-tmp");
    put(host->old_home, "password-tmp", "wso2carbon\n");
    must(host, &handler_start_old_server, RESULT_DONE);
}

static void a_server_started_by_somebody_else_holds_when_it_answers(void **state)
{
    Host *host = *state;

    put(host->old_home, "behaviour", "old-log");
    start_aside(host, "org.wso2.carbon.bootstrap.Bootstrap");
    must(host, &handler_start_old_server, RESULT_ALREADY);
}

static void options_of_the_old_server_are_passed_on_but_no_commands(void **state)
{
    Host *host = *state;
    const Home old = home(host, HOME_OLD);
    CARBON_PROCESSES_AUTO(found);
    Error error = { 0 };

    start_aside(host, "org.wso2.carbon.bootstrap.Bootstrap");
    must(host, &handler_stop_old_server, RESULT_DONE);
    must(host, &handler_start_old_server, RESULT_DONE);
    assert_true(carbon_processes_find(&old, &found, &error));
    assert_string_equal(carbon_processes_jvm(&found)->arguments, "-DworkerNode=true\n");
}

/* The server that a handler waits for may boot. */
static bool let_boot(void *self, Millis duration, Error *error)
{
    const WorkerIo *worker = self;

    (void)error;
    put(worker->io.config->nodes->old_home, "behaviour", "");
    clock_sleep(duration);
    return true;
}

static void a_started_server_is_found_again_when_its_worker_died(void **state)
{
    Host *host = *state;
    pid_t worker = fork();

    if (worker == 0) { /* launches, and dies before the server is up */
        ResultState ignored;
        Error error;

        put(host->old_home, "behaviour", "slow");
        host->worker.cancel_after = 1;
        _exit(run(host, &handler_start_old_server, &ignored, &error) ? 1 : 0);
    }
    assert_int_equal(waitpid(worker, NULL, 0), worker);
    host->worker.io.pause = let_boot;
    must(host, &handler_start_old_server, RESULT_DONE);
    assert_int_equal(jvms(host, HOME_OLD), 1);
}

static void a_zombie_is_no_server(void **state)
{
    Host *host = *state;
    const char *const argv[] = { "/bin/sh", "-c", "exit 0", NULL };
    const ProcessOrder order = { .argv = argv };
    AUTO_TEXT *output = memory_format("%s/zombie.log", host->folder);
    Error error = { 0 };
    siginfo_t ended;
    pid_t pid;

    assert_true(process_detach(&order, output, &pid, &error));
    assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    must(host, &handler_stop_old_server, RESULT_ALREADY);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_is_started_once_and_stopped_with_proof),
        TEST(the_server_has_a_session_of_its_own_and_no_descriptor_of_ours),
        TEST(a_hung_server_is_killed_after_its_deadline),
        TEST(a_second_jvm_without_pid_file_is_found_and_stopped),
        TEST(another_program_and_another_home_are_not_touched),
        TEST(a_stale_pid_file_that_names_another_process_kills_nobody),
        TEST(the_new_server_is_not_started_before_it_is_configured),
        TEST(an_old_started_line_does_not_count),
        TEST(a_failed_boot_is_told_at_once_in_the_logs_words),
        TEST(a_jvm_that_dies_at_once_is_told_in_its_own_words),
        TEST(a_port_held_by_another_program_holds_start_and_stop),
        TEST(secure_vault_without_a_password_holds_the_start),
        TEST(a_server_started_by_somebody_else_holds_when_it_answers),
        TEST(options_of_the_old_server_are_passed_on_but_no_commands),
        TEST(a_started_server_is_found_again_when_its_worker_died),
        TEST(a_zombie_is_no_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
