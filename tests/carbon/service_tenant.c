/* TenantMgtAdminService: tenants, for the super tenant alone. */
#include "common/base/text.h"
#include "tests/carbon/soap.h"
#include "tests/carbon/tenant.h"

#define TENANTS    "/permission/protected/manage/monitor/tenants"
#define LOG_SOURCE "org.wso2.carbon.tenant.mgt.services.TenantMgtAdminService"

static bool run_add(const Call *call, Text *answer, Error *error)
{
    xmlNode *bean = xml_child(call->operation, "tenantInfoBean");
    TenantOrder order = {
        .domain = call_field(call, bean, "tenantDomain"),
        .admin = call_field(call, bean, "admin"),
        .password = call_field(call, bean, "adminPassword"),
        .email = call_field(call, bean, "email"),
    };
    Session *session;

    if (!server_users(call->server, &session, error) ||
        !tenant_add(call->server->home, session, &order, error))
        return false;
    server_log(call->server->log, LOG_LEVEL_INFO, LOG_SOURCE, "Added the tenant '%s' by '%s'",
        order.domain, call->login->user);
    answer_return(answer, "b7f0a1a2-0000-4000-8000-000000000000");
    return true;
}

static bool run_get(const Call *call, Text *answer, Error *error)
{
    Session *session;
    Tenant tenant;

    if (!server_users(call->server, &session, error) ||
        !tenant_find(session, call_text(call, "tenantDomain"), &tenant, error))
        return false;
    text_add(answer, "<ns:return>");
    answer_field(answer, "active", tenant.active ? "true" : "false");
    answer_field(answer, "email", tenant.email);
    if (*tenant.domain)
        answer_field(answer, "tenantDomain", tenant.domain);
    answer_field(answer, "tenantId", *tenant.id ? tenant.id : "0");
    text_add(answer, "</ns:return>");
    return true;
}

static bool run_list(const Call *call, Text *answer, Error *error)
{
    AUTO(SessionRows) *rows = NULL;
    Session *session;

    if (!server_users(call->server, &session, error) || !tenant_list(session, &rows, error))
        return false;
    for (size_t i = 0; i < rows->rows; i++) {
        text_add(answer, "<ns:return>");
        answer_field(
            answer, "active", strcmp(session_cell(rows, i, 2), "1") == 0 ? "true" : "false");
        answer_field(answer, "email", session_cell(rows, i, 3));
        answer_field(answer, "tenantDomain", session_cell(rows, i, 0));
        answer_field(answer, "tenantId", session_cell(rows, i, 1));
        text_add(answer, "</ns:return>");
    }
    return true;
}

static bool set_active(const Call *call, const char *zero_or_one, Error *error)
{
    Session *session;

    return server_users(call->server, &session, error) &&
           tenant_set_active(session, call_text(call, "tenantDomain"), zero_or_one, error);
}

static bool run_activate(const Call *call, Text *answer, Error *error)
{
    (void)answer;
    return set_active(call, "1", error);
}

static bool run_deactivate(const Call *call, Text *answer, Error *error)
{
    (void)answer;
    return set_active(call, "0", error);
}

static const SoapOperation operations[] = {
    { .name = "addTenant",
        .permission = TENANTS,
        .run = run_add,
        .parameters = { "tenantInfoBean" } },
    { .name = "getTenant",
        .permission = TENANTS,
        .run = run_get,
        .parameters = { "tenantDomain" } },
    { .name = "retrieveTenants", .permission = TENANTS, .run = run_list },
    { .name = "activateTenant",
        .permission = TENANTS,
        .answer = SOAP_EMPTY,
        .run = run_activate,
        .parameters = { "tenantDomain" } },
    { .name = "deactivateTenant",
        .permission = TENANTS,
        .answer = SOAP_EMPTY,
        .run = run_deactivate,
        .parameters = { "tenantDomain" } },
};

const SoapService service_tenant_mgt = {
    .name = "TenantMgtAdminService",
    .space = "http://services.mgt.tenant.carbon.wso2.org",
    .super_tenant_only = true,
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
