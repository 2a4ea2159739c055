/*
 * `java` of the stand-in: `java -version`, and the Carbon server when it is called as
 * bin/wso2server.sh calls it. README.md says what it plays and how it can be made to misbehave.
 */

#include <errno.h>
#include <libxml/parser.h>
#include <limits.h>
#include <sys/resource.h>

#include "common/base/text.h"
#include "tests/carbon/boot.h"
#include "tests/carbon/pid_file.h"
#include "tests/carbon/source_address.h"

#define MAIN_CLASS      "org.wso2.carbon.bootstrap.Bootstrap"
#define VERSION_TEXT    "java version \"1.7.0_80\"\nJava(TM) SE Runtime Environment\n"
#define DELAYED_SOURCE  "org.wso2.carbon.core.internal.StartupFinalizerServiceComponent"
#define STOP_SOURCE     "org.wso2.carbon.core.init.CarbonServerManager"
#define EXIT_BAD_USAGE  1
#define START_MS        1000
#define PID_FILE_MS     300
#define STOP_MS         200
#define LATE_FAILURE_MS 500
#define DELAYED_MS      60000 /* between two complaints of a boot that failed */

typedef struct Play {
    Server server;
    Conduct conduct;
    ServerLog log;
    Home *home;
    Boot boot;
    Millis born;
} Play;

/* Waits so long, or until a signal or a request ends the server; says whether it is to end. */
static bool wait_for_end(const Play *play, Millis wait_ms)
{
    sigset_t signals = server_ending_signals();
    Millis until = server_now() + wait_ms;

    while (play->server.wanted_exit == SERVER_RUNS) {
        Millis left = until - server_now();
        Millis step = left < 50 ? left : 50; /* requests set a flag, they do not wake */
        struct timespec time = { .tv_sec = 0, .tv_nsec = (long)(step * 1000000) };

        if (left <= 0)
            return false;
        if (sigtimedwait(&signals, NULL, &time) < 0)
            continue;
        if (!conduct_is(&play->conduct, "hang-on-term"))
            return true;
        server_log(&play->log, LOG_LEVEL_WARN, STOP_SOURCE,
            "The JVM hangs: a signal changes nothing, as it was told");
    }
    return true;
}

/* A boot that failed: alive, useless, complaining, ended by the first signal. */
static void stay_down(const Play *play)
{
    for (;;) {
        server_log(&play->log, LOG_LEVEL_WARN, DELAYED_SOURCE,
            "Carbon initialization is delayed due to the following unsatisfied items:");
        (void)wait_for_end(play, DELAYED_MS); /* only a hang-on-term server gets here twice */
    }
}

static void fail_late(const Play *play)
{
    char how[CONDUCT_VALUE_MAX];

    if (!conduct_value(&play->conduct, "late-failure", how))
        return;
    if (wait_for_end(play, LATE_FAILURE_MS))
        return;
    server_log(&play->log, LOG_LEVEL_FATAL, STOP_SOURCE, "WSO2 Carbon initialization Failed");
    if (strcmp(how, "die") == 0)
        _exit(EXIT_FAILURE);
}

/* One row of the registry's log, as every use of the registry writes it. */
static void make_traffic(Play *play)
{
    const RegistryConfig *registry = &play->home->registry;
    Session *session;
    Pool *pool;
    Error error = { 0 };

    for (size_t i = 0; i < registry->count; i++) {
        if (!registry->databases[i].datasource ||
            registry->databases[i].datasource->kind == JDBC_H2)
            continue;
        (void)pthread_mutex_lock(&play->server.lock); /* a plain mutex of ours: cannot fail */
        if (!server_pool(&play->server, registry->databases[i].datasource, &pool, &error) ||
            !pool_session(pool, &session, &error) ||
            !session_run(session,
                "INSERT INTO REG_LOG (REG_PATH, REG_USER_ID, REG_LOGGED_TIME, REG_ACTION, "
                "REG_TENANT_ID) VALUES (?, ?, CURRENT_TIMESTAMP, ?, ?)",
                SESSION_VALUES("/_system/governance/traffic", "admin", "1", REALM_SUPER_TENANT),
                NULL, &error))
            server_log(&play->log, LOG_LEVEL_ERROR,
                "org.wso2.carbon.registry.core.jdbc.dao.JDBCLogsDAO", "%s", error.text);
        (void)pthread_mutex_unlock(&play->server.lock);
        return;
    }
}

