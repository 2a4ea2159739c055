#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/pki/pki.h"
#include "tests/component/link_lab.h"

#define LEAD  (&(HubOrder){ .role = PEER_COORDINATOR, .name = "lead" })
#define NODE1 (&(HubOrder){ .role = PEER_AGENT, .name = "node1" })

static Message progress(uint64_t done, const char *text)
{
    return (Message){ .kind = MESSAGE_PROGRESS,
        .epoch = 5,
        .id = { "run", 1, 1 },
        .done = done,
        .text = memory_text(text) };
}

static void must_send(Link *link, uint64_t done, const char *text)
{
    __attribute__((cleanup(message_done))) Message message = progress(done, text);
    Error error = { 0 };

    if (!link_send(link, &message, &error))
        fail_msg("%s", error.text);
}

static void both_ends_know_who_the_other_is(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *link = link_dial(lead, "node1", "127.0.0.1", link_hub_port(node));

    for (unsigned i = 0; i < 2; i++) {
        LinkHub *hub;
        LinkEvent event;

        assert_true(lab_next(lab, LAB_LIMIT_MS, &hub, &event));
        assert_int_equal(event.kind, LINK_UP);
        assert_string_equal(event.peer, hub == node ? "lead" : "node1");
        assert_int_equal(event.role, hub == node ? PEER_COORDINATOR : PEER_AGENT);
        assert_true(hub == node || event.link == link);
        assert_true(link_is_up(event.link));
        assert_in_range(link_days_left(event.link), 364, 365);
        link_event_done(&event);
    }
}

static void messages_go_both_ways_in_order(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    uint64_t at_node = 0, at_lead = 0;

    for (uint64_t i = 0; i < 300; i++) {
        must_send(link, i, "from the lead");
        must_send(accepted, i, "from the node");
    }
    while (at_node < 300 || at_lead < 300) {
        LinkHub *hub;
        LinkEvent event;

        assert_true(lab_next(lab, LAB_LIMIT_MS, &hub, &event));
        assert_int_equal(event.kind, LINK_MESSAGE);
        assert_int_equal(event.message.done, hub == node ? at_node++ : at_lead++);
        assert_string_equal(event.message.sender, hub == node ? "lead" : "node1");
        assert_string_equal(event.message.cluster, "prod");
        assert_int_equal(event.message.epoch, 5);
        link_event_done(&event);
    }
}

static void large_messages_arrive_whole(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    Message message = { .kind = MESSAGE_RESULT, .result.id = { "run", 1, 1 } };
    AUTO_TEXT *value = memory_new(WIRE_FACT_VALUE_MAX + 1);
    Error error = { 0 };

    for (size_t i = 0; i < WIRE_FACT_VALUE_MAX; i++)
        value[i] = (char)('a' + i % 26);
    facts_add(&message.result.evidence, "one", value);
    value[WIRE_FACT_VALUE_MAX - 1000] = '\0';
    facts_add(&message.result.evidence, "two", value);
    for (unsigned round = 0; round < 7; round++) /* within what may be queued */
        if (!link_send(accepted, &message, &error))
            fail_msg("%s", error.text);
    for (unsigned round = 0; round < 7; round++) {
        LinkEvent event = lab_await(lab, lead, LINK_MESSAGE);

        assert_ptr_equal(event.link, link);
        assert_string_equal(facts_get(&event.message.result.evidence, "two"), value);
        link_event_done(&event);
    }
    message_done(&message);
}

