#include "agent/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "agent/conversation.h"
#include "agent/instance.h"
#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#define EVENTS_PER_ROUND 64 /* so that workers and signals have their turn */
#define DESCRIPTORS_MAX  (2 + JOBS_MAX * WORKER_DESCRIPTORS)

typedef struct Loop {
    Conversation talk;
    int signals;
    bool ended;
} Loop;

/* Blocked before the hub exists: its threads inherit the mask. */
static bool open_signals(int *ret, Error *error)
{
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error code */
    if (pthread_sigmask(SIG_BLOCK, &wanted, NULL) != 0)
        return error_set(error, ERROR_IO, "signals cannot be blocked");
    *ret = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    return *ret >= 0 || error_set(error, ERROR_IO, "no signal descriptor: %m");
}

static void take_signals(Loop *loop)
{
    const Log *log = &loop->talk.log;
    struct signalfd_siginfo got;
    Error error = { 0 };

    while (read(loop->signals, &got, sizeof(got)) == (ssize_t)sizeof(got)) {
        if (got.ssi_signo != SIGHUP) {
            log_say(log, LOG_LEVEL_NOTICE, "signal %u: ending; the ledger knows what was at work",
                got.ssi_signo);
            loop->ended = true;
        } else if (link_hub_reload(loop->talk.hub, &error)) {
            log_say(log, LOG_LEVEL_NOTICE, "certificates were read again");
        } else {
            log_say(log, LOG_LEVEL_ERROR, "the old certificates stay: %s", error.text);
            error = (Error){ 0 };
        }
    }
}

static int sooner(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static void wait_for_something(Loop *loop)
{
    struct pollfd files[DESCRIPTORS_MAX];
    int wait_ms = link_hub_wait_ms(loop->talk.hub);
    Millis now = clock_now();
    nfds_t count = 0;

    files[count++] = (struct pollfd){ .fd = link_hub_fd(loop->talk.hub), .events = POLLIN };
    files[count++] = (struct pollfd){ .fd = loop->signals, .events = POLLIN };
    for (size_t i = 0; i < loop->talk.jobs.count; i++) {
        const Worker *worker = loop->talk.jobs.items[i].worker;

        if (!worker)
            continue;
        worker_descriptors(worker, files + count);
        count += WORKER_DESCRIPTORS;
        wait_ms = sooner(wait_ms, worker_wait_ms(worker, now));
    }
    (void)poll(files, count, wait_ms); /* whatever it says, all are asked what they have */
}

static void run(Loop *loop)
{
    while (!loop->ended) {
        LinkEvent event;

        wait_for_something(loop);
        take_signals(loop);
        for (unsigned i = 0; i < EVENTS_PER_ROUND && link_hub_take(loop->talk.hub, &event); i++) {
            conversation_hear(&loop->talk, &event);
            link_event_done(&event);
        }
        conversation_work(&loop->talk, clock_now());
    }
}

static bool open_links(Loop *loop, const AgentConfig *config, Error *error)
{
    const LinkSettings settings = {
        .cluster = config->cluster,
        .name = config->name,
        .role = PEER_AGENT,
        .ca_file = config->ca_file,
        .certificate_file = config->certificate_file,
        .key_file = config->key_file,
        .crl_file = config->crl_file,
    };

    return link_hub_new(&settings, &loop->talk.hub, error) &&
           link_listen(loop->talk.hub, config->listen_address, config->listen_port, error);
}

static void loop_done(Loop *loop)
{
    conversation_done(&loop->talk);
    if (loop->signals >= 0)
        (void)close(loop->signals);
}

bool agent_serve(const AgentSettings *settings, Error *error)
{
    const AgentConfig *config = settings->config;
    AUTO_FD instance = -1;
    __attribute__((cleanup(loop_done))) Loop loop = { .signals = -1 };

    if (!file_make_folders(config->state_directory, 0700, error) ||
        !instance_take(config->state_directory, &instance, error) ||
        !open_signals(&loop.signals, error) || !conversation_init(&loop.talk, settings, error) ||
        !open_links(&loop, config, error))
        return false;
    log_say(&settings->log, LOG_LEVEL_NOTICE,
        "%s: agent %s of cluster %s listens on %s port %u, profile %s", settings->program,
        config->name, config->cluster, config->listen_address, link_hub_port(loop.talk.hub),
        settings->profile->name);
    run(&loop);
    return true;
}
