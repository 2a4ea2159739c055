#include "tests/component/link_lab.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/pki/pki.h"

int lab_begin(void **state)
{
    Lab *lab = memory_new(sizeof(*lab));
    char pattern[] = "/tmp/link_test.XXXXXX";
    Error error = { 0 };

    lab->folder = memory_text(mkdtemp(pattern));
    lab->ca = memory_format("%s/ca", lab->folder);
    *state = lab;
    return pki_init(lab->ca, "prod", &error) ? 0 : -1;
}

int lab_end(void **state)
{
    Lab *lab = *state;
    Error error = { 0 };
    bool gone;

    for (size_t i = 0; i < lab->hub_count; i++)
        link_hub_free(lab->hubs[i]);
    gone = file_remove_tree(lab->folder, &error);
    free(lab->folder);
    free(lab->ca);
    free(lab);
    return gone ? 0 : -1;
}

char *lab_path(const Lab *lab, const char *name, const char *ending)
{
    return memory_format("%s/%s.%s", lab->folder, name, ending);
}

void lab_issue(const Lab *lab, PeerRole role, const char *name)
{
    AUTO_TEXT *path = lab_path(lab, name, "crt");
    PkiRequest request = { .role = role, .name = name };
    Error error = { 0 };

    if (file_kind(path, LINKS_FOLLOWED) == FILE_ABSENT &&
        !pki_issue(lab->ca, &request, lab->folder, &error))
        fail_msg("%s", error.text);
}

LinkHub *lab_hub(Lab *lab, const HubOrder *order)
{
    AUTO_TEXT *ca = lab_path(lab, "ca", "crt");
    AUTO_TEXT *certificate = lab_path(lab, order->name, "crt");
    AUTO_TEXT *key = lab_path(lab, order->name, "key");
    LinkSettings settings = {
        .cluster = "prod",
        .name = order->name,
        .role = order->role,
        .ca_file = ca,
        .certificate_file = certificate,
        .key_file = key,
        .crl_file = order->crl,
        .handshake_ms = order->handshake_ms,
        .silence_ms = order->silence_ms,
    };
    Error error = { 0 };
    LinkHub *hub;

    lab_issue(lab, order->role, order->name);
    assert_in_range(lab->hub_count, 0, LAB_HUBS_MAX - 1);
    if (!link_hub_new(&settings, &hub, &error))
        fail_msg("%s", error.text);
    lab->hubs[lab->hub_count++] = hub;
    return hub;
}

LinkHub *lab_agent(Lab *lab, const HubOrder *order)
{
    LinkHub *hub = lab_hub(lab, order);
    Error error = { 0 };

    if (!link_listen(hub, "127.0.0.1", 0, &error))
        fail_msg("%s", error.text);
    return hub;
}

void lab_free_hub(Lab *lab, LinkHub *hub)
{
    for (size_t i = 0; i < lab->hub_count; i++) {
        if (lab->hubs[i] == hub) {
            lab->hubs[i] = lab->hubs[--lab->hub_count];
            link_hub_free(hub);
            return;
        }
    }
    fail_msg("no such hub");
}

static bool take_any(Lab *lab, LinkHub **ret_hub, LinkEvent *ret)
{
    for (size_t i = 0; i < lab->hub_count; i++) {
        if (link_hub_take(lab->hubs[i], ret)) {
            *ret_hub = lab->hubs[i];
            return true;
        }
    }
    return false;
}

static void wait_for_any(const Lab *lab, Millis limit)
{
    struct pollfd fds[LAB_HUBS_MAX];
    int wait = (int)limit;

    for (size_t i = 0; i < lab->hub_count; i++) {
        int hubs = link_hub_wait_ms(lab->hubs[i]);

        fds[i] = (struct pollfd){ link_hub_fd(lab->hubs[i]), POLLIN, 0 };
        wait = hubs < wait ? hubs : wait;
    }
    assert_in_range(poll(fds, lab->hub_count, wait) + 1, 1, LAB_HUBS_MAX + 1);
}

bool lab_next(Lab *lab, Millis limit, LinkHub **ret_hub, LinkEvent *ret)
{
    Millis end = clock_now() + limit;

    for (;;) {
        if (take_any(lab, ret_hub, ret))
            return true;
        if (clock_now() >= end)
            return false;
        wait_for_any(lab, end - clock_now());
    }
}

LinkEvent lab_await(Lab *lab, LinkHub *hub, LinkEventKind kind)
{
    Millis end = clock_now() + LAB_LIMIT_MS;
    LinkHub *other;
    LinkEvent event;

    while (clock_now() < end && lab_next(lab, end - clock_now(), &other, &event)) {
        if (other == hub && event.kind == kind)
            return event;
        link_event_done(&event);
    }
    fail_msg("no event of kind %u came", (unsigned)kind);
    return event;
}

void lab_turn(Lab *lab, Millis duration)
{
    Millis end = clock_now() + duration;
    LinkHub *hub;
    LinkEvent event;

    while (lab_next(lab, end - clock_now(), &hub, &event)) {
        if (event.kind != LINK_DOWN || !event.link)
            fail_msg("an event of kind %u came: %s", (unsigned)event.kind, event.error.text);
        link_event_done(&event);
    }
}

Link *lab_connect(Lab *lab, LinkHub *from, LinkHub *to, const char *name, Link **ret_accepted)
{
    Link *link = link_dial(from, name, "127.0.0.1", link_hub_port(to));
    bool up[2] = { false, false };
    LinkHub *hub;
    LinkEvent event;

    while (!up[0] || !up[1]) {
        if (!lab_next(lab, LAB_LIMIT_MS, &hub, &event))
            fail_msg("%s did not get up", name);
        if (event.kind == LINK_DOWN)
            fail_msg("%s", event.error.text);
        if (event.kind == LINK_UP && hub == from)
            up[0] = true;
        if (event.kind == LINK_UP && hub == to) {
            up[1] = true;
            *ret_accepted = event.link;
        }
        link_event_done(&event);
    }
    return link;
}
