/* ServerAdmin: what the server is, and ending it. */
#include "common/base/text.h"
#include "tests/carbon/soap.h"

#define LOG_SOURCE "org.wso2.carbon.server.admin.service.ServerAdmin"
#define SHUTDOWN   "/permission/protected/server-admin"

static bool run_is_alive(const Call *call, Text *answer, Error *error)
{
    (void)call;
    (void)error;
    answer_return(answer, "true");
    return true;
}

static bool run_status(const Call *call, Text *answer, Error *error)
{
    (void)call;
    (void)error;
    answer_return(answer, "RUNNING");
    return true;
}

static bool run_version(const Call *call, Text *answer, Error *error)
{
    AUTO_TEXT *version =
        memory_format("%s-%s", call->server->home->product, call->server->home->version);

    (void)error;
    answer_return(answer, version);
    return true;
}

static bool run_data(const Call *call, Text *answer, Error *error)
{
    const Home *home = call->server->home;
    const Datasource *local = home->registry.current;
    AUTO_TEXT *up = memory_format("%lld s", (long long)(time(NULL) - call->server->started));

    (void)error;
    text_add(answer, "<ns:return>");
    answer_field(answer, "carbonVersion", home->carbon_version);
    answer_field(answer, "dbDriverName", local->driver);
    answer_field(answer, "dbURL", local->url);
    answer_field(answer, "javaVersion", "1.7.0_80");
    answer_field(answer, "registryType", "jdbc");
    answer_field(answer, "repoLocation", home->path);
    answer_field(answer, "serverName", home->product);
    answer_field(answer, "serverUpTime", up);
    text_add(answer, "</ns:return>");
    return true;
}

static bool end_with(const Call *call, int exit_code, Text *answer)
{
    server_log(call->server->log, LOG_LEVEL_INFO, LOG_SOURCE, "%s by %s",
        exit_code == 0 ? "Shutdown requested" : "Restart requested", call->login->user);
    call->server->wanted_exit = exit_code;
    answer_return(answer, "true");
    return true;
}

static bool run_shutdown(const Call *call, Text *answer, Error *error)
{
    (void)error;
    return end_with(call, 0, answer);
}

static bool run_restart(const Call *call, Text *answer, Error *error)
{
    (void)error;
    return end_with(call, SERVER_EXIT_RESTART, answer);
}

static const SoapOperation operations[] = {
    { .name = "isAlive", .permission = REALM_LOGIN, .run = run_is_alive },
    { .name = "getServerStatus", .permission = REALM_LOGIN, .run = run_status },
    { .name = "getServerVersion", .permission = REALM_LOGIN, .run = run_version },
    { .name = "getServerData", .permission = REALM_LOGIN, .run = run_data },
    { .name = "shutdown", .permission = SHUTDOWN, .run = run_shutdown },
    { .name = "shutdownGracefully", .permission = SHUTDOWN, .run = run_shutdown },
    { .name = "restart", .permission = SHUTDOWN, .run = run_restart },
    { .name = "restartGracefully", .permission = SHUTDOWN, .run = run_restart },
};

const SoapService service_server_admin = {
    .name = "ServerAdmin",
    .space = "http://org.apache.axis2/xsd",
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
