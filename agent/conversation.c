#include "agent/conversation.h"

#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/clock.h"

static bool is_in_hand(void *runner, const CommandId *id)
{
    return jobs_find(runner, id) != NULL;
}

bool conversation_init(Conversation *talk, const AgentSettings *settings, Error *error)
{
    *talk = (Conversation){ .settings = settings, .log = settings->log };
    if (!ledger_open(settings->config->state_directory, &talk->ledger, error))
        return false;
    talk->ledger_io = ledger_io(talk->ledger);
    talk->obey = (Obey){ settings->config, &talk->ledger_io, &talk->jobs, is_in_hand };
    talk->worker =
        (WorkerSettings){ settings->config, settings->config_file, settings->handler_for };
    return true;
}

void conversation_done(Conversation *talk)
{
    jobs_done(&talk->jobs);
    link_hub_free(talk->hub);
    ledger_close(talk->ledger);
}

static void say(const Conversation *talk, Link *link, const Message *message)
{
    Error error = { 0 };

    if (!link_send(link, message, &error))
        log_say(&talk->log, LOG_LEVEL_INFO, "a message was dropped: %s", error.text);
}

static void say_hello(const Conversation *talk, Link *link)
{
    const AgentSettings *settings = talk->settings;
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_HELLO;
    message.text = memory_text(settings->program);
    message.clock_ms = wall_now();
    facts_add(&message.hello, "profile", settings->profile->name);
    facts_add(&message.hello, "profile-sha256", settings->profile->sha256);
    for (CommandKind kind = COMMAND_NONE + 1; kind < COMMAND_KIND_COUNT; kind++)
        facts_add(&message.hello, "command", command_name(kind));
    say(talk, link, &message);
}

static void say_accepted(const Conversation *talk, Link *link, const CommandId *id)
{
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_ACCEPTED;
    message.id = *id;
    say(talk, link, &message);
}

static void say_result(
    const Conversation *talk, Link *link, const Command *command, const CommandResult *result)
{
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_RESULT;
    (void)memcpy(message.audit_head, command->audit_head, sizeof(message.audit_head));
    command_result_copy(&message.result, result);
    say(talk, link, &message);
}

/* `epoch`: of what is refused; a later one is not meant. */
static void say_refusal(
    const Conversation *talk, Link *link, const CommandId *id, uint64_t epoch, const char *why)
{
    MESSAGE_AUTO(message);

    message.kind = MESSAGE_REFUSAL;
    message.epoch = epoch;
    message.id = *id;
    message.text = memory_text(why);
    say(talk, link, &message);
}

static void refuse(
    const Conversation *talk, const LinkEvent *event, const CommandId *id, const Error *why)
{
    log_say(&talk->log, LOG_LEVEL_WARNING, "refused to %s: %s", event->peer, why->text);
    say_refusal(talk, event->link, id, event->message.epoch, why->text);
}

/* A new leader asks: what an earlier one has waiting here does not begin any more. */
static void forget_waiting_below(Conversation *talk, uint64_t epoch)
{
    for (size_t i = talk->jobs.count; i-- > 0;) {
        Job *job = &talk->jobs.items[i];

        if (!job->worker && job->command.epoch > 0 && job->command.epoch < epoch)
            jobs_remove(&talk->jobs, job);
    }
}

static void take_in_hand(Conversation *talk, const LinkEvent *event, const Command *command)
{
    char key[COMMAND_KEY_BYTES];

    command_key(&command->id, key);
    log_say(&talk->log, LOG_LEVEL_NOTICE, "%s: %s on %s for %s, epoch %" PRIu64, key,
        command_name(command->kind), command->target, event->peer, command->epoch);
    forget_waiting_below(talk, command->epoch);
    (void)jobs_add(&talk->jobs, command, event->link);
    say_accepted(talk, event->link, &command->id);
}

