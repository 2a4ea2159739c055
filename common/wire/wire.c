#include "common/wire/wire.h"

#include <assert.h>
#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/wire/wire_scan.h"
#include "proto/envelope.pb-c.h"

/* What decoding one frame may allocate. The largest message that we make needs under 2 MiB; a
 * hostile MiB of wire becomes up to 50 (measured with protobuf-c 1.4.1). */
#define BUDGET_BYTES     (4 * 1024 * 1024)
#define BLOCK_COST_BYTES 16 /* what malloc adds to each block */

typedef DssUpgrade__Envelope Envelope;

void message_done(Message *message)
{
    command_done(&message->command);
    command_result_done(&message->result);
    facts_done(&message->hello);
    free(message->text);
    *message = (Message){ 0 };
}

static void *budget_take(void *left, size_t bytes)
{
    size_t *budget = left;

    if (bytes + BLOCK_COST_BYTES > *budget)
        return NULL;
    *budget -= bytes + BLOCK_COST_BYTES;
    return malloc(bytes);
}

static void budget_give(void *left, void *block)
{
    (void)left; /* nothing is given back: the budget bounds the work as well as the memory */
    free(block);
}

static bool name_from(char *ret, size_t capacity, const char *what, const char *name, Error *error)
{
    if (!name_is_valid(name) || !text_copy(ret, capacity, name))
        return error_set(error, ERROR_INVALID, "%s '%.64s' is not a name", what, name);
    return true;
}

static bool id_from(CommandId *ret, const DssUpgrade__CommandId *id, Error *error)
{
    if (!id)
        return error_set(error, ERROR_INVALID, "the command's id is missing");
    if (!name_from(ret->run, sizeof(ret->run), "run", id->run, error))
        return false;
    if (id->attempt == 0)
        return error_set(error, ERROR_INVALID, "an attempt's number is 0, they begin with 1");
    ret->step = id->step;
    ret->attempt = id->attempt;
    return true;
}

static bool text_from(char **ret, const char *what, const char *text, Error *error)
{
    if (strlen(text) >= ERROR_TEXT_MAX)
        return error_set(error, ERROR_INVALID, "%s has %zu bytes, at most %d travel", what,
            strlen(text), ERROR_TEXT_MAX - 1);
    *ret = memory_text(text);
    return true;
}

static bool digest_from(char ret[DIGEST_HEX_BYTES], const char *what, const char *hex, Error *error)
{
    size_t length = strlen(hex);

    if (length != 0 &&
        (length != DIGEST_HEX_BYTES - 1 || strspn(hex, "0123456789abcdef") != length))
        return error_set(error, ERROR_INVALID, "%s '%.70s' is not a SHA-256", what, hex);
    (void)text_copy(ret, DIGEST_HEX_BYTES, hex); /* fits: the length was compared */
    return true;
}

static bool facts_from(
    Facts *ret, size_t count, DssUpgrade__Fact *const *facts, size_t max, Error *error)
{
    if (count > max)
        return error_set(error, ERROR_INVALID, "%zu facts, at most %zu travel", count, max);
    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(facts[i]->name);
        size_t value = strlen(facts[i]->value);

        if (name == 0 || name > WIRE_FACT_NAME_MAX || value > WIRE_FACT_VALUE_MAX)
            return error_set(error, ERROR_INVALID,
                "fact '%.60s' has a name of %zu and a value of %zu bytes, 1..%d and 0..%d travel",
                facts[i]->name, name, value, WIRE_FACT_NAME_MAX, WIRE_FACT_VALUE_MAX);
        facts_add(ret, facts[i]->name, facts[i]->value);
    }
    return true;
}

