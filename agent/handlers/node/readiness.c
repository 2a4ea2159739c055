/*
 * The vendor's last check, "Going into production": users are added to each user store, a tenant is
 * created and users are added to it, all over the admin services; then everything is removed.
 *
 * All that is made has a name that begins with "dssprobe", so that leftovers of a run that was cut
 * off are recognised and removed first. A tenant cannot be deleted in this release (its id is never
 * used again): it is deactivated, and its row stays.
 */
#include <strings.h>
#include <sys/random.h>

#include "agent/handlers/node/admin_login.h"
#include "agent/handlers/node/carbon_home.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"

#define PROBE_PREFIX     "dssprobe"
#define PROBE_ROLE       "dssproberole"
#define PROBE_DOMAIN     ".example" /* reserved: leads nowhere */
#define LOGIN_PERMISSION "/permission/admin/login"
#define SPACE_TENANT     "http://services.mgt.tenant.carbon.wso2.org"
#define LIST_MAX         "1000"
#define SLOW_CALL_S      180 /* a tenant's registry is filled when it is created or first loaded */
#define PASSWORD_BYTES   25  /* the stores' rule is 5 to 30 */
#define SUFFIX_BYTES     9

typedef struct Probe {
    AgentIo *io;
    const AgentNode *node;
    unsigned port;
    Soap *admin;
    char suffix[SUFFIX_BYTES];
    char password[PASSWORD_BYTES];
} Probe;

/* One user store as one login sees it. */
typedef struct StoreTest {
    Soap *soap;
    const char *label;  /* for evidence: "PRIMARY" */
    const char *domain; /* NULL: the primary store */
    const char *tenant; /* NULL: the super tenant */
} StoreTest;

static bool random_text(char *ret, size_t bytes, Error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[PASSWORD_BYTES];

    if (getrandom(random, bytes - 1, 0) != (ssize_t)bytes - 1)
        return error_set(error, ERROR_IO, "the system gives no random bytes");
    for (size_t i = 0; i + 1 < bytes; i++)
        ret[i] = letters[random[i] % 32];
    ret[bytes - 1] = '\0';
    return true;
}

static bool call_users(
    Soap *soap, const char *operation, const Text *parameters, Facts *ret, Error *error)
{
    SoapCall call = { .service = "UserAdmin",
        .space = SOAP_SPACE_AXIS2,
        .operation = operation,
        .parameters = parameters ? parameters->bytes : NULL,
        .timeout_s = SLOW_CALL_S };

    return soap_call(soap, &call, ret, error);
}

static bool call_tenants(
    Soap *soap, const char *operation, const Text *parameters, Facts *ret, Error *error)
{
    SoapCall call = { .service = "TenantMgtAdminService",
        .space = SPACE_TENANT,
        .operation = operation,
        .parameters = parameters ? parameters->bytes : NULL,
        .timeout_s = SLOW_CALL_S };

    return soap_call(soap, &call, ret, error);
}

static char *user_name(const Probe *probe, const StoreTest *test)
{
    return memory_format("%s%s" PROBE_PREFIX "%s", test->domain ? test->domain : "",
        test->domain ? "/" : "", probe->suffix);
}

/* Names in the store; the server cuts the list off at its own limit, before and after alike. */
static bool list_users(const StoreTest *test, const char *filter, Facts *ret, Error *error)
{
    AUTO_TEXT *pattern =
        memory_format("%s%s%s", test->domain ? test->domain : "", test->domain ? "/" : "", filter);
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "filter", pattern);
    soap_parameter(&parameters, "limit", LIST_MAX);
    return call_users(test->soap, "listUsers", &parameters, ret, error);
}

static size_t count_named(const Facts *facts, const char *name)
{
    size_t position = 0, count = 0;

    while (facts_each(facts, name, &position))
        count++;
    return count;
}

static bool count_users(const StoreTest *test, size_t *ret, Error *error)
{
    FACTS_AUTO(users);

    if (!list_users(test, "*", &users, error))
        return false;
    *ret = count_named(&users, "return");
    return true;
}

static bool delete_user(const StoreTest *test, const char *name, Error *error)
{
    FACTS_AUTO(nothing);
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "userName", name);
    return call_users(test->soap, "deleteUser", &parameters, &nothing, error);
}