/* Somebody asks for what is in hand: that is who is told, and in whose epoch it is done. */
static void change_hands(Conversation *talk, const LinkEvent *event, const Command *command)
{
    Job *job = jobs_find(&talk->jobs, &command->id);

    job->asker = event->link;
    job->command.epoch = command->epoch;
    (void)memcpy(job->command.audit_head, command->audit_head, sizeof(command->audit_head));
    say_accepted(talk, event->link, &command->id);
}

static bool may_command(
    Conversation *talk, const LinkEvent *event, const Command *command, Error *error)
{
    if (event->role == PEER_AGENT)
        return error_set(error, ERROR_REFUSED, "an agent gives no commands");
    if (event->role == PEER_OPERATOR && !command_is_read_only(command->kind))
        return error_set(error, ERROR_REFUSED, "%s changes something: an operator may only look",
            command_name(command->kind));
    if (event->role == PEER_OPERATOR && command->epoch != 0)
        return error_set(
            error, ERROR_REFUSED, "an operator leads in no epoch, not in %" PRIu64, command->epoch);
    if (talk->jobs.count >= JOBS_MAX && !jobs_find(&talk->jobs, &command->id))
        return error_set(
            error, ERROR_PRECONDITION, "%d commands are in hand: ask again later", JOBS_MAX);
    return true;
}

static void hear_command(Conversation *talk, const LinkEvent *event)
{
    const Command *command = &event->message.command;
    COMMAND_RESULT_AUTO(result);
    Error error = { 0 };

    if (!may_command(talk, event, command, &error)) {
        refuse(talk, event, &command->id, &error);
        return;
    }
    switch (obey_command(&talk->obey, command, &result, &error)) {
    case OBEY_RUN:
        take_in_hand(talk, event, command);
        return;
    case OBEY_WAIT:
        change_hands(talk, event, command);
        return;
    case OBEY_ANSWER:
        say_result(talk, event->link, command, &result);
        return;
    case OBEY_REFUSE:
        refuse(talk, event, &command->id, &error);
        return;
    }
}

/* What the ledger does not keep is not said as a result; that it ended without one is. Asked
 * again, the command runs again, and looks first. */
static void end_without_result(Conversation *talk, const Job *job, const char *key, Error *error)
{
    error_prefix(error, "%s ended, its result could not be kept: ", key);
    log_say(&talk->log, LOG_LEVEL_ERROR, "%s", error->text);
    if (job->asker)
        say_refusal(talk, job->asker, &job->command.id, job->command.epoch, error->text);
}

/* In the ledger first. */
static void end_job(Conversation *talk, Job *job, const CommandResult *result)
{
    Error error = { 0 };
    char key[COMMAND_KEY_BYTES];

    command_key(&result->id, key);
    if (!obey_finish(&talk->obey, result, &error)) {
        end_without_result(talk, job, key, &error);
    } else {
        log_say(&talk->log, result->state == RESULT_FAILED ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
            "%s: %s%s%s", key, result_state_name(result->state),
            result->state == RESULT_FAILED ? ": " : "", result->error.text);
        if (job->asker)
            say_result(talk, job->asker, &job->command, result);
    }
    jobs_remove(&talk->jobs, job);
}

static void end_with(Conversation *talk, Job *job, const Error *why)
{
    COMMAND_RESULT_AUTO(result);

    result.id = job->command.id;
    result.state = RESULT_FAILED;
    result.error = *why;
    end_job(talk, job, &result);
}

