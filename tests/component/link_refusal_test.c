#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/pki/pki.h"
#include "proto/envelope.pb-c.h"
#include "tests/component/link_lab.h"
#include "tests/fakes/crafted_certificate.h"
#include "tests/fakes/raw_peer.h"

#define DAY   86400
#define LEAD  (&(HubOrder){ .role = PEER_COORDINATOR, .name = "lead" })
#define NODE1 (&(HubOrder){ .role = PEER_AGENT, .name = "node1" })

/* Who comes in, or is dialled, and what the refusal says. */
typedef struct Stranger {
    const char *names, *usages;
    long begins_s, ends_s;
    const char *says;
} Stranger;

static const Stranger callers[] = {
    { "URI:dss-upgrade://prod/coordinator/lead", "clientAuth", -2 * DAY, -DAY, "has expired" },
    { "URI:dss-upgrade://prod/coordinator/lead", "clientAuth", DAY, 2 * DAY, "not yet valid" },
    { "URI:dss-upgrade://test/coordinator/lead", "clientAuth", -1, DAY, "this cluster is prod" },
    { "URI:dss-upgrade://prod/agent/node2", "clientAuth", -1, DAY,
        "wanted is a coordinator or an operator" },
    { "URI:dss-upgrade://prod/agent/node2", "serverAuth", -1, DAY, "certificate purpose" },
    { "URI:dss-upgrade://prod/coordinator/lead", "serverAuth", -1, DAY, "certificate purpose" },
    { "URI:dss-upgrade://prod/coordinator/lead", "serverAuth,clientAuth", -1, DAY,
        "only extended key usage, it has 2" },
    { "URI:dss-upgrade://prod/coordinator/lead", "anyExtendedKeyUsage", -1, DAY, "" },
    { "URI:dss-upgrade://prod/coordinator/lead", NULL, -1, DAY,
        "only extended key usage, it has 0" },
    { "DNS:lead", "clientAuth", -1, DAY, "0 URIs" },
    { NULL, "clientAuth", -1, DAY, "0 URIs" },
    { "URI:dss-upgrade://prod/coordinator/lead,URI:dss-upgrade://prod/operator/lead", "clientAuth",
        -1, DAY, "2 URIs" },
    { "URI:https://prod/coordinator/lead", "clientAuth", -1, DAY, "no role of ours" },
    { "URI:dss-upgrade://prod/root/lead", "clientAuth", -1, DAY, "no role of ours" },
    { "URI:dss-upgrade://prod/coordinator/lead/x", "clientAuth", -1, DAY, "no role of ours" },
};

static const Stranger called[] = {
    { "URI:dss-upgrade://prod/agent/node1", "serverAuth", -2 * DAY, -DAY, "has expired" },
    { "URI:dss-upgrade://prod/agent/node1", "serverAuth", DAY, 2 * DAY, "not yet valid" },
    { "URI:dss-upgrade://prod/agent/node2", "serverAuth", -1, DAY, "dialled was agent node1" },
    { "URI:dss-upgrade://test/agent/node1", "serverAuth", -1, DAY, "this cluster is prod" },
    { "URI:dss-upgrade://prod/coordinator/node1", "serverAuth", -1, DAY, "wanted is an agent" },
    { "URI:dss-upgrade://prod/agent/node1", "clientAuth", -1, DAY, "certificate purpose" },
    { "URI:dss-upgrade://prod/agent/node1", "serverAuth,clientAuth", -1, DAY,
        "only extended key usage, it has 2" },
    { "URI:dss-upgrade://prod/agent/node1", NULL, -1, DAY, "only extended key usage, it has 0" },
    { "URI:dss-upgrade://prod/agent/node1,IP:127.0.0.2", "serverAuth", -1, DAY,
        "not the dialled one, 127.0.0.1" },
    { "URI:dss-upgrade://prod/agent/node1,DNS:node1", "serverAuth", -1, DAY,
        "not the dialled one, 127.0.0.1" },
    { NULL, "serverAuth", -1, DAY, "0 URIs" },
};

static void assert_says(const LinkEvent *event, const char *says)
{
    if (!strstr(event->error.text, says))
        fail_msg("'%s' does not say: %s", event->error.text, says);
}

