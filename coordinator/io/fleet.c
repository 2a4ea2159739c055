#include "coordinator/io/fleet.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/clock.h"
#include "common/os/file.h"

struct Fleet {
    const Inventory *inventory;
    LinkHub *hub;
    Link **links;
    FleetMember *members;
    int signals;
};

static bool watch_signals(Fleet *fleet, Error *error)
{
    struct sigaction hangup = { 0 };
    sigset_t mask;

    (void)sigemptyset(&mask); /* cannot fail for a set of ours */
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGTERM);
    /* a closed terminal; who was started by nohup ignores it, and a blocked one would be heard */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        (void)sigaddset(&mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) != 0)
        return error_set(error, ERROR_IO, "signals cannot be blocked: %s", strerrordesc_np(errno));
    fleet->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fleet->signals < 0)
        return error_set(error, ERROR_IO, "signalfd: %s", strerrordesc_np(errno));
    return true;
}

static bool open_hub(Fleet *fleet, const char *tls_folder, Error *error)
{
    AUTO_TEXT *ca = memory_format("%s/ca.crt", tls_folder);
    AUTO_TEXT *crl = memory_format("%s/ca.crl", tls_folder);
    AUTO_TEXT *certificate = memory_format("%s/coordinator.crt", tls_folder);
    AUTO_TEXT *key = memory_format("%s/coordinator.key", tls_folder);
    LinkSettings settings = { .cluster = fleet->inventory->cluster,
        .name = "coordinator",
        .role = PEER_COORDINATOR,
        .ca_file = ca,
        .certificate_file = certificate,
        .key_file = key };

    if (file_kind(crl, LINKS_FOLLOWED) == FILE_REGULAR)
        settings.crl_file = crl;
    return link_hub_new(&settings, &fleet->hub, error);
}

bool fleet_open(const Inventory *inventory, const char *tls_folder, Fleet **ret, Error *error)
{
    AUTO(Fleet) *fleet = memory_new(sizeof(*fleet));
    size_t count = inventory->agent_count;

    fleet->inventory = inventory;
    fleet->signals = -1;
    /* Before the hub: nng's threads inherit the mask, so signals come to the descriptor alone. */
    if (!watch_signals(fleet, error) || !open_hub(fleet, tls_folder, error))
        return false;
    fleet->links = memory_new(count * sizeof(*fleet->links));
    fleet->members = memory_new(count * sizeof(*fleet->members));
    for (size_t i = 0; i < count; i++) {
        const InventoryAgent *agent = &inventory->agents[i];

        fleet->members[i].declared = agent;
        fleet->members[i].down_since = clock_now();
        fleet->links[i] = link_dial(fleet->hub, agent->name, agent->address, agent->port);
        link_set_user(fleet->links[i], &fleet->members[i]);
    }
    *ret = TAKE(fleet);
    return true;
}

void fleet_close(Fleet *fleet)
{
    if (!fleet)
        return;
    link_hub_free(fleet->hub);
    for (size_t i = 0; fleet->members && i < fleet->inventory->agent_count; i++)
        facts_done(&fleet->members[i].hello);
    if (fleet->signals >= 0)
        (void)close(fleet->signals);
    free(fleet->members);
    free(fleet->links);
    free(fleet);
}

static size_t index_of(const Fleet *fleet, const char *agent)
{
    size_t i = 0;

    while (
        i < fleet->inventory->agent_count && strcmp(fleet->inventory->agents[i].name, agent) != 0)
        i++;
    return i;
}

const FleetMember *fleet_member(const Fleet *fleet, const char *agent)
{
    size_t i = index_of(fleet, agent);

    return i < fleet->inventory->agent_count ? &fleet->members[i] : NULL;
}

static void say_hello(Link *link, const char *cluster)
{
    Error ignored = { 0 };
    MESSAGE_AUTO(hello);

    hello.kind = MESSAGE_HELLO;
    hello.text = memory_text("dss-coordinator " DSS_VERSION);
    hello.clock_ms = wall_now();
    (void)text_copy(hello.cluster, sizeof(hello.cluster), cluster);
    (void)text_copy(hello.sender, sizeof(hello.sender), "coordinator");
    if (!link_send(link, &hello, &ignored))
        return; /* a link that went down says so itself */
}

static void note_down(FleetMember *member, const Error *error)
{
    if (member->known || member->why_down.kind == ERROR_NONE)
        member->down_since = clock_now();
    member->up = false;
    member->known = false;
    member->refused = error->kind == ERROR_REFUSED;
    member->why_down = *error;
}

static FleetEventKind note_hello(FleetMember *member, const Message *message)
{
    member->known = true;
    member->clock_skew_ms = message->clock_ms - wall_now();
    facts_done(&member->hello);
    facts_add(&member->hello, "program", message->text ? message->text : "");
    facts_copy(&member->hello, &message->hello);
    return FLEET_UP;
}

