#include "agent/handlers/node/soap.h"

#include <curl/curl.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "agent/handlers/node/local_address.h"
#include "common/base/memory.h"

#define ANSWER_MAX        ((size_t)4 << 20)
#define REQUEST_MAX       ((size_t)1 << 20)
#define CONNECT_TIMEOUT_S 10L
#define CALL_TIMEOUT_S    60L
#define SPACE_ENVELOPE    "http://schemas.xmlsoap.org/soap/envelope/"
#define SPACE_LOGIN       "http://authentication.services.core.carbon.wso2.org"

struct Soap {
    CURL *curl;
    char *base;      /* https://host:port/services/ */
    bool unverified; /* the server is on this host: its certificate is not checked */
};

typedef struct curl_slist CurlList;

DEFINE_AUTO(CurlList, curl_slist_free_all)
DEFINE_AUTO(xmlDoc, xmlFreeDoc)

/* The request holds passwords. */
static void wipe_text(Text *text)
{
    explicit_bzero(text->bytes, text->length);
    text_done(text);
}

/*
 * Carbon's own certificate is self-signed for CN=localhost, so there is nothing to check it
 * against. That is accepted only where no other host can answer: this runs after the handshake and
 * before the first byte of a request, and ends the transfer if the peer is not on this host.
 */
static int refuse_foreign_peer(
    void *self, char *peer_address, char *own_address, int peer_port, int own_port)
{
    const Soap *soap = self;

    (void)own_address, (void)peer_port, (void)own_port;
    return !soap->unverified || address_is_local(peer_address) ? CURL_PREREQFUNC_OK
                                                               : CURL_PREREQFUNC_ABORT;
}

static size_t keep_answer(char *bytes, size_t size, size_t count, void *self)
{
    Text *answer = self;

    text_add_bytes(answer, bytes, size * count);
    return answer->overflow ? 0 : size * count;
}

static bool set_up(Soap *soap, const AgentNode *node, Error *error)
{
    const char *host = node->address ? node->address : "127.0.0.1";
    long check = 1;
    int failed = 0;

    soap->unverified = host_is_local(host);
    if (soap->unverified)
        check = 0;
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_PROTOCOLS_STR, "https");
    failed |= (int)curl_easy_setopt(
        soap->curl, CURLOPT_PROXY, ""); /* whatever the environment says: the server is here */
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_NOSIGNAL, 1L);
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    failed |=
        (int)curl_easy_setopt(soap->curl, CURLOPT_COOKIEFILE, ""); /* keeps cookies in memory */
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_SSL_VERIFYPEER, check);
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_SSL_VERIFYHOST, check ? 2L : 0L);
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_PREREQFUNCTION, refuse_foreign_peer);
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_PREREQDATA, soap);
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_WRITEFUNCTION, keep_answer);
    failed |= (int)curl_easy_setopt(soap->curl, CURLOPT_USERAGENT, "dss-agent");
    if (failed)
        return error_set(error, ERROR_IO, "libcurl refuses an option: it is older than 7.85");
    return true;
}

bool soap_open(const AgentNode *node, unsigned https_port, Soap **ret, Error *error)
{
    AUTO(Soap) *soap = memory_new(sizeof(*soap));
    const char *host = node->address ? node->address : "127.0.0.1";
    bool six = strchr(host, ':') != NULL;

    *soap = (Soap){ 0 };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(error, ERROR_IO, "libcurl cannot be initialised");
    soap->curl = curl_easy_init();
    if (!soap->curl)
        return error_set(error, ERROR_IO, "libcurl gives no handle");
    soap->base = memory_format(
        "https://%s%s%s:%u/services/", six ? "[" : "", host, six ? "]" : "", https_port);
    if (!set_up(soap, node, error))
        return false;
    *ret = TAKE(soap);
    return true;
}