static void assert_lead_is_served(Lab *lab, LinkHub *node)
{
    LinkHub *lead = lab_hub(lab, LEAD);
    Link *accepted;
    LinkEvent event;

    (void)lab_connect(lab, lead, node, "node1", &accepted); /* it fails the test itself */
    lab_free_hub(lab, lead);
    event = lab_await(lab, node, LINK_DOWN);
    link_event_done(&event);
}

/* A raw caller is rejected, with that text, and reads nothing of the protocol. */
static void assert_rejected(Lab *lab, LinkHub *node, const RawOrder *order, const char *says)
{
    RawPeer *caller = raw_peer_dial(order, link_hub_port(node));
    LinkEvent event = lab_await(lab, node, LINK_REJECTED);
    char read[64];

    assert_null(event.link);
    assert_says(&event, says);
    assert_says(&event, "127.0.0.1:");
    link_event_done(&event);
    while (!raw_peer_has_ended(caller)) /* the farewell lasts as long as the caller reads */
        lab_turn(lab, 20);
    (void)raw_peer_end(caller, read, sizeof(read)); /* alerts of TLS may have come */
}

static void a_listener_refuses_each_strange_certificate(void **state)
{
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1);
    AUTO_TEXT *certificate = lab_path(lab, "x", "crt"), *key = lab_path(lab, "x", "key");
    RawOrder order = { .certificate = certificate, .key = key };

    for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
        CraftedCertificate crafted = { "x", callers[i].names, callers[i].usages,
            callers[i].begins_s, callers[i].ends_s };

        craft_certificate(lab->ca, &crafted, lab->folder);
        assert_rejected(lab, node, &order, callers[i].says);
    }
    assert_lead_is_served(lab, node);
}

static void a_dialer_refuses_each_strange_certificate(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD);
    AUTO_TEXT *certificate = lab_path(lab, "x", "crt"), *key = lab_path(lab, "x", "key");
    RawOrder order = { .certificate = certificate, .key = key };

    for (size_t i = 0; i < sizeof(called) / sizeof(called[0]); i++) {
        CraftedCertificate crafted = { "x", called[i].names, called[i].usages, called[i].begins_s,
            called[i].ends_s };
        RawPeer *server;
        LinkEvent event;
        Link *link;
        char read[64];

        craft_certificate(lab->ca, &crafted, lab->folder);
        server = raw_peer_listen(&order);
        link = link_dial(lead, "node1", "127.0.0.1", raw_peer_port(server));
        event = lab_await(lab, lead, LINK_DOWN);
        assert_int_equal(event.error.kind, ERROR_REFUSED);
        assert_says(&event, called[i].says);
        link_event_done(&event);
        link_drop(link, "next");
        while (!raw_peer_has_ended(server))
            lab_turn(lab, 20);
        assert_int_equal(raw_peer_end(server, read, sizeof(read)), 0);
    }
}

static void another_authority_is_refused_by_both(void **state)
{
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1), *lead = lab_hub(lab, LEAD);
    AUTO_TEXT *other = memory_format("%s/other", lab->folder);
    AUTO_TEXT *out = memory_format("%s/out", lab->folder);
    AUTO_TEXT *certificate = memory_format("%s/lead.crt", out);
    AUTO_TEXT *key = memory_format("%s/lead.key", out);
    AUTO_TEXT *agent = memory_format("%s/node1.crt", out);
    AUTO_TEXT *agent_key = memory_format("%s/node1.key", out);
    RawOrder order = { .certificate = certificate, .key = key };
    RawPeer *server;
    LinkEvent event;
    Error error = { 0 };
    char read[64];

    assert_true(pki_init(other, "prod", &error));
    assert_true(
        pki_issue(other, &(PkiRequest){ .role = PEER_COORDINATOR, .name = "lead" }, out, &error));
    assert_true(
        pki_issue(other, &(PkiRequest){ .role = PEER_AGENT, .name = "node1" }, out, &error));
    assert_rejected(lab, node, &order, "issued by another authority (key ");
    order = (RawOrder){ .certificate = agent, .key = agent_key };
    server = raw_peer_listen(&order);
    (void)link_dial(lead, "node1", "127.0.0.1", raw_peer_port(server)); /* the events tell it */
    event = lab_await(lab, lead, LINK_DOWN);
    assert_int_equal(event.error.kind, ERROR_REFUSED);
    assert_says(&event, "issued by another authority (key ");
    link_event_done(&event);
    while (!raw_peer_has_ended(server))
        lab_turn(lab, 20);
    assert_int_equal(raw_peer_end(server, read, sizeof(read)), 0);
}

