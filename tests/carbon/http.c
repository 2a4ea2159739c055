#include "tests/carbon/http.h"

#include <strings.h>

#include "common/base/memory.h"
#include "tests/carbon/password.h"

#define REQUEST_BYTES_MAX ((size_t)1 << 20)
#define HEAD_END          "\r\n\r\n"
#define CONTINUE          "HTTP/1.1 100 Continue" HEAD_END

/* The value of a header, "" when it is absent; the caller frees. */
static char *header(const char *head, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            return memory_text_n(line, strcspn(line, "\r"));
        }
    }
    return memory_text("");
}

static void write_all(SSL *tls, const char *bytes, size_t length)
{
    size_t done = 0, wrote = 0;

    while (done < length && SSL_write_ex(tls, bytes + done, length - done, &wrote) == 1)
        done += wrote;
}

static bool read_more(SSL *tls, Text *bytes)
{
    char part[16384];
    size_t got = 0;

    if (SSL_read_ex(tls, part, sizeof part, &got) != 1)
        return false;
    text_add_bytes(bytes, part, got);
    return !bytes->overflow;
}

/* Reads the head, then says how long the body is. */
static bool read_head(SSL *tls, Text *bytes, size_t *ret_head, size_t *ret_body)
{
    const char *end;
    unsigned long long length = 0;

    while (!(end = strstr(bytes->bytes, HEAD_END)))
        if (!read_more(tls, bytes))
            return false;
    *ret_head = (size_t)(end - bytes->bytes) + strlen(HEAD_END);
    AUTO_TEXT *head = memory_text_n(bytes->bytes, *ret_head);
    AUTO_TEXT *text = header(head, "Content-Length");
    AUTO_TEXT *expect = header(head, "Expect");

    if (*text && !text_to_number(text, REQUEST_BYTES_MAX, &length))
        return false;
    if (strcasecmp(expect, "100-continue") == 0)
        write_all(tls, CONTINUE, strlen(CONTINUE));
    *ret_body = (size_t)length;
    return true;
}

static char *find_cookie(const char *head)
{
    static const char name[] = "JSESSIONID=";
    AUTO_TEXT *cookies = header(head, "Cookie");
    const char *found = strstr(cookies, name);

    if (!found)
        return memory_text("");
    found += strlen(name);
    return memory_text_n(found, strcspn(found, "; "));
}

/* As the real one: the decoded text has to have exactly one colon. */
static void find_basic(const char *head, HttpRequest *request)
{
    AUTO_TEXT *value = header(head, "Authorization");
    AUTO_TEXT *plain = NULL;
    size_t length;
    char *colon;

    if (strncasecmp(value, "Basic ", 6) != 0)
        return;
    plain = password_from_base64(value + 6, &length);
    colon = plain ? strchr(plain, ':') : NULL;
    if (!colon || strchr(colon + 1, ':'))
        return;
    request->user = memory_text_n(plain, (size_t)(colon - plain));
    request->password = memory_text(colon + 1);
}

bool http_read(SSL *tls, HttpRequest *ret)
{
    size_t head_length, body_length;
    const char *path;

    *ret = (HttpRequest){ 0 };
    text_init(&ret->bytes, REQUEST_BYTES_MAX);
    if (!read_head(tls, &ret->bytes, &head_length, &body_length))
        return false;
    while (ret->bytes.length < head_length + body_length)
        if (!read_more(tls, &ret->bytes))
            return false;
    AUTO_TEXT *head = memory_text_n(ret->bytes.bytes, head_length);

    path = head + strcspn(head, " ");
    path += strspn(path, " ");
    ret->path = memory_text_n(path, strcspn(path, " ?\r"));
    ret->cookie = find_cookie(head);
    find_basic(head, ret);
    ret->body = ret->bytes.bytes + head_length;
    ret->body_length = body_length;
    return true;
}

void http_request_done(HttpRequest *request)
{
    text_done(&request->bytes);
    free(request->path);
    free(request->cookie);
    free(request->user);
    free(request->password);
    *request = (HttpRequest){ 0 };
}

void http_write(SSL *tls, const HttpAnswer *answer)
{
    TEXT_AUTO(head, 4096);

    text_add(&head, "HTTP/1.1 %d %s\r\nContent-Type: %s; charset=UTF-8\r\n", answer->status,
        answer->status < 300 ? "OK" : "Error", answer->type);
    if (*answer->cookie)
        text_add(&head, "Set-Cookie: JSESSIONID=%s; Path=/; Secure; HttpOnly\r\n", answer->cookie);
    if (answer->status == 401)
        text_add(&head, "WWW-Authenticate: BASIC realm=\"WSO2 Registry\"\r\n");
    text_add(&head,
        "Content-Length: %zu\r\nConnection: close\r\nServer: WSO2 Carbon Server" HEAD_END,
        answer->body->length);
    write_all(tls, head.bytes, head.length);
    write_all(tls, answer->body->bytes, answer->body->length);
}
