/* AuthenticationAdmin: log in, log out. */
#include "common/base/text.h"
#include "tests/carbon/soap.h"

#define LOG_SOURCE "org.wso2.carbon.core.services.authentication.AuthenticationAdmin"

static bool run_login(const Call *call, Text *answer, Error *error)
{
    const char *name = call_text(call, "username");
    bool granted =
        login_check(call->server, name, call_text(call, "password"), call->new_login, error);

    if (!granted && error->kind != ERROR_REFUSED)
        return false;
    if (granted) {
        server_log(call->server->log, LOG_LEVEL_INFO, LOG_SOURCE, "'%s' logged in", name);
    } else {
        server_log(call->server->log, LOG_LEVEL_WARN, LOG_SOURCE,
            "Failed Administrator login attempt '%s': %s", name, error->text);
        *error = (Error){ 0 };
        *call->new_login = (Login){ 0 };
    }
    answer_return(answer, granted ? "true" : "false");
    return true;
}

static bool run_logout(const Call *call, Text *answer, Error *error)
{
    (void)answer;
    (void)error;
    login_forget(&call->server->logins, call->login->cookie);
    return true;
}

static const SoapOperation operations[] = {
    { .name = "login",
        .answer = SOAP_RETURNS,
        .run = run_login,
        .parameters = { "username", "password", "remoteAddress" } },
    { .name = "logout", .permission = REALM_LOGIN, .answer = SOAP_ONE_WAY, .run = run_logout },
};

const SoapService service_authentication_admin = {
    .name = "AuthenticationAdmin",
    .space = "http://authentication.services.core.carbon.wso2.org",
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
