#include "tests/fakes/https_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/base/memory.h"

#define REQUEST_MAX ((size_t)1 << 20)
#define REPLY_MAX   ((size_t)16 << 20)

struct HttpsServer {
    SSL_CTX *tls;
    int listener, wake;
    unsigned port;
    pthread_t thread;
    HttpsAnswer *answer;
    void *self;
};

static SSL_CTX *new_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    assert(X509_sign(certificate, key, EVP_sha256()));
    assert(SSL_CTX_use_certificate(context, certificate) == 1);
    assert(SSL_CTX_use_PrivateKey(context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

static const char *header_value(const char *request, const char *name, char *ret, size_t capacity)
{
    const char *end = strstr(request, "\r\n\r\n");
    size_t length = strlen(name);

    ret[0] = '\0';
    for (const char *line = strstr(request, "\r\n"); line && line < end;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *value = line + 3 + length + strspn(line + 3 + length, " \"");
            size_t take = strcspn(value, "\"\r\n");

            if (take >= capacity)
                take = capacity - 1;
            memcpy(ret, value, take);
            ret[take] = '\0';
        }
    return ret;
}

static bool read_request(SSL *tls, Text *request)
{
    char buffer[4096], number[32];
    const char *body;
    unsigned long long expected = 0;
    int got;

    while ((got = SSL_read(tls, buffer, sizeof(buffer))) > 0) {
        text_add_bytes(request, buffer, (size_t)got);
        body = strstr(request->bytes, "\r\n\r\n");
        if (!body)
            continue;
        header_value(request->bytes, "Content-Length", number, sizeof(number));
        if (!text_to_number(number, REQUEST_MAX, &expected))
            return false;
        if (request->length >= (size_t)(body + 4 - request->bytes) + expected)
            return true;
    }
    return false;
}

static void write_all(SSL *tls, const char *bytes, size_t length)
{
    while (length > 0) {
        int sent = SSL_write(tls, bytes, (int)(length > 16384 ? 16384 : length));

        if (sent <= 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void answer_one(HttpsServer *server, SSL *tls)
{
    char path[256] = "", action[256], cookie[256];
    HttpsReply reply = { .status = 200 };
    struct pollfd wait = { .fd = server->wake, .events = POLLIN };
    TEXT_AUTO(request, REQUEST_MAX);
    TEXT_AUTO(head, 4096);

    if (SSL_accept(tls) != 1 || !read_request(tls, &request))
        return;
    if (sscanf(request.bytes, "POST %255s HTTP", path) != 1)
        return;
    text_init(&reply.body, REPLY_MAX);
    server->answer(server->self,
        &(HttpsRequest){ .path = path,
            .action = header_value(request.bytes, "SOAPAction", action, sizeof(action)),
            .cookie = header_value(request.bytes, "Cookie", cookie, sizeof(cookie)),
            .body = strstr(request.bytes, "\r\n\r\n") + 4 },
        &reply);
    if (reply.status < 0)
        (void)poll(&wait, 1, -1); /* until the server is stopped */
    if (reply.status > 0) {
        text_add(&head, "HTTP/1.1 %d Status\r\nContent-Type: text/xml\r\nConnection: close\r\n",
            reply.status);
        if (reply.cookie)
            text_add(&head, "Set-Cookie: %s; Path=/; Secure; HttpOnly\r\n", reply.cookie);
        text_add(&head, "Content-Length: %zu\r\n\r\n", reply.body.length);
        write_all(tls, head.bytes, head.length);
        write_all(tls, reply.body.bytes, reply.body.length);
        (void)SSL_shutdown(tls);
    }
    text_done(&reply.body);
}

static void *serve(void *self)
{
    HttpsServer *server = self;
    struct pollfd wait[2] = { { .fd = server->listener, .events = POLLIN },
        { .fd = server->wake, .events = POLLIN } };

    while (poll(wait, 2, -1) > 0 && !wait[1].revents) {
        AUTO_FD peer = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        SSL *tls = SSL_new(server->tls);

        SSL_set_fd(tls, peer);
        answer_one(server, tls);
        SSL_free(tls);
    }
    return NULL;
}

HttpsServer *https_server_start(HttpsAnswer *answer, void *self)
{
    HttpsServer *server = memory_new(sizeof(*server));
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);

    (void)signal(SIGPIPE, SIG_IGN);
    *server = (HttpsServer){ .tls = new_context(),
        .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        .wake = eventfd(0, EFD_CLOEXEC),
        .answer = answer,
        .self = self };
    assert(bind(server->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    assert(listen(server->listener, 16) == 0);
    assert(getsockname(server->listener, (struct sockaddr *)&address, &length) == 0);
    server->port = ntohs(address.sin_port);
    assert(pthread_create(&server->thread, NULL, serve, server) == 0);
    return server;
}

unsigned https_server_port(const HttpsServer *server)
{
    return server->port;
}

void https_server_stop(HttpsServer *server)
{
    if (!server)
        return;
    assert(eventfd_write(server->wake, 1) == 0);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->wake);
    SSL_CTX_free(server->tls);
    free(server);
}