void soap_close(Soap *soap)
{
    if (!soap)
        return;
    curl_easy_cleanup(soap->curl);
    free(soap->base);
    free(soap);
    curl_global_cleanup();
}

void soap_parameter(Text *parameters, const char *name, const char *value)
{
    text_add(parameters, "<%s>", name);
    text_add_xml(parameters, value);
    text_add(parameters, "</%s>", name);
}

static bool transfer_failed(const SoapCall *call, CURLcode code, const char *base, Error *error)
{
    ErrorKind kind = ERROR_UNREACHABLE;
    const char *text = curl_easy_strerror(code);

    if (code == CURLE_OPERATION_TIMEDOUT)
        kind = ERROR_TIMEOUT;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_ABORTED_BY_CALLBACK)
        kind = ERROR_REFUSED;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        text = "the peer is not on this host, its certificate cannot be trusted";
    if (code == CURLE_WRITE_ERROR) {
        kind = ERROR_INVALID;
        text = "the answer is above 4 MiB";
    }
    return error_set(error, kind, "%s%s: %s", base, call->service, text);
}

static bool has_element_children(const xmlNode *element)
{
    for (const xmlNode *each = element->children; each; each = each->next)
        if (each->type == XML_ELEMENT_NODE)
            return true;
    return false;
}

/* The element that follows in document order, or NULL at the end of `top`. */
static xmlNode *next_element(xmlNode *node, const xmlNode *top)
{
    xmlNode *down = xmlFirstElementChild(node);

    if (down)
        return down;
    while (node && node != top) {
        xmlNode *beside = xmlNextElementSibling(node);

        if (beside)
            return beside;
        node = node->parent;
    }
    return NULL;
}

static void add_leaf(xmlNode *element, Facts *ret)
{
    xmlChar *text = xmlNodeGetContent(element);

    if (text && *text)
        facts_add(ret, (const char *)element->name, (const char *)text);
    xmlFree(text);
}

