#include "tests/carbon/soap.h"

#include <libxml/parser.h>
#include <strings.h>

#include "common/base/text.h"

#define ENVELOPE_SPACE   "http://schemas.xmlsoap.org/soap/envelope/"
#define FAULT_LOGIN      "50977"
#define FAULT_SERVER     "soapenv:Server"
#define FAULT_CLIENT     "soapenv:Client"
#define LOG_SOURCE       "org.wso2.carbon.server.admin.module.handler.AuthenticationHandler"
#define ANSWER_BYTES_MAX (4 << 20)

static const SoapService *const services[] = {
    &service_authentication_admin,
    &service_server_admin,
    &service_user_admin,
    &service_user_store_config,
    &service_tenant_mgt,
    &service_service_admin,
    &service_data_service_admin,
    NULL,
};

const char *call_field(const Call *call, xmlNode *element, const char *name)
{
    for (xmlNode *node = element ? element->children : NULL; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && strcasecmp((const char *)node->name, name) == 0)
            return xml_text(call->arena, node);
    return "";
}

const char *call_text(const Call *call, const char *name)
{
    const char *text = xml_text(call->arena, xml_child(call->operation, name));

    return text ? text : "";
}

bool call_realm(const Call *call, Realm *ret, Error *error)
{
    *ret = (Realm){ .home = call->server->home, .tenant = call->login->tenant };
    return server_users(call->server, &ret->session, error);
}

void answer_return(Text *answer, const char *value)
{
    text_add(answer, "<ns:return>");
    text_add_xml(answer, value);
    text_add(answer, "</ns:return>");
}

void answer_field(Text *answer, const char *name, const char *value)
{
    text_add(answer, "<ax:%s>", name);
    text_add_xml(answer, value);
    text_add(answer, "</ax:%s>", name);
}

static void begin_envelope(SoapReply *reply)
{
    text_clear(&reply->body);
    text_add(&reply->body,
        "<?xml version='1.0' encoding='UTF-8'?><soapenv:Envelope xmlns:soapenv=\"" ENVELOPE_SPACE
        "\"><soapenv:Body>");
}

static void end_envelope(SoapReply *reply)
{
    text_add(&reply->body, "</soapenv:Body></soapenv:Envelope>");
}

static void fault(SoapReply *reply, const char *code, const char *text)
{
    reply->status = 500;
    begin_envelope(reply);
    text_add(&reply->body, "<soapenv:Fault><faultcode>%s</faultcode><faultstring>", code);
    text_add_xml(&reply->body, text);
    text_add(&reply->body, "</faultstring><detail /></soapenv:Fault>");
    end_envelope(reply);
}

static const SoapService *find_service(const Server *server, const char *name)
{
    for (const SoapService *const *service = services; *service; service++)
        if (strcmp((*service)->name, name) == 0 && server->home->generation >= (*service)->since)
            return *service;
    return NULL;
}

static const SoapOperation *find_operation(const SoapService *service, const xmlNode *element)
{
    for (size_t i = 0; element && i < service->operation_count; i++)
        if (xmlStrEqual(element->name, (const xmlChar *)service->operations[i].name))
            return &service->operations[i];
    return NULL;
}

/* Each element has to be that parameter or a later one: the order of the WSDL. */
static bool check_parameters(const SoapOperation *operation, const xmlNode *element, Error *error)
{
    size_t at = 0;

    for (const xmlNode *node = element->children; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        while (at < SOAP_PARAMETERS_MAX && operation->parameters[at] &&
               !xmlStrEqual(node->name, (const xmlChar *)operation->parameters[at]))
            at++;
        if (at == SOAP_PARAMETERS_MAX || !operation->parameters[at])
            return error_set(error, ERROR_INVALID,
                "org.apache.axis2.databinding.ADBException: Unexpected subelement %s",
                (const char *)node->name);
    }
    return true;
}

