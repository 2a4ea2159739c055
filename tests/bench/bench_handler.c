/*
 * One agent command as the agent's worker runs it, without an agent around it: the same handler,
 * the same ledger file, the logins of an agent.xml.
 *
 *   bench_handler [--unproven] AGENT_XML COMMAND TARGET [NAME=VALUE | NAME=@FILE]…
 *
 * What follows TARGET are arguments of the command. --unproven, for copy-database: what was written
 * to staging is not read again, to see what that proof costs.
 *
 * Prints one JSON object when the goal is reached: "wall_ms"; "peak_kib", the most memory that this
 * process itself held, and "peak_child_kib", the largest of those that it started; "phases", what
 * the handler told the screen and when it first did; "evidence". Else the reason goes to stderr and
 * the exit code is 1.
 */
#include <sys/resource.h>

#include "agent/config_xml.h"
#include "agent/handlers/copy/copy.h"
#include "agent/handlers/table.h"
#include "agent/ledger.h"
#include "agent/profile_xml.h"
#include "common/base/json.h"
#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"

#define DEADLINE_S 7200
#define VALUE_MAX  (64U << 20) /* bytes of an argument that comes from a file */
#define PHASE_MAX  1000

typedef struct Phase {
    char *what;
    Millis at; /* since the start */
} Phase;

typedef struct Bench {
    AgentConfig *config;
    Profile *profile;
    Ledger *ledger;
    Command command;
    Facts evidence;
    Handler handler;
    Millis began, took;
    Phase phases[PHASE_MAX];
    size_t phase_count;
} Bench;

static void bench_done(Bench *bench)
{
    for (size_t i = 0; i < bench->phase_count; i++)
        free(bench->phases[i].what);
    facts_done(&bench->evidence);
    command_done(&bench->command);
    ledger_close(bench->ledger);
    profile_free(bench->profile);
    agent_config_free(bench->config);
}

static Millis io_now(void *self)
{
    (void)self;
    return clock_now();
}

static bool io_pause(void *self, Millis duration, Error *error)
{
    (void)self;
    (void)error; /* nobody cancels */
    clock_sleep(duration);
    return true;
}

static bool io_remember(void *self, const char *key, const char *value, Error *error)
{
    return ledger_remember(((Bench *)self)->ledger, key, value, error);
}

static bool io_recall(void *self, const char *key, char **ret, Error *error)
{
    return ledger_recall(((Bench *)self)->ledger, key, ret, error);
}

static bool io_forget(void *self, const char *prefix, Error *error)
{
    return ledger_forget(((Bench *)self)->ledger, prefix, error);
}

/* What comes after a comma are rates: another text each time. */
static void io_progress(void *self, const char *what, uint64_t done, uint64_t total)
{
    Bench *bench = self;
    size_t length = strcspn(what, ",");

    (void)done;
    (void)total;
    for (size_t i = bench->phase_count; i > 0; i--)
        if (strncmp(bench->phases[i - 1].what, what, length) == 0 &&
            bench->phases[i - 1].what[length] == '\0')
            return;
    if (bench->phase_count < PHASE_MAX)
        bench->phases[bench->phase_count++] =
            (Phase){ .what = memory_text_n(what, length), .at = clock_now() - bench->began };
}

static bool add_argument(Command *command, const char *text, Error *error)
{
    const char *equals = strchr(text, '=');
    AUTO_TEXT *name = equals ? memory_text_n(text, (size_t)(equals - text)) : NULL;
    AUTO_TEXT *value = NULL;
    size_t length;

    if (!equals)
        return error_set(error, ERROR_INVALID, "%s: expected NAME=VALUE", text);
    if (equals[1] == '@' && !file_read(equals + 2, VALUE_MAX, &value, &length, error))
        return false;
    facts_add(&command->args, name, value ? value : equals + 1);
    return true;
}

static bool read_command(int argc, char **argv, bool unproven, Command *command, Error *error)
{
    command->kind = command_from_name(argv[0]);
    if (command->kind == COMMAND_KIND_COUNT)
        return error_set(error, ERROR_INVALID, "%s: no such command", argv[0]);
    command->id = (CommandId){ .run = "bench", .step = 1, .attempt = 1 };
    command->deadline_s = DEADLINE_S;
    (void)snprintf(command->cluster, sizeof(command->cluster), "bench");
    (void)snprintf(command->target, sizeof(command->target), "%s", argv[1]);
    for (int i = 2; i < argc; i++)
        if (!add_argument(command, argv[i], error))
            return false;
    if (unproven && command->kind != COMMAND_COPY_DATABASE)
        return error_set(error, ERROR_INVALID, "--unproven is for copy-database alone");
    return command_check(command, error);
}

