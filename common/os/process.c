#include "common/os/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/spawn.h"

#define TAIL_BYTES   (16 * 1024)
#define BUFFER_BYTES (64 * 1024)
#define GRACE        2000 /* ms between TERM and KILL */
#define POLL_PERIOD  20   /* ms; only where the kernel has no pidfd (before 5.3) */

/* The last `max` bytes of a stream. */
typedef struct Tail {
    char *bytes;
    size_t length, max;
} Tail;

typedef enum End { END_IN, END_OUT, END_ERR, END_LIFE, END_COUNT } End;

struct Process {
    char *name;
    pid_t pid;
    int fd[END_COUNT]; /* our ends, -1 when closed; END_LIFE: the pidfd */
    Millis started, deadline;
    bool ended; /* not necessarily reaped */
    bool reaped;
    const char *pending; /* borrowed: what stdin still has to get */
    size_t pending_bytes;
    Tail output, messages;
};

static void tail_add(Tail *tail, const char *bytes, size_t length)
{
    size_t kept = tail->length;

    if (length > tail->max) {
        bytes += length - tail->max;
        length = tail->max;
    }
    if (kept + length > tail->max) {
        kept = tail->max - length;
        memmove(tail->bytes, tail->bytes + tail->length - kept, kept);
    }
    if (length > 0)
        memcpy(tail->bytes + kept, bytes, length);
    tail->length = kept + length;
    tail->bytes[tail->length] = '\0';
}

static void close_end(Process *process, End end)
{
    if (process->fd[end] >= 0)
        (void)close(process->fd[end]); /* a pipe or a pidfd: nothing is lost */
    process->fd[end] = -1;
}

