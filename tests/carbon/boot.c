#include "tests/carbon/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/text.h"
#include "tests/carbon/data_service.h"
#include "tests/carbon/first_start.h"

#define REGISTRY_SOURCE "org.wso2.carbon.registry.core.internal.RegistryCoreServiceComponent"
#define USER_SOURCE     "org.wso2.carbon.user.core.internal.Activator"
#define SOURCES_SOURCE  "org.wso2.carbon.ndatasource.core.DataSourceManager"
#define KERNEL_SOURCE   "org.wso2.carbon.core.internal.CarbonCoreActivator"
#define SERVER_SOURCE   "org.wso2.carbon.core.init.CarbonServerManager"
#define STARTED_SOURCE  "org.wso2.carbon.core.internal.StartupFinalizerServiceComponent"

typedef struct Stage {
    bool (*run)(Boot *boot, Error *error);
    LogLevel level;
    const char *source;      /* who logs the failure */
    const char *consequence; /* the line after it, or NULL */
} Stage;

static bool read_kernel(Boot *boot, Error *error)
{
    return home_read(boot->home, error);
}

/* password-tmp is read and deleted; password becomes password-tmp; password-persist stays. */
static bool open_secure_vault(Boot *boot, Error *error)
{
    AUTO_TEXT *password = memory_format("%s/password", boot->home->path);
    AUTO_TEXT *once = memory_format("%s/password-tmp", boot->home->path);
    AUTO_TEXT *always = memory_format("%s/password-persist", boot->home->path);

    if (!home_has_secure_vault(boot->home) || unlink(once) == 0 || access(always, R_OK) == 0 ||
        rename(password, once) == 0)
        return true;
    return error_set(error, ERROR_INVALID,
        "No password file for the primary key store, and no console to ask at");
}

static bool open_datasources(Boot *boot, Error *error)
{
    if (!datasource_read_all(boot->home->arena, boot->home->path, &boot->home->datasources, error))
        return false;
    for (size_t i = 0; i < boot->home->datasources.count; i++) {
        const Datasource *datasource = &boot->home->datasources.items[i];

        if (!datasource_has_driver(boot->home->path, datasource))
            return error_set(error, ERROR_INVALID,
                "Error in initializing data source %s: %s cannot be found by "
                "jdbc-pool_7.0.34.wso2v1",
                datasource->name, datasource->driver);
    }
    return true;
}

static bool start_user_manager(Boot *boot, Error *error)
{
    RealmShape shape = boot->home->generation == CARBON_4_2 ? REALM_NEW : REALM_OLD;
    Realm realm = { .home = boot->home, .tenant = REALM_SUPER_TENANT };
    const Datasource *datasource;
    Pool *pool;

    if (!realm_config_read(boot->home->arena, boot->home->path, shape, &boot->home->realm, error))
        return false;
    datasource = datasource_find(&boot->home->datasources, boot->home->realm.jndi);
    if (!datasource)
        return error_set(
            error, ERROR_INVALID, "Unable to look-up JNDI name %s", boot->home->realm.jndi);
    if (!server_pool(boot->server, datasource, &pool, error))
        return false;
    return datasource->kind == JDBC_H2 ||
           (pool_session(pool, &realm.session, error) && first_start(&realm, error));
}

static bool read_a_resource(Pool *pool, Error *error)
{
    Session *session;

    return pool_session(pool, &session, error) &&
           session_run(session,
               "SELECT REG_PATH_ID, REG_UUID, REG_CONTENT_ID FROM REG_RESOURCE WHERE REG_VERSION=0",
               SESSION_NO_VALUES, NULL, error);
}

static bool start_registry(Boot *boot, Error *error)
{
    RegistryConfig *registry = &boot->home->registry;

    if (!registry_config_read(
            boot->home->arena, boot->home->path, &boot->home->datasources, registry, error))
        return false;
    for (size_t i = 0; i < registry->count; i++) {
        const RegistryDatabase *database = &registry->databases[i];
        Pool *pool;

        if (!database->datasource)
            server_log(boot->server->log, LOG_LEVEL_WARN,
                "org.wso2.carbon.registry.core.config.RegistryConfigurationProcessor",
                "Unable to look-up JNDI name %s", database->jndi);
        else if (!server_pool(boot->server, database->datasource, &pool, error) ||
                 (database->datasource->kind != JDBC_H2 && !read_a_resource(pool, error)))
            return false;
    }
    return registry_config_check(boot->home->arena, boot->home->path, registry, error);
}