static FleetEventKind kind_of_message(FleetMember *member, const Message *message)
{
    switch (message->kind) {
    case MESSAGE_HELLO:
        return note_hello(member, message);
    case MESSAGE_RESULT:
        return FLEET_RESULT;
    case MESSAGE_REFUSAL:
        return FLEET_REFUSAL;
    case MESSAGE_PROGRESS:
        return FLEET_PROGRESS;
    case MESSAGE_ACCEPTED:
    case MESSAGE_HEARTBEAT:
    case MESSAGE_COMMAND:
    case MESSAGE_CANCEL:
    case MESSAGE_KIND_COUNT:
        break;
    }
    return FLEET_NOTHING;
}

/* One event of the links as one of the fleet; FLEET_NOTHING for what only the fleet has to know. */
static FleetEventKind digest_event(Fleet *fleet, LinkEvent *event, FleetEvent *ret)
{
    FleetMember *member = event->link ? link_user(event->link) : NULL;

    if (!member)
        return FLEET_NOTHING;
    ret->member = member;
    switch (event->kind) {
    case LINK_UP:
        member->up = true;
        member->refused = false;
        say_hello(event->link, fleet->inventory->cluster);
        return FLEET_NOTHING;
    case LINK_MESSAGE:
        ret->message = event->message;
        event->message = (Message){ 0 };
        return kind_of_message(member, &ret->message);
    case LINK_DOWN:
    case LINK_REJECTED:
        note_down(member, &event->error);
        return FLEET_DOWN;
    }
    return FLEET_NOTHING;
}

static bool take_event(Fleet *fleet, FleetEvent *ret)
{
    LinkEvent event = { 0 };

    while (link_hub_take(fleet->hub, &event)) {
        ret->kind = digest_event(fleet, &event, ret);
        link_event_done(&event);
        event = (LinkEvent){ 0 };
        if (ret->kind != FLEET_NOTHING)
            return true;
        fleet_event_done(ret);
    }
    return false;
}

static bool take_signal(Fleet *fleet, FleetEvent *ret)
{
    struct signalfd_siginfo info;

    if (read(fleet->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    ret->kind = FLEET_SIGNAL;
    ret->signal = (int)info.ssi_signo;
    return true;
}

void fleet_wait(Fleet *fleet, Millis timeout, FleetEvent *ret)
{
    Millis until = clock_now() + timeout;

    *ret = (FleetEvent){ 0 };
    for (;;) {
        struct pollfd fds[] = { { .fd = link_hub_fd(fleet->hub), .events = POLLIN },
            { .fd = fleet->signals, .events = POLLIN } };
        Millis left = until - clock_now();
        int hub_ms;

        if (take_signal(fleet, ret) || take_event(fleet, ret) || left <= 0)
            return;
        hub_ms = link_hub_wait_ms(fleet->hub);
        if (hub_ms >= 0 && hub_ms < left)
            left = hub_ms;
        (void)poll(fds, 2, (int)left); /* whatever woke us is looked for above */
    }
}

void fleet_event_done(FleetEvent *event)
{
    message_done(&event->message);
    *event = (FleetEvent){ 0 };
}

static bool all_are_known_or_refused(const Fleet *fleet)
{
    for (size_t i = 0; i < fleet->inventory->agent_count; i++)
        if (!fleet->members[i].known && !fleet->members[i].refused)
            return false;
    return true;
}

void fleet_wait_for_all(Fleet *fleet, Millis timeout)
{
    Millis until = clock_now() + timeout;

    while (!all_are_known_or_refused(fleet) && clock_now() < until) {
        FLEET_EVENT_AUTO(event);

        fleet_wait(fleet, until - clock_now(), &event);
        if (event.kind == FLEET_SIGNAL)
            return;
    }
}

static void post(Fleet *fleet, const char *agent, Message *message)
{
    size_t i = index_of(fleet, agent);
    Error ignored = { 0 };

    if (i == fleet->inventory->agent_count || !link_is_up(fleet->links[i]))
        return;
    (void)text_copy(message->cluster, sizeof(message->cluster), fleet->inventory->cluster);
    (void)text_copy(message->sender, sizeof(message->sender), "coordinator");
    if (!link_send(fleet->links[i], message, &ignored))
        return; /* lost: asked again at FLEET_UP, and from time to time */
}

void fleet_send(Fleet *fleet, const char *agent, const Command *command)
{
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_COMMAND;
    message.epoch = command->epoch;
    command_copy(&message.command, command);
    post(fleet, agent, &message);
}

void fleet_cancel(Fleet *fleet, const char *agent, const CommandId *id, uint64_t epoch)
{
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_CANCEL;
    message.epoch = epoch;
    message.id = *id;
    post(fleet, agent, &message);
}