static void look_whether_ended(Process *process)
{
    siginfo_t info = { 0 };

    if (!process->ended &&
        waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        process->ended = info.si_pid == process->pid;
}

/* write() that never raises SIGPIPE, whatever the program does with that signal. */
static ssize_t write_quietly(int fd, const char *bytes, size_t length)
{
    const struct timespec at_once = { 0 };
    sigset_t pipe_signal, before;
    ssize_t written;
    int failure;

    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    written = write(fd, bytes, length);
    failure = errno;
    if (written < 0 && failure == EPIPE && sigismember(&before, SIGPIPE) == 0)
        (void)sigtimedwait(&pipe_signal, NULL, &at_once); /* the one that write() raised */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return written;
}

static void give_pending(Process *process)
{
    ssize_t written = write_quietly(process->fd[END_IN], process->pending, process->pending_bytes);

    if (written >= 0) {
        process->pending += written;
        process->pending_bytes -= (size_t)written;
    } else if (errno != EAGAIN && errno != EINTR) {
        process->pending_bytes = 0; /* the program does not want more of it */
        close_end(process, END_IN);
    }
}

/* One read; false once there will be no more, and the end is closed then. */
static bool read_end(Process *process, End end, char *buffer, size_t capacity, size_t *ret)
{
    ssize_t got = process->fd[end] < 0 ? 0 : read(process->fd[end], buffer, capacity);

    *ret = got > 0 ? (size_t)got : 0;
    if (got > 0)
        return true;
    if (got < 0 && (errno == EAGAIN || errno == EINTR) && !process->ended)
        return true;
    close_end(process, end);
    return false;
}

static void keep_messages(Process *process)
{
    char buffer[4096];
    size_t got;

    do {
        if (!read_end(process, END_ERR, buffer, sizeof(buffer), &got))
            return;
        tail_add(&process->messages, buffer, got);
    } while (got > 0);
}

static void signal_group(const Process *process, int number)
{
    /* fails only when nobody is left; until it is reaped the number cannot be another's */
    (void)kill(-process->pid, number);
}

static void wait_for_end(Process *process, Millis until)
{
    while (!process->ended && clock_now() < until) {
        struct pollfd life = { .fd = process->fd[END_LIFE], .events = POLLIN };
        Millis left = until - clock_now();

        if (life.fd < 0 && left > POLL_PERIOD)
            left = POLL_PERIOD;
        (void)poll(&life, 1, left > 0 ? (int)left : 0); /* the look below tells */
        look_whether_ended(process);
    }
}

static void reap(Process *process, ProcessResult *ret)
{
    int status = 0;

    if (process->reaped)
        return;
    signal_group(process, SIGKILL);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    process->reaped = true;
    process->ended = true;
    if (!ret)
        return;
    ret->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static bool end_late(Process *process, Error *error)
{
    AUTO_TEXT *words = NULL;

    signal_group(process, SIGTERM);
    wait_for_end(process, clock_now() + GRACE);
    keep_messages(process);
    reap(process, NULL);
    words = process_last_words(process->messages.bytes, process->messages.length);
    return error_set(error, ERROR_TIMEOUT, "%s did not end within %lld s and was killed%s%s",
        process->name, (long long)(process->deadline - process->started) / 1000,
        words[0] ? ": " : "", words);
}

/*
 * Waits until something moves and serves stdin and stderr; stdout is only waited for, when
 * `output` says so: the caller reads it.
 */
static bool pump(Process *process, End output, Error *error)
{
    struct pollfd ends[END_COUNT];
    Millis left = process->deadline - clock_now();

    if (left <= 0)
        return end_late(process, error);
    for (End end = END_IN; end < END_COUNT; end++)
        ends[end] = (struct pollfd){ .fd = process->fd[end], .events = POLLIN };
    ends[END_IN].events = POLLOUT;
    if (process->pending_bytes == 0)
        ends[END_IN].fd = -1;
    if (output != END_OUT)
        ends[END_OUT].fd = -1;
    if (process->fd[END_LIFE] < 0 && left > POLL_PERIOD)
        left = POLL_PERIOD;
    if (poll(ends, END_COUNT, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR)
        return error_set(
            error, ERROR_IO, "waiting for %s: %s", process->name, strerrordesc_np(errno));
    if (process->fd[END_IN] >= 0 && process->pending_bytes > 0 && ends[END_IN].revents != 0)
        give_pending(process);
    if (process->fd[END_ERR] >= 0 && ends[END_ERR].revents != 0)
        keep_messages(process);
    look_whether_ended(process);
    return true;
}

static bool open_pipe(int *ret_read, int *ret_write, Error *error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, ERROR_IO, "no pipe: %s", strerrordesc_np(errno));
    *ret_read = fcntl(ends[0], F_DUPFD_CLOEXEC, 3); /* spawn_program() wants them above 2 */
    *ret_write = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    (void)close(ends[0]); /* duplicates: nothing is lost */
    (void)close(ends[1]);
    if (*ret_read < 0 || *ret_write < 0)
        return error_set(error, ERROR_IO, "no pipe: %s", strerrordesc_np(errno));
    return true;
}

static bool open_input(Process *process, const ProcessOrder *order, int *ret, Error *error)
{
    switch (order->input_kind) {
    case PROCESS_INPUT_NONE:
        return true;
    case PROCESS_INPUT_FILE:
        return spawn_open(order->input_file, O_RDONLY, 0, ret, error);
    case PROCESS_INPUT_BYTES:
        process->pending = order->input;
        process->pending_bytes = order->input_bytes;
        return open_pipe(ret, &process->fd[END_IN], error);
    case PROCESS_INPUT_PIPE:
        return open_pipe(ret, &process->fd[END_IN], error);
    }
    return error_set(error, ERROR_INVALID, "%s: no such kind of input", process->name);
}

static Process *new_process(const ProcessOrder *order)
{
    Process *process = memory_new(sizeof(*process));
    size_t tail = order->tail_bytes > 0 ? order->tail_bytes : TAIL_BYTES;

    process->name = memory_text(order->argv[0]);
    process->reaped = true; /* nothing runs yet */
    for (End end = END_IN; end < END_COUNT; end++)
        process->fd[end] = -1;
    process->output = (Tail){ .bytes = memory_new(tail + 1), .max = tail };
    process->messages = (Tail){ .bytes = memory_new(tail + 1), .max = tail };
    process->started = clock_now();
    process->deadline = process->started + order->timeout;
    return process;
}

static void do_not_block(const Process *process)
{
    for (End end = END_IN; end < END_LIFE; end++)
        if (process->fd[end] >= 0)
            (void)fcntl(process->fd[end], F_SETFL, O_NONBLOCK); /* cannot fail for a pipe */
}

bool process_start(const ProcessOrder *order, Process **ret, Error *error)
{
    AUTO(Process) *process = new_process(order);
    AUTO_FD in = -1;
    AUTO_FD out = -1;
    AUTO_FD err = -1;

    assert(order->timeout > 0);
    if (!open_input(process, order, &in, error) || !open_pipe(&process->fd[END_OUT], &out, error) ||
        !open_pipe(&process->fd[END_ERR], &err, error) ||
        !spawn_program(order, (const int[3]){ in, out, err }, SPAWN_GROUP, &process->pid, error))
        return false;
    process->reaped = false;
    process->fd[END_LIFE] = pidfd_open(process->pid, 0);
    do_not_block(process);
    *ret = TAKE(process);
    return true;
}

bool process_read(Process *process, void *buffer, size_t capacity, size_t *ret, Error *error)
{
    for (;;) {
        if (!read_end(process, END_OUT, buffer, capacity, ret) || *ret > 0)
            return true;
        if (!pump(process, END_OUT, error))
            return false;
    }
}

bool process_write(Process *process, const void *bytes, size_t length, Error *error)
{
    process->pending = bytes;
    process->pending_bytes = process->fd[END_IN] >= 0 ? length : 0;
    while (process->pending_bytes > 0) {
        char buffer[4096];
        size_t got;

        if (!pump(process, END_OUT, error))
            return false;
        if (read_end(process, END_OUT, buffer, sizeof(buffer), &got))
            tail_add(&process->output, buffer, got);
        if (process->ended)
            process->pending_bytes = 0;
    }
    if (process->fd[END_IN] < 0 || process->ended) {
        AUTO_TEXT *words = process_last_words(process->messages.bytes, process->messages.length);

        return error_set(error, ERROR_COMMAND_FAILED, "%s takes no more input%s%s", process->name,
            words[0] ? ": " : "", words);
    }
    return true;
}

void process_end_input(Process *process)
{
    close_end(process, END_IN);
    process->pending_bytes = 0;
}

/* Reads to the end of stdout, into the function or into the tail. */
static bool take_output(Process *process, ProcessOutputFunction *function, void *self, Error *error)
{
    AUTO_TEXT *buffer = memory_new(BUFFER_BYTES);
    size_t got;

    for (;;) {
        if (!process_read(process, buffer, BUFFER_BYTES, &got, error))
            return false;
        if (got == 0)
            return true;
        if (!function)
            tail_add(&process->output, buffer, got);
        else if (!function(self, buffer, got, error))
            return false;
    }
}

static bool finish(Process *process, ProcessResult *ret, Error *error)
{
    /* stdout may be closed long before the end */
    while (!process->ended)
        if (!pump(process, END_COUNT, error))
            return false;
    keep_messages(process);
    process_result_done(ret);
    reap(process, ret);
    ret->output_bytes = process->output.length;
    ret->message_bytes = process->messages.length;
    ret->output = TAKE(process->output.bytes);
    ret->messages = TAKE(process->messages.bytes);
    ret->duration = clock_now() - process->started;
    return true;
}

bool process_wait(Process *process, ProcessResult *ret, Error *error)
{
    process_end_input(process);
    return take_output(process, NULL, NULL, error) && finish(process, ret, error);
}

/* Feeds stdin, taking what comes from stdout meanwhile so that neither side blocks. */
static bool give_input(Process *process, const ProcessOrder *order, Error *error)
{
    char buffer[4096];
    size_t got;

    while (process->pending_bytes > 0 && !process->ended) {
        if (!pump(process, END_OUT, error))
            return false;
        if (!read_end(process, END_OUT, buffer, sizeof(buffer), &got) || got == 0)
            continue;
        if (!order->on_output)
            tail_add(&process->output, buffer, got);
        else if (!order->on_output(order->on_output_self, buffer, got, error))
            return false;
    }
    return true;
}

bool process_run(const ProcessOrder *order, ProcessResult *ret, Error *error)
{
    AUTO(Process) *process = NULL;

    assert(order->input_kind != PROCESS_INPUT_PIPE);
    if (!process_start(order, &process, error))
        return false;
    if (!give_input(process, order, error))
        return false;
    process_end_input(process);
    return take_output(process, order->on_output, order->on_output_self, error) &&
           finish(process, ret, error);
}

pid_t process_id(const Process *process)
{
    return process->pid;
}

void process_free(Process *process)
{
    if (!process)
        return;
    reap(process, NULL);
    for (End end = END_IN; end < END_COUNT; end++)
        close_end(process, end);
    free(process->output.bytes);
    free(process->messages.bytes);
    free(process->name);
    free(process);
}
