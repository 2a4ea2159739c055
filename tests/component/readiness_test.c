#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "agent/core/profile.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/os/file.h"
#include "tests/fakes/https_server.h"
#include "tests/fakes/worker_io.h"

#define NAMES_MAX   32
#define TENANTS_MAX 8

/* A Carbon server that keeps users and tenants in memory. */
typedef struct Tenant {
    char domain[64]; /* "" for the super tenant */
    char password[64];
    bool active;
    char users[NAMES_MAX][64]; /* "" free; with the store's domain */
    char passwords[NAMES_MAX][64];
    char granted[64]; /* who has the role of the test */
    bool has_role;
} Tenant;

typedef struct Carbon {
    Tenant tenants[TENANTS_MAX];
    size_t tenant_count;
    bool loses_users, refuses_users, keeps_users, leaves_tenants_inactive, has_second_store;
    const char *faulty;
} Carbon;

static const char *value_of(const char *body, const char *name, char ret[128])
{
    AUTO_TEXT *open = memory_format("<%s>", name);
    const char *at = strstr(body, open);

    ret[0] = '\0';
    if (at) {
        at += strlen(open);
        (void)snprintf(ret, 128, "%.*s", (int)strcspn(at, "<"), at);
    }
    return ret;
}

static void answer_with(HttpsReply *reply, const char *inside)
{
    text_add(&reply->body,
        "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body><r>%s</r></Body>"
        "</Envelope>",
        inside);
}

static void fault(HttpsReply *reply, const char *text)
{
    reply->status = 500;
    text_add(&reply->body,
        "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body><Fault>"
        "<faultstring>%s</faultstring></Fault></Body></Envelope>",
        text);
}

static size_t find_user(const Tenant *tenant, const char *name)
{
    size_t i = 0;

    while (i < NAMES_MAX && strcmp(tenant->users[i], name) != 0)
        i++;
    return i;
}

static void put_user(Tenant *tenant, const char *name, const char *password)
{
    size_t slot = find_user(tenant, "");

    assert_true(slot < NAMES_MAX);
    assert_true(text_copy(tenant->users[slot], 64, name));
    assert_true(text_copy(tenant->passwords[slot], 64, password));
}

static void log_in(Carbon *carbon, const char *body, HttpsReply *reply)
{
    char name[128], password[128];
    char *at = strchr(value_of(body, "username", name), '@') ? strchr(name, '@') : NULL;
    size_t index = 0, user;
    static const char *const cookies[TENANTS_MAX] = { "JSESSIONID=0", "JSESSIONID=1",
        "JSESSIONID=2", "JSESSIONID=3", "JSESSIONID=4", "JSESSIONID=5", "JSESSIONID=6",
        "JSESSIONID=7" };

    if (at) {
        *at = '\0';
        while (index < carbon->tenant_count && strcmp(carbon->tenants[index].domain, at + 1) != 0)
            index++;
    }
    assert_true(index < carbon->tenant_count);
    value_of(body, "password", password);
    user = find_user(&carbon->tenants[index], name);
    if ((strcmp(name, "admin") == 0 && strcmp(password, carbon->tenants[index].password) == 0) ||
        (user < NAMES_MAX && strcmp(carbon->tenants[index].granted, name) == 0 &&
            strcmp(carbon->tenants[index].passwords[user], password) == 0 &&
            !carbon->refuses_users)) {
        reply->cookie = cookies[index];
        answer_with(reply, "<return>true</return>");
        return;
    }
    answer_with(reply, "<return>false</return>");
}

static void list_users(const Tenant *tenant, const char *filter, HttpsReply *reply)
{
    size_t prefix = strcspn(filter, "*");
    TEXT_AUTO(names, 16384);

    for (size_t i = 0; i < NAMES_MAX; i++)
        if (*tenant->users[i] && strncmp(tenant->users[i], filter, prefix) == 0 &&
            (strchr(filter, '/') || !strchr(tenant->users[i], '/')))
            text_add(&names, "<return>%s</return>", tenant->users[i]);
    answer_with(reply, names.bytes);
}

