#include "coordinator/cli/cli.h"

#include <assert.h>
#include <pwd.h>
#include <stdint.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"

#define STATE_DEFAULT "/var/lib/dss-coordinator"
#define GIVEN_MAX     64
#define NEAR_MAX      2 /* letters that may differ in a word that is meant */

typedef struct Given {
    const CliOption *option;
    const char *value;
} Given;

struct CliCall {
    const CliCommand *command;
    const char *args[CLI_ARGS_MAX];
    int arg_count;
    Given given[GIVEN_MAX];
    size_t given_count;
    char actor[96];
};

static const CliOption common_options[] = {
    { "state", "DIR", "folder of keys and journal (" STATE_DEFAULT ")", false },
    { "json", NULL, "print JSON", false },
    { "help", NULL, "print this (--version: the program's version)", false },
    { NULL, NULL, NULL, false },
};

static const int exit_codes[] = {
    [ERROR_NONE] = EXIT_DONE,
    [ERROR_INVALID] = EXIT_USAGE,
    [ERROR_PRECONDITION] = EXIT_HELD,
    [ERROR_UNREACHABLE] = EXIT_UNKNOWN,
    [ERROR_TIMEOUT] = EXIT_TIMEOUT,
    [ERROR_COMMAND_FAILED] = EXIT_STEP_FAILED,
    [ERROR_DATABASE] = EXIT_STEP_FAILED,
    [ERROR_IO] = EXIT_STEP_FAILED,
    [ERROR_CORRUPT] = EXIT_AUDIT,
    [ERROR_MISMATCH] = EXIT_MISMATCH,
    [ERROR_REFUSED] = EXIT_REFUSED,
    [ERROR_OUTDATED] = EXIT_OUTDATED,
    [ERROR_CANCELLED] = EXIT_HELD,
};
static_assert(sizeof(exit_codes) / sizeof(exit_codes[0]) == ERROR_KIND_COUNT, "every ErrorKind");

int cli_exit_code(ErrorKind kind)
{
    assert(kind < ERROR_KIND_COUNT);
    return exit_codes[kind];
}

const char *cli_arg(const CliCall *call, int index)
{
    return index < call->arg_count ? call->args[index] : NULL;
}

const char *cli_option_each(const CliCall *call, const char *name, size_t *position)
{
    while (*position < call->given_count) {
        const Given *given = &call->given[(*position)++];

        if (strcmp(given->option->name, name) == 0)
            return given->value;
    }
    return NULL;
}

const char *cli_option(const CliCall *call, const char *name)
{
    size_t position = 0;

    return cli_option_each(call, name, &position);
}

const char *cli_state(const CliCall *call)
{
    const char *state = cli_option(call, "state");

    return state ? state : STATE_DEFAULT;
}

bool cli_json(const CliCall *call)
{
    return cli_option(call, "json") != NULL;
}

const char *cli_actor(const CliCall *call)
{
    return call->actor;
}

static void find_actor(CliCall *call)
{
    struct passwd entry, *found = NULL;
    char buffer[1024], host[48] = "localhost";

    (void)gethostname(host, sizeof(host) - 1); /* the default stays */
    host[sizeof(host) - 1] = '\0';
    if (getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found)
        (void)snprintf(call->actor, sizeof(call->actor), "%.40s@%s", found->pw_name, host);
    else
        (void)snprintf(call->actor, sizeof(call->actor), "uid %u@%s", (unsigned)getuid(), host);
}

static void print_options(const CliOption *options)
{
    for (; options->name; options++) {
        AUTO_TEXT *left = memory_format("--%s%s%s", options->name, options->value ? " " : "",
            options->value ? options->value : "");

        (void)printf("  %-24s %s\n", left, options->help); /* stdout's end is checked in main */
    }
}

static void print_command_help(const CliCommand *command)
{
    (void)printf("%s\n\nExample:\n  dss-coordinator %s\n\nUsage:\n  dss-coordinator %s [OPTION]… "
                 "%s\n\nOptions:\n",
        command->summary, command->example, command->name, command->arguments);
    print_options(command->options);
    print_options(common_options);
}