static bool delete_role(const StoreTest *test, Error *error)
{
    FACTS_AUTO(nothing);
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "roleName", PROBE_ROLE);
    return call_users(test->soap, "deleteRole", &parameters, &nothing, error);
}

static bool is_probe_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strncmp(slash ? slash + 1 : name, PROBE_PREFIX, strlen(PROBE_PREFIX)) == 0;
}

static bool remove_leftovers(const Probe *probe, const StoreTest *test, Error *error)
{
    FACTS_AUTO(users);
    size_t position = 0;
    const Fact *user;
    Error no_role = { 0 }; /* usually there is none */

    (void)delete_role(test, &no_role);
    if (!list_users(test, PROBE_PREFIX "*", &users, error))
        return false;
    while ((user = facts_each(&users, "return", &position))) {
        if (!is_probe_name(user->value))
            continue;
        if (!delete_user(test, user->value, error))
            return error_prefix(error, "removing what an earlier test left: ");
        facts_format(probe->io->evidence, "readiness:leftover", "user %s removed", user->value);
    }
    return true;
}

static bool add_user(const Probe *probe, const StoreTest *test, const char *name, Error *error)
{
    FACTS_AUTO(nothing);
    FACTS_AUTO(users);
    AUTO_TEXT *filter = memory_format(PROBE_PREFIX "%s", probe->suffix);
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "userName", name);
    soap_parameter(&parameters, "password", probe->password);
    if (!call_users(test->soap, "addUser", &parameters, &nothing, error) ||
        !list_users(test, filter, &users, error))
        return false;
    for (size_t i = 0; i < users.count; i++)
        if (is_probe_name(users.items[i].value))
            return true;
    return error_set(
        error, ERROR_MISMATCH, "user %s was added without an error, but is not listed", name);
}

/* Logging in needs a permission: a role that has it and nothing else gives it for the moment. */
static bool log_in_as(const Probe *probe, const StoreTest *test, const char *name, Error *error)
{
    FACTS_AUTO(nothing);
    AUTO(Soap) *soap = NULL;
    AUTO_TEXT *login =
        memory_format("%s%s%s", name, test->tenant ? "@" : "", test->tenant ? test->tenant : "");
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "roleName", PROBE_ROLE);
    soap_parameter(&parameters, "userList", name);
    soap_parameter(&parameters, "permissions", LOGIN_PERMISSION);
    return call_users(test->soap, "addRole", &parameters, &nothing, error) &&
           soap_open(probe->node, probe->port, &soap, error) &&
           soap_login(soap, login, probe->password, error);
}

/* What was made goes, whatever happened before; the first failure is the one that is told. */
static bool clean_up(const StoreTest *test, const char *name, Error *error)
{
    Error role = { 0 }, user = { 0 };
    bool role_is_gone = test->domain || delete_role(test, &role);
    bool user_is_gone = delete_user(test, name, &user);

    if (error->kind != ERROR_NONE)
        return false;
    if (!user_is_gone)
        return error_set(error, user.kind, "%s", user.text);
    return role_is_gone || error_set(error, role.kind, "%s", role.text);
}

static bool test_users(const Probe *probe, const StoreTest *test, Error *error)
{
    AUTO_TEXT *name = user_name(probe, test);
    AUTO_TEXT *fact = memory_format("readiness:users:%s", test->label);
    size_t before = 0, after = 0;
    bool good;

    if (!remove_leftovers(probe, test, error) || !count_users(test, &before, error))
        return false;
    good =
        add_user(probe, test, name, error) && (test->domain || log_in_as(probe, test, name, error));
    if (!clean_up(test, name, error) || !good || !count_users(test, &after, error))
        return false;
    if (before != after)
        return error_set(
            error, ERROR_MISMATCH, "%zu users before the test, %zu after it", before, after);
    facts_format(probe->io->evidence, fact,
        "ok: user added, listed, %sdeleted; %zu users as before", test->domain ? "" : "logged in, ",
        after);
    return true;
}

/* The beans of getUserRealmInfo come with domainName before readOnly. */
static bool is_read_only(const Facts *info, const char *domain)
{
    const char *current = "";

    for (size_t i = 0; i < info->count; i++) {
        if (strcmp(info->items[i].name, "domainName") == 0)
            current = info->items[i].value;
        if (strcmp(info->items[i].name, "readOnly") == 0 && strcasecmp(current, domain) == 0)
            return strcmp(info->items[i].value, "true") == 0;
    }
    return false;
}

