#pragma once

/*
 * Runs programs of the host: no shell, a complete environment, a deadline, a process group.
 *
 *   const char *const argv[] = { "pg_dump", "--version", NULL };
 *   const ProcessOrder order = { .argv = argv, .timeout = 10000 };
 *   PROCESS_RESULT_AUTO(result);
 *   if (!process_run(&order, &result, error) || !process_succeeded(&order, &result, error)) …
 *
 * or, to stream what it writes (stderr is collected beside it, so that neither can block):
 *
 *   process_start(), process_read() until 0 bytes came (process_write() with PROCESS_INPUT_PIPE),
 *   process_wait(), process_free()
 *
 * The program gets the three standard descriptors and no other, default signals, an empty signal
 * mask, and a process group of its own. At the deadline the group gets TERM and, 2 s later, KILL;
 * what is left of the group when the program ends by itself is killed as well. posix_spawn() knows
 * no other user: with `user` the program is run by setpriv(1) of util-linux, which sets user, group
 * and supplementary groups and then becomes the program; only root may ask for another user.
 *
 * Owns: a ProcessResult's texts, released by process_result_done(); a Process, by process_free(),
 * which kills what still runs. Units: Millis from the start.
 * Errors: ERROR_INVALID no such program, user or folder; ERROR_TIMEOUT the deadline;
 * ERROR_COMMAND_FAILED a bad end; ERROR_IO otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/millis.h"

#define PROCESS_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

typedef enum ProcessInput {
    PROCESS_INPUT_NONE,  /* /dev/null */
    PROCESS_INPUT_BYTES, /* `input`, whole */
    PROCESS_INPUT_FILE,  /* the file `input_file` */
    PROCESS_INPUT_PIPE,  /* process_write() and process_end_input() */
} ProcessInput;

/* Called with what the program wrote; false (with the error filled) ends the program. */
typedef bool ProcessOutputFunction(void *self, const char *bytes, size_t length, Error *error);

typedef struct ProcessOrder {
    const char *const *argv;        /* [0]: absolute, or a name that is looked up in PROCESS_PATH */
    const char *const *environment; /* all of it; NULL: PATH and LC_ALL=C.UTF-8 only */
    const char *directory;          /* NULL: / */
    const char *user;               /* NULL: ours */
    ProcessInput input_kind;
    const void *input;
    size_t input_bytes;
    const char *input_file;
    Millis timeout;
    ProcessOutputFunction *on_output; /* process_run(): gets stdout; NULL: the tail is kept */
    void *on_output_self;
    size_t tail_bytes; /* kept of stdout and of stderr each; 0: 16 KiB */
} ProcessOrder;

typedef struct ProcessResult {
    int code;       /* exit code, or -1 when a signal ended it */
    int signal;     /* or 0 */
    char *output;   /* the tail of stdout where nobody else took it, always a C string */
    char *messages; /* the tail of stderr, always a C string */
    size_t output_bytes, message_bytes;
    Millis duration;
} ProcessResult;

typedef struct Process Process;

/* True when the program ran and ended, however it ended. */
bool process_run(const ProcessOrder *order, ProcessResult *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* ERROR_COMMAND_FAILED unless it ended with code 0; the text has the end and the last words. */
bool process_succeeded(const ProcessOrder *order, const ProcessResult *result, Error *error)
    __attribute__((nonnull, warn_unused_result));

bool process_start(const ProcessOrder *order, Process **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* What it wrote to stdout; 0 bytes: there will be no more. */
bool process_read(Process *process, void *buffer, size_t capacity, size_t *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool process_write(Process *process, const void *bytes, size_t length, Error *error)
    __attribute__((nonnull(1, 4), warn_unused_result));
void process_end_input(Process *process) __attribute__((nonnull));
/* Ends its input, reads the rest of its output into the tail, waits for the end. */
bool process_wait(Process *process, ProcessResult *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
pid_t process_id(const Process *process) __attribute__((nonnull));
void process_free(Process *process);

/*
 * Starts a program that outlives us: a session of its own, stdin /dev/null, stdout and stderr
 * appended to `output_file` (made with mode 640). Timeout and input of the order are not used.
 */
bool process_detach(const ProcessOrder *order, const char *output_file, pid_t *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* True once a child of ours has ended (and takes it out of the process table). */
bool process_has_ended(pid_t child, int *ret_code, int *ret_signal) __attribute__((nonnull));

/* "ended with code 2", "was ended by signal 9 (Killed)"; the caller frees. */
char *process_end_words(int code, int signal) __attribute__((returns_nonnull));

/* The end of `bytes` on one line, without control characters, for messages; the caller frees. */
char *process_last_words(const char *bytes, size_t length)
    __attribute__((nonnull, returns_nonnull));

void process_result_done(ProcessResult *result) __attribute__((nonnull));
#define PROCESS_RESULT_AUTO(name)                                                                  \
    __attribute__((cleanup(process_result_done))) ProcessResult name = { 0 }

DEFINE_AUTO(Process, process_free)
