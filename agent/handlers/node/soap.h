#pragma once

/*
 * The admin services of a Carbon server: SOAP 1.1 over HTTPS, one session per login.
 *
 *   soap_open(node, port, &soap, error); soap_login(soap, user, password, error);
 *   soap_call(soap, &call, &answer, error); soap_close(soap);
 *
 * A tenant is the same server with a login of user@tenant-domain, in a session of its own.
 * An answer is flat: each element without element children is a fact (local name, text), in the
 * order of the document; elements that are nil or empty are left out. Namespaces do not matter, as
 * they changed between releases.
 *
 * Owns: Soap by soap_close(); answers by the caller (FACTS_AUTO). Limits: connecting 10 s, a call
 * 60 s or its own limit, an answer 4 MiB. Errors: ERROR_UNREACHABLE, ERROR_TIMEOUT, ERROR_REFUSED
 * (login, 401, certificate), ERROR_COMMAND_FAILED (a fault, with the server's own words),
 * ERROR_INVALID (not a SOAP answer).
 * Source: facts of the kernel's BasicAccessAuthenticator, AuthenticationAdmin, Axis2's
 * AbstractMessageReceiver: any 2xx without a fault means that the method returned.
 */

#include "agent/core/agent_config.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/model/facts.h"

typedef struct Soap Soap;

typedef struct SoapCall {
    const char *service;    /* "UserAdmin" */
    const char *space;      /* namespace of the operation's element */
    const char *operation;  /* "listUsers" */
    const char *parameters; /* XML inside the operation's element, or NULL */
    unsigned timeout_s;     /* 0: the default */
} SoapCall;

#define SOAP_SPACE_AXIS2 "http://org.apache.axis2/xsd"

/* Nothing is sent yet. ERROR_UNREACHABLE when the address cannot be resolved. */
bool soap_open(const AgentNode *node, unsigned https_port, Soap **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void soap_close(Soap *soap);

/* Further calls carry the session's cookie. */
bool soap_login(Soap *soap, const char *user, const char *password, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool soap_call(Soap *soap, const SoapCall *call, Facts *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Adds <name>value</name>, for SoapCall.parameters. */
void soap_parameter(Text *parameters, const char *name, const char *value) __attribute__((nonnull));

DEFINE_AUTO(Soap, soap_close)