static bool copy_unproven(AgentIo *io, const Command *command, Error *error)
{
    CopyTuning tuning = copy_tuning_default;

    tuning.unproven = true;
    return copy_apply(io, command, &tuning, error);
}

/* The command's own handler, or copy-database's without its proof. */
static Handler choose_handler(const Command *command, bool unproven)
{
    Handler handler = *handler_for(command->kind);

    if (unproven)
        handler.apply = copy_unproven;
    return handler;
}

static bool reach_goal(Bench *bench, Error *error)
{
    ResultState state;
    AgentIo io = {
        .self = bench,
        .config = bench->config,
        .profile = bench->profile,
        .evidence = &bench->evidence,
        .now = io_now,
        .pause = io_pause,
        .remember = io_remember,
        .recall = io_recall,
        .forget = io_forget,
        .progress = io_progress,
    };

    bench->began = clock_now();
    if (!handler_run(&bench->handler, &io, &bench->command, &state, error))
        return false;
    bench->took = clock_now() - bench->began;
    return state == RESULT_DONE || command_is_read_only(bench->command.kind) ||
           error_set(error, ERROR_PRECONDITION, "%s: it is so already: nothing was measured",
               bench->handler.goal);
}

/* VmHWM of /proc/self/status: getrusage() would count what this process was before exec(). */
static bool read_peak(uint64_t *ret_kib, Error *error)
{
    unsigned long long value = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");

    if (!status)
        return error_set(error, ERROR_IO, "/proc/self/status: %m");
    while (value == 0 && fgets(line, sizeof(line), status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            value = strtoull(line + 6, NULL, 10);
    *ret_kib = value;
    return fclose(status) == 0 && value > 0 ? true
                                            : error_set(error, ERROR_IO, "no VmHWM in /proc");
}

static void print_phases(const Bench *bench)
{
    (void)printf("\"phases\":[");
    for (size_t i = 0; i < bench->phase_count; i++) {
        (void)printf("%s{", i > 0 ? "," : "");
        json_member(stdout, "what", bench->phases[i].what);
        (void)printf(",\"at_ms\":%lld}", (long long)bench->phases[i].at);
    }
    (void)printf("],");
}

static void print_evidence(const Facts *evidence)
{
    (void)printf("\"evidence\":[");
    for (size_t i = 0; i < evidence->count; i++) {
        (void)printf("%s{", i > 0 ? "," : "");
        json_member(stdout, evidence->items[i].name, evidence->items[i].value);
        (void)printf("}");
    }
    (void)printf("]");
}

static bool print_result(const Bench *bench, Error *error)
{
    struct rusage children;
    uint64_t peak_kib;

    if (!read_peak(&peak_kib, error))
        return false;
    if (getrusage(RUSAGE_CHILDREN, &children) != 0)
        return error_set(error, ERROR_IO, "getrusage: %m");
    (void)printf("{\"wall_ms\":%lld,\"peak_kib\":%llu,\"peak_child_kib\":%ld,",
        (long long)bench->took, (unsigned long long)peak_kib, children.ru_maxrss);
    print_phases(bench);
    print_evidence(&bench->evidence);
    (void)printf("}\n");
    return fflush(stdout) == 0 || error_set(error, ERROR_IO, "stdout: %m");
}

int main(int argc, char **argv)
{
    __attribute__((cleanup(bench_done))) Bench bench = { 0 };
    bool unproven = argc > 1 && strcmp(argv[1], "--unproven") == 0;
    Error error = { 0 };

    argv += unproven ? 2 : 1;
    argc -= unproven ? 2 : 1;
    if (argc < 3) {
        (void)fprintf(stderr, "usage: bench_handler [--unproven] AGENT_XML COMMAND TARGET "
                              "[NAME=VALUE]...\n");
        return 2;
    }
    if (agent_config_load(argv[0], &bench.config, &error) &&
        profile_load(bench.config->profile_directory, &bench.profile, &error) &&
        read_command(argc - 1, argv + 1, unproven, &bench.command, &error) &&
        ledger_open(bench.config->state_directory, &bench.ledger, &error)) {
        bench.handler = choose_handler(&bench.command, unproven);
        if (reach_goal(&bench, &error) && print_result(&bench, &error))
            return 0;
    }
    (void)fprintf(stderr, "bench_handler: %s\n", error.text);
    return 1;
}
