#pragma once

/*
 * Subcommands: each cmd_*.c defines `const CliCommand` values, commands.c lists them. Help, usage
 * errors and option parsing all come from the rows.
 */

#include <stdio.h>

#include "common/base/error.h"

#define CLI_OPTIONS_MAX 8
#define CLI_ARGS_MAX    4

typedef enum ExitCode {
    EXIT_DONE = 0,
    EXIT_STEP_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_PREFLIGHT = 3,
    EXIT_OUTDATED = 4,
    EXIT_HELD = 5,
    EXIT_ABORTED = 6,
    EXIT_UNKNOWN = 7,
    EXIT_OTHER_COORDINATOR = 8,
    EXIT_MISMATCH = 9,
    EXIT_AUDIT = 10,
    EXIT_REFUSED = 11,
    EXIT_TIMEOUT = 12,
    EXIT_SIGNAL = 128,
} ExitCode;

typedef struct CliOption {
    const char *name;  /* "reason"; NULL ends a list */
    const char *value; /* "TEXT" in the usage; NULL: a flag */
    const char *help;
    bool repeats;
} CliOption;

typedef struct CliCall CliCall;

typedef struct CliCommand {
    const char *name;      /* "ca issue" */
    const char *arguments; /* as in the usage line: "PLAN" */
    const char *summary;
    const char *example;
    CliOption options[CLI_OPTIONS_MAX];
    int min_args, max_args;
    /* The exit code; ERROR_NONE in `error` when it printed what there was to say. */
    int (*run)(const CliCall *call, Error *error);
} CliCommand;

extern const CliCommand *const cli_commands[]; /* NULL ends it */

int cli_main(int argc, char *argv[]);

/* The state folder: --state, else /var/lib/dss-coordinator. */
const char *cli_state(const CliCall *call) __attribute__((nonnull, returns_nonnull));
const char *cli_arg(const CliCall *call, int index) __attribute__((nonnull)); /* or NULL */
/* The value of an option ("" for a flag), or NULL when it was not given. */
const char *cli_option(const CliCall *call, const char *name) __attribute__((nonnull));
/* The next value of an option that repeats; NULL after the last; *position starts at 0. */
const char *cli_option_each(const CliCall *call, const char *name, size_t *position)
    __attribute__((nonnull));
bool cli_json(const CliCall *call) __attribute__((nonnull));
/* "user@host": who is written into the audit log. */
const char *cli_actor(const CliCall *call) __attribute__((nonnull, returns_nonnull));

/* The exit code that stands for this kind of failure. */
int cli_exit_code(ErrorKind kind);
