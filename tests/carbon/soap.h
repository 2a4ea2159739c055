#pragma once

/*
 * SOAP 1.1 as the admin services of Carbon speak it: one request body to one answer.
 *
 * The body's first element names the operation; its parameters are matched by local name in the
 * order of the service's WSDL, absent ones may be left out, others are a fault. Namespaces are not
 * looked at. Each service is one table of operations, in a file of its own (service_….c).
 */

#include "common/base/text.h"
#include "tests/carbon/server.h"
#include "tests/carbon/xml_file.h"

/* One call of one operation, as its function sees it. */
typedef struct Call {
    Server *server;
    const Login *login; /* empty for the operations that need none */
    xmlNode *operation; /* the element of the body */
    Arena *arena;       /* for texts of this call */
    Login *new_login;   /* filled by AuthenticationAdmin.login: becomes a cookie */
} Call;

/* What comes back when the function returns true. */
typedef enum SoapAnswer {
    SOAP_RETURNS, /* <operationResponse> around what the function wrote */
    SOAP_EMPTY,   /* an envelope with an empty body */
    SOAP_ONE_WAY, /* 202 without a body */
} SoapAnswer;

#define SOAP_PARAMETERS_MAX 16

typedef struct SoapOperation {
    const char *name;
    const char *permission; /* NULL: no login needed */
    SoapAnswer answer;
    bool (*run)(const Call *call, Text *answer, Error *error);
    const char *parameters[SOAP_PARAMETERS_MAX];
} SoapOperation;

typedef struct SoapService {
    const char *name;
    const char *space;      /* of the answers */
    CarbonGeneration since; /* the first generation that has it */
    bool super_tenant_only;
    const SoapOperation *operations;
    size_t operation_count;
} SoapService;

extern const SoapService service_authentication_admin, service_server_admin, service_user_admin,
    service_user_store_config, service_tenant_mgt, service_service_admin,
    service_data_service_admin;

typedef struct SoapReply {
    int status; /* of HTTP */
    Text body;
    char cookie[LOGIN_COOKIE_BYTES]; /* a new one, or empty */
} SoapReply;

typedef struct SoapRequest {
    const char *service;         /* last part of the path */
    const char *cookie;          /* JSESSIONID, or "" */
    const char *user, *password; /* of Basic authentication, or NULL */
    const char *body;
    size_t length;
} SoapRequest;

/* Answers; the caller holds the server's lock and owns reply->body. */
void soap_answer(Server *server, const SoapRequest *request, SoapReply *reply)
    __attribute__((nonnull));

/* Text of a parameter, "" when it is absent. */
const char *call_text(const Call *call, const char *name) __attribute__((nonnull));
/* Text of a child of an element, "" when it is absent; bean fields ignore case. */
const char *call_field(const Call *call, xmlNode *element, const char *name)
    __attribute__((nonnull(1, 3)));
/* The realm of the caller's tenant. */
bool call_realm(const Call *call, Realm *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* <ns:return>value</ns:return>, escaped */
void answer_return(Text *answer, const char *value) __attribute__((nonnull));
/* <ax:name>value</ax:name>, a field of a bean */
void answer_field(Text *answer, const char *name, const char *value) __attribute__((nonnull));