static void what_does_not_fit_a_frame_leaves_the_link_up(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    Message message = { .kind = MESSAGE_RESULT, .result.id = { "run", 1, 1 } };
    Error error = { 0 };
    LinkEvent event;

    for (size_t i = 0; i <= WIRE_EVIDENCE_MAX; i++)
        facts_add(&message.result.evidence, "n", "");
    assert_false(link_send(accepted, &message, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    message_done(&message);
    must_send(accepted, 9, "still here");
    event = lab_await(lab, lead, LINK_MESSAGE);
    assert_string_equal(event.message.text, "still here");
    assert_true(link_is_up(link));
    link_event_done(&event);
}

static void heartbeats_keep_an_idle_link_up(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, &(HubOrder){ PEER_COORDINATOR, "lead", .silence_ms = 1500 });
    LinkHub *node = lab_agent(lab, &(HubOrder){ PEER_AGENT, "node1", .silence_ms = 1500 });
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    LinkHub *hub;
    LinkEvent event;

    assert_false(lab_next(lab, 4000, &hub, &event));
    assert_true(link_is_up(link) && link_is_up(accepted));
}

static void dropping_tells_the_peer_why(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    LinkHub *hub;
    LinkEvent event;

    must_send(accepted, 1, "an event that nobody will see");
    link_drop(link, "the run is over");
    event = lab_await(lab, node, LINK_MESSAGE);
    assert_int_equal(event.message.kind, MESSAGE_REFUSAL);
    assert_string_equal(event.message.text, "the run is over");
    link_event_done(&event);
    event = lab_await(lab, node, LINK_DOWN);
    assert_ptr_equal(event.link, accepted);
    assert_int_equal(event.error.kind, ERROR_UNREACHABLE);
    link_event_done(&event);
    assert_false(lab_next(lab, 1500, &hub, &event)); /* nobody dials again */
}

static void a_dropped_accepted_link_is_gone_at_once(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    LinkEvent event;

    link_drop(accepted, "go away");
    event = lab_await(lab, lead, LINK_DOWN);
    assert_ptr_equal(event.link, link);
    link_event_done(&event);
    event = lab_await(lab, node, LINK_UP); /* dialled again */
    link_event_done(&event);
}

static void user_pointers_live_until_the_end(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    Link *accepted, *link = lab_connect(lab, lead, node, "node1", &accepted);
    int mine = 0;
    LinkEvent event;
    Error error = { 0 };

    link_set_user(accepted, &mine);
    must_send(link, 1, "before the end");
    lab_free_hub(lab, lead);
    event = lab_await(lab, node, LINK_DOWN);
    assert_ptr_equal(link_user(event.link), &mine);
    assert_false(link_is_up(event.link));
    assert_false(link_send(event.link, &(Message){ .kind = MESSAGE_HEARTBEAT }, &error));
    link_event_done(&event);
}

static void a_peer_that_comes_later_is_found(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node = lab_agent(lab, NODE1);
    unsigned port = link_hub_port(node);
    Link *link;
    LinkEvent event;
    Error error = { 0 };

    lab_free_hub(lab, node);
    link = link_dial(lead, "node1", "127.0.0.1", port);
    for (unsigned i = 0; i < 3; i++) { /* each dial that fails is told */
        event = lab_await(lab, lead, LINK_DOWN);
        assert_int_equal(event.error.kind, ERROR_UNREACHABLE);
        assert_non_null(strstr(event.error.text, "node1"));
        assert_ptr_equal(event.link, link);
        link_event_done(&event);
    }
    node = lab_hub(lab, NODE1);
    assert_true(link_listen(node, "127.0.0.1", port, &error));
    event = lab_await(lab, lead, LINK_UP);
    link_event_done(&event);
}

static void fifty_agents_are_led_at_once(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD);
    unsigned up = 0, answered = 0;

    for (unsigned i = 0; i < 50; i++) {
        AUTO_TEXT *name = memory_format("node%u", i);
        LinkHub *node = lab_agent(lab, &(HubOrder){ PEER_AGENT, name, 0, 0, NULL });

        (void)link_dial(lead, name, "127.0.0.1", link_hub_port(node)); /* the events tell it */
    }
    while (answered < 50) {
        LinkHub *hub;
        LinkEvent event;

        assert_true(lab_next(lab, LAB_LIMIT_MS, &hub, &event));
        assert_true(event.kind == LINK_UP || event.kind == LINK_MESSAGE);
        if (hub == lead && event.kind == LINK_UP) {
            up++;
            must_send(event.link, up, "hello");
        } else if (hub != lead && event.kind == LINK_MESSAGE) {
            must_send(event.link, event.message.done, "hello back");
        } else if (event.kind == LINK_MESSAGE) {
            answered++;
        }
        link_event_done(&event);
    }
    assert_int_equal(up, 50);
}

