#include "agent/worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "agent/worker_child.h"
#include "common/base/memory.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/session.h"

typedef enum Ending {
    ENDING_NOT,
    ENDING_AT_DEADLINE,
    ENDING_BY_CANCEL,
} Ending;

struct Worker {
    Command command;
    const char *goal;
    pid_t process;
    int handle; /* pidfd: readable when the child has ended */
    int frames; /* what it says; -1 after its end of file */
    Millis deadline, kill_at;
    Ending ending;
    bool killed, exited;
    int status; /* of waitpid(), once exited */
    uint8_t *bytes;
    size_t length;
    bool has_result;
    CommandResult result;
};

/* The whole command as a file without a name: the child may read it when it likes. */
static bool command_file(const AgentConfig *config, const Command *command, int *ret, Error *error)
{
    MESSAGE_AUTO(message);
    AUTO_FD file = memfd_create("command", MFD_CLOEXEC);
    uint8_t *frame = NULL;
    size_t bytes = 0;
    bool written;

    if (file < 0)
        return error_set(error, ERROR_IO, "no memory file for the worker: %m");
    message.kind = MESSAGE_COMMAND;
    message.epoch = command->epoch;
    (void)memcpy(message.cluster, command->cluster, sizeof(message.cluster));
    (void)snprintf(message.sender, sizeof(message.sender), "%s", config->name);
    command_copy(&message.command, command);
    if (!wire_pack(&message, &frame, &bytes, error))
        return false;
    written = file_write_all(file, frame, bytes, "the worker's command", error);
    free(frame);
    if (!written)
        return false;
    if (lseek(file, 0, SEEK_SET) != 0)
        return error_set(error, ERROR_IO, "the worker's command cannot be rewound: %m");
    *ret = file;
    file = -1;
    return true;
}

/* SIGTERM is blocked from the first instruction on: the child takes it in its pauses. */
static void fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t blocked, defaults;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigfillset(&defaults);
    (void)posix_spawnattr_setsigmask(attributes, &blocked);
    (void)posix_spawnattr_setsigdefault(attributes, &defaults);
    (void)posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

static int spawn(const char *const *argv, int command, int frames, pid_t *ret)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char *environment[] = { NULL, NULL, NULL };
    AUTO_TEXT *path = memory_format("PATH=%s", PROCESS_PATH);
    AUTO_TEXT *locale = memory_text("LC_ALL=C.UTF-8");
    int code;

    environment[0] = path;
    environment[1] = locale;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attributes);
    fill_attributes(&attributes);
    (void)posix_spawn_file_actions_adddup2(&files, command, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, frames, WORKER_FRAMES);
    (void)posix_spawn_file_actions_addclosefrom_np(&files, WORKER_FRAMES + 1);
    code = posix_spawn(
        ret, "/proc/self/exe", &files, &attributes, (char *const *)(uintptr_t)argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return code;
}

static bool start_child(Worker *worker, const WorkerSettings *settings, int command, Error *error)
{
    AUTO_TEXT *parent = memory_format("%d", (int)getpid());
    const char *const argv[] = { "dss-agent", "worker", settings->config_file, parent, NULL };
    int ends[2], code;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, ERROR_IO, "no pipe for the worker: %m");
    worker->frames = ends[0];
    code = fcntl(ends[0], F_SETFL, O_NONBLOCK);
    assert(code == 0);
    code = spawn(argv, command, ends[1], &worker->process);
    (void)close(ends[1]);
    if (code != 0)
        return error_set(error, ERROR_IO, "the worker cannot be started: %s", strerror(code));
    worker->handle = pidfd_open(worker->process, 0);
    if (worker->handle < 0)
        return error_set(error, ERROR_IO, "the worker cannot be watched: %m");
    return true;
}

bool worker_start(
    const WorkerSettings *settings, const Command *command, Millis now, Worker **ret, Error *error)
{
    AUTO(Worker) *worker = memory_new(sizeof(*worker));
    AUTO_FD file = -1;

    *worker = (Worker){ .process = -1, .handle = -1, .frames = -1 };
    command_copy(&worker->command, command);
    worker->goal = settings->handler_for(command->kind)->goal;
    worker->deadline = now + (Millis)command->deadline_s * 1000;
    if (!command_file(settings->config, command, &file, error) ||
        !start_child(worker, settings, file, error))
        return false;
    worker->bytes = memory_new(WIRE_PREFIX + WIRE_FRAME_MAX);
    *ret = TAKE(worker);
    return true;
}

static void kill_session(Worker *worker)
{
    worker->killed = true;
    (void)kill(worker->process, SIGKILL); /* not waited for yet: the number is still its own */
    (void)session_kill(worker->process);
}

void worker_free(Worker *worker)
{
    if (!worker)
        return;
    if (worker->process > 0 && !worker->exited) {
        kill_session(worker);
        (void)waitpid(worker->process, NULL, 0); /* it was killed: no wait */
    }
    if (worker->handle >= 0)
        (void)close(worker->handle);
    if (worker->frames >= 0)
        (void)close(worker->frames);
    command_done(&worker->command);
    command_result_done(&worker->result);
    free(worker->bytes);
    free(worker);
}

void worker_descriptors(const Worker *worker, struct pollfd ret[WORKER_DESCRIPTORS])
{
    ret[0] = (struct pollfd){ .fd = worker->frames, .events = POLLIN };
    ret[1] = (struct pollfd){ .fd = worker->handle, .events = POLLIN };
}

