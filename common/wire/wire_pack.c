#include "common/wire/wire.h"

#include <assert.h>
#include <inttypes.h>

#include "common/base/memory.h"
#include "common/wire/utf8.h"
#include "proto/envelope.pb-c.h"

#define TEXT_MAX (ERROR_TEXT_MAX - 1)

typedef DssUpgrade__Envelope Envelope;

/* All that the envelope points to besides the message itself lives in `arena`. */
typedef struct Packing {
    const Message *message;
    Arena *arena;
    Envelope *envelope;
} Packing;

/* A text that came from the world, a log file for example, need not be UTF-8: the peer would cut
 * the link for it, and again when the same result is sent once more. */
static char *clean(Arena *arena, const char *text)
{
    char *copy = arena_text(arena, text ? text : "");

    utf8_repair(copy);
    return copy;
}

static char *clean_short(Arena *arena, const char *text)
{
    char *copy = arena_text(arena, text ? text : "");

    if (strlen(copy) > TEXT_MAX)
        copy[TEXT_MAX] = '\0';
    utf8_repair(copy);
    return copy;
}

static DssUpgrade__CommandId *id_of(Arena *arena, const CommandId *id)
{
    DssUpgrade__CommandId *to = arena_take(arena, sizeof(*to));

    assert(name_is_valid(id->run) && id->attempt > 0);
    dss_upgrade__command_id__init(to);
    to->run = arena_text(arena, id->run);
    to->step = id->step;
    to->attempt = id->attempt;
    return to;
}

static bool facts_can_travel(const Facts *facts, size_t max, const char *what, Error *error)
{
    if (facts->count > max)
        return error_set(
            error, ERROR_INVALID, "%s: %zu facts, at most %zu travel", what, facts->count, max);
    for (size_t i = 0; i < facts->count; i++) {
        size_t name = strlen(facts->items[i].name);
        size_t value = strlen(facts->items[i].value);

        if (name == 0 || name > WIRE_FACT_NAME_MAX || value > WIRE_FACT_VALUE_MAX)
            return error_set(error, ERROR_INVALID,
                "%s: fact '%.60s' has a name of %zu and a value of %zu bytes, 1..%d and 0..%d "
                "travel",
                what, facts->items[i].name, name, value, WIRE_FACT_NAME_MAX, WIRE_FACT_VALUE_MAX);
    }
    return true;
}

static DssUpgrade__Fact **facts_of(Arena *arena, const Facts *facts)
{
    DssUpgrade__Fact **list = arena_take(arena, facts->count * sizeof(DssUpgrade__Fact *));

    for (size_t i = 0; i < facts->count; i++) {
        list[i] = arena_take(arena, sizeof(DssUpgrade__Fact));
        dss_upgrade__fact__init(list[i]);
        list[i]->name = clean(arena, facts->items[i].name);
        list[i]->value = clean(arena, facts->items[i].value);
    }
    return list;
}

static bool pack_hello(Packing *packing, Error *error)
{
    const Facts *facts = &packing->message->hello;
    DssUpgrade__Hello *hello = arena_take(packing->arena, sizeof(*hello));
    const Fact *command;

    (void)error;
    dss_upgrade__hello__init(hello);
    hello->program = clean_short(packing->arena, packing->message->text);
    hello->clock_ms = packing->message->clock_ms;
    hello->profile = clean(packing->arena, facts_get_or(facts, "profile", ""));
    hello->profile_sha256 = clean(packing->arena, facts_get_or(facts, "profile-sha256", ""));
    hello->commands = arena_take(packing->arena, facts->count * sizeof(char *));
    for (size_t at = 0; (command = facts_each(facts, "command", &at)) != NULL;)
        hello->commands[hello->n_commands++] = clean(packing->arena, command->value);
    assert(hello->n_commands <= WIRE_COMMANDS_MAX);
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_HELLO;
    packing->envelope->hello = hello;
    return true;
}

static bool pack_heartbeat(Packing *packing, Error *error)
{
    DssUpgrade__Heartbeat *heartbeat = arena_take(packing->arena, sizeof(*heartbeat));

    (void)error;
    dss_upgrade__heartbeat__init(heartbeat);
    heartbeat->sequence = packing->message->done;
    heartbeat->answer = packing->message->total != 0;
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_HEARTBEAT;
    packing->envelope->heartbeat = heartbeat;
    return true;
}

static bool pack_command(Packing *packing, Error *error)
{
    const Command *from = &packing->message->command;
    DssUpgrade__Command *command = arena_take(packing->arena, sizeof(*command));

    if (!facts_can_travel(&from->args, WIRE_ARGS_MAX, command_name(from->kind), error))
        return false;
    assert(name_is_valid(from->target));
    dss_upgrade__command__init(command);
    command->id = id_of(packing->arena, &from->id);
    command->kind = arena_text(packing->arena, command_name(from->kind));
    command->target = arena_text(packing->arena, from->target);
    command->deadline_s = from->deadline_s;
    command->n_args = from->args.count;
    command->args = facts_of(packing->arena, &from->args);
    command->audit_head = arena_text(packing->arena, from->audit_head);
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_COMMAND;
    packing->envelope->command = command;
    return true;
}