static void run_until_end(Play *play)
{
    Millis pause_ms = conduct_millis(&play->conduct, "traffic-ms", 0);

    fail_late(play);
    if (pause_ms == 0)
        while (!wait_for_end(play, DELAYED_MS))
            continue;
    else
        while (!wait_for_end(play, pause_ms))
            make_traffic(play);
}

static int shut_down(Play *play)
{
    int exit_code =
        play->server.wanted_exit == SERVER_RUNS ? 128 + SIGTERM : play->server.wanted_exit;

    server_log(&play->log, LOG_LEVEL_INFO, STOP_SOURCE, "Shutdown hook triggered....");
    server_log(&play->log, LOG_LEVEL_INFO, STOP_SOURCE, "Gracefully shutting down %s...",
        play->home->product);
    listener_stop(play->boot.listener);
    boot_sleep_until(server_now() + conduct_millis(&play->conduct, "stop-ms", STOP_MS));
    server_close_pools(&play->server);
    server_log(&play->log, LOG_LEVEL_INFO, STOP_SOURCE, "Shutdown complete");
    server_log(&play->log, LOG_LEVEL_INFO, STOP_SOURCE, "Halting JVM");
    return exit_code;
}

/* The address that database sessions come from: the property, or a numeric host name. */
static void choose_source(const JavaOptions *options, const Home *home)
{
    const char *address = java_options_property(options, "standin.address");

    source_address_set(address ? address : home->host_name);
}

static bool start(Play *play, const JavaOptions *options)
{
    Millis start_ms = conduct_millis(&play->conduct, "start-ms", START_MS);
    Error ignored = { 0 };
    AUTO(Home) *glance = home_new(play->home->path);

    if (conduct_is(&play->conduct, "hang-on-term"))
        server_hold_signals(SIG_BLOCK);
    /* a home that cannot be read here fails in the boot again, where that is logged */
    if (home_read(glance, &ignored)) {
        play->home->server_key = arena_text(play->home->arena, glance->server_key);
        play->log.server_key = play->home->server_key;
    }
    choose_source(options, glance);
    boot_sleep_until(play->born + (PID_FILE_MS < start_ms ? PID_FILE_MS : start_ms));
    if (!conduct_is(&play->conduct, "no-pid-file"))
        pid_file_write(play->home->path);
    if (conduct_is(&play->conduct, "die-at-start")) {
        server_log(&play->log, LOG_LEVEL_ERROR, STOP_SOURCE, "JVM dies, as it was told to");
        _exit(EXIT_FAILURE);
    }
    play->boot =
        (Boot){ .server = &play->server, .home = play->home, .ready_at = play->born + start_ms };
    return boot_run(&play->boot);
}

static int play_carbon(const JavaOptions *options, const char *home)
{
    Play *play = memory_new(sizeof *play);
    int exit_code;

    play->born = server_now();
    play->home = home_new(home);
    conduct_read(home, options, &play->conduct);
    server_log_open(&play->log, home, play->home->server_key);
    play->server = (Server){ .home = play->home,
        .conduct = &play->conduct,
        .log = &play->log,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .started = time(NULL),
        .wanted_exit = SERVER_RUNS };
    if (!start(play, options))
        stay_down(play);
    boot_log_started(&play->server, (long)((server_now() - play->born + 500) / 1000));
    run_until_end(play);
    exit_code = shut_down(play);
    server_log_close(&play->log);
    conduct_done(&play->conduct);
    home_free(play->home);
    free(play);
    return exit_code;
}

int main(int argc, char **argv)
{
    JavaOptions options;
    const char *home;

    java_options_read(argc, argv, &options);
    if (options.asks_version)
        return fputs(VERSION_TEXT, stderr) < 0;
    home = java_options_property(&options, "carbon.home");
    if (!home || !options.main_class || strcmp(options.main_class, MAIN_CLASS) != 0) {
        (void)fputs("Usage: java -Dcarbon.home=HOME " MAIN_CLASS "\n", stderr);
        return EXIT_BAD_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a valid signal: cannot fail */
    xmlInitParser();
    return play_carbon(&options, home);
}
