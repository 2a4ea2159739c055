#pragma once

/*
 * One HTTP request over TLS, one answer, then the connection is closed.
 *
 * Owns: HttpRequest by http_request_done(). Limits: 1 MiB, and the socket's own time limit.
 */

#include <openssl/ssl.h>

#include "common/base/text.h"

typedef struct HttpRequest {
    Text bytes;   /* all that was read */
    char *path;   /* "/services/UserAdmin", without a query */
    char *cookie; /* JSESSIONID, or "" */
    char *user;   /* of Basic authentication, or NULL */
    char *password;
    const char *body; /* in `bytes` */
    size_t body_length;
} HttpRequest;

/* False: no request that could be answered came in. */
bool http_read(SSL *tls, HttpRequest *ret) __attribute__((nonnull, warn_unused_result));
void http_request_done(HttpRequest *request) __attribute__((nonnull));

typedef struct HttpAnswer {
    int status;
    const char *type;   /* of the body */
    const char *cookie; /* a new JSESSIONID, or "" */
    const Text *body;
} HttpAnswer;

void http_write(SSL *tls, const HttpAnswer *answer) __attribute__((nonnull));