static bool may_call(
    const Call *call, const SoapService *service, const SoapOperation *operation, Error *error)
{
    Realm realm;
    bool allowed = false;

    if (service->super_tenant_only && strcmp(call->login->tenant, REALM_SUPER_TENANT) != 0)
        return error_set(error, ERROR_REFUSED,
            "Access Denied. Only super tenant is allowed to use %s", service->name);
    if (!call_realm(call, &realm, error)) {
        if (error->kind != ERROR_PRECONDITION)
            return false;
        *error = (Error){ 0 }; /* local users: there is only the administrator */
        return true;
    }
    if (!realm_is_allowed(&realm, &(RealmUser){ call->login->store, call->login->user },
            operation->permission, &allowed, error))
        return false;
    if (!allowed)
        return error_set(error, ERROR_REFUSED, "Access Denied.");
    return true;
}

/* A login, from the cookie or from the Basic header; 401 or a fault otherwise. */
static bool authenticate(Server *server, const SoapRequest *request, Login *ret, SoapReply *reply)
{
    const Login *known = login_find(&server->logins, request->cookie);
    Error error = { 0 };

    if (known) {
        *ret = *known;
        return true;
    }
    if (!request->user) {
        reply->status = 401;
        text_clear(&reply->body);
        text_add(&reply->body, "<html><body><h1>401 Unauthorized</h1></body></html>");
        return false;
    }
    if (login_check(server, request->user, request->password, ret, &error))
        return true;
    server_log(server->log, LOG_LEVEL_WARN, LOG_SOURCE,
        "Illegal access attempt by %s while trying to authenticate: %s", request->user, error.text);
    fault(reply, FAULT_LOGIN, "Access Denied. Authentication failed, or permission is missing");
    return false;
}

static void write_result(const SoapService *service, const SoapOperation *operation,
    const Text *result, SoapReply *reply)
{
    reply->status = operation->answer == SOAP_ONE_WAY ? 202 : 200;
    text_clear(&reply->body);
    if (operation->answer == SOAP_ONE_WAY)
        return;
    begin_envelope(reply);
    if (operation->answer == SOAP_RETURNS) {
        text_add(&reply->body,
            "<ns:%sResponse xmlns:ns=\"%s\" xmlns:ax=\"%s/xsd\" "
            "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
            operation->name, service->space, service->space);
        text_add_bytes(&reply->body, result->bytes, result->length);
        text_add(&reply->body, "</ns:%sResponse>", operation->name);
    }
    end_envelope(reply);
}

static void run_operation(
    Call *call, const SoapService *service, const SoapOperation *operation, SoapReply *reply)
{
    Error error = { 0 };

    TEXT_AUTO(result, ANSWER_BYTES_MAX);
    if ((operation->permission && !may_call(call, service, operation, &error)) ||
        !check_parameters(operation, call->operation, &error) ||
        !operation->run(call, &result, &error)) {
        fault(reply, error.kind == ERROR_REFUSED ? FAULT_LOGIN : FAULT_SERVER, error.text);
        return;
    }
    if (*call->new_login->tenant) {
        login_remember(&call->server->logins, call->new_login);
        (void)text_copy(
            reply->cookie, sizeof reply->cookie, call->new_login->cookie); /* same size */
    }
    write_result(service, operation, &result, reply);
}

static xmlNode *body_element(xmlDoc *document)
{
    xmlNode *body = xml_child(document ? xmlDocGetRootElement(document) : NULL, "Body");
    xmlNode *node = body ? body->children : NULL;

    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

void soap_answer(Server *server, const SoapRequest *request, SoapReply *reply)
{
    AUTO(Arena) *arena = arena_new();
    AUTO(xmlDoc) *document = xmlReadMemory(request->body, (int)request->length, NULL, NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *element = body_element(document);
    const SoapService *service = find_service(server, request->service);
    const SoapOperation *operation = service ? find_operation(service, element) : NULL;
    Login login = { 0 }, new_login = { 0 };
    Call call = { .server = server,
        .login = &login,
        .operation = element,
        .arena = arena,
        .new_login = &new_login };

    *reply->cookie = '\0';
    if (!service) {
        fault(reply, FAULT_CLIENT,
            "The service cannot be found for the endpoint reference (EPR) given");
        return;
    }
    if ((!operation || operation->permission) && !authenticate(server, request, &login, reply))
        return;
    if (!operation)
        fault(reply, FAULT_CLIENT,
            "The endpoint reference (EPR) for the Operation not found is the one given");
    else
        run_operation(&call, service, operation, reply);
}