static void users(Carbon *carbon, Tenant *tenant, const HttpsRequest *request, HttpsReply *reply)
{
    char name[128], other[128];
    const char *operation = strchr(request->action, ':') + 1;

    value_of(request->body, "userName", name);
    if (strcmp(operation, "addUser") == 0) {
        if (!carbon->loses_users)
            put_user(tenant, name, value_of(request->body, "password", other));
    } else if (strcmp(operation, "deleteUser") == 0) {
        if (find_user(tenant, name) == NAMES_MAX)
            fault(reply, "UserNotFound");
        else if (!carbon->keeps_users)
            tenant->users[find_user(tenant, name)][0] = '\0';
    } else if (strcmp(operation, "addRole") == 0) {
        assert_true(strstr(request->body, "<permissions>/permission/admin/login</permissions>"));
        assert_true(text_copy(tenant->granted, 64, value_of(request->body, "userList", other)));
        tenant->has_role = true;
    } else if (strcmp(operation, "deleteRole") == 0) {
        if (!tenant->has_role)
            fault(reply, "RoleNotFound");
        tenant->has_role = false;
        tenant->granted[0] = '\0';
    } else if (strcmp(operation, "listUsers") == 0) {
        list_users(tenant, value_of(request->body, "filter", other), reply);
    } else {
        answer_with(reply,
            carbon->has_second_store
                ? "<return><domainNames>PRIMARY</domainNames><domainNames>SECOND</domainNames>"
                  "<domainNames>LDAP</domainNames><userStoresInfo><domainName>LDAP</domainName>"
                  "<readOnly>true</readOnly></userStoresInfo></return>"
                : "<return><domainNames>PRIMARY</domainNames></return>");
    }
}

static Tenant *find_tenant(Carbon *carbon, const char *domain)
{
    for (size_t i = 0; i < carbon->tenant_count; i++)
        if (strcmp(carbon->tenants[i].domain, domain) == 0)
            return &carbon->tenants[i];
    return NULL;
}

static void tenants(Carbon *carbon, const HttpsRequest *request, HttpsReply *reply)
{
    char domain[128], password[128];
    const char *operation = strchr(request->action, ':') + 1;
    Tenant *tenant = find_tenant(carbon, value_of(request->body, "tenantDomain", domain));
    TEXT_AUTO(text, 16384);

    if (strcmp(operation, "addTenant") == 0) {
        assert_true(carbon->tenant_count < TENANTS_MAX);
        tenant = &carbon->tenants[carbon->tenant_count++];
        *tenant = (Tenant){ .active = !carbon->leaves_tenants_inactive };
        assert_true(text_copy(tenant->domain, 64, domain));
        assert_true(
            text_copy(tenant->password, 64, value_of(request->body, "adminPassword", password)));
        answer_with(reply, "<return>uuid</return>");
    } else if (strcmp(operation, "deactivateTenant") == 0) {
        tenant->active = false;
    } else if (strcmp(operation, "getTenant") == 0) {
        answer_with(reply, tenant->active ? "<return><active>true</active></return>"
                                          : "<return><active>false</active></return>");
    } else {
        for (size_t i = 1; i < carbon->tenant_count; i++)
            text_add(&text, "<return><active>%s</active><tenantDomain>%s</tenantDomain></return>",
                carbon->tenants[i].active ? "true" : "false", carbon->tenants[i].domain);
        answer_with(reply, text.bytes);
    }
}

static void answer(void *self, const HttpsRequest *request, HttpsReply *reply)
{
    Carbon *carbon = self;
    const char *session = strstr(request->cookie, "JSESSIONID=");

    if (strstr(request->path, "/AuthenticationAdmin"))
        log_in(carbon, request->body, reply);
    else if (!session)
        reply->status = 401;
    else if (strstr(request->path, "/UserAdmin"))
        users(carbon, &carbon->tenants[session[11] - '0'], request, reply);
    else if (strstr(request->path, "/TenantMgtAdminService"))
        tenants(carbon, request, reply);
    else if (strstr(request->path, "/ServiceAdmin") && !carbon->faulty)
        fault(reply, "The service cannot be found for the endpoint reference (EPR)");
    else if (strstr(request->path, "/ServiceAdmin"))
        answer_with(reply, carbon->faulty);
    else
        answer_with(reply, "<return>true</return>");
}

