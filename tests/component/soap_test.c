#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "agent/handlers/node/admin_login.h"
#include "agent/handlers/node/carbon_xml.h"
#include "agent/handlers/node/local_address.h"
#include "agent/handlers/node/soap.h"
#include "tests/fakes/https_server.h"

#define ENVELOPE(inside)                                                                           \
    "<?xml version='1.0' encoding='UTF-8'?><soapenv:Envelope "                                     \
    "xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>" inside            \
    "</soapenv:Body></soapenv:Envelope>"

/* A server with one account and one way to misbehave at a time. */
typedef struct Admin {
    int status;
    const char *body;
    size_t padding; /* bytes of blanks after the body */
    char seen_body[4096];
    char seen_action[128];
} Admin;

static void answer(void *self, const HttpsRequest *request, HttpsReply *reply)
{
    Admin *admin = self;

    (void)text_copy(admin->seen_body, sizeof(admin->seen_body), request->body);
    (void)text_copy(admin->seen_action, sizeof(admin->seen_action), request->action);
    if (strcmp(request->path, "/services/AuthenticationAdmin") == 0) {
        bool right = strstr(request->body, "<password>a&amp;b&lt;c</password>") != NULL;

        reply->cookie = right ? "JSESSIONID=17" : NULL;
        text_add(&reply->body,
            ENVELOPE("<ns:loginResponse xmlns:ns=\"x\"><ns:return>%s"
                     "</ns:return></ns:loginResponse>"),
            right ? "true" : "false");
        return;
    }
    if (!strstr(request->cookie, "JSESSIONID=17")) {
        reply->status = 401;
        return;
    }
    reply->status = admin->status;
    text_add(&reply->body, "%s", admin->body);
    for (size_t i = 0; i < admin->padding; i++)
        text_add_bytes(&reply->body, " ", 1);
}

typedef struct World {
    Admin admin;
    HttpsServer *server;
    AgentNode node;
    Soap *soap;
    Error error;
} World;

static int start(void **state)
{
    World *world = calloc(1, sizeof(*world));

    world->admin.status = 200;
    world->admin.body = "";
    world->server = https_server_start(answer, &world->admin);
    world->node = (AgentNode){ .name = "node1", .address = "127.0.0.1" };
    assert_true(
        soap_open(&world->node, https_server_port(world->server), &world->soap, &world->error));
    *state = world;
    return 0;
}

static int stop(void **state)
{
    World *world = *state;

    soap_close(world->soap);
    https_server_stop(world->server);
    free(world);
    return 0;
}

static const SoapCall list_users = { .service = "UserAdmin",
    .space = SOAP_SPACE_AXIS2,
    .operation = "listUsers",
    .parameters = "<filter>*</filter>",
    .timeout_s = 60 };

static bool logged_in_call_within(World *world, unsigned timeout_s, Facts *ret)
{
    SoapCall call = list_users;

    call.timeout_s = timeout_s;
    assert_true(soap_login(world->soap, "admin", "a&b<c", &world->error));
    return soap_call(world->soap, &call, ret, &world->error);
}

static bool logged_in_call(World *world, Facts *ret)
{
    return logged_in_call_within(world, list_users.timeout_s, ret);
}

static void a_login_keeps_its_session_and_a_call_carries_its_parameters(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);
    size_t position = 0;

    world->admin.body = ENVELOPE("<n:listUsersResponse xmlns:n=\"u\"><n:return>admin</n:return>"
                                 "<n:return>b&amp;b</n:return><n:return/></n:listUsersResponse>");
    assert_true(logged_in_call(world, &seen));
    assert_string_equal(world->admin.seen_action, "urn:listUsers");
    assert_non_null(strstr(world->admin.seen_body,
        "<p:listUsers xmlns:p=\"http://org.apache.axis2/xsd\"><filter>*</filter></p:listUsers>"));
    assert_string_equal(facts_each(&seen, "return", &position)->value, "admin");
    assert_string_equal(facts_each(&seen, "return", &position)->value, "b&b");
    assert_null(facts_each(&seen, "return", &position));
}

static void a_wrong_password_is_refused_by_name(void **state)
{
    World *world = *state;

    assert_false(soap_login(world->soap, "admin", "secret-word", &world->error));
    assert_int_equal(world->error.kind, ERROR_REFUSED);
    assert_non_null(strstr(world->error.text, "admin"));
    assert_null(strstr(world->error.text, "secret-word"));
}

static void a_call_without_a_login_is_refused(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    assert_false(soap_call(world->soap, &list_users, &seen, &world->error));
    assert_int_equal(world->error.kind, ERROR_REFUSED);
}

static void an_empty_answer_means_that_the_method_returned(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.status = 202;
    assert_true(logged_in_call(world, &seen));
    assert_int_equal(seen.count, 0);
}

static void a_fault_fails_with_the_servers_words(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.status = 500;
    world->admin.body = ENVELOPE("<soapenv:Fault><faultcode>soapenv:Server</faultcode>"
                                 "<faultstring>UserAlreadyExists</faultstring><detail/>"
                                 "</soapenv:Fault>");
    assert_false(logged_in_call(world, &seen));
    assert_int_equal(world->error.kind, ERROR_COMMAND_FAILED);
    assert_non_null(strstr(world->error.text, "UserAdmin.listUsers: UserAlreadyExists"));
}

static void a_fault_is_a_fault_whatever_the_status(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.body = ENVELOPE("<soapenv:Fault><faultstring>no</faultstring></soapenv:Fault>");
    assert_false(logged_in_call(world, &seen));
    assert_int_equal(world->error.kind, ERROR_COMMAND_FAILED);
}