static bool pack_accepted(Packing *packing, Error *error)
{
    DssUpgrade__Accepted *accepted = arena_take(packing->arena, sizeof(*accepted));

    (void)error;
    dss_upgrade__accepted__init(accepted);
    accepted->id = id_of(packing->arena, &packing->message->id);
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_ACCEPTED;
    packing->envelope->accepted = accepted;
    return true;
}

static bool pack_progress(Packing *packing, Error *error)
{
    DssUpgrade__Progress *progress = arena_take(packing->arena, sizeof(*progress));

    (void)error;
    dss_upgrade__progress__init(progress);
    progress->id = id_of(packing->arena, &packing->message->id);
    progress->what = clean_short(packing->arena, packing->message->text);
    progress->done = packing->message->done;
    progress->total = packing->message->total;
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_PROGRESS;
    packing->envelope->progress = progress;
    return true;
}

static bool pack_result(Packing *packing, Error *error)
{
    const CommandResult *from = &packing->message->result;
    DssUpgrade__Result *result = arena_take(packing->arena, sizeof(*result));

    if (!facts_can_travel(&from->evidence, WIRE_EVIDENCE_MAX, "evidence", error))
        return false;
    assert(from->state != RESULT_FAILED || from->error.kind != ERROR_NONE);
    dss_upgrade__result__init(result);
    result->id = id_of(packing->arena, &from->id);
    result->state = arena_text(packing->arena, result_state_name(from->state));
    if (from->state == RESULT_FAILED) {
        result->error_kind = arena_text(packing->arena, error_kind_name(from->error.kind));
        result->error_text = clean_short(packing->arena, from->error.text);
    }
    result->n_evidence = from->evidence.count;
    result->evidence = facts_of(packing->arena, &from->evidence);
    result->audit_head = arena_text(packing->arena, packing->message->audit_head);
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_RESULT;
    packing->envelope->result = result;
    return true;
}

static bool pack_refusal(Packing *packing, Error *error)
{
    DssUpgrade__Refusal *refusal = arena_take(packing->arena, sizeof(*refusal));

    (void)error;
    dss_upgrade__refusal__init(refusal);
    if (packing->message->id.run[0] != '\0')
        refusal->id = id_of(packing->arena, &packing->message->id);
    refusal->text = clean_short(packing->arena, packing->message->text);
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_REFUSAL;
    packing->envelope->refusal = refusal;
    return true;
}

static bool pack_cancel(Packing *packing, Error *error)
{
    DssUpgrade__Cancel *cancel = arena_take(packing->arena, sizeof(*cancel));

    (void)error;
    dss_upgrade__cancel__init(cancel);
    cancel->id = id_of(packing->arena, &packing->message->id);
    packing->envelope->body_case = DSS_UPGRADE__ENVELOPE__BODY_CANCEL;
    packing->envelope->cancel = cancel;
    return true;
}

static bool (*const packers[])(Packing *, Error *) = {
    [MESSAGE_HELLO] = pack_hello,
    [MESSAGE_HEARTBEAT] = pack_heartbeat,
    [MESSAGE_COMMAND] = pack_command,
    [MESSAGE_ACCEPTED] = pack_accepted,
    [MESSAGE_PROGRESS] = pack_progress,
    [MESSAGE_RESULT] = pack_result,
    [MESSAGE_REFUSAL] = pack_refusal,
    [MESSAGE_CANCEL] = pack_cancel,
};
static_assert(sizeof(packers) / sizeof(packers[0]) == MESSAGE_KIND_COUNT, "each kind is packed");

static void put_prefix(uint8_t *frame, size_t bytes)
{
    for (unsigned i = 0; i < WIRE_PREFIX; i++)
        frame[i] = (uint8_t)(bytes >> (8 * (WIRE_PREFIX - 1 - i)));
}

bool wire_pack(const Message *message, uint8_t **ret_frame, size_t *ret_bytes, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    Envelope envelope;
    Packing packing = { message, arena, &envelope };
    uint8_t *frame;
    size_t bytes;

    assert(message->kind < MESSAGE_KIND_COUNT);
    assert(name_is_valid(message->cluster) && name_is_valid(message->sender));
    dss_upgrade__envelope__init(&envelope);
    envelope.protocol = WIRE_PROTOCOL;
    envelope.cluster = arena_text(arena, message->cluster);
    envelope.epoch = message->epoch;
    envelope.sender = arena_text(arena, message->sender);
    if (!packers[message->kind](&packing, error))
        return false;
    bytes = dss_upgrade__envelope__get_packed_size(&envelope);
    if (bytes > WIRE_FRAME_MAX)
        return error_set(error, ERROR_INVALID, "the message has %zu bytes, at most %d fit", bytes,
            WIRE_FRAME_MAX);
    frame = memory_new(WIRE_PREFIX + bytes);
    put_prefix(frame, bytes);
    dss_upgrade__envelope__pack(&envelope, frame + WIRE_PREFIX);
    *ret_frame = frame;
    *ret_bytes = WIRE_PREFIX + bytes;
    return true;
}
