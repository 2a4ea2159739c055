/*
 * The agent as a real process with real workers, led over real TLS links by this test. The test
 * program is all three: run as `serve` it is the agent, run as `worker` its worker, each with
 * handlers that keep their effects as notes in the ledger.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/config_xml.h"
#include "agent/ledger.h"
#include "agent/status.h"
#include "agent/worker_child.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/pki/pki.h"
#include "common/wire/link.h"

#define LIMIT_MS   60000 /* a test fails when it waits for so long */
#define DEADLINE_S 600   /* of a command: it ends in no test */
#define LOOK_MS    20    /* between two looks at what is waited for */
#define KEPT_MAX   32

/* ---- handlers: each effect is counted in the note "effects/STEP" ---- */

static bool effect_is_there(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    AUTO_TEXT *key = memory_format("effects/%u", command->id.step);
    AUTO_TEXT *value = NULL;

    if (!io->recall(io->self, key, &value, error))
        return false;
    *ret = value != NULL;
    return true;
}

static bool make_effect(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *key = memory_format("effects/%u", command->id.step);
    AUTO_TEXT *order = NULL;
    AUTO_TEXT *longer = NULL;

    io->progress(io->self, "effects", 1, 1);
    facts_add(io->evidence, "effect", "made");
    if (!io->recall(io->self, "order", &order, error))
        return false;
    longer = memory_format("%s%u ", order ? order : "", command->id.step);
    return io->remember(io->self, "order", longer, error) &&
           io->remember(io->self, key, "yes", error);
}

/* Lasts until the test lets it go: it notes its process as "began/STEP" and waits for "go/STEP". */
static bool make_effect_slowly(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *began = memory_format("began/%u", command->id.step);
    AUTO_TEXT *go = memory_format("go/%u", command->id.step);
    AUTO_TEXT *process = memory_format("%d", (int)getpid());
    AUTO_TEXT *value = NULL;

    if (!io->remember(io->self, began, process, error))
        return false;
    while (!value)
        if (!io->pause(io->self, LOOK_MS, error) || !io->recall(io->self, go, &value, error))
            return false;
    return make_effect(io, command, error);
}

static bool look(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    (void)command;
    (void)error;
    facts_add(io->evidence, "seen", "yes");
    *ret = true;
    return true;
}

static const Handler quick = { "the effect is there", effect_is_there, make_effect };
static const Handler slow = { "the slow effect is there", effect_is_there, make_effect_slowly };
static const Handler looks = { "it was seen", look, NULL };

static const Handler *handler_of_test(CommandKind kind)
{
    if (command_is_read_only(kind))
        return &looks;
    return kind == COMMAND_BACKUP_HOME ? &quick : &slow;
}

static bool profile_of_test(const char *directory, Profile **ret, Error *error)
{
    Profile *profile = memory_new(sizeof(*profile));

    (void)directory;
    (void)error;
    *profile = (Profile){ .arena = arena_new(), .name = "test-1.0" };
    memset(profile->sha256, 'c', DIGEST_HEX_BYTES - 1);
    *ret = profile;
    return true;
}