static void an_answer_that_is_no_envelope_is_invalid(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.body = "<html><body>hello</body></html>";
    assert_false(logged_in_call(world, &seen));
    assert_int_equal(world->error.kind, ERROR_INVALID);
}

static void an_answer_with_entities_is_invalid(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.body = "<!DOCTYPE Envelope [<!ENTITY x \"y\">]><Envelope>&x;</Envelope>";
    assert_false(logged_in_call(world, &seen));
    assert_int_equal(world->error.kind, ERROR_INVALID);
}

static void an_answer_above_the_limit_is_cut_off(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.padding = ((size_t)4 << 20) + 1;
    assert_false(logged_in_call(world, &seen));
    assert_int_equal(world->error.kind, ERROR_INVALID);
    assert_non_null(strstr(world->error.text, "4 MiB"));
}

static void a_server_that_does_not_answer_times_out(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.status = -1;
    assert_false(logged_in_call_within(world, 1, &seen));
    assert_int_equal(world->error.kind, ERROR_TIMEOUT);
    assert_true(error_is_transient(&world->error));
}

static void a_server_that_goes_away_is_unreachable(void **state)
{
    World *world = *state;
    FACTS_AUTO(seen);

    world->admin.status = 0;
    assert_false(logged_in_call(world, &seen));
    assert_int_equal(world->error.kind, ERROR_UNREACHABLE);
}

static void nobody_listening_is_unreachable(void **state)
{
    World *world = *state;
    AUTO(Soap) *soap = NULL;
    FACTS_AUTO(seen);

    assert_true(soap_open(&world->node, 1, &soap, &world->error));
    assert_false(soap_call(soap, &list_users, &seen, &world->error));
    assert_int_equal(world->error.kind, ERROR_UNREACHABLE);
}

static void only_addresses_of_this_host_are_local(void **state)
{
    (void)state;
    assert_true(address_is_local("127.0.0.1"));
    assert_true(address_is_local("127.8.9.10"));
    assert_true(address_is_local("::1"));
    assert_true(address_is_local("::ffff:127.0.0.1"));
    assert_false(address_is_local("192.0.2.1"));
    assert_false(address_is_local("2001:db8::1"));
    assert_false(address_is_local("localhost"));
    assert_false(address_is_local(""));
    assert_true(host_is_local("127.0.0.1"));
}

/* A file in a folder that the test made. */
static void write_file(const char *folder, const char *name, const char *content, char *ret_path)
{
    FILE *file;

    assert_true(snprintf(ret_path, 300, "%s/%s", folder, name) < 300);
    file = fopen(ret_path, "we");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(ret_path, 0600), 0);
}

static void the_administrator_logs_in_with_the_password_of_the_file(void **state)
{
    World *world = *state;
    char folder[] = "/tmp/soap-test-XXXXXX", path[300];

    assert_non_null(mkdtemp(folder));
    write_file(folder, "password", "a&b<c\n", path);
    world->node.admin_user = "admin";
    world->node.admin_password_file = path;
    assert_true(admin_login_check(&world->node, https_server_port(world->server), &world->error));
    write_file(folder, "password", "other\n", path);
    assert_false(admin_login_check(&world->node, https_server_port(world->server), &world->error));
    assert_int_equal(world->error.kind, ERROR_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void the_port_offset_is_read_and_nothing_but_a_number_is_taken(void **state)
{
    char home[] = "/tmp/soap-test-XXXXXX", path[300], folder[300];
    Error error = { 0 };
    unsigned offset = 7;

    (void)state;
    assert_non_null(mkdtemp(home));
    (void)snprintf(path, sizeof(path), "%s/repository", home);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/repository/conf", home);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(folder, sizeof(folder), "%s/repository/conf", home);
    write_file(folder, "carbon.xml",
        "<Server xmlns='urn:x'><!-- <Ports><Offset>9</Offset></Ports> -->"
        "<Ports><Offset> 3\n</Offset></Ports></Server>",
        path);
    assert_true(carbon_xml_offset(home, &offset, &error));
    assert_int_equal(offset, 3);
    write_file(folder, "carbon.xml", "<Server xmlns='urn:x'/>", path);
    assert_true(carbon_xml_offset(home, &offset, &error));
    assert_int_equal(offset, 0);
    write_file(folder, "carbon.xml", "<Server><Ports><Offset>x</Offset></Ports></Server>", path);
    assert_false(carbon_xml_offset(home, &offset, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    (void)snprintf(path, sizeof(path), "%s/repository", home);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(home), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_login_keeps_its_session_and_a_call_carries_its_parameters),
        TEST(a_wrong_password_is_refused_by_name),
        TEST(a_call_without_a_login_is_refused),
        TEST(an_empty_answer_means_that_the_method_returned),
        TEST(a_fault_fails_with_the_servers_words),
        TEST(a_fault_is_a_fault_whatever_the_status),
        TEST(an_answer_that_is_no_envelope_is_invalid),
        TEST(an_answer_with_entities_is_invalid),
        TEST(an_answer_above_the_limit_is_cut_off),
        TEST(a_server_that_does_not_answer_times_out),
        TEST(a_server_that_goes_away_is_unreachable),
        TEST(nobody_listening_is_unreachable),
        TEST(the_administrator_logs_in_with_the_password_of_the_file),
        cmocka_unit_test(the_port_offset_is_read_and_nothing_but_a_number_is_taken),
        cmocka_unit_test(only_addresses_of_this_host_are_local),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
