/*
 * Shows why our links carry TLS on nng's byte streams and not in its own tls+tcp sockets: when a
 * peer is killed under traffic, the packaged library stops working for good: pipes to the dead peer
 * are never removed, their dialers never dial again.
 *
 *   nng_tls_hang [CYCLES]
 *
 * A client with SOCKETS request sockets talks to a peer process in 200-byte round trips; the peer
 * is killed (SIGKILL) and started again, CYCLES times: over tls+tcp and, to tell the causes apart,
 * over tcp. Each wait has a limit. Exit code 0: tls+tcp got stuck and tcp did not; 1: anything
 * else, e.g. a library without the defect.
 */
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/pki/pki.h"

#define SOCKETS         20
#define CYCLES          "40"
#define MESSAGE_BYTES   200
#define TRAFFIC_MS      300   /* before each kill */
#define LIMIT_MS        15000 /* plain sockets need less than one second */
#define RECONNECT_MS    100
#define PEER_CONTEXTS   (2 * SOCKETS)
#define STUCK           3 /* exit code of a client */
#define CERTIFICATE_MAX 65536

typedef struct Talker {
    nng_socket socket;
    nng_aio *aio;
    enum { TALKER_SENDS, TALKER_RECEIVES, TALKER_WAITS } state;
} Talker;

static atomic_int pipes, round_trips;

static void must(int code, const char *what)
{
    if (code == 0)
        return;
    (void)fprintf(stderr, "nng_tls_hang: %s: %s\n", what, nng_strerror(code));
    _exit(2);
}

static bool is_tls(const char *url)
{
    return strncmp(url, "tls", 3) == 0;
}

/* The peer: answers what it is asked. */

typedef struct Answerer {
    nng_ctx context;
    nng_aio *aio;
    bool has_question;
} Answerer;

static void answer(void *self)
{
    Answerer *answerer = self;

    must(nng_aio_result(answerer->aio), "answering");
    answerer->has_question = !answerer->has_question;
    if (answerer->has_question) /* what came is sent back */
        nng_ctx_send(answerer->context, answerer->aio);
    else
        nng_ctx_recv(answerer->context, answerer->aio);
}

static void listen_at(nng_socket socket, const char *url, const char *identity)
{
    nng_listener listener;
    nng_tls_config *tls = NULL;

    must(nng_listener_create(&listener, socket, url), url);
    if (is_tls(url)) {
        must(nng_tls_config_alloc(&tls, NNG_TLS_MODE_SERVER), "configuration");
        must(nng_tls_config_auth_mode(tls, NNG_TLS_AUTH_MODE_NONE), "authentication");
        must(nng_tls_config_cert_key_file(tls, identity, NULL), identity);
        must(nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, tls), "configuration");
    }
    must(nng_listener_start(listener, 0), url);
}

_Noreturn static void run_peer(const char *url, const char *identity)
{
    static Answerer answerers[PEER_CONTEXTS];
    nng_socket socket;

    must(nng_rep0_open(&socket), "reply socket");
    for (size_t i = 0; i < PEER_CONTEXTS; i++) {
        must(nng_ctx_open(&answerers[i].context, socket), "context");
        must(nng_aio_alloc(&answerers[i].aio, answer, &answerers[i]), "aio");
        nng_ctx_recv(answerers[i].context, answerers[i].aio);
    }
    listen_at(socket, url, identity);
    for (;;)
        (void)pause();
}

/* The client: asks as fast as it is answered. */

static void ask(Talker *talker)
{
    nng_msg *message;

    must(nng_msg_alloc(&message, MESSAGE_BYTES), "message");
    nng_aio_set_msg(talker->aio, message);
    talker->state = TALKER_SENDS;
    nng_send_aio(talker->socket, talker->aio);
}