int worker_wait_ms(const Worker *worker, Millis now)
{
    Millis until = worker->ending == ENDING_NOT ? worker->deadline : worker->kill_at;

    if (worker->killed)
        return 1000; /* the kernel tells of its end */
    return until <= now ? 0 : until - now > 3600000 ? 3600000 : (int)(until - now);
}

static void end_child(Worker *worker, Ending ending, Millis now)
{
    if (worker->ending != ENDING_NOT || worker->exited)
        return;
    worker->ending = ending;
    worker->kill_at = now + WORKER_GRACE_MS;
    (void)pidfd_send_signal(worker->handle, SIGTERM, NULL, 0); /* or it has just ended */
}

void worker_cancel(Worker *worker, Millis now)
{
    end_child(worker, ENDING_BY_CANCEL, now);
}

static void look_at_clock_and_child(Worker *worker, Millis now)
{
    if (!worker->exited && waitpid(worker->process, &worker->status, WNOHANG) == worker->process) {
        worker->exited = true;
        (void)session_kill(worker->process); /* what it started and left behind */
    }
    if (now >= worker->deadline)
        end_child(worker, ENDING_AT_DEADLINE, now);
    if (worker->ending != ENDING_NOT && now >= worker->kill_at && !worker->killed)
        kill_session(worker);
}

/* More bytes of the pipe into the buffer; false when there are none now. */
static bool read_more(Worker *worker)
{
    ssize_t got;

    if (worker->frames < 0)
        return false;
    do
        got = read(worker->frames, worker->bytes + worker->length,
            WIRE_PREFIX + WIRE_FRAME_MAX - worker->length);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        worker->length += (size_t)got;
        return true;
    }
    if (got == 0 || errno != EAGAIN) {
        (void)close(worker->frames);
        worker->frames = -1;
    }
    return false;
}

/* The content of the first frame in the buffer; false when it is not whole. */
static bool frame_is_whole(const Worker *worker, size_t *ret_bytes)
{
    const uint8_t *b = worker->bytes;

    if (worker->length < WIRE_PREFIX)
        return false;
    *ret_bytes = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    return *ret_bytes > WIRE_FRAME_MAX || worker->length >= WIRE_PREFIX + *ret_bytes;
}

/* A child that does not speak as agreed is broken: it is killed, and has no result. */
static WorkerNewsKind take_frame(Worker *worker, size_t bytes, WorkerNews *ret)
{
    MESSAGE_AUTO(message);
    Error error = { 0 };
    bool good = bytes <= WIRE_FRAME_MAX &&
                wire_unpack(worker->bytes + WIRE_PREFIX, bytes, &message, &error);

    if (good && message.kind == MESSAGE_PROGRESS) {
        ret->message = message;
        message = (Message){ 0 };
    } else if (good && message.kind == MESSAGE_RESULT && !worker->has_result &&
               command_id_equal(&message.result.id, &worker->command.id)) {
        worker->has_result = true;
        worker->result = message.result;
        message.result = (CommandResult){ 0 };
    } else {
        worker->length = 0;
        (void)close(worker->frames);
        worker->frames = -1;
        kill_session(worker);
        return WORKER_NOTHING;
    }
    worker->length -= WIRE_PREFIX + bytes;
    memmove(worker->bytes, worker->bytes + WIRE_PREFIX + bytes, worker->length);
    return ret->message.kind == MESSAGE_PROGRESS ? WORKER_PROGRESS : WORKER_NOTHING;
}

static void describe_end(const Worker *worker, Error *error)
{
    bool by_signal = WIFSIGNALED(worker->status);
    AUTO_TEXT *words = process_end_words(
        by_signal ? -1 : WEXITSTATUS(worker->status), by_signal ? WTERMSIG(worker->status) : 0);

    switch (worker->ending) {
    case ENDING_AT_DEADLINE:
        (void)error_set(error, ERROR_TIMEOUT, "not reached within %u s: %s",
            worker->command.deadline_s, worker->goal);
        return;
    case ENDING_BY_CANCEL:
        (void)error_set(
            error, ERROR_CANCELLED, "cancelled before it was reached: %s", worker->goal);
        return;
    case ENDING_NOT:
        (void)error_set(error, ERROR_COMMAND_FAILED, "the worker %s before this was known: %s",
            words, worker->goal);
        return;
    }
}

static WorkerNewsKind end_of(Worker *worker, WorkerNews *ret)
{
    CommandResult *result = &worker->result;

    if (!worker->has_result) {
        result->id = worker->command.id;
        result->state = RESULT_FAILED;
        describe_end(worker, &result->error);
    } else if (worker->ending == ENDING_AT_DEADLINE && result->state == RESULT_FAILED &&
               result->error.kind == ERROR_CANCELLED) {
        result->error = (Error){ 0 }; /* it was the clock that cancelled */
        describe_end(worker, &result->error);
    }
    ret->result = *result;
    *result = (CommandResult){ 0 };
    return WORKER_ENDED;
}

WorkerNewsKind worker_take(Worker *worker, Millis now, WorkerNews *ret)
{
    size_t bytes;

    *ret = (WorkerNews){ 0 };
    look_at_clock_and_child(worker, now);
    do {
        while (frame_is_whole(worker, &bytes)) {
            if (take_frame(worker, bytes, ret) == WORKER_PROGRESS)
                return WORKER_PROGRESS;
        }
    } while (read_more(worker));
    return worker->exited ? end_of(worker, ret) : WORKER_NOTHING;
}

void worker_news_done(WorkerNews *news)
{
    message_done(&news->message);
    command_result_done(&news->result);
}