static void a_revoked_caller_is_refused(void **state)
{
    Lab *lab = *state;
    AUTO_TEXT *crl = memory_format("%s/ca.crl", lab->ca);
    AUTO_TEXT *certificate = lab_path(lab, "old", "crt"), *key = lab_path(lab, "old", "key");
    RawOrder order = { .certificate = certificate, .key = key };
    LinkHub *node;
    Error error = { 0 };
    size_t count;

    lab_issue(lab, PEER_COORDINATOR, "old");
    assert_true(pki_revoke(lab->ca, "old", &count, &error));
    node = lab_agent(lab, &(HubOrder){ PEER_AGENT, "node1", 0, 0, crl });
    assert_rejected(lab, node, &order, "revoked");
    assert_lead_is_served(lab, node);
}

static void who_does_not_speak_tls_1_3_with_a_certificate_is_refused(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1);
    AUTO_TEXT *certificate = lab_path(lab, "lead", "crt"), *key = lab_path(lab, "lead", "key");
    RawOrder order = { .certificate = certificate, .key = key, .newest_version = TLS1_2_VERSION };
    char noise[3000];

    lab_issue(lab, PEER_COORDINATOR, "lead");
    assert_rejected(lab, node, &order, "unsupported protocol");
    order = (RawOrder){ 0 };
    assert_rejected(lab, node, &order, "did not return a certificate");
    order = (RawOrder){ .plain = true, .bytes = http, .length = sizeof(http) - 1 };
    assert_rejected(lab, node, &order, "http request");
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)(i * i * 31 + i * 7 + 11);
    order = (RawOrder){ .plain = true, .bytes = noise, .length = sizeof(noise) };
    assert_rejected(lab, node, &order, "TLS:");
    assert_lead_is_served(lab, node);
}

/* A good certificate, then frames that are none. */
static size_t frame_of(uint32_t protocol, const char *cluster, const char *sender, uint8_t *ret)
{
    DssUpgrade__Envelope envelope;
    DssUpgrade__Heartbeat heartbeat;
    AUTO_TEXT *cluster_copy = memory_text(cluster), *sender_copy = memory_text(sender);
    size_t length;

    dss_upgrade__envelope__init(&envelope);
    dss_upgrade__heartbeat__init(&heartbeat);
    envelope.protocol = protocol;
    envelope.cluster = cluster_copy;
    envelope.sender = sender_copy;
    envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY_HEARTBEAT;
    envelope.heartbeat = &heartbeat;
    length = dss_upgrade__envelope__pack(&envelope, ret + WIRE_PREFIX);
    memset(ret, 0, WIRE_PREFIX);
    ret[3] = (uint8_t)length;
    return WIRE_PREFIX + length;
}

static void a_good_certificate_does_not_excuse_bad_frames(void **state)
{
    static const char huge[] = "\x7f\xff\xff\xff", empty[] = "\0\0\0\0";
    static const char noise[] = "\0\0\0\x05noise";
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1);
    AUTO_TEXT *certificate = lab_path(lab, "lead", "crt"), *key = lab_path(lab, "lead", "key");
    RawOrder order = { .certificate = certificate, .key = key };
    uint8_t frame[256];

    lab_issue(lab, PEER_COORDINATOR, "lead");
    order.bytes = huge;
    order.length = 4;
    assert_rejected(lab, node, &order, "2147483647 bytes is announced");
    order.bytes = empty;
    assert_rejected(lab, node, &order, "0 bytes is announced");
    order.bytes = noise;
    order.length = 9;
    assert_rejected(lab, node, &order, "lead at 127.0.0.1:");
    order.bytes = frame;
    order.length = frame_of(1, "prod", "somebody", frame);
    assert_rejected(lab, node, &order, "somebody in cluster prod came over the link of lead");
    order.length = frame_of(1, "test", "lead", frame);
    assert_rejected(lab, node, &order, "in cluster test");
    assert_lead_is_served(lab, node);
}