static void talk(void *self)
{
    Talker *talker = self;
    int code = nng_aio_result(talker->aio);

    if (code == NNG_ECLOSED)
        return;
    if (code != 0) {
        if (talker->state == TALKER_SENDS)
            nng_msg_free(nng_aio_get_msg(talker->aio));
        talker->state = TALKER_WAITS;
        nng_sleep_aio(RECONNECT_MS, talker->aio);
    } else if (talker->state == TALKER_SENDS) {
        talker->state = TALKER_RECEIVES;
        nng_recv_aio(talker->socket, talker->aio);
    } else {
        if (talker->state == TALKER_RECEIVES) {
            nng_msg_free(nng_aio_get_msg(talker->aio));
            atomic_fetch_add(&round_trips, 1);
        }
        ask(talker);
    }
}

static void count_pipe(nng_pipe pipe, nng_pipe_ev event, void *self)
{
    (void)pipe;
    (void)self;
    atomic_fetch_add(&pipes, event == NNG_PIPE_EV_ADD_POST ? 1 : -1);
}

static void start_talker(Talker *talker, const char *url)
{
    nng_dialer dialer;
    nng_tls_config *tls = NULL;

    must(nng_req0_open(&talker->socket), "request socket");
    must(nng_pipe_notify(talker->socket, NNG_PIPE_EV_ADD_POST, count_pipe, NULL), "notify");
    must(nng_pipe_notify(talker->socket, NNG_PIPE_EV_REM_POST, count_pipe, NULL), "notify");
    must(nng_socket_set_ms(talker->socket, NNG_OPT_RECONNMINT, RECONNECT_MS), "reconnect");
    must(nng_socket_set_ms(talker->socket, NNG_OPT_RECONNMAXT, RECONNECT_MS), "reconnect");
    must(nng_aio_alloc(&talker->aio, talk, talker), "aio");
    must(nng_dialer_create(&dialer, talker->socket, url), url);
    if (is_tls(url)) {
        must(nng_tls_config_alloc(&tls, NNG_TLS_MODE_CLIENT), "configuration");
        must(nng_tls_config_auth_mode(tls, NNG_TLS_AUTH_MODE_NONE), "authentication");
        must(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tls), "configuration");
    }
    must(nng_dialer_start(dialer, NNG_FLAG_NONBLOCK), url);
    ask(talker);
}

static pid_t spawn_self(const char *role, const char *url, const char *rest)
{
    extern char **environ;
    const char *argv[] = { "nng_tls_hang", role, url, rest, NULL };
    pid_t pid;

    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, (char **)(uintptr_t)argv, environ) != 0)
        _exit(2);
    return pid;
}

static void kill_peer(pid_t *pid)
{
    if (*pid <= 0)
        return;
    (void)kill(*pid, SIGKILL);
    (void)waitpid(*pid, NULL, 0);
    *pid = 0;
}

static bool wait_for_pipes(int wanted)
{
    Millis until = clock_now() + LIMIT_MS;

    while (atomic_load(&pipes) != wanted && clock_now() < until)
        clock_sleep(10);
    return atomic_load(&pipes) == wanted;
}

static atomic_bool closed;

static void *close_all(void *self)
{
    Talker *talkers = self;

    for (size_t i = 0; i < SOCKETS; i++)
        (void)nng_close(talkers[i].socket);
    atomic_store(&closed, true);
    return NULL;
}

static void say_whether_close_returns(Talker *talkers)
{
    Millis until = clock_now() + LIMIT_MS;
    pthread_t thread;

    if (pthread_create(&thread, NULL, close_all, talkers) != 0)
        _exit(2);
    while (!atomic_load(&closed) && clock_now() < until)
        clock_sleep(10);
    (void)printf("  nng_close() of all %s\n",
        atomic_load(&closed) ? "returned" : "did not return within 15 s either");
}

_Noreturn static void stuck(unsigned cycle, const char *what, pid_t *peer, Talker *talkers)
{
    (void)printf("  kill %u: 15 s later %d of %d pipes are there, %s; %d round trips so far\n",
        cycle, atomic_load(&pipes), SOCKETS, what, atomic_load(&round_trips));
    say_whether_close_returns(talkers);
    kill_peer(peer);
    (void)fflush(stdout);
    _exit(STUCK); /* the library's threads hang */
}