static bool read_answer(const Text *answer, Facts *ret, Error *error)
{
    AUTO(xmlDoc) *document = xmlReadMemory(answer->bytes, (int)answer->length, "answer.xml", NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;

    if (!root || document->intSubset || strcmp((const char *)root->name, "Envelope") != 0)
        return error_set(error, ERROR_INVALID, "the answer is not a SOAP envelope");
    for (xmlNode *each = root; each; each = next_element(each, root)) {
        if (strcmp((const char *)each->name, "Fault") == 0)
            facts_add(ret, "~fault", "yes");
        if (!has_element_children(each))
            add_leaf(each, ret);
    }
    return true;
}

static bool judge_fault(const Facts *answer, const SoapCall *call, Error *error)
{
    const char *text = facts_get(answer, "faultstring");

    if (!facts_get(answer, "~fault"))
        return true;
    if (!text)
        text = facts_get_or(answer, "Text", "a fault without a text");
    /* 50977: BasicAccessAuthenticator's fault code for a login that is not let in. */
    if (strstr(facts_get_or(answer, "faultcode", ""), "50977"))
        return error_set(error, ERROR_REFUSED, "%s.%s: %s", call->service, call->operation, text);
    return error_set(
        error, ERROR_COMMAND_FAILED, "%s.%s: %s", call->service, call->operation, text);
}

static bool judge(const Text *answer, long status, const SoapCall *call, Facts *ret, Error *error)
{
    FACTS_AUTO(seen);
    bool good = status >= 200 && status < 300;
    size_t blank = strspn(answer->bytes, " \t\r\n");

    if (status == 401 || status == 403)
        return error_set(error, ERROR_REFUSED,
            "%s.%s: http status %ld: not logged in, or without the permission", call->service,
            call->operation, status);
    if (good && blank == answer->length)
        return true;
    if (status == 503)
        return error_set(error, ERROR_UNREACHABLE, "%s.%s: http status 503: not ready",
            call->service, call->operation);
    if (!good && status != 500)
        return error_set(error, ERROR_COMMAND_FAILED, "%s.%s: http status %ld", call->service,
            call->operation, status);
    if (!read_answer(answer, &seen, error))
        return error_prefix(
            error, "%s.%s: http status %ld: ", call->service, call->operation, status);
    if (!judge_fault(&seen, call, error))
        return false;
    if (!good)
        return error_set(error, ERROR_COMMAND_FAILED, "%s.%s: http status %ld without a fault",
            call->service, call->operation, status);
    for (size_t i = 0; i < seen.count; i++)
        facts_add(ret, seen.items[i].name, seen.items[i].value);
    return true;
}

static CurlList *request_headers(const char *operation)
{
    AUTO_TEXT *action = memory_format("SOAPAction: \"urn:%s\"", operation);
    CurlList *list = curl_slist_append(NULL, "Content-Type: text/xml; charset=UTF-8");
    CurlList *longer = list ? curl_slist_append(list, action) : NULL;

    if (!longer)
        abort(); /* out of memory */
    /* An Expect header would cost a second with servers that do not know it. */
    list = curl_slist_append(longer, "Expect:");
    if (!list)
        abort();
    return list;
}

bool soap_call(Soap *soap, const SoapCall *call, Facts *ret, Error *error)
{
    AUTO(CurlList) *headers = request_headers(call->operation);
    AUTO_TEXT *url = memory_format("%s%s", soap->base, call->service);
    __attribute__((cleanup(wipe_text))) Text body;
    long status = 0;
    CURLcode code;
    TEXT_AUTO(answer, ANSWER_MAX);

    text_init(&body, REQUEST_MAX);
    text_add(&body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"%s\">"
        "<soapenv:Body><p:%s xmlns:p=\"%s\">%s</p:%s></soapenv:Body></soapenv:Envelope>",
        SPACE_ENVELOPE, call->operation, call->space, call->parameters ? call->parameters : "",
        call->operation);
    if (body.overflow)
        return error_set(error, ERROR_INVALID, "%s.%s: the request is above 1 MiB", call->service,
            call->operation);
    curl_easy_setopt(soap->curl, CURLOPT_URL, url);
    curl_easy_setopt(soap->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(soap->curl, CURLOPT_POSTFIELDS, body.bytes);
    curl_easy_setopt(soap->curl, CURLOPT_POSTFIELDSIZE, (long)body.length);
    curl_easy_setopt(soap->curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(
        soap->curl, CURLOPT_TIMEOUT, call->timeout_s ? (long)call->timeout_s : CALL_TIMEOUT_S);
    code = curl_easy_perform(soap->curl);
    /* The handle outlives this call's texts. */
    curl_easy_setopt(soap->curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(soap->curl, CURLOPT_POSTFIELDS, NULL);
    if (code != CURLE_OK)
        return transfer_failed(call, code, soap->base, error);
    curl_easy_getinfo(soap->curl, CURLINFO_RESPONSE_CODE, &status);
    return judge(&answer, status, call, ret, error);
}

bool soap_login(Soap *soap, const char *user, const char *password, Error *error)
{
    FACTS_AUTO(answer);
    __attribute__((cleanup(wipe_text))) Text parameters;
    SoapCall call = {
        .service = "AuthenticationAdmin", .space = SPACE_LOGIN, .operation = "login"
    };

    text_init(&parameters, 16384);
    soap_parameter(&parameters, "username", user);
    soap_parameter(&parameters, "password", password);
    soap_parameter(&parameters, "remoteAddress", "127.0.0.1");
    call.parameters = parameters.bytes;
    if (!soap_call(soap, &call, &answer, error))
        return error_prefix(error, "login of %s: ", user);
    /* A wrong password is an answer with false, not a fault. */
    if (strcmp(facts_get_or(&answer, "return", ""), "true") != 0)
        return error_set(error, ERROR_REFUSED,
            "the server does not let %s in: check the name and the password", user);
    return true;
}
