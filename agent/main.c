/* dss-agent: the command line. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#include "agent/agent.h"
#include "agent/check_config.h"
#include "agent/config_xml.h"
#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "agent/status.h"
#include "agent/worker_child.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define PROGRAM        "dss-agent " DSS_VERSION
#define DEFAULT_CONFIG "/etc/dss-agent/agent.xml"

typedef enum ExitCode {
    EXIT_GOOD,
    EXIT_BAD,   /* the text on stderr says why */
    EXIT_USAGE, /* as dss-coordinator's */
} ExitCode;

typedef struct CliCommand {
    const char *name, *summary;
    int (*run)(const char *config_file);
} CliCommand;

static int complain(const Error *error)
{
    (void)fprintf(stderr, "dss-agent: %s\n", error->text);
    return EXIT_BAD;
}

static int run_serve(const char *config_file)
{
    AUTO(AgentConfig) *config = NULL;
    AUTO(Profile) *profile = NULL;
    AUTO_TEXT *absolute = realpath(config_file, NULL);
    AgentSettings settings = { .handler_for = handler_for, .program = PROGRAM };
    Error error = { 0 };

    if (!agent_config_load(config_file, &config, &error) ||
        !profile_load(config->profile_directory, &profile, &error))
        return complain(&error);
    if (!absolute) {
        (void)error_set(&error, ERROR_IO, "%s is gone: %m", config_file);
        return complain(&error);
    }
    log_open(&settings.log, LOG_LEVEL_INFO);
    settings.config = config;
    settings.config_file = absolute;
    settings.profile = profile;
    return agent_serve(&settings, &error) ? EXIT_GOOD : complain(&error);
}

static int run_status(const char *config_file)
{
    AUTO(AgentConfig) *config = NULL;
    Error error = { 0 };

    return agent_config_load(config_file, &config, &error) && status_print(config, stdout, &error)
               ? EXIT_GOOD
               : complain(&error);
}

static int run_check_config(const char *config_file)
{
    AUTO(AgentConfig) *config = NULL;
    AUTO(Profile) *profile = NULL;
    Error error = { 0 };
    unsigned wrong;

    if (!agent_config_load(config_file, &config, &error) ||
        !profile_load(config->profile_directory, &profile, &error))
        return complain(&error);
    wrong = check_config(config, profile, stdout);
    if (wrong == 0)
        return EXIT_GOOD;
    (void)error_set(&error, ERROR_INVALID, "%s: %u of the things it names are not in order",
        config_file, wrong);
    return complain(&error);
}

static int run_version(const char *config_file)
{
    (void)config_file;
    (void)puts(PROGRAM);
    return EXIT_GOOD;
}

static const CliCommand commands[] = {
    { "serve", "listen for the coordinator and obey it, until SIGTERM", run_serve },
    { "status", "what was done here, what is at work, what is safe to do", run_status },
    { "check-config", "say of everything agent.xml names whether it is there", run_check_config },
    { "version", "print the program's version", run_version },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *stream)
{
    (void)fprintf(stream, "examples\n"
                          "  dss-agent check-config --config /etc/dss-agent/agent.xml\n"
                          "  dss-agent serve\n"
                          "  dss-agent status\n\n"
                          "dss-agent COMMAND [--config FILE]\n\n"
                          "Obeys the coordinator of a Carbon cluster's upgrade on one host.\n\n"
                          "commands\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(stream, "  %-14s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(stream, "\noptions\n"
                          "  -c, --config FILE  what this agent may touch [" DEFAULT_CONFIG "]\n"
                          "  -h, --help         this text\n\n"
                          "exit codes: 0 done, 1 failed (stderr says why), 2 wrong usage\n");
}

static int usage(const char *wrong, const char *word)
{
    (void)fprintf(stderr, "dss-agent: %s%s\ndss-agent: try 'dss-agent --help'\n", wrong, word);
    return EXIT_USAGE;
}

/* Run by the agent itself: dss-agent worker CONFIG PARENT. */
static int run_worker(char *const *words)
{
    unsigned long long parent = 0;
    WorkerDuty duty = { words[0], 0, handler_for, profile_load };

    if (!text_to_number(words[1], INT32_MAX, &parent))
        return usage("not a process: ", words[1]);
    duty.parent = (pid_t)parent;
    return worker_child_run(&duty);
}

static int run_command(const char *name, const char *config_file)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(config_file);
    return usage("there is no command ", name);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    const char *config_file = DEFAULT_CONFIG;
    int option;

    if (argc == 4 && strcmp(argv[1], "worker") == 0)
        return run_worker(argv + 2);
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return EXIT_GOOD;
        }
        if (option == 'V')
            return run_version(NULL);
        if (option != 'c')
            return usage("wrong option", "");
        config_file = optarg;
    }
    if (optind >= argc)
        return usage("a command is needed", "");
    if (optind + 1 < argc)
        return usage("too many words: ", argv[optind + 1]);
    return run_command(argv[optind], config_file);
}