static void another_protocol_is_told_so(void **state)
{
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1);
    AUTO_TEXT *certificate = lab_path(lab, "lead", "crt"), *key = lab_path(lab, "lead", "key");
    uint8_t frame[256];
    RawOrder order = { .certificate = certificate, .key = key, .bytes = frame };
    RawPeer *caller;
    LinkEvent event;
    char read[1000] = "";
    size_t length;

    lab_issue(lab, PEER_COORDINATOR, "lead");
    order.length = frame_of(2, "prod", "lead", frame);
    caller = raw_peer_dial(&order, link_hub_port(node));
    event = lab_await(lab, node, LINK_REJECTED);
    assert_int_equal(event.error.kind, ERROR_REFUSED);
    assert_says(&event, "the peer speaks protocol 2, this program speaks protocol 1");
    link_event_done(&event);
    while (!raw_peer_has_ended(caller))
        lab_turn(lab, 20);
    length = raw_peer_end(caller, read, sizeof(read));
    assert_non_null(memmem(read, length, "the peer speaks protocol 2", 26));
}

static int plain_connection(unsigned port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static size_t client_hello(uint8_t *ret, size_t capacity)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    int length;

    SSL_set_bio(ssl, in, out);
    assert_int_equal(SSL_connect(ssl), -1); /* it has said hello */
    length = BIO_read(out, ret, (int)capacity);
    assert_in_range(length, 100, capacity);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)length;
}

static void reset(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    assert_int_equal(close(fd), 0);
}

static void callers_that_say_hello_and_reset_do_not_kill_the_listener(void **state)
{
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, NODE1);
    uint8_t hello[2048];
    size_t length = client_hello(hello, sizeof(hello));

    for (unsigned i = 0; i < 1000; i++) {
        int fd = plain_connection(link_hub_port(node));
        LinkHub *hub;
        LinkEvent event;

        assert_int_equal(send(fd, hello, length, MSG_NOSIGNAL), length);
        if (i % 3 > 0 && lab_next(lab, 1, &hub, &event)) /* before, within and after the answer */
            link_event_done(&event);
        reset(fd);
        while (lab_next(lab, 0, &hub, &event))
            link_event_done(&event);
    }
    assert_lead_is_served(lab, node);
}

/* A server that says hello and dies, 30 times, on the port of the agent that comes then. */
static void a_dialer_survives_peers_that_die_in_the_handshake(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, LEAD), *node;
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    unsigned deaths = 0;
    Millis end = clock_now() + LAB_LIMIT_MS;
    LinkEvent event;
    Error error = { 0 };

    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (unsigned i = 0; i < 6; i++) { /* several links: each waits longer with each failure */
        AUTO_TEXT *name = memory_format("node%u", i + 1);

        (void)link_dial(lead, name, "127.0.0.1", ntohs(address.sin_port)); /* the events tell it */
    }
    while (deaths < 30 && clock_now() < end) {
        static const char answer[] = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03";
        LinkHub *hub;
        int fd;

        if (lab_next(lab, 5, &hub, &event))
            link_event_done(&event);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        if (deaths % 2 == 0)
            (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL); /* it may have gone */
        reset(fd);
        deaths++;
    }
    assert_int_equal(deaths, 30);
    assert_int_equal(close(listener), 0);
    node = lab_hub(lab, NODE1);
    if (!link_listen(node, "127.0.0.1", ntohs(address.sin_port), &error))
        fail_msg("%s", error.text);
    event = lab_await(lab, lead, LINK_UP); /* node1; the others find a wrong name */
    assert_string_equal(event.peer, "node1");
    link_event_done(&event);
}

static void a_handshake_that_never_ends_is_ended(void **state)
{
    static const char hello[] = "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03";
    Lab *lab = *state;
    LinkHub *node = lab_agent(lab, &(HubOrder){ PEER_AGENT, "node1", .handshake_ms = 2000 });
    Millis start = clock_now();
    AUTO_FD silent = plain_connection(link_hub_port(node));
    AUTO_FD slow = plain_connection(link_hub_port(node));
    unsigned rejected = 0;
    size_t sent = 0;

    while (rejected < 2 && clock_now() < start + LAB_LIMIT_MS) {
        LinkHub *hub;
        LinkEvent event;

        if (sent < sizeof(hello) - 1 && send(slow, hello + sent, 1, MSG_NOSIGNAL) == 1)
            sent++; /* a byte now and then */
        if (!lab_next(lab, 50, &hub, &event))
            continue;
        assert_int_equal(event.kind, LINK_REJECTED);
        assert_says(&event, "the handshake did not end within 2000 ms");
        assert_true(clock_now() - start >= 2000);
        link_event_done(&event);
        rejected++;
    }
    assert_int_equal(rejected, 2);
    assert_true(sent > 3);
    assert_lead_is_served(lab, node);
}