typedef struct World {
    Carbon carbon;
    HttpsServer *server;
    char folder[64], password_file[96];
    AgentNode node;
    AgentConfig config;
    Profile profile;
    WorkerIo worker;
    Command command;
    Error error;
    ResultState result;
} World;

static int start(void **state)
{
    World *world = memory_new(sizeof(*world));

    *world = (World){ .folder = "/tmp/readiness-test-XXXXXX" };
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(
        world->password_file, sizeof(world->password_file), "%s/password", world->folder);
    assert_true(file_replace(world->password_file, "secret\n", 7, 0600, &world->error));
    world->carbon.tenant_count = 1;
    assert_true(text_copy(world->carbon.tenants[0].password, 64, "secret"));
    put_user(&world->carbon.tenants[0], "alice", "x");
    world->carbon.faulty = "<return>0</return>";
    world->server = https_server_start(answer, &world->carbon);
    world->node = (AgentNode){ .name = "node1",
        .old_home = world->folder,
        .new_home = world->folder,
        .admin_user = "admin",
        .admin_password_file = world->password_file,
        .address = "127.0.0.1" };
    world->config = (AgentConfig){ .nodes = &world->node, .node_count = 1 };
    world->profile.https_port = https_server_port(world->server);
    {
        AUTO_TEXT *folder = memory_format("%s/repository/conf", world->folder);
        AUTO_TEXT *path = memory_format("%s/carbon.xml", folder);

        assert_true(file_make_folders(folder, 0755, &world->error));
        assert_true(file_replace(path, "<Server/>", 9, 0644, &world->error));
    }
    worker_io_init(&world->worker);
    world->worker.io.config = &world->config;
    world->worker.io.profile = &world->profile;
    assert_true(text_copy(world->command.target, sizeof(world->command.target), "node1"));
    assert_true(text_copy(world->command.id.run, sizeof(world->command.id.run), "run1"));
    *state = world;
    return 0;
}

static int stop(void **state)
{
    World *world = *state;
    Error error = { 0 };

    https_server_stop(world->server);
    worker_io_done(&world->worker);
    assert_true(file_remove_tree(world->folder, &error));
    free(world);
    return 0;
}

static bool run(World *world)
{
    worker_io_next_command(&world->worker);
    world->error = (Error){ 0 };
    return handler_run(
        &handler_test_readiness, &world->worker.io, &world->command, &world->result, &world->error);
}

static void must_run(World *world, ResultState result)
{
    if (!run(world))
        fail_msg("%s", world->error.text);
    assert_int_equal(world->result, result);
}

static void must_fail(World *world, ErrorKind kind)
{
    assert_false(run(world));
    if (world->error.kind != kind)
        fail_msg("%s: %s", error_kind_name(world->error.kind), world->error.text);
    assert_int_equal(world->worker.remembered.count, 0);
}

static bool is_ok(const World *world, const char *name)
{
    return strncmp(facts_get_or(world->worker.io.evidence, name, ""), "ok", 2) == 0;
}

/* Users whose names only a test makes, in all tenants; tenants of a test that are active. */
static size_t left_behind(const World *world)
{
    size_t count = 0;

    for (size_t i = 0; i < world->carbon.tenant_count; i++) {
        const Tenant *tenant = &world->carbon.tenants[i];

        count += strncmp(tenant->domain, "dssprobe", 8) == 0 && tenant->active;
        for (size_t k = 0; k < NAMES_MAX; k++)
            count += strstr(tenant->users[k], "dssprobe") != NULL;
        count += tenant->has_role;
    }
    return count;
}

static void all_is_created_used_and_removed(void **state)
{
    World *world = *state;

    must_run(world, RESULT_DONE);
    assert_true(is_ok(world, "readiness:server"));
    assert_true(is_ok(world, "readiness:users:PRIMARY"));
    assert_true(is_ok(world, "readiness:users:tenant"));
    assert_true(is_ok(world, "readiness:tenant"));
    assert_true(is_ok(world, "readiness:data-services"));
    assert_int_equal(left_behind(world), 0);
    assert_int_equal(world->carbon.tenant_count, 2);
}