static bool test_stores(const Probe *probe, Error *error)
{
    FACTS_AUTO(info);
    size_t position = 0, count = 0;
    const Fact *each;

    if (!call_users(probe->admin, "getUserRealmInfo", NULL, &info, error))
        return false;
    while ((each = facts_each(&info, "domainNames", &position))) {
        bool is_primary = strcasecmp(each->value, "PRIMARY") == 0 || count == 0;
        StoreTest test = {
            .soap = probe->admin, .label = each->value, .domain = is_primary ? NULL : each->value
        };

        count++;
        if (is_read_only(&info, each->value)) {
            AUTO_TEXT *fact = memory_format("readiness:users:%s", each->value);

            facts_add(probe->io->evidence, fact, "not tested: the store is read only");
            continue;
        }
        if (!test_users(probe, &test, error))
            return error_prefix(error, "user store %s: ", each->value);
    }
    if (count == 0)
        return test_users(probe, &(StoreTest){ .soap = probe->admin, .label = "PRIMARY" }, error);
    return true;
}

static bool deactivate(const Probe *probe, const char *domain, Error *error)
{
    FACTS_AUTO(nothing);
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "tenantDomain", domain);
    return call_tenants(probe->admin, "deactivateTenant", &parameters, &nothing, error);
}

/*
 * Counts active tenants that are not ours, and deactivates those of ours that an earlier test left.
 * In each bean of the answer `active` comes before `tenantDomain`.
 */
static bool count_tenants(const Probe *probe, size_t *ret_active, Error *error)
{
    FACTS_AUTO(tenants);
    bool active = false;

    if (!call_tenants(probe->admin, "retrieveTenants", NULL, &tenants, error))
        return false;
    *ret_active = 0;
    for (size_t i = 0; i < tenants.count; i++) {
        const Fact *fact = &tenants.items[i];

        if (strcmp(fact->name, "active") == 0)
            active = strcmp(fact->value, "true") == 0;
        if (strcmp(fact->name, "tenantDomain") != 0 || !active)
            continue;
        if (strncmp(fact->value, PROBE_PREFIX, strlen(PROBE_PREFIX)) != 0)
            ++*ret_active;
        else if (!deactivate(probe, fact->value, error))
            return error_prefix(error, "removing what an earlier test left: ");
    }
    return true;
}

static void add_date(Text *bean)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[40];

    if (gmtime_r(&now, &utc) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", &utc) > 0)
        soap_parameter(bean, "createdDate", text);
}

static bool add_tenant(const Probe *probe, const char *domain, Error *error)
{
    FACTS_AUTO(answer);
    AUTO_TEXT *email = memory_format("admin@%s", domain);
    TEXT_AUTO(bean, 8192);

    text_add(&bean, "<tenantInfoBean>");
    soap_parameter(&bean, "active", "true");
    soap_parameter(&bean, "admin", "admin");
    soap_parameter(&bean, "adminPassword", probe->password);
    add_date(&bean);
    soap_parameter(&bean, "email", email);
    soap_parameter(&bean, "firstname", "Readiness");
    soap_parameter(&bean, "lastname", "Test");
    soap_parameter(&bean, "tenantDomain", domain);
    soap_parameter(&bean, "tenantId", "0");
    soap_parameter(&bean, "usagePlan", "Demo");
    text_add(&bean, "</tenantInfoBean>");
    return call_tenants(probe->admin, "addTenant", &bean, &answer, error);
}

static bool check_tenant(const Probe *probe, const char *domain, const char *active, Error *error)
{
    FACTS_AUTO(tenant);
    TEXT_AUTO(parameters, 4096);

    soap_parameter(&parameters, "tenantDomain", domain);
    if (!call_tenants(probe->admin, "getTenant", &parameters, &tenant, error))
        return false;
    if (strcmp(facts_get_or(&tenant, "active", "false"), active) != 0)
        return error_set(error, ERROR_MISMATCH, "tenant %s: active is %s, and should be %s", domain,
            facts_get_or(&tenant, "active", "false"), active);
    return true;
}

static bool use_tenant(const Probe *probe, const char *domain, Error *error)
{
    AUTO(Soap) *soap = NULL;
    AUTO_TEXT *login = memory_format("admin@%s", domain);

    return check_tenant(probe, domain, "true", error) &&
           soap_open(probe->node, probe->port, &soap, error) &&
           soap_login(soap, login, probe->password, error) &&
           test_users(
               probe, &(StoreTest){ .soap = soap, .label = "tenant", .tenant = domain }, error);
}