/* What it does is told in a file; only what ends it comes to our stderr. */
static int serve(const char *config_file, const char *log_file)
{
    AgentSettings settings = {
        .config_file = config_file, .handler_for = handler_of_test, .program = "dss-agent test"
    };
    AUTO(AgentConfig) *config = NULL;
    AUTO(Profile) *profile = NULL;
    Error error = { 0 };

    log_open(&settings.log, LOG_LEVEL_NOTICE);
    settings.log.file = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (!agent_config_load(config_file, &config, &error) ||
        !profile_of_test("", &profile, &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    settings.config = config;
    settings.profile = profile;
    if (agent_serve(&settings, &error))
        return 0;
    (void)fprintf(stderr, "%s\n", error.text);
    return error.kind == ERROR_PRECONDITION ? 3 : 1;
}

/* ---- the place: certificates, configuration, one agent, one coordinator ---- */

typedef struct Place {
    char folder[64];
    char *ca, *file, *state_folder, *log_file;
    unsigned port;
    pid_t agent; /* 0: none */
    LinkHub *hub;
    Link *link;
    LinkEvent kept[KEPT_MAX]; /* heard while the test waited for something else */
    size_t kept_count;
} Place;

static unsigned free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    AUTO_FD file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(file, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(file, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static void issue(const Place *place, PeerRole role, const char *name)
{
    static const char *const addresses[] = { "127.0.0.1" };
    const PkiRequest request = { .role = role,
        .name = name,
        .addresses = role == PEER_AGENT ? addresses : NULL,
        .address_count = role == PEER_AGENT ? 1 : 0 };
    Error error = { 0 };

    if (!pki_issue(place->ca, &request, place->folder, &error))
        fail_msg("%s", error.text);
}

static void write_config(Place *place)
{
    TEXT_AUTO(text, 8192);
    Error error = { 0 };

    text_add(&text,
        "<agent xmlns=\"urn:dss-upgrade:agent:1\" cluster=\"orders\" name=\"node1\">"
        "<listen address=\"127.0.0.1\" port=\"%u\"/>"
        "<tls ca=\"ca.crt\" certificate=\"node1.crt\" key=\"node1.key\"/>"
        "<state directory=\"state\"/><backup directory=\"backup\"/><profile directory=\"p\"/>"
        "<node name=\"node1\" old-home=\"/opt/old\" new-home=\"/opt/new\" old-java-home=\"/opt/j\""
        " new-java-home=\"/opt/j\" admin-user=\"admin\" admin-password-file=\"pw\"/>"
        "<database name=\"userdb\" type=\"mysql\"><production option-file=\"p\" database=\"a\"/>"
        "<staging option-file=\"s\" database=\"b\"/></database></agent>",
        place->port);
    place->file = memory_format("%s/agent.xml", place->folder);
    assert_true(file_replace(place->file, text.bytes, text.length, 0600, &error));
}

static pid_t spawn_agent(const Place *place)
{
    const char *const argv[] = { "agent_test", "serve", place->file, place->log_file, NULL };
    char *environment[] = { NULL };
    pid_t process = -1;

    assert_int_equal(posix_spawn(&process, "/proc/self/exe", NULL, NULL,
                         (char *const *)(uintptr_t)argv, environment),
        0);
    return process;
}

static void start_agent(Place *place)
{
    assert_int_equal(place->agent, 0);
    place->agent = spawn_agent(place);
}

static int end_agent(Place *place, int signal_number)
{
    int status = 0;

    assert_int_equal(kill(place->agent, signal_number), 0);
    assert_int_equal(waitpid(place->agent, &status, 0), place->agent);
    place->agent = 0;
    return status;
}

static void connect_as(Place *place, PeerRole role, const char *name)
{
    AUTO_TEXT *ca = memory_format("%s/ca.crt", place->folder);
    AUTO_TEXT *certificate = memory_format("%s/%s.crt", place->folder, name);
    AUTO_TEXT *key = memory_format("%s/%s.key", place->folder, name);
    const LinkSettings settings = { .cluster = "orders",
        .name = name,
        .role = role,
        .ca_file = ca,
        .certificate_file = certificate,
        .key_file = key };
    Error error = { 0 };

    if (!link_hub_new(&settings, &place->hub, &error))
        fail_msg("%s", error.text);
    place->link = link_dial(place->hub, "node1", "127.0.0.1", place->port);
}

static void disconnect(Place *place)
{
    while (place->kept_count > 0)
        link_event_done(&place->kept[--place->kept_count]);
    link_hub_free(place->hub);
    place->hub = NULL;
}

static int make_place(void **state)
{
    Place *place = memory_new(sizeof(*place));
    Error error = { 0 };

    *place = (Place){ .folder = "/tmp/agent_test.XXXXXX", .port = free_port() };
    assert_non_null(mkdtemp(place->folder));
    place->ca = memory_format("%s/ca", place->folder);
    place->state_folder = memory_format("%s/state", place->folder);
    place->log_file = memory_format("%s/agent.log", place->folder);
    if (!pki_init(place->ca, "orders", &error))
        fail_msg("%s", error.text);
    issue(place, PEER_AGENT, "node1");
    issue(place, PEER_COORDINATOR, "lead");
    issue(place, PEER_OPERATOR, "eve");
    write_config(place);
    start_agent(place);
    connect_as(place, PEER_COORDINATOR, "lead");
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    Place *place = *state;
    Error error = { 0 };

    if (place->hub)
        disconnect(place);
    if (place->agent)
        (void)end_agent(place, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0) /* its workers die with it, and are ours now */
        ;
    assert_true(file_remove_tree(place->folder, &error));
    free(place->ca);
    free(place->file);
    free(place->state_folder);
    free(place->log_file);
    free(place);
    return 0;
}

/* ---- talking ---- */

/* Lets the hub work for a while, and keeps what it hears. */
static void wait_a_while(Place *place, Millis duration)
{
    Millis until = clock_now() + duration;

    do {
        struct pollfd file = { .fd = place->hub ? link_hub_fd(place->hub) : -1, .events = POLLIN };

        (void)poll(&file, 1, 10);
        while (place->hub && link_hub_take(place->hub, &place->kept[place->kept_count]))
            assert_true(++place->kept_count < KEPT_MAX);
    } while (clock_now() < until);
}

/* The next event of any kind; false after `limit`. */
static bool next_event(Place *place, Millis limit, LinkEvent *ret)
{
    Millis until = clock_now() + limit;

    if (place->kept_count > 0) {
        *ret = place->kept[0];
        place->kept_count--;
        memmove(place->kept, place->kept + 1, place->kept_count * sizeof(*place->kept));
        return true;
    }
    while (!link_hub_take(place->hub, ret)) {
        struct pollfd file = { .fd = link_hub_fd(place->hub), .events = POLLIN };
        int wait_ms = link_hub_wait_ms(place->hub);

        if (clock_now() >= until)
            return false;
        (void)poll(&file, 1, wait_ms < 0 || wait_ms > 100 ? 100 : wait_ms);
    }
    return true;
}

static char *log_text(const Place *place)
{
    char *text = NULL;
    size_t length = 0;
    Error error = { 0 };

    if (!file_read(place->log_file, 1 << 20, &text, &length, &error))
        fail_msg("%s", error.text);
    return text;
}

static _Noreturn void fail_waiting(const Place *place, const char *what)
{
    AUTO_TEXT *log = log_text(place);

    fail_msg("%s did not come; the agent says:\n%s", what, log);
    abort();
}

/* The next message of that kind; what comes before it is passed over. */
static LinkEvent await_message(Place *place, MessageKind kind)
{
    Millis until = clock_now() + LIMIT_MS;
    AUTO_TEXT *what = memory_format("a message of kind %d", (int)kind);
    LinkEvent event;

    while (clock_now() < until && next_event(place, until - clock_now(), &event)) {
        if (event.kind == LINK_MESSAGE && event.message.kind == kind)
            return event;
        link_event_done(&event);
    }
    fail_waiting(place, what);
}

static void await_up(Place *place)
{
    LinkEvent event = await_message(place, MESSAGE_HELLO);

    link_event_done(&event);
}

static Command a_command(CommandKind kind, uint32_t step, uint64_t epoch)
{
    Command command = { .kind = kind,
        .id = { .run = "r1", .step = step, .attempt = 1 },
        .epoch = epoch,
        .cluster = "orders",
        .deadline_s = DEADLINE_S };

    memset(command.audit_head, 'a', DIGEST_HEX_BYTES - 1);
    assert_true(text_copy(command.target, sizeof(command.target),
        command_target(kind) == TARGET_NODE ? "node1" : "userdb"));
    return command;
}

static void order(Place *place, CommandKind kind, uint32_t step, uint64_t epoch)
{
    MESSAGE_AUTO(message);
    Error error = { 0 };

    message.kind = MESSAGE_COMMAND;
    message.epoch = epoch;
    message.command = a_command(kind, step, epoch);
    if (!link_send(place->link, &message, &error))
        fail_msg("%s", error.text);
}

static void cancel(Place *place, uint32_t step, uint64_t epoch)
{
    MESSAGE_AUTO(message);
    Error error = { 0 };

    message.kind = MESSAGE_CANCEL;
    message.epoch = epoch;
    message.id = (CommandId){ .run = "r1", .step = step, .attempt = 1 };
    if (!link_send(place->link, &message, &error))
        fail_msg("%s", error.text);
}

static void expect_accepted(Place *place, uint32_t step)
{
    LinkEvent event = await_message(place, MESSAGE_ACCEPTED);

    assert_int_equal(event.message.id.step, step);
    link_event_done(&event);
}

static void expect_result(Place *place, uint32_t step, ResultState state)
{
    LinkEvent event = await_message(place, MESSAGE_RESULT);

    assert_int_equal(event.message.result.id.step, step);
    if (event.message.result.state != state)
        fail_msg("%s: %s", result_state_name(event.message.result.state),
            event.message.result.error.text);
    link_event_done(&event);
}

static void expect_refusal(Place *place, uint32_t step, uint64_t epoch, const char *words)
{
    LinkEvent event = await_message(place, MESSAGE_REFUSAL);

    assert_int_equal(event.message.id.step, step);
    assert_int_equal(event.message.epoch, epoch);
    if (!strstr(event.message.text, words))
        fail_msg("'%s' does not say '%s'", event.message.text, words);
    link_event_done(&event);
}

/* A note of the agent's ledger, read beside it; the caller frees. */
static char *note(const Place *place, const char *key)
{
    AUTO(Ledger) *ledger = NULL;
    char *value = NULL;
    Error error = { 0 };

    if (!ledger_open_to_read(place->state_folder, &ledger, &error) ||
        !ledger_recall(ledger, key, &value, &error))
        fail_msg("%s", error.text);
    return value;
}

static void await_note(Place *place, const char *key)
{
    Millis until = clock_now() + LIMIT_MS;

    while (clock_now() < until) {
        AUTO_TEXT *value = note(place, key);

        if (value)
            return;
        wait_a_while(place, LOOK_MS);
    }
    fail_waiting(place, key);
}

static void await_log(Place *place, const char *words)
{
    Millis until = clock_now() + LIMIT_MS;

    while (clock_now() < until) {
        AUTO_TEXT *text = log_text(place);

        if (strstr(text, words))
            return;
        wait_a_while(place, LOOK_MS);
    }
    fail_waiting(place, words);
}

/* Takes the coordinator away; what the agent does from here on, it does without. */
static void leave_alone(Place *place)
{
    disconnect(place);
    await_log(place, "lead is gone");
}

/* A slow command ends, at work or to come. */
static void let_go(const Place *place, uint32_t step)
{
    AUTO(Ledger) *ledger = NULL;
    AUTO_TEXT *key = memory_format("go/%u", step);
    Error error = { 0 };

    if (!ledger_open(place->state_folder, &ledger, &error) ||
        !ledger_remember(ledger, key, "yes", &error))
        fail_msg("%s", error.text);
}

/* The worker of a slow command ends with its agent, which buries it or leaves it to us. */
static void assert_worker_ends(Place *place, const char *began)
{
    Millis until = clock_now() + LIMIT_MS;
    AUTO_TEXT *value = note(place, began);
    unsigned long long process = 0;

    assert_true(text_to_number(value, INT32_MAX, &process));
    while (clock_now() < until) {
        pid_t got = waitpid((pid_t)process, NULL, WNOHANG);

        if (got == (pid_t)process || (got < 0 && errno == ECHILD))
            return;
        wait_a_while(place, LOOK_MS);
    }
    (void)kill((pid_t)process, SIGKILL);
    fail_waiting(place, "the end of the worker");
}

static void assert_order(const Place *place, const char *expected)
{
    AUTO_TEXT *steps = note(place, "order");

    assert_string_equal(steps ? steps : "", expected);
}

static char *status_text(const Place *place)
{
    AUTO(AgentConfig) *config = NULL;
    Error error = { 0 };
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    if (!agent_config_load(place->file, &config, &error) || !status_print(config, stream, &error))
        fail_msg("%s", error.text);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void assert_status_says(const Place *place, const char *words)
{
    AUTO_TEXT *text = status_text(place);

    if (!strstr(text, words))
        fail_msg("status does not say '%s' but:\n%s", words, text);
}

/* ---- the tests ---- */

static void an_agent_greets_with_profile_and_commands(void **state)
{
    LinkEvent event = await_message(*state, MESSAGE_HELLO);
    size_t position = 0, kinds = 0;

    assert_string_equal(event.message.text, "dss-agent test");
    assert_string_equal(facts_get(&event.message.hello, "profile"), "test-1.0");
    assert_int_equal(strlen(facts_get(&event.message.hello, "profile-sha256")), 64);
    while (facts_each(&event.message.hello, "command", &position))
        kinds++;
    assert_int_equal(kinds, COMMAND_KIND_COUNT - 1);
    assert_true(event.message.clock_ms > 1500000000000);
    link_event_done(&event);
}

static void a_command_is_accepted_then_progress_then_its_result(void **state)
{
    Place *place = *state;
    LinkEvent event;

    await_up(place);
    order(place, COMMAND_BACKUP_HOME, 1, 5);
    expect_accepted(place, 1);
    event = await_message(place, MESSAGE_PROGRESS);
    assert_string_equal(event.message.text, "effects");
    link_event_done(&event);
    event = await_message(place, MESSAGE_RESULT);
    assert_int_equal(event.message.result.state, RESULT_DONE);
    assert_string_equal(facts_get(&event.message.result.evidence, "effect"), "made");
    assert_int_equal(event.message.audit_head[0], 'a');
    link_event_done(&event);
}

static void the_same_command_again_is_answered_and_not_run(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_BACKUP_HOME, 1, 5);
    expect_result(place, 1, RESULT_DONE);
    order(place, COMMAND_BACKUP_HOME, 1, 5);
    expect_result(place, 1, RESULT_DONE); /* run again it would be "already" */
    assert_order(place, "1 ");
}

static void a_command_doubled_while_it_runs_runs_once(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    expect_accepted(place, 1);
    expect_accepted(place, 1);
    let_go(place, 1);
    expect_result(place, 1, RESULT_DONE);
    order(place, COMMAND_BACKUP_HOME, 2, 5);
    expect_result(place, 2, RESULT_DONE); /* and no second result of the first came before */
    assert_order(place, "1 2 ");
}

static void one_target_works_in_turn_and_two_side_by_side(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    order(place, COMMAND_BACKUP_HOME, 2, 5);   /* quick, and has to wait for its turn */
    order(place, COMMAND_LOCK_ACCOUNTS, 3, 5); /* of the database */
    await_note(place, "began/1");
    await_note(place, "began/3");
    let_go(place, 3);
    expect_result(place, 3, RESULT_DONE);
    order(place, COMMAND_INSPECT_DATABASE, 4, 5);
    expect_result(place, 4, RESULT_DONE); /* asked last, and did not wait for the node's */
    assert_order(place, "3 ");
    let_go(place, 1);
    expect_result(place, 1, RESULT_DONE);
    expect_result(place, 2, RESULT_DONE);
    assert_order(place, "3 1 2 ");
}

static void a_lower_epoch_is_refused_in_its_own_epoch(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_BACKUP_HOME, 1, 5);
    expect_result(place, 1, RESULT_DONE);
    order(place, COMMAND_BACKUP_HOME, 2, 4);
    expect_refusal(place, 2, 4, "epoch 4 is lower than 5");
    assert_order(place, "1 ");
}

static void without_the_lead_one_may_look_and_not_touch(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_BACKUP_HOME, 1, 0);
    expect_refusal(place, 1, 0, "needs an epoch");
    order(place, COMMAND_INSPECT_NODE, 2, 0);
    expect_result(place, 2, RESULT_DONE);
    assert_order(place, "");
}

static void an_operator_may_look_and_not_touch(void **state)
{
    Place *place = *state;

    await_up(place);
    disconnect(place);
    connect_as(place, PEER_OPERATOR, "eve");
    await_up(place);
    order(place, COMMAND_BACKUP_HOME, 1, 5);
    expect_refusal(place, 1, 5, "an operator may only look");
    order(place, COMMAND_INSPECT_NODE, 2, 0);
    expect_result(place, 2, RESULT_DONE);
    assert_order(place, "");
}

static void a_cancel_ends_what_runs_and_what_waits(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    order(place, COMMAND_STOP_OLD_SERVER, 2, 5);
    await_note(place, "began/1");
    cancel(place, 2, 5);
    expect_result(place, 2, RESULT_FAILED);
    cancel(place, 1, 5);
    expect_result(place, 1, RESULT_FAILED);
    assert_order(place, "");
}

static void who_does_not_lead_cannot_cancel(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    cancel(place, 1, 0);
    expect_refusal(place, 1, 0, "may not cancel");
    cancel(place, 1, 4);
    expect_refusal(place, 1, 4, "another coordinator has taken the lead");
    let_go(place, 1);
    expect_result(place, 1, RESULT_DONE);
}

static void an_operator_neither_cancels_nor_leads(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    disconnect(place);
    connect_as(place, PEER_OPERATOR, "eve");
    await_up(place);
    cancel(place, 1, 5);
    expect_refusal(place, 1, 5, "only a coordinator may cancel");
    order(place, COMMAND_INSPECT_NODE, 2, 9);
    expect_refusal(place, 2, 9, "leads in no epoch");
    disconnect(place);
    connect_as(place, PEER_COORDINATOR, "lead");
    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    let_go(place, 1);
    expect_result(place, 1, RESULT_DONE);
}

/* As when its disk is full; here somebody else was before it. */
static void a_result_that_cannot_be_kept_is_refused_and_not_told(void **state)
{
    Place *place = *state;
    AUTO(Ledger) *ledger = NULL;
    AgentLedgerIo io;
    CommandResult other = { .id = { .run = "r1", .step = 1, .attempt = 1 } };
    Error error = { 0 };

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    assert_true(ledger_open(place->state_folder, &ledger, &error));
    io = ledger_io(ledger);
    assert_true(io.finish(io.self, &other, &error));
    let_go(place, 1);
    expect_refusal(place, 1, 5, "its result could not be kept");
}

static void what_runs_is_finished_without_the_coordinator_and_told_later(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    leave_alone(place);
    let_go(place, 1);
    await_note(place, "effects/1");
    connect_as(place, PEER_COORDINATOR, "lead");
    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    expect_result(place, 1, RESULT_DONE);
    assert_order(place, "1 ");
}

static void what_only_waited_does_not_begin_without_the_coordinator(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    order(place, COMMAND_BACKUP_HOME, 2, 5);
    expect_accepted(place, 1);
    expect_accepted(place, 2);
    leave_alone(place);
    let_go(place, 1);
    await_note(place, "effects/1");
    connect_as(place, PEER_COORDINATOR, "lead");
    await_up(place);
    order(place, COMMAND_BACKUP_HOME, 3, 5);
    expect_result(place, 3, RESULT_DONE); /* what still waited would have come before it */
    assert_order(place, "1 3 ");
    order(place, COMMAND_BACKUP_HOME, 2, 5);
    expect_result(place, 2, RESULT_DONE);
    assert_order(place, "1 3 2 ");
}

static void a_killed_agent_waits_to_be_asked_and_does_it_once(void **state)
{
    Place *place = *state;

    await_up(place);
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    assert_status_says(place, "stop-old-server is at work: leave this host running");
    (void)end_agent(place, SIGKILL);
    assert_worker_ends(place, "began/1");
    assert_status_says(place, "not running");
    assert_status_says(place, "cut off");
    let_go(place, 1);
    start_agent(place);
    await_up(place);
    order(place, COMMAND_INSPECT_NODE, 2, 5);
    expect_result(place, 2, RESULT_DONE); /* what began by itself would have come before it */
    assert_order(place, "");
    assert_status_says(place, "cut off");
    assert_status_says(place, "it waits for its coordinator");
    order(place, COMMAND_STOP_OLD_SERVER, 1, 6);
    expect_result(place, 1, RESULT_DONE);
    assert_order(place, "1 ");
    assert_status_says(place, "do not start it by hand");
}

static void a_signal_ends_it_at_once_and_another_reads_certificates(void **state)
{
    Place *place = *state;
    Millis begin;
    int status;

    await_up(place);
    assert_int_equal(kill(place->agent, SIGHUP), 0);
    await_log(place, "certificates were read again");
    order(place, COMMAND_STOP_OLD_SERVER, 1, 5);
    await_note(place, "began/1");
    begin = clock_now();
    status = end_agent(place, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_in_range(clock_now() - begin, 0, LIMIT_MS); /* not at the command's deadline */
    assert_worker_ends(place, "began/1");
    assert_order(place, "");
}

static void a_second_agent_in_the_same_folder_is_refused(void **state)
{
    Place *place = *state;
    pid_t second;
    int status = 0;

    await_up(place);
    second = spawn_agent(place);
    assert_int_equal(waitpid(second, &status, 0), second);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

static int run_as_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_agent_greets_with_profile_and_commands),
        TEST(a_command_is_accepted_then_progress_then_its_result),
        TEST(the_same_command_again_is_answered_and_not_run),
        TEST(a_command_doubled_while_it_runs_runs_once),
        TEST(one_target_works_in_turn_and_two_side_by_side),
        TEST(a_lower_epoch_is_refused_in_its_own_epoch),
        TEST(without_the_lead_one_may_look_and_not_touch),
        TEST(an_operator_may_look_and_not_touch),
        TEST(a_cancel_ends_what_runs_and_what_waits),
        TEST(who_does_not_lead_cannot_cancel),
        TEST(an_operator_neither_cancels_nor_leads),
        TEST(a_result_that_cannot_be_kept_is_refused_and_not_told),
        TEST(what_runs_is_finished_without_the_coordinator_and_told_later),
        TEST(what_only_waited_does_not_begin_without_the_coordinator),
        TEST(a_killed_agent_waits_to_be_asked_and_does_it_once),
        TEST(a_signal_ends_it_at_once_and_another_reads_certificates),
        TEST(a_second_agent_in_the_same_folder_is_refused),
    };

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* what an agent leaves behind is ours */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    unsigned long long parent = 0;

    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "worker") == 0 &&
        text_to_number(argv[3], INT32_MAX, &parent)) {
        const WorkerDuty duty = { argv[2], (pid_t)parent, handler_of_test, profile_of_test };

        return worker_child_run(&duty);
    }
    return run_as_tests();
}