static void wrong_files_are_named_before_anything_starts(void **state)
{
    Lab *lab = *state;
    AUTO_TEXT *ca = NULL, *certificate = NULL, *key = NULL, *other_key = NULL;
    LinkSettings settings = { .cluster = "prod", .name = "node1", .role = PEER_AGENT };
    LinkHub *hub;
    Error error = { 0 };

    lab_issue(lab, PEER_AGENT, "node1");
    lab_issue(lab, PEER_AGENT, "node2");
    settings.ca_file = ca = lab_path(lab, "ca", "crt");
    settings.certificate_file = certificate = lab_path(lab, "node1", "crt");
    key = lab_path(lab, "node1", "key");
    settings.key_file = other_key = lab_path(lab, "node2", "key");
    assert_false(link_hub_new(&settings, &hub, &error));
    assert_non_null(strstr(error.text, other_key));
    settings.key_file = key;
    settings.name = "node2";
    error = (Error){ 0 };
    assert_false(link_hub_new(&settings, &hub, &error));
    assert_non_null(strstr(error.text, "configured as dss-upgrade://prod/agent/node2"));
    settings.name = "node1";
    settings.crl_file = key;
    error = (Error){ 0 };
    assert_false(link_hub_new(&settings, &hub, &error));
    assert_non_null(strstr(error.text, "no revocation list"));
    settings.crl_file = "/nonexistent/ca.crl";
    error = (Error){ 0 };
    assert_false(link_hub_new(&settings, &hub, &error));
    assert_string_equal(
        error.text, "/nonexistent/ca.crl cannot be read: No such file or directory");
}

static void a_taken_port_and_a_bad_address_are_named(void **state)
{
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1);
    LinkHub *other = lab_hub(lab, &(HubOrder){ PEER_AGENT, "node2", 0, 0, NULL });
    Error error = { 0 };

    assert_false(link_listen(other, "127.0.0.1", link_hub_port(node), &error));
    assert_int_equal(error.kind, ERROR_UNREACHABLE);
    error = (Error){ 0 };
    assert_false(link_listen(other, "a/b", 1, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_revoked_peer_is_cut_when_the_list_is_read(void **state)
{
    Lab *lab = *state;
    AUTO_TEXT *crl = memory_format("%s/ca.crl", lab->ca);
    LinkHub *lead = lab_hub(lab, &(HubOrder){ PEER_COORDINATOR, "lead", 0, 0, crl });
    LinkHub *one = lab_agent(lab, NODE1);
    LinkHub *two = lab_agent(lab, &(HubOrder){ PEER_AGENT, "node2", 0, 0, NULL });
    Link *accepted, *link1 = lab_connect(lab, lead, one, "node1", &accepted);
    Link *link2 = lab_connect(lab, lead, two, "node2", &accepted);
    LinkEvent event;
    Error error = { 0 };
    size_t count;

    assert_true(link_hub_reload(lead, &error));
    assert_true(link_is_up(link1));
    assert_true(pki_revoke(lab->ca, "node1", &count, &error));
    assert_true(link_hub_reload(lead, &error));
    assert_false(link_is_up(link1));
    assert_true(link_is_up(link2));
    for (unsigned i = 0; i < 2; i++) { /* cut, then refused when dialled again */
        event = lab_await(lab, lead, LINK_DOWN);
        assert_ptr_equal(event.link, link1);
        assert_int_equal(event.error.kind, ERROR_REFUSED);
        assert_non_null(strstr(event.error.text, "revoked"));
        link_event_done(&event);
    }
    assert_true(file_replace(crl, "x", 1, 0600, &error));
    assert_false(link_hub_reload(lead, &error));
    assert_true(link_is_up(link2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ends_know_who_the_other_is),
        TEST(messages_go_both_ways_in_order),
        TEST(large_messages_arrive_whole),
        TEST(what_does_not_fit_a_frame_leaves_the_link_up),
        TEST(heartbeats_keep_an_idle_link_up),
        TEST(dropping_tells_the_peer_why),
        TEST(a_dropped_accepted_link_is_gone_at_once),
        TEST(user_pointers_live_until_the_end),
        TEST(a_peer_that_comes_later_is_found),
        TEST(fifty_agents_are_led_at_once),
        TEST(wrong_files_are_named_before_anything_starts),
        TEST(a_taken_port_and_a_bad_address_are_named),
        TEST(a_revoked_peer_is_cut_when_the_list_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
