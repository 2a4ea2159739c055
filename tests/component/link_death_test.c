/*
 * Links whose other end is killed, stopped or flooded: it is a process of its own, this program
 * run again as "link_death_test agent FOLDER PORT", which sends every message back.
 */

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "tests/component/link_lab.h"

#define KILLS 20
#define LEAD  (&(HubOrder){ .role = PEER_COORDINATOR, .name = "lead" })

static bool echo_until_killed(const char *folder, unsigned port, Error *error)
{
    Lab lab = { 0 };
    AUTO_TEXT *copy = memory_text(folder);
    LinkHub *hub;
    LinkEvent event;

    lab.folder = copy;
    /* it never cuts, however long the test is away */
    hub = lab_hub(&lab, &(HubOrder){ PEER_AGENT, "node1", .silence_ms = LAB_LIMIT_MS });
    if (!link_listen(hub, "127.0.0.1", port, error))
        return false;
    for (;;) {
        if (!lab_next(&lab, 60000, &hub, &event))
            continue;
        if (event.kind == LINK_MESSAGE)
            (void)!link_send(event.link, &event.message, &(Error){ 0 }); /* cut: it is told */
        link_event_done(&event);
    }
}

static int agent_main(const char *folder, const char *port)
{
    unsigned long long number = 0;
    Error error = { 0 };

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && text_to_number(port, 65535, &number))
        (void)echo_until_killed(folder, (unsigned)number, &error); /* comes back only to fail */
    (void)fprintf(stderr, "%s\n", error.text);
    return 1;
}

typedef struct Agent {
    const Lab *lab;
    unsigned port;
    pid_t pid;
} Agent;

static void start(Agent *agent)
{
    AUTO_TEXT *port = memory_format("%u", agent->port);
    char program[] = "/proc/self/exe", role[] = "agent";
    char *argv[] = { program, role, agent->lab->folder, port, NULL };

    assert_int_equal(posix_spawn(&agent->pid, program, NULL, NULL, argv, environ), 0);
}

static void end(const Agent *agent)
{
    assert_int_equal(kill(agent->pid, SIGKILL), 0);
    assert_int_equal(waitpid(agent->pid, NULL, 0), agent->pid);
}

/* A port that was free a moment ago. */
static unsigned free_port(Lab *lab)
{
    LinkHub *hub = lab_agent(lab, &(HubOrder){ PEER_AGENT, "node1", 0, 0, NULL });
    unsigned port = link_hub_port(hub);

    lab_free_hub(lab, hub);
    return port;
}

static size_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void await_up(Lab *lab, LinkHub *lead)
{
    LinkEvent event = lab_await(lab, lead, LINK_UP);

    link_event_done(&event);
}

static void send_bytes(Link *link, size_t bytes, uint64_t number)
{
    Message message = { .kind = MESSAGE_RESULT, .result.id = { "run", 1, 1 }, .done = number };
    AUTO_TEXT *value = memory_new(bytes + 1);
    Error error = { 0 };

    memset(value, 'x', bytes);
    facts_add(&message.result.evidence, "value", value);
    (void)!link_send(link, &message, &error); /* it may be down by now: the events tell */
    message_done(&message);
}

/* Keeps the link busy both ways for that many answers. */
static void converse(Lab *lab, LinkHub *lead, Link *link, unsigned answers, size_t bytes)
{
    for (unsigned i = 0; i < 8; i++)
        send_bytes(link, bytes, i);
    while (answers-- > 0) {
        LinkEvent event = lab_await(lab, lead, LINK_MESSAGE);

        link_event_done(&event);
        send_bytes(link, bytes, answers);
    }
}

static void kill_under_traffic(Lab *lab, size_t bytes)
{
    LinkHub *lead = lab_hub(lab, LEAD);
    Agent agent = { .lab = lab, .port = free_port(lab) };
    Link *link = link_dial(lead, "node1", "127.0.0.1", agent.port);
    size_t before = 0;
    Millis until;

    for (unsigned cycle = 0; cycle < KILLS; cycle++) {
        LinkEvent event;

        start(&agent);
        await_up(lab, lead);
        converse(lab, lead, link, 30, bytes);
        end(&agent);
        event = lab_await(lab, lead, LINK_DOWN);
        assert_null(strstr(event.error.text, "silent for"));
        link_event_done(&event);
        if (cycle == 3)
            before = open_descriptors();
    }
    until = clock_now() + LAB_LIMIT_MS;
    while (open_descriptors() > before + 2 && clock_now() < until)
        lab_turn(lab, 50); /* farewells end */
    assert_in_range(open_descriptors(), 0, before + 2);
}

static void a_killed_peer_is_noticed_and_found_again(void **state)
{
    kill_under_traffic(*state, 200);
}

static void a_killed_peer_is_noticed_under_large_messages(void **state)
{
    kill_under_traffic(*state, 200 * 1000);
}

static void a_stopped_peer_is_cut_after_three_seconds(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD);
    Agent agent = { .lab = lab, .port = free_port(lab) };
    Link *link = link_dial(lead, "node1", "127.0.0.1", agent.port);
    LinkEvent event;

    start(&agent);
    await_up(lab, lead);
    assert_int_equal(kill(agent.pid, SIGSTOP), 0);
    event = lab_await(lab, lead, LINK_DOWN);
    assert_ptr_equal(event.link, link);
    assert_non_null(strstr(event.error.text, "silent for"));
    assert_non_null(strstr(event.error.text, "at most 3000 are allowed"));
    link_event_done(&event);
    assert_int_equal(kill(agent.pid, SIGCONT), 0);
    await_up(lab, lead);
    end(&agent);
}

static void a_peer_that_does_not_read_is_cut_at_eight_mib(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD);
    Agent agent = { .lab = lab, .port = free_port(lab) };
    Link *link = link_dial(lead, "node1", "127.0.0.1", agent.port);
    LinkEvent event;

    start(&agent);
    await_up(lab, lead);
    assert_int_equal(kill(agent.pid, SIGSTOP), 0);
    for (unsigned i = 0; i < 100 && link_is_up(link); i++)
        send_bytes(link, 500 * 1000, i);
    assert_false(link_is_up(link));
    event = lab_await(lab, lead, LINK_DOWN);
    assert_non_null(strstr(event.error.text, "does not read"));
    link_event_done(&event);
    end(&agent);
}

static void a_loop_that_slept_does_not_blame_its_peers(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, &(HubOrder){ PEER_COORDINATOR, "lead", .silence_ms = 500 });
    Agent agent = { .lab = lab, .port = free_port(lab) };
    LinkHub *hub;
    LinkEvent event;
    Link *link = link_dial(lead, "node1", "127.0.0.1", agent.port);

    start(&agent);
    await_up(lab, lead);
    clock_sleep(1500); /* the peer's heartbeats wait meanwhile */
    assert_true(link_is_up(link));
    if (link_hub_take(lead, &event))
        fail_msg("%s", event.error.text);
    assert_false(lab_next(lab, 0, &hub, &event));
    assert_true(link_is_up(link));
    end(&agent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_peer_is_noticed_and_found_again),
        TEST(a_killed_peer_is_noticed_under_large_messages),
        TEST(a_stopped_peer_is_cut_after_three_seconds),
        TEST(a_peer_that_does_not_read_is_cut_at_eight_mib),
        TEST(a_loop_that_slept_does_not_blame_its_peers),
    };

    if (argc == 4 && strcmp(argv[1], "agent") == 0)
        return agent_main(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