static void a_test_that_passed_is_not_run_again_in_its_run(void **state)
{
    World *world = *state;

    must_run(world, RESULT_DONE);
    must_run(world, RESULT_ALREADY);
    assert_int_equal(world->carbon.tenant_count, 2);
    assert_true(text_copy(world->command.id.run, sizeof(world->command.id.run), "run2"));
    must_run(world, RESULT_DONE);
    assert_int_equal(world->carbon.tenant_count, 3);
}

static void leftovers_of_an_earlier_test_are_removed_first(void **state)
{
    World *world = *state;

    put_user(&world->carbon.tenants[0], "dssprobeold", "x");
    world->carbon.tenants[0].has_role = true;
    world->carbon.tenants[1] = (Tenant){ .domain = "dssprobeold.example", .active = true };
    world->carbon.tenant_count = 2;
    must_run(world, RESULT_DONE);
    assert_int_equal(left_behind(world), 0);
    assert_int_equal(find_user(&world->carbon.tenants[0], "alice"), 0);
}

static void each_store_that_can_be_written_is_tested(void **state)
{
    World *world = *state;

    world->carbon.has_second_store = true;
    must_run(world, RESULT_DONE);
    assert_true(is_ok(world, "readiness:users:SECOND"));
    assert_string_equal(facts_get_or(world->worker.io.evidence, "readiness:users:LDAP", ""),
        "not tested: the store is read only");
    assert_int_equal(left_behind(world), 0);
}

static void a_user_that_was_not_stored_is_noticed(void **state)
{
    World *world = *state;

    world->carbon.loses_users = true;
    must_fail(world, ERROR_MISMATCH);
}

static void a_user_that_cannot_log_in_fails_the_test_and_is_removed(void **state)
{
    World *world = *state;

    world->carbon.refuses_users = true;
    must_fail(world, ERROR_REFUSED);
    assert_int_equal(left_behind(world), 0);
}

static void a_user_that_stays_is_noticed(void **state)
{
    World *world = *state;

    world->carbon.keeps_users = true;
    must_fail(world, ERROR_MISMATCH);
}

static void a_tenant_that_is_not_active_fails_the_test(void **state)
{
    World *world = *state;

    world->carbon.leaves_tenants_inactive = true;
    must_fail(world, ERROR_MISMATCH);
}

static void a_wrong_administrator_fails_the_test(void **state)
{
    World *world = *state;

    assert_true(file_replace(world->password_file, "other\n", 6, 0600, &world->error));
    must_fail(world, ERROR_REFUSED);
    assert_null(strstr(world->error.text, "other"));
}

static void faulty_services_are_told_and_hold_nothing(void **state)
{
    World *world = *state;

    world->carbon.faulty = "<return>3</return>";
    must_run(world, RESULT_DONE);
    assert_string_equal(facts_get_or(world->worker.io.evidence, "readiness:data-services", ""),
        "WARNING: 3 faulty services");
}

static void a_server_without_that_service_is_ready_too(void **state)
{
    World *world = *state;

    world->carbon.faulty = NULL;
    must_run(world, RESULT_DONE);
    assert_false(is_ok(world, "readiness:data-services"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(all_is_created_used_and_removed),
        TEST(a_test_that_passed_is_not_run_again_in_its_run),
        TEST(leftovers_of_an_earlier_test_are_removed_first),
        TEST(each_store_that_can_be_written_is_tested),
        TEST(a_user_that_was_not_stored_is_noticed),
        TEST(a_user_that_cannot_log_in_fails_the_test_and_is_removed),
        TEST(a_user_that_stays_is_noticed),
        TEST(a_tenant_that_is_not_active_fails_the_test),
        TEST(a_wrong_administrator_fails_the_test),
        TEST(faulty_services_are_told_and_hold_nothing),
        TEST(a_server_without_that_service_is_ready_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
