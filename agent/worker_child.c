#include "agent/worker_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "agent/config_xml.h"
#include "agent/ledger.h"
#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/wire/wire.h"

#define PROGRESS_EVERY_MS 200

typedef struct Child {
    const WorkerDuty *duty;
    Command command;
    char sender[NAME_MAX_BYTES];
    AgentConfig *config;
    Profile *profile;
    Ledger *ledger;
    bool cancelled;
    Millis last_progress;
} Child;

static void child_done(Child *child)
{
    command_done(&child->command);
    ledger_close(child->ledger);
    profile_free(child->profile);
    agent_config_free(child->config);
}

static Millis io_now(void *self)
{
    (void)self;
    return clock_now();
}

/* SIGTERM is blocked but here: a cancel waits for the next pause. */
static bool io_pause(void *self, Millis duration, Error *error)
{
    Child *child = self;
    Millis until = clock_now() + duration;
    sigset_t term;

    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    while (!child->cancelled) {
        Millis left = until - clock_now();
        struct timespec wait = { 0 };

        if (left > 0)
            wait = (struct timespec){ .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
        if (sigtimedwait(&term, NULL, &wait) == SIGTERM)
            child->cancelled = true;
        else if (errno == EAGAIN && left <= 0)
            return true;
    }
    return error_set(error, ERROR_CANCELLED, "cancelled");
}

static bool io_remember(void *self, const char *key, const char *value, Error *error)
{
    return ledger_remember(((Child *)self)->ledger, key, value, error);
}

static bool io_recall(void *self, const char *key, char **ret, Error *error)
{
    return ledger_recall(((Child *)self)->ledger, key, ret, error);
}

static bool io_forget(void *self, const char *prefix, Error *error)
{
    return ledger_forget(((Child *)self)->ledger, prefix, error);
}

static bool send_message(const Child *child, Message *message, Error *error)
{
    uint8_t *frame = NULL;
    size_t bytes = 0;
    bool sent;

    (void)memcpy(message->cluster, child->command.cluster, sizeof(message->cluster));
    (void)memcpy(message->sender, child->sender, sizeof(message->sender));
    if (!wire_pack(message, &frame, &bytes, error))
        return false;
    sent = file_write_all(WORKER_FRAMES, frame, bytes, "the agent", error);
    free(frame);
    return sent;
}

/* A few times a second at most; the last one of a kind always. */
static void io_progress(void *self, const char *what, uint64_t done, uint64_t total)
{
    Child *child = self;
    Millis now = clock_now();
    MESSAGE_AUTO(message);
    Error error = { 0 };

    if (done != total && child->last_progress != 0 &&
        now - child->last_progress < PROGRESS_EVERY_MS)
        return;
    child->last_progress = now;
    message.kind = MESSAGE_PROGRESS;
    message.id = child->command.id;
    message.text = memory_text(what);
    message.done = done;
    message.total = total;
    (void)send_message(child, &message, &error); /* for the screen only */
}

static bool profile_is_pinned(const Child *child, Error *error)
{
    const char *pinned = facts_get(&child->command.args, ARG_PROFILE_SHA256);

    if (!pinned || strcmp(pinned, child->profile->sha256) == 0)
        return true;
    return error_set(error, ERROR_OUTDATED,
        "the profile in %s has digest %s, the plan was made with %.64s: install the same profile "
        "on every host, or plan again",
        child->config->profile_directory, child->profile->sha256, pinned);
}

static bool open_all(Child *child, Error *error)
{
    return agent_config_load(child->duty->config_file, &child->config, error) &&
           child->duty->load_profile(child->config->profile_directory, &child->profile, error) &&
           profile_is_pinned(child, error) &&
           ledger_open(child->config->state_directory, &child->ledger, error);
}

static bool work(Child *child, CommandResult *ret, Error *error)
{
    AgentIo io = {
        .self = child,
        .evidence = &ret->evidence,
        .now = io_now,
        .pause = io_pause,
        .remember = io_remember,
        .recall = io_recall,
        .forget = io_forget,
        .progress = io_progress,
    };

    if (!open_all(child, error))
        return false;
    io.config = child->config;
    io.profile = child->profile;
    return handler_run(
        child->duty->handler_for(child->command.kind), &io, &child->command, &ret->state, error);
}

static bool send_result(const Child *child, CommandResult *result, Error *error)
{
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_RESULT;
    (void)memcpy(message.audit_head, child->command.audit_head, sizeof(message.audit_head));
    command_result_copy(&message.result, result);
    return send_message(child, &message, error);
}

/* What was found does not fit into a frame: that is the result then. */
static bool send_failure(const Child *child, const Error *why, Error *error)
{
    COMMAND_RESULT_AUTO(result);

    result.id = child->command.id;
    result.state = RESULT_FAILED;
    result.error = *why;
    return send_result(child, &result, error);
}

static bool work_and_answer(Child *child, Error *error)
{
    COMMAND_RESULT_AUTO(result);
    Error unfit = { 0 };

    result.id = child->command.id;
    if (!work(child, &result, &result.error))
        result.state = RESULT_FAILED;
    else if (result.state == RESULT_ALREADY && command_is_read_only(child->command.kind))
        result.state = RESULT_DONE;
    if (send_result(child, &result, &unfit))
        return true;
    return unfit.kind == ERROR_INVALID ? send_failure(child, &unfit, error)
                                       : error_set(error, unfit.kind, "%s", unfit.text);
}

/* One whole frame, to the end of the file. */
static bool read_command(Child *child, Error *error)
{
    AUTO_TEXT *bytes = memory_new(WIRE_PREFIX + WIRE_FRAME_MAX + 1);
    MESSAGE_AUTO(message);
    size_t length = 0;
    ssize_t got;

    do {
        got = read(STDIN_FILENO, bytes + length, WIRE_PREFIX + WIRE_FRAME_MAX + 1 - length);
        length += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0 || length <= WIRE_PREFIX)
        return error_set(error, ERROR_INVALID, "no command came");
    if (!wire_unpack((const uint8_t *)bytes + WIRE_PREFIX, length - WIRE_PREFIX, &message, error))
        return false;
    if (message.kind != MESSAGE_COMMAND)
        return error_set(error, ERROR_INVALID, "what came is not a command");
    (void)memcpy(child->sender, message.sender, sizeof(child->sender));
    child->command = message.command;
    message.command = (Command){ 0 };
    return command_check(&child->command, error);
}

/* Dies with the agent from here on; false when it is dead already. */
static bool is_tied_to(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
           fcntl(WORKER_FRAMES, F_SETFD, FD_CLOEXEC) == 0;
}

int worker_child_run(const WorkerDuty *duty)
{
    __attribute__((cleanup(child_done))) Child child = { .duty = duty };
    Error error = { 0 };

    if (!is_tied_to(duty->parent)) {
        (void)fprintf(stderr, "dss-agent: worker: it is started by the agent alone\n");
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a server that goes away is an error, not our end */
    if (read_command(&child, &error) && work_and_answer(&child, &error))
        return 0;
    (void)fprintf(stderr, "dss-agent: worker: %s\n", error.text);
    return 1;
}