static void print_help(void)
{
    (void)printf("Upgrades a WSO2 Carbon cluster, led from here, obeyed by dss-agent on each "
                 "host.\n\nA night begins with:\n"
                 "  dss-coordinator check cluster.xml\n"
                 "  dss-coordinator plan cluster.xml -o night.plan\n"
                 "  dss-coordinator apply night.plan\n"
                 "  dss-coordinator resume --confirm CLUSTER\n\nCommands:\n");
    for (size_t i = 0; cli_commands[i]; i++)
        (void)printf("  %-14s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    (void)printf("\nOptions of every command:\n");
    print_options(common_options);
    (void)printf(
        "\nExit codes: 0 done, 1 a step failed, 2 usage, 3 preflight failed, 4 plan out of "
        "date,\n5 held for the operator, 6 aborted, 7 outcome unknown, 8 another "
        "coordinator,\n9 verification mismatch, 10 audit, 11 TLS or authorisation, 12 time "
        "limit.\n");
}

/* How many letters have to change to make one word of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    size_t length = strlen(b);

    if (length >= sizeof(row) / sizeof(row[0]))
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0]++;

        for (size_t j = 1; j <= length; j++) {
            size_t best = diagonal + (a[i] != b[j - 1]);

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[length];
}

/* "audit" alone, or with a second word that is none of its own: names those that there are. */
static bool say_second_words(const char *word)
{
    size_t length = strlen(word);
    bool any = false;

    for (size_t i = 0; cli_commands[i]; i++) {
        const char *name = cli_commands[i]->name;

        if (strncmp(name, word, length) != 0 || name[length] != ' ')
            continue;
        if (!any)
            (void)fprintf(stderr, "dss-coordinator: '%s' needs its second word:", word);
        (void)fprintf(stderr, "%s '%s'", any ? "," : "", name);
        any = true;
    }
    if (any)
        (void)fputc('\n', stderr);
    return any;
}

static int usage_of_commands(const char *word)
{
    const CliCommand *nearest = cli_commands[0];

    if (say_second_words(word))
        return EXIT_USAGE;
    for (size_t i = 1; cli_commands[i]; i++)
        if (distance(word, cli_commands[i]->name) < distance(word, nearest->name))
            nearest = cli_commands[i];
    if (word[0] == '-')
        (void)fprintf(stderr,
            "dss-coordinator: '%s' stands before the command: options come behind it\n", word);
    else if (distance(word, nearest->name) > NEAR_MAX)
        (void)fprintf(stderr, "dss-coordinator: there is no command '%s'\n", word);
    else
        (void)fprintf(stderr, "dss-coordinator: there is no command '%s'; did you mean '%s'?\n",
            word, nearest->name);
    (void)fputs("All commands: dss-coordinator --help\n", stderr);
    return EXIT_USAGE;
}

static bool usage_error(const CliCommand *command, Error *error, const char *what, const char *word)
{
    return error_set(error, ERROR_INVALID, "%s: %s '%s'\nSee: dss-coordinator %s --help",
        command->name, what, word, command->name);
}

static const CliOption *find_option(const CliOption *options, const char *name, size_t length)
{
    for (; options->name; options++)
        if (strlen(options->name) == length && strncmp(options->name, name, length) == 0)
            return options;
    return NULL;
}

/* Takes one option with its value; *index is at the option and is left at its last word. */
static bool take_option(CliCall *call, int argc, char *argv[], int *index, Error *error)
{
    const char *word = strcmp(argv[*index], "-o") == 0 ? "--output" : argv[*index];
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word + 2);
    const CliOption *option = find_option(call->command->options, word + 2, length);
    const char *value = equals ? equals + 1 : "";

    if (!option)
        option = find_option(common_options, word + 2, length);
    if (!option)
        return usage_error(call->command, error, "there is no option", argv[*index]);
    if (!option->value && equals)
        return usage_error(call->command, error, "takes no value:", argv[*index]);
    if (option->value && !equals) {
        if (*index + 1 >= argc)
            return usage_error(call->command, error, "needs a value:", argv[*index]);
        value = argv[++*index];
    }
    if ((!option->repeats && cli_option(call, option->name)) || call->given_count == GIVEN_MAX)
        return usage_error(call->command, error, "given more than once:", argv[*index]);
    call->given[call->given_count++] = (Given){ option, value };
    return true;
}

static bool parse(CliCall *call, int argc, char *argv[], Error *error)
{
    bool options_end = false;

    for (int i = 0; i < argc; i++) {
        bool option = !options_end && argv[i][0] == '-' && argv[i][1] != '\0';

        if (option && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (option) {
            if (strncmp(argv[i], "--", 2) != 0 && strcmp(argv[i], "-o") != 0)
                return usage_error(call->command, error, "there is no option", argv[i]);
            if (!take_option(call, argc, argv, &i, error))
                return false;
        } else if (call->arg_count == call->command->max_args) {
            return usage_error(call->command, error, "one word too many:", argv[i]);
        } else {
            call->args[call->arg_count++] = argv[i];
        }
    }
    if (call->arg_count < call->command->min_args && !cli_option(call, "help"))
        return usage_error(
            call->command, error, "an argument is missing:", call->command->arguments);
    return true;
}

/* Finds the command that the words name ("plan", or two words: "ca init"); *ret_words: how many. */
static const CliCommand *find_command(int argc, char *argv[], int *ret_words)
{
    AUTO_TEXT *two = argc > 1 ? memory_format("%s %s", argv[0], argv[1]) : memory_text("");

    for (size_t i = 0; cli_commands[i]; i++) {
        *ret_words = strcmp(cli_commands[i]->name, two) == 0 ? 2 : 1;
        if (*ret_words == 2 || strcmp(cli_commands[i]->name, argv[0]) == 0)
            return cli_commands[i];
    }
    return NULL;
}

static int run_command(CliCall *call, int argc, char *argv[])
{
    Error error = { 0 };
    int code;

    if (!parse(call, argc, argv, &error)) {
        (void)fprintf(stderr, "dss-coordinator %s\n", error.text);
        return EXIT_USAGE;
    }
    if (cli_option(call, "help")) {
        print_command_help(call->command);
        return EXIT_DONE;
    }
    find_actor(call);
    code = call->command->run(call, &error);
    if (error.kind != ERROR_NONE)
        (void)fprintf(stderr, "dss-coordinator: %s\n", error.text);
    return code;
}

/* --state DIR may stand before the command as well; says how many words it took. */
static int take_leading_state(CliCall *call, int argc, char *argv[])
{
    if (argc < 4 || strcmp(argv[1], "--state") != 0)
        return 0;
    call->given[call->given_count++] = (Given){ &common_options[0], argv[2] };
    return 2;
}

int cli_main(int argc, char *argv[])
{
    CliCall call = { 0 };
    int words = take_leading_state(&call, argc, argv);

    argc -= words;
    argv += words;
    if (argc < 2) {
        (void)fprintf(stderr, "dss-coordinator: what shall be done?\n"
                              "All commands: dss-coordinator --help\n");
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("dss-coordinator " DSS_VERSION "\n");
        return EXIT_DONE;
    }
    call.command = find_command(argc - 1, argv + 1, &words);
    if (!call.command)
        return usage_of_commands(argv[1]);
    return run_command(&call, argc - 1 - words, argv + 1 + words);
}