static bool deploy_services(Boot *boot, Error *error)
{
    DataServices *found = arena_take(boot->home->arena, sizeof *found);
    const ServerLog *log = boot->server->log;

    (void)error;
    data_service_scan(boot->home->arena, boot->home, REALM_SUPER_TENANT, found);
    for (size_t i = 0; i < found->count; i++) {
        const DataService *service = &found->items[i];

        if (service->fault)
            server_log(log, LOG_LEVEL_ERROR, "org.wso2.carbon.dataservices.core.DBDeployer",
                "The %s service, which is not valid, caused %s", service->file, service->fault);
        else
            server_log(log, LOG_LEVEL_INFO, "org.wso2.carbon.core.deployment.DeploymentInterceptor",
                "Deploying Axis2 service: %s {super-tenant}", service->name);
    }
    return true;
}

void boot_sleep_until(Millis when)
{
    Millis left = when - server_now();
    struct timespec time = { .tv_sec = left / 1000, .tv_nsec = (long)(left % 1000) * 1000000 };

    while (left > 0 && nanosleep(&time, &time) != 0 && errno == EINTR)
        continue;
}

static bool take_time(Boot *boot, Error *error)
{
    boot_sleep_until(boot->ready_at);
    if (conduct_is(boot->server->conduct, "never-started"))
        return error_set(error, ERROR_TIMEOUT, "Waiting for required OSGi services:");
    return true;
}

/* From here on a signal is an orderly stop; before, nothing catches it and the process just ends.
 */
static bool open_listeners(Boot *boot, Error *error)
{
    server_hold_signals(SIG_BLOCK);
    if (listener_start(boot->server, &boot->listener, error))
        return true;
    if (!conduct_is(boot->server->conduct, "hang-on-term"))
        server_hold_signals(SIG_UNBLOCK);
    return false;
}

static const Stage stages[] = {
    { read_kernel, LOG_LEVEL_FATAL, KERNEL_SOURCE, "WSO2 Carbon initialization Failed" },
    { open_secure_vault, LOG_LEVEL_FATAL, SERVER_SOURCE, "WSO2 Carbon initialization Failed" },
    { open_datasources, LOG_LEVEL_ERROR, SOURCES_SOURCE,
        "Error in initializing system data sources" },
    { start_user_manager, LOG_LEVEL_ERROR, USER_SOURCE, "Cannot start User Manager Core bundle" },
    { start_registry, LOG_LEVEL_ERROR, REGISTRY_SOURCE, "Failed to activate Registry Core bundle" },
    { deploy_services, LOG_LEVEL_ERROR, SERVER_SOURCE, NULL },
    { take_time, LOG_LEVEL_WARN, SERVER_SOURCE, NULL },
    { open_listeners, LOG_LEVEL_FATAL, SERVER_SOURCE, "WSO2 Carbon initialization Failed" },
};

bool boot_run(Boot *boot)
{
    const ServerLog *log = boot->server->log;

    server_log(log, LOG_LEVEL_INFO, KERNEL_SOURCE, "Starting WSO2 Carbon...");
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const Stage *stage = &stages[i];
        Error error = { 0 };

        if (stage->run(boot, &error))
            continue;
        error.text[strcspn(error.text, "\n")] = '\0'; /* one line of the log per failure */
        server_log(log, stage->level, stage->source, "%s", error.text);
        if (stage->consequence)
            server_log(log, stage->level, stage->source, "%s", stage->consequence);
        return false;
    }
    return true;
}

void boot_log_started(const Server *server, long seconds)
{
    const Home *home = server->home;

    server_log(server->log, LOG_LEVEL_INFO, STARTED_SOURCE, "Server           :  %s-%s",
        home->product, home->version);
    server_log(
        server->log, LOG_LEVEL_INFO, STARTED_SOURCE, "WSO2 Carbon started in %ld sec", seconds);
    server_log(server->log, LOG_LEVEL_INFO, "org.wso2.carbon.ui.internal.CarbonUIServiceComponent",
        "Mgt Console URL  : https://%s:%u/carbon/", home->host_name, 9443 + home->offset);
}