static bool test_tenant(const Probe *probe, Error *error)
{
    AUTO_TEXT *domain = memory_format(PROBE_PREFIX "%s" PROBE_DOMAIN, probe->suffix);
    size_t before = 0, after = 0;
    Error ignored = { 0 };
    bool good;

    if (!count_tenants(probe, &before, error) || !add_tenant(probe, domain, error))
        return error_prefix(error, "tenant: ");
    good = use_tenant(probe, domain, error);
    if (!deactivate(probe, domain, good ? error : &ignored) || !good ||
        !check_tenant(probe, domain, "false", error) || !count_tenants(probe, &after, error))
        return error_prefix(error, "tenant %s: ", domain);
    if (before != after)
        return error_set(error, ERROR_MISMATCH, "%zu active tenants before the test, %zu after it",
            before, after);
    facts_format(probe->io->evidence, "readiness:tenant",
        "ok: %s created, logged in, deactivated; %zu active tenants as before", domain, after);
    return true;
}

static bool test_server(const Probe *probe, Error *error)
{
    FACTS_AUTO(alive);
    FACTS_AUTO(version);
    SoapCall call = { .service = "ServerAdmin", .space = SOAP_SPACE_AXIS2, .operation = "isAlive" };

    if (!soap_call(probe->admin, &call, &alive, error))
        return false;
    if (strcmp(facts_get_or(&alive, "return", ""), "true") != 0)
        return error_set(error, ERROR_MISMATCH, "ServerAdmin.isAlive does not say true");
    call.operation = "getServerVersion";
    if (!soap_call(probe->admin, &call, &version, error))
        return false;
    facts_format(probe->io->evidence, "readiness:server", "ok: alive, version %s",
        facts_get_or(&version, "return", "not told"));
    return true;
}

/* Faulty services may have been so before the upgrade: they are told, and hold nothing. */
static void look_at_data_services(const Probe *probe)
{
    FACTS_AUTO(faulty);
    Error error = { 0 };
    SoapCall call = { .service = "ServiceAdmin",
        .space = SOAP_SPACE_AXIS2,
        .operation = "getNumberOfFaultyServices" };
    const char *count;

    if (!soap_call(probe->admin, &call, &faulty, &error)) {
        facts_format(probe->io->evidence, "readiness:data-services", "not known: %s", error.text);
        return;
    }
    count = facts_get_or(&faulty, "return", "0");
    facts_format(probe->io->evidence, "readiness:data-services", "%s%s faulty services",
        strcmp(count, "0") == 0 ? "ok: " : "WARNING: ", count);
}

static bool run_tests(Probe *probe, Error *error)
{
    return random_text(probe->suffix, sizeof(probe->suffix), error) &&
           random_text(probe->password, sizeof(probe->password), error) &&
           test_server(probe, error) && test_stores(probe, error) && test_tenant(probe, error);
}

static char *passed_key(const Command *command)
{
    return memory_format("readiness/%s/%s", command->id.run, command->target);
}

static bool probe_readiness(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO_TEXT *key = passed_key(command);
    AUTO_TEXT *passed = NULL;

    if (!io->recall(io->self, key, &passed, error))
        return false;
    *ret_holds = passed != NULL;
    if (passed)
        facts_add(io->evidence, "readiness:passed", passed);
    return true;
}

static bool test_readiness(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *key = passed_key(command);
    AUTO(Soap) *soap = NULL;
    Probe probe = { .io = io };
    bool good;
    Home home;

    if (!home_of(io, command, HOME_NEW, &home, error) ||
        !home_https_port(&home, &probe.port, error) ||
        !admin_login(home.node, probe.port, &soap, error))
        return false;
    probe.node = home.node;
    probe.admin = soap;
    good = run_tests(&probe, error);
    explicit_bzero(probe.password, sizeof(probe.password));
    if (!good)
        return error_prefix(error, "node %s: ", command->target);
    look_at_data_services(&probe);
    return io->remember(io->self, key, "server, user stores, tenant", error);
}

const Handler handler_test_readiness = {
    .goal = "users and tenants can be created, used and removed on the new server",
    .probe = probe_readiness,
    .apply = test_readiness,
};