/* Whoever may not lead may not stop either; a cancel of what is not in hand changes nothing. */
static void hear_cancel(Conversation *talk, const LinkEvent *event)
{
    const Message *message = &event->message;
    Job *job = jobs_find(&talk->jobs, &message->id);
    Error error = { 0 };
    bool leads = event->role == PEER_COORDINATOR
                     ? obey_leader(&talk->obey, message->cluster, message->epoch, &error)
                     : error_set(&error, ERROR_REFUSED, "only a coordinator may cancel");

    if (!leads) {
        refuse(talk, event, &message->id, &error);
        return;
    }
    if (!job)
        return;
    if (message->epoch < job->command.epoch) {
        (void)error_set(&error, ERROR_REFUSED,
            "epoch %" PRIu64 " may not cancel a command of epoch %" PRIu64, message->epoch,
            job->command.epoch);
        refuse(talk, event, &message->id, &error);
        return;
    }
    if (job->worker) {
        worker_cancel(job->worker, clock_now());
        return;
    }
    (void)error_set(&error, ERROR_CANCELLED, "cancelled before it began");
    end_with(talk, job, &error);
}

static void hear_hello(Conversation *talk, const LinkEvent *event)
{
    const Message *message = &event->message;
    const CommandId none = { 0 };
    Error error = { 0 };

    log_say(&talk->log, LOG_LEVEL_INFO, "%s is %s, epoch %" PRIu64, event->peer,
        message->text ? message->text : "unnamed", message->epoch);
    if (event->role == PEER_COORDINATOR &&
        !obey_leader(&talk->obey, message->cluster, message->epoch, &error))
        refuse(talk, event, &none, &error);
}

static void hear_message(Conversation *talk, const LinkEvent *event)
{
    switch (event->message.kind) {
    case MESSAGE_HELLO:
        hear_hello(talk, event);
        return;
    case MESSAGE_COMMAND:
        hear_command(talk, event);
        return;
    case MESSAGE_CANCEL:
        hear_cancel(talk, event);
        return;
    case MESSAGE_REFUSAL:
        log_say(&talk->log, LOG_LEVEL_WARNING, "%s refuses: %s", event->peer,
            event->message.text ? event->message.text : "");
        return;
    case MESSAGE_HEARTBEAT:
    case MESSAGE_ACCEPTED:
    case MESSAGE_PROGRESS:
    case MESSAGE_RESULT:
    case MESSAGE_KIND_COUNT:
        log_say(
            &talk->log, LOG_LEVEL_WARNING, "%s sent what only agents send: ignored", event->peer);
        return;
    }
}

void conversation_hear(Conversation *talk, const LinkEvent *event)
{
    switch (event->kind) {
    case LINK_UP:
        log_say(&talk->log, LOG_LEVEL_NOTICE, "%s is connected", event->peer);
        say_hello(talk, event->link);
        return;
    case LINK_MESSAGE:
        hear_message(talk, event);
        return;
    case LINK_DOWN:
        log_say(&talk->log, LOG_LEVEL_NOTICE, "%s is gone: %s", event->peer, event->error.text);
        jobs_forget_asker(&talk->jobs, event->link);
        return;
    case LINK_REJECTED:
        log_say(&talk->log, LOG_LEVEL_WARNING, "a peer was turned away: %s", event->error.text);
        return;
    }
}

static void start_what_can(Conversation *talk, Millis now)
{
    Job *job;

    while ((job = jobs_next(&talk->jobs))) {
        Error error = { 0 };

        if (!worker_start(&talk->worker, &job->command, now, &job->worker, &error))
            end_with(talk, job, &error);
    }
}

/* True when the job has ended, and is no more. */
static bool listen_to(Conversation *talk, Job *job, Millis now)
{
    for (;;) {
        WorkerNews news;

        switch (worker_take(job->worker, now, &news)) {
        case WORKER_NOTHING:
            return false;
        case WORKER_PROGRESS:
            if (job->asker)
                say(talk, job->asker, &news.message);
            worker_news_done(&news);
            break;
        case WORKER_ENDED:
            end_job(talk, job, &news.result);
            worker_news_done(&news);
            return true;
        }
    }
}

void conversation_work(Conversation *talk, Millis now)
{
    for (size_t i = 0; i < talk->jobs.count;)
        if (!talk->jobs.items[i].worker || !listen_to(talk, &talk->jobs.items[i], now))
            i++;
    start_what_can(talk, now);
}
