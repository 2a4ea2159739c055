#pragma once

/*
 * A small HTTPS server for tests: one thread, one request per connection, a fresh self-signed
 * certificate for CN=localhost, on a free port of 127.0.0.1.
 * The test's function answers; it runs in the server's thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/text.h"

typedef struct HttpsRequest {
    const char *path;   /* "/services/UserAdmin" */
    const char *action; /* SOAPAction without quotes, or "" */
    const char *cookie; /* or "" */
    const char *body;
} HttpsRequest;

typedef struct HttpsReply {
    int status;         /* 200 unless set; 0: closes without an answer; -1: never answers */
    const char *cookie; /* of Set-Cookie, or NULL */
    Text body;
} HttpsReply;

typedef void HttpsAnswer(void *self, const HttpsRequest *request, HttpsReply *reply);

typedef struct HttpsServer HttpsServer;

HttpsServer *https_server_start(HttpsAnswer *answer, void *self);
unsigned https_server_port(const HttpsServer *server);
void https_server_stop(HttpsServer *server);
