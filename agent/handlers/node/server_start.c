#include "agent/handlers/node/server_run.h"

#include <errno.h>
#include <pwd.h>

#include "agent/handlers/node/server_health.h"
#include "agent/handlers/node/tcp_port.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"
#include "common/os/process.h"

#define LOOK_EVERY    500       /* ms */
#define STAYS_UP      3000      /* ms after which a healthy server is looked at again */
#define SCRIPT_GRACE  5000      /* ms from the script's start to its JVM's first appearance */
#define OUTPUT_MAX    (1 << 20) /* bytes of the console file that are looked at */
#define ARGUMENTS_MAX 64

/* The environment of a server: nothing of the agent's own. */
typedef struct ServerEnvironment {
    char *items[9];
    size_t count;
} ServerEnvironment;

static void environment_done(ServerEnvironment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        free(environment->items[i]);
}

static bool fill_environment(const Home *home, ServerEnvironment *ret, Error *error)
{
    char buffer[8192];
    struct passwd entry;
    struct passwd *found = NULL;
    int failed = home->node->user
                     ? getpwnam_r(home->node->user, &entry, buffer, sizeof(buffer), &found)
                     : getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found);

    if (failed != 0 || !found)
        return error_set(error, ERROR_INVALID, "the servers' user %s is not known on this host",
            home->node->user ? home->node->user : "(the agent's own)");
    ret->items[ret->count++] = memory_format("CARBON_HOME=%s", home->path);
    ret->items[ret->count++] = memory_format("JAVA_HOME=%s", home->java_home);
    ret->items[ret->count++] = memory_format("PATH=%s/bin:%s", home->java_home, PROCESS_PATH);
    ret->items[ret->count++] = memory_format("HOME=%s", found->pw_dir);
    ret->items[ret->count++] = memory_format("USER=%s", found->pw_name);
    ret->items[ret->count++] = memory_format("LOGNAME=%s", found->pw_name);
    ret->items[ret->count++] = memory_text("LANG=C.UTF-8");
    return true;
}

/* Console output: an early end of the JVM is explained there and nowhere else. */
static char *output_path(const AgentIo *io, const Home *home)
{
    return memory_format("%s/console-%s-%s.log", io->config->state_directory, home->node->name,
        home_side_name(home->side));
}

/* Options of the server, as the site gives them; never a word that the script takes for a command,
 * and never one that creates tables. */
static bool may_be_passed_on(const char *word)
{
    return strncmp(word, "-D", 2) == 0 && strncmp(word, "-Dsetup", 7) != 0;
}

/* argv of the start; its words point into `arguments`, which it cuts up. */
static void fill_argv(const char *script, char *arguments, const char *argv[ARGUMENTS_MAX + 3])
{
    size_t count = 0;
    char *rest = arguments;
    const char *word;

    argv[count++] = "/bin/sh";
    argv[count++] = script;
    while (rest && count < ARGUMENTS_MAX + 2 && (word = strsep(&rest, "\n")))
        if (may_be_passed_on(word))
            argv[count++] = word;
    argv[count] = NULL;
}

static bool recall_arguments(AgentIo *io, const Home *home, char **ret, Error *error)
{
    Home old = *home;
    AUTO_TEXT *key = NULL;

    old.side = HOME_OLD; /* the new server is started the way the site started the old one */
    key = home_key(&old, "arguments");
    return io->recall(io->self, key, ret, error);
}

static bool launch(AgentIo *io, const Home *home, pid_t *ret, Error *error)
{
    __attribute__((cleanup(environment_done))) ServerEnvironment environment = { 0 };
    AUTO_TEXT *script = home_file(home, home->profile->start_script);
    AUTO_TEXT *output = output_path(io, home);
    AUTO_TEXT *arguments = NULL;
    const char *argv[ARGUMENTS_MAX + 3];
    const ProcessOrder order = {
        .argv = argv,
        .environment = (const char *const *)environment.items,
        .directory = home->path,
        .user = home->node->user,
    };

    if (!fill_environment(home, &environment, error) ||
        !recall_arguments(io, home, &arguments, error))
        return false;
    fill_argv(script, arguments, argv);
    return process_detach(&order, output, ret, error);
}

static bool remember_log_place(AgentIo *io, const Home *home, Error *error)
{
    AUTO_TEXT *log = home_file(home, home->profile->log_file);
    AUTO_TEXT *key = home_key(home, "log");
    AUTO_TEXT *text = NULL;
    LogPlace place;

    if (!log_place_now(log, &place, error))
        return false;
    text = log_place_text(&place);
    return io->remember(io->self, key, text, error);
}

static bool check_files(const Home *home, Error *error)
{
    AUTO_TEXT *script = home_file(home, home->profile->start_script);
    AUTO_TEXT *java = memory_format("%s/bin/java", home->java_home);
    VaultState vault;

    if (file_kind(script, LINKS_FOLLOWED) != FILE_REGULAR)
        return error_set(error, ERROR_PRECONDITION, "%s is not there", script);
    if (access(java, X_OK) != 0)
        return error_set(error, ERROR_PRECONDITION,
            "%s cannot be run: correct the node's Java home in the agent's configuration", java);
    if (strpbrk(home->path, " \t"))
        return error_set(error, ERROR_PRECONDITION,
            "the path %s has a blank, and the vendor's script then does nothing", home->path);
    if (!home_vault(home, &vault, error))
        return false;
    if (vault == VAULT_LACKS_PASSWORD)
        return error_set(error, ERROR_PRECONDITION,
            "secure vault is active in %s: each start needs the key store's password in the file "
            "password-tmp there (mode 600), and it is not there",
            home->path);
    return true;
}