static bool unpack_hello(const Envelope *envelope, Message *ret, Error *error)
{
    const DssUpgrade__Hello *hello = envelope->hello;
    char name[NAME_MAX_BYTES], digest[DIGEST_HEX_BYTES];

    if (!text_from(&ret->text, "the program's name", hello->program, error) ||
        !digest_from(digest, "the profile's digest", hello->profile_sha256, error))
        return false;
    if (hello->profile[0] != '\0' &&
        !name_from(name, sizeof(name), "profile", hello->profile, error))
        return false;
    if (hello->n_commands > WIRE_COMMANDS_MAX)
        return error_set(error, ERROR_INVALID, "%zu kinds of command, at most %d travel",
            hello->n_commands, WIRE_COMMANDS_MAX);
    ret->clock_ms = hello->clock_ms;
    facts_add(&ret->hello, "profile", hello->profile);
    facts_add(&ret->hello, "profile-sha256", hello->profile_sha256);
    for (size_t i = 0; i < hello->n_commands; i++) {
        if (!name_from(name, sizeof(name), "kind of command", hello->commands[i], error))
            return false;
        facts_add(&ret->hello, "command", name);
    }
    return true;
}

static bool unpack_heartbeat(const Envelope *envelope, Message *ret, Error *error)
{
    (void)error;
    ret->done = envelope->heartbeat->sequence;
    ret->total = envelope->heartbeat->answer ? 1 : 0;
    return true;
}

static bool unpack_command(const Envelope *envelope, Message *ret, Error *error)
{
    const DssUpgrade__Command *from = envelope->command;
    Command *command = &ret->command;

    command->kind = command_from_name(from->kind);
    if (command->kind == COMMAND_NONE || command->kind == COMMAND_KIND_COUNT)
        return error_set(error, ERROR_INVALID, "unknown command '%.64s'", from->kind);
    if (!id_from(&command->id, from->id, error) ||
        !name_from(command->target, sizeof(command->target), "target", from->target, error) ||
        !digest_from(command->audit_head, "the audit head", from->audit_head, error) ||
        !facts_from(&command->args, from->n_args, from->args, WIRE_ARGS_MAX, error))
        return false;
    command->deadline_s = from->deadline_s;
    command->epoch = ret->epoch;
    (void)text_copy(command->cluster, sizeof(command->cluster), ret->cluster); /* same size */
    ret->id = command->id;
    return command_check(command, error);
}

static bool unpack_accepted(const Envelope *envelope, Message *ret, Error *error)
{
    return id_from(&ret->id, envelope->accepted->id, error);
}

static bool unpack_progress(const Envelope *envelope, Message *ret, Error *error)
{
    ret->done = envelope->progress->done;
    ret->total = envelope->progress->total;
    return id_from(&ret->id, envelope->progress->id, error) &&
           text_from(&ret->text, "the progress's text", envelope->progress->what, error);
}

static bool failure_from(Error *ret, const DssUpgrade__Result *result, Error *error)
{
    ErrorKind kind = error_kind_from_name(result->error_kind);

    if (kind == ERROR_NONE || kind == ERROR_KIND_COUNT)
        return error_set(error, ERROR_INVALID, "unknown kind of error '%.64s'", result->error_kind);
    if (!text_copy(ret->text, sizeof(ret->text), result->error_text))
        return error_set(error, ERROR_INVALID, "the error's text has %zu bytes, at most %d travel",
            strlen(result->error_text), ERROR_TEXT_MAX - 1);
    ret->kind = kind;
    return true;
}

static bool unpack_result(const Envelope *envelope, Message *ret, Error *error)
{
    const DssUpgrade__Result *from = envelope->result;
    CommandResult *result = &ret->result;

    result->state = result_state_from_name(from->state);
    if (result->state == RESULT_STATE_COUNT)
        return error_set(error, ERROR_INVALID, "unknown result '%.64s'", from->state);
    if (result->state == RESULT_FAILED && !failure_from(&result->error, from, error))
        return false;
    if (result->state != RESULT_FAILED && (from->error_kind[0] || from->error_text[0]))
        return error_set(error, ERROR_INVALID, "the result is '%s', yet has an error", from->state);
    if (!id_from(&result->id, from->id, error) ||
        !digest_from(ret->audit_head, "the audit head", from->audit_head, error))
        return false;
    ret->id = result->id;
    return facts_from(
        &result->evidence, from->n_evidence, from->evidence, WIRE_EVIDENCE_MAX, error);
}