static unsigned rejections(Lab *lab)
{
    unsigned count = 0;
    LinkHub *hub;
    LinkEvent event;

    while (lab_next(lab, 5, &hub, &event)) {
        assert_int_equal(event.kind, LINK_REJECTED);
        assert_says(&event, "64 handshakes are unfinished");
        link_event_done(&event);
        count++;
    }
    return count;
}

static void many_silent_callers_do_not_shut_the_door(void **state)
{
    enum { SILENT = 150 };
    Lab *lab = *state;
    LinkHub *node = lab_agent(
        lab, &(HubOrder){ PEER_AGENT, "node1", .handshake_ms = 600000 }); /* none ends by itself */
    LinkHub *lead = lab_hub(lab, LEAD);
    int fds[SILENT];
    Millis start = clock_now();
    unsigned rejected = 0, up = 0;

    for (unsigned i = 0; i < SILENT; i++) {
        fds[i] = plain_connection(link_hub_port(node));
        rejected += rejections(lab);
    }
    (void)link_dial(lead, "node1", "127.0.0.1", link_hub_port(node)); /* the events tell it */
    while (up < 2) {
        LinkHub *hub;
        LinkEvent event;

        assert_true(lab_next(lab, LAB_LIMIT_MS, &hub, &event));
        up += event.kind == LINK_UP;
        rejected += event.kind == LINK_REJECTED;
        link_event_done(&event);
    }
    /* 20 in each second that began; the rest were only counted */
    assert_in_range(rejected, 1, 20 * ((clock_now() - start) / 1000 + 2));
    for (unsigned i = 0; i < SILENT; i++)
        auto_close_fd(&fds[i]);
}

enum { FILLERS = 16 };

/* Fills a listener's queue until the kernel drops what comes: a caller then hears nothing. */
static void fill_queue(const struct sockaddr_in *address, int fillers[FILLERS])
{
    bool hangs = false;

    for (unsigned i = 0; i < FILLERS; i++) {
        fillers[i] = -1;
        if (hangs)
            continue;
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (const struct sockaddr *)address, sizeof(*address)); /* later */
        hangs = poll(&(struct pollfd){ fillers[i], POLLOUT, 0 }, 1, 200) == 0;
    }
    assert_true(hangs);
}

static void a_dial_that_nobody_answers_is_ended(void **state)
{
    Lab *lab = *state;
    LinkHub *lead = lab_hub(lab, &(HubOrder){ PEER_COORDINATOR, "lead", .handshake_ms = 700 });
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    AUTO_FD listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fillers[FILLERS];
    Millis start;
    LinkEvent event;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    fill_queue(&address, fillers);
    start = clock_now();
    (void)link_dial(lead, "node1", "127.0.0.1", ntohs(address.sin_port)); /* the events tell it */
    event = lab_await(lab, lead, LINK_DOWN);
    assert_int_equal(event.error.kind, ERROR_UNREACHABLE);
    /* which of the two limits struck is nng's choice, see channel_dial() */
    assert_in_range(clock_now() - start, 600, 9000); /* unless asked it would be 10 s */
    link_event_done(&event);
    for (unsigned i = 0; i < FILLERS; i++)
        auto_close_fd(&fillers[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_begin, lab_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_listener_refuses_each_strange_certificate),
        TEST(a_dialer_refuses_each_strange_certificate),
        TEST(another_authority_is_refused_by_both),
        TEST(a_revoked_caller_is_refused),
        TEST(who_does_not_speak_tls_1_3_with_a_certificate_is_refused),
        TEST(a_good_certificate_does_not_excuse_bad_frames),
        TEST(another_protocol_is_told_so),
        TEST(callers_that_say_hello_and_reset_do_not_kill_the_listener),
        TEST(a_dialer_survives_peers_that_die_in_the_handshake),
        TEST(a_handshake_that_never_ends_is_ended),
        TEST(many_silent_callers_do_not_shut_the_door),
        TEST(a_dial_that_nobody_answers_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