static bool check_nobody_else(const Home *home, Error *error)
{
    const Home sibling = home_sibling(home);
    CARBON_PROCESSES_AUTO(others);
    unsigned port;
    PortState state;

    if (!carbon_processes_find(&sibling, &others, error))
        return false;
    if (others.count > 0)
        return error_set(error, ERROR_PRECONDITION,
            "the %s server of node %s still runs (process %d): stop it first",
            home_side_name(sibling.side), home->node->name, (int)others.items[0].pid);
    if (!home_https_port(home, &port, error) ||
        !tcp_port_state(
            home->node->address ? home->node->address : "127.0.0.1", port, &state, error))
        return false;
    if (state != PORT_CLOSED)
        return error_set(error, ERROR_PRECONDITION,
            "port %u is in use, and no JVM of %s runs: find its owner with ss -ltnp", port,
            home->path);
    return true;
}

/* What the console and the log say of an end that should not have come. */
static bool ended_badly(
    const AgentIo *io, const Home *home, const Health *health, const char *end, Error *error)
{
    AUTO_TEXT *path = output_path(io, home);
    AUTO_TEXT *bytes = NULL;
    AUTO_TEXT *words = NULL;
    Error ignored = { 0 };
    size_t length = 0;

    if (file_read(path, OUTPUT_MAX, &bytes, &length, &ignored))
        words = process_last_words(bytes, length);
    return error_set(error, ERROR_COMMAND_FAILED, "the server of %s %s before it was up: %s",
        home->path, end,
        health->log.failure         ? health->log.failure
        : health->log.last.length   ? health->log.last.bytes
        : words && words[0] != '\0' ? words
                                    : "it said nothing");
}

typedef struct Watch {
    pid_t child; /* the script, when it is ours; else 0 */
    bool child_ended;
    Millis began, deadline;
} Watch;

/* Fails once waiting on cannot help. */
static bool may_still_come(
    const AgentIo *io, const Home *home, const Health *health, Watch *watch, Error *error)
{
    Millis now = io->now(io->self);
    int code = 0;
    int number = 0;

    if (health->log.failure && !health->log.started)
        return error_set(error, ERROR_COMMAND_FAILED,
            "the server of %s failed to start, its JVM has to be stopped before the next try: %s",
            home->path, health->log.failure);
    if (watch->child > 0 && !watch->child_ended)
        watch->child_ended = process_has_ended(watch->child, &code, &number);
    if (health->processes.count == 0 && (watch->child_ended || now - watch->began > SCRIPT_GRACE))
        return ended_badly(io, home, health, "ended", error);
    if (now < watch->deadline)
        return true;
    return error_set(error, ERROR_TIMEOUT, "the server of %s is not up after %lld s: %s%s%s",
        home->path, (long long)(now - watch->began) / 1000, health->missing.text,
        health->log.last.length > 0 ? "; its log says: " : "", health->log.last.bytes);
}

static bool wait_until_up(AgentIo *io, const Home *home, Watch *watch, Error *error)
{
    HEALTH_AUTO(health);
    Millis up_since = -1;

    if (!health_init(io, home, &health, error))
        return false;
    for (;;) {
        Millis now = io->now(io->self);

        if (!health_look(home, &health, error))
            return false;
        if (!health.up)
            up_since = -1;
        else if (up_since < 0)
            up_since = now;
        if (health.up && now - up_since >= STAYS_UP)
            break;
        if (!health.up && !may_still_come(io, home, &health, watch, error))
            return false;
        io->progress(io->self, health.up ? "up" : health.missing.text,
            (uint64_t)(now - watch->began) / 1000,
            (uint64_t)(watch->deadline - watch->began) / 1000);
        if (!io->pause(io->self, LOOK_EVERY, error))
            return false;
    }
    facts_format(io->evidence, "~start-s", "%lld",
        (long long)(io->now(io->self) - STAYS_UP - watch->began) / 1000);
    return true;
}

bool server_is_up(AgentIo *io, const Home *home, bool *ret, Error *error)
{
    HEALTH_AUTO(health);

    *ret = false;
    if (!carbon_processes_find(home, &health.processes, error))
        return false;
    if (health.processes.jvms == 0)
        return true;
    carbon_processes_done(&health.processes);
    if (!health_init(io, home, &health, error) || !health_look(home, &health, error))
        return false;
    *ret = health.up;
    if (health.up)
        health_evidence(home, &health, io->evidence);
    return true;
}

bool server_start(AgentIo *io, const Home *home, unsigned deadline_s, Error *error)
{
    Watch watch = { .began = io->now(io->self) };
    CARBON_PROCESSES_AUTO(running);

    watch.deadline = watch.began + (Millis)deadline_s * 1000;
    if (!carbon_processes_find(home, &running, error))
        return false;
    if (running.count == 0 &&
        (!check_files(home, error) || !check_nobody_else(home, error) ||
            !remember_log_place(io, home, error) || !launch(io, home, &watch.child, error)))
        return false;
    return wait_until_up(io, home, &watch, error);
}