static bool unpack_refusal(const Envelope *envelope, Message *ret, Error *error)
{
    if (envelope->refusal->id && !id_from(&ret->id, envelope->refusal->id, error))
        return false;
    return text_from(&ret->text, "the refusal's text", envelope->refusal->text, error);
}

static bool unpack_cancel(const Envelope *envelope, Message *ret, Error *error)
{
    return id_from(&ret->id, envelope->cancel->id, error);
}

static const struct {
    DssUpgrade__Envelope__BodyCase body;
    bool (*unpack)(const Envelope *envelope, Message *ret, Error *error);
} rows[] = {
    [MESSAGE_HELLO] = { DSS_UPGRADE__ENVELOPE__BODY_HELLO, unpack_hello },
    [MESSAGE_HEARTBEAT] = { DSS_UPGRADE__ENVELOPE__BODY_HEARTBEAT, unpack_heartbeat },
    [MESSAGE_COMMAND] = { DSS_UPGRADE__ENVELOPE__BODY_COMMAND, unpack_command },
    [MESSAGE_ACCEPTED] = { DSS_UPGRADE__ENVELOPE__BODY_ACCEPTED, unpack_accepted },
    [MESSAGE_PROGRESS] = { DSS_UPGRADE__ENVELOPE__BODY_PROGRESS, unpack_progress },
    [MESSAGE_RESULT] = { DSS_UPGRADE__ENVELOPE__BODY_RESULT, unpack_result },
    [MESSAGE_REFUSAL] = { DSS_UPGRADE__ENVELOPE__BODY_REFUSAL, unpack_refusal },
    [MESSAGE_CANCEL] = { DSS_UPGRADE__ENVELOPE__BODY_CANCEL, unpack_cancel },
};
static_assert(sizeof(rows) / sizeof(rows[0]) == MESSAGE_KIND_COUNT, "each kind is unpacked");

static bool message_from(const Envelope *envelope, Message *ret, Error *error)
{
    MessageKind kind = MESSAGE_HELLO;

    if (!name_from(ret->cluster, sizeof(ret->cluster), "cluster", envelope->cluster, error) ||
        !name_from(ret->sender, sizeof(ret->sender), "sender", envelope->sender, error))
        return false;
    while (kind < MESSAGE_KIND_COUNT && rows[kind].body != envelope->body_case)
        kind++;
    if (kind == MESSAGE_KIND_COUNT)
        return error_set(error, ERROR_INVALID, "an envelope from %s is empty", ret->sender);
    ret->kind = kind;
    ret->epoch = envelope->epoch;
    if (!rows[kind].unpack(envelope, ret, error))
        return error_prefix(error, "from %s: ", ret->sender);
    return true;
}

bool wire_unpack(const uint8_t *content, size_t bytes, Message *ret, Error *error)
{
    size_t budget = BUDGET_BYTES;
    ProtobufCAllocator allocator = { budget_take, budget_give, &budget };
    MESSAGE_AUTO(message);
    Envelope *envelope;
    bool good;

    if (!wire_scan(content, bytes, error))
        return false;
    envelope = dss_upgrade__envelope__unpack(&allocator, bytes, content);
    if (!envelope)
        return error_set(error, ERROR_INVALID,
            "a frame of %zu bytes is no envelope, or would take more than %d bytes of memory",
            bytes, BUDGET_BYTES);
    good = message_from(envelope, &message, error);
    dss_upgrade__envelope__free_unpacked(envelope, &allocator);
    if (!good)
        return false;
    *ret = message;
    message = (Message){ 0 };
    return true;
}