_Noreturn static void run_client(const char *url, const char *rest)
{
    static Talker talkers[SOCKETS];
    AUTO_TEXT *copy = memory_text(rest);
    char *colon = strchr(copy, ':');
    unsigned cycles = (unsigned)strtoul(copy, NULL, 10);
    pid_t peer = spawn_self("peer", url, colon + 1);

    for (size_t i = 0; i < SOCKETS; i++)
        start_talker(&talkers[i], url);
    if (!wait_for_pipes(SOCKETS))
        stuck(0, "although the peer was just started", &peer, talkers);
    for (unsigned cycle = 1; cycle <= cycles; cycle++) {
        clock_sleep(TRAFFIC_MS);
        kill_peer(&peer);
        if (!wait_for_pipes(0))
            stuck(cycle, "although the peer is dead", &peer, talkers);
        peer = spawn_self("peer", url, colon + 1);
        if (!wait_for_pipes(SOCKETS))
            stuck(cycle, "although the peer is back", &peer, talkers);
    }
    (void)printf("  %u kills: every pipe was removed and came back; %d round trips\n", cycles,
        atomic_load(&round_trips));
    kill_peer(&peer);
    (void)fflush(stdout);
    _exit(0); /* not by closing: that is no part of this */
}

/* Certificate and key in one file, as nng wants them; returns its path. */
static char *make_identity(const char *folder)
{
    AUTO_TEXT *key_path = memory_format("%s/peer.key", folder);
    AUTO_TEXT *certificate_path = memory_format("%s/peer.crt", folder);
    AUTO_TEXT *key = NULL;
    AUTO_TEXT *certificate = NULL;
    AUTO_TEXT *both = NULL;
    size_t length;
    char *path = memory_format("%s/identity.pem", folder);
    PkiRequest request = { .role = PEER_AGENT, .name = "peer" };
    Error error = { 0 };

    if (!pki_init(folder, "bench", &error) || !pki_issue(folder, &request, folder, &error) ||
        !file_read(key_path, CERTIFICATE_MAX, &key, &length, &error) ||
        !file_read(certificate_path, CERTIFICATE_MAX, &certificate, &length, &error)) {
        (void)fprintf(stderr, "nng_tls_hang: %s\n", error.text);
        exit(2);
    }
    both = memory_format("%s%s", certificate, key);
    if (!file_replace(path, both, strlen(both), 0600, &error))
        exit(2);
    return path;
}

/* A port that is free now; the peer takes it. */
static unsigned free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        exit(2);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static int outcome_over(const char *scheme, const char *cycles, const char *identity)
{
    AUTO_TEXT *url = memory_format("%s://127.0.0.1:%u", scheme, free_port());
    AUTO_TEXT *rest = memory_format("%s:%s", cycles, identity);
    int status = 0;

    (void)printf("nng %s, %s\n", nng_version(), url);
    (void)fflush(stdout);
    (void)waitpid(spawn_self("client", url, rest), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/nng-tls-hang-XXXXXX";
    const char *cycles = argc > 1 ? argv[1] : CYCLES;
    AUTO_TEXT *identity = NULL;
    Error error = { 0 };
    int over_tls, over_tcp;

    if (argc == 4) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever started it is gone */
        if (strcmp(argv[1], "peer") == 0)
            run_peer(argv[2], argv[3]);
        run_client(argv[2], argv[3]);
    }
    if (!mkdtemp(folder))
        return 2;
    identity = make_identity(folder);
    over_tls = outcome_over("tls+tcp", cycles, identity);
    over_tcp = outcome_over("tcp", cycles, identity);
    if (!file_remove_tree(folder, &error))
        (void)fprintf(stderr, "nng_tls_hang: %s\n", error.text);
    return over_tls == STUCK && over_tcp == 0 ? 0 : 1;
}
