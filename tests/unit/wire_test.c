#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/wire/utf8.h"
#include "common/wire/wire.h"
#include "proto/envelope.pb-c.h"

#define HEAD "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Frame {
    uint8_t *bytes;
    size_t length;
} Frame;

static void frame_done(Frame *frame)
{
    free(frame->bytes);
}
#define FRAME_AUTO(name) __attribute__((cleanup(frame_done))) Frame name = { 0 }

static Message a_message(MessageKind kind)
{
    Message message = { .kind = kind, .cluster = "prod", .sender = "lead", .epoch = 7 };
    CommandId id = { "run-1", 12, 3 };

    message.id = id;
    if (kind == MESSAGE_COMMAND) {
        message.command.kind = COMMAND_MIGRATE_DATABASE;
        message.command.id = id;
        message.command.deadline_s = 600;
        assert_true(text_copy(message.command.target, NAME_MAX_BYTES, "userdb"));
        assert_true(text_copy(message.command.audit_head, DIGEST_HEX_BYTES, HEAD));
        facts_add(&message.command.args, ARG_SIDE, "production");
        facts_add(&message.command.args, ARG_SCRIPT, "ALTER TABLE t ADD c INT; -- \xc3\xa4\n");
    }
    if (kind == MESSAGE_RESULT) {
        message.result.id = id;
        message.result.state = RESULT_FAILED;
        (void)error_set(&message.result.error, ERROR_MISMATCH, "1 row differs");
        assert_true(text_copy(message.audit_head, DIGEST_HEX_BYTES, HEAD));
        facts_add(&message.result.evidence, "rows", "17");
        facts_add(&message.result.evidence, "rows", "");
    }
    if (kind == MESSAGE_HELLO) {
        message.text = memory_text("dss-agent 0.1.0");
        message.clock_ms = 1700000000123;
        facts_add(&message.hello, "profile", "dss-3.2.0");
        facts_add(&message.hello, "profile-sha256", HEAD);
        facts_add(&message.hello, "command", "backup-home");
        facts_add(&message.hello, "command", "copy-folders");
    }
    if (kind == MESSAGE_PROGRESS || kind == MESSAGE_REFUSAL)
        message.text = memory_text("rows of REG_LOG");
    if (kind == MESSAGE_PROGRESS || kind == MESSAGE_HEARTBEAT)
        message.done = 1;
    if (kind == MESSAGE_PROGRESS)
        message.total = UINT64_MAX;
    return message;
}

static void assert_facts_equal(const Facts *a, const Facts *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->items[i].name, b->items[i].name);
        assert_string_equal(a->items[i].value, b->items[i].value);
    }
}

static Frame packed(const Message *message)
{
    Frame frame;
    Error error = { 0 };

    assert_true(wire_pack(message, &frame.bytes, &frame.length, &error));
    return frame;
}

static bool unpacked(const Frame *frame, Message *ret, Error *error)
{
    return wire_unpack(frame->bytes + WIRE_PREFIX, frame->length - WIRE_PREFIX, ret, error);
}

static void assert_messages_equal(const Message *a, const Message *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->cluster, b->cluster);
    assert_string_equal(a->sender, b->sender);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->clock_ms, b->clock_ms);
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->total, b->total);
    assert_string_equal(a->audit_head, b->audit_head);
    assert_string_equal(a->text ? a->text : "", b->text ? b->text : "");
    assert_facts_equal(&a->hello, &b->hello);
    assert_int_equal(a->command.kind, b->command.kind);
    assert_true(command_id_equal(&a->command.id, &b->command.id));
    assert_string_equal(a->command.target, b->command.target);
    assert_int_equal(a->command.deadline_s, b->command.deadline_s);
    assert_string_equal(a->command.audit_head, b->command.audit_head);
    assert_facts_equal(&a->command.args, &b->command.args);
    assert_true(command_id_equal(&a->result.id, &b->result.id));
    assert_int_equal(a->result.state, b->result.state);
    assert_int_equal(a->result.error.kind, b->result.error.kind);
    assert_string_equal(a->result.error.text, b->result.error.text);
    assert_facts_equal(&a->result.evidence, &b->result.evidence);
}

static void each_kind_comes_out_as_it_went_in(void **state)
{
    (void)state;
    for (MessageKind kind = MESSAGE_HELLO; kind < MESSAGE_KIND_COUNT; kind++) {
        __attribute__((cleanup(message_done))) Message message = a_message(kind);
        FRAME_AUTO(frame);
        MESSAGE_AUTO(back);
        Error error = { 0 };

        frame = packed(&message);
        assert_int_equal(frame.length - WIRE_PREFIX, (frame.bytes[0] << 24) |
                                                         (frame.bytes[1] << 16) |
                                                         (frame.bytes[2] << 8) | frame.bytes[3]);
        if (!unpacked(&frame, &back, &error))
            fail_msg("kind %u: %s", (unsigned)kind, error.text);
        assert_messages_equal(&message, &back);
        if (kind == MESSAGE_COMMAND) {
            assert_string_equal(back.command.cluster, "prod");
            assert_int_equal(back.command.epoch, 7);
        }
        if (kind >= MESSAGE_COMMAND)
            assert_true(command_id_equal(&back.id, &message.id));
    }
}

static void a_refusal_needs_no_command(void **state)
{
    __attribute__((cleanup(message_done))) Message message = a_message(MESSAGE_REFUSAL);
    FRAME_AUTO(frame);
    MESSAGE_AUTO(back);
    Error error = { 0 };

    (void)state;
    message.id = (CommandId){ 0 };
    frame = packed(&message);
    assert_true(unpacked(&frame, &back, &error));
    assert_string_equal(back.id.run, "");
}

static void a_frame_cut_anywhere_is_refused(void **state)
{
    __attribute__((cleanup(message_done))) Message message = a_message(MESSAGE_RESULT);
    FRAME_AUTO(frame);

    (void)state;
    frame = packed(&message);
    for (size_t cut = 0; cut < frame.length - WIRE_PREFIX; cut++) {
        Error error = { 0 };
        MESSAGE_AUTO(back);

        assert_false(wire_unpack(frame.bytes + WIRE_PREFIX, cut, &back, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
        assert_int_equal(back.kind, 0);
    }
}

/* Envelopes that our own packer would never make. */
typedef struct Crafted {
    DssUpgrade__Envelope envelope;
    DssUpgrade__CommandId id;
    DssUpgrade__Command command;
    DssUpgrade__Result result;
    DssUpgrade__Hello hello;
    DssUpgrade__Refusal refusal;
    DssUpgrade__Fact fact;
    DssUpgrade__Fact *facts[WIRE_EVIDENCE_MAX + 1];
    char text[WIRE_FACT_VALUE_MAX + 2];
    char *texts[WIRE_COMMANDS_MAX + 1];
} Crafted;

static Crafted *crafted(void)
{
    Crafted *c = memory_new(sizeof(*c));

    dss_upgrade__envelope__init(&c->envelope);
    dss_upgrade__command_id__init(&c->id);
    dss_upgrade__command__init(&c->command);
    dss_upgrade__result__init(&c->result);
    dss_upgrade__hello__init(&c->hello);
    dss_upgrade__refusal__init(&c->refusal);
    dss_upgrade__fact__init(&c->fact);
    c->envelope.protocol = 1;
    c->envelope.cluster = memory_text("prod");
    c->envelope.sender = memory_text("node1");
    c->id.run = memory_text("run");
    c->id.attempt = 1;
    c->command.id = &c->id;
    c->command.kind = memory_text("backup-home");
    c->command.target = memory_text("node1");
    c->command.deadline_s = 60;
    c->result.id = &c->id;
    c->result.state = memory_text("done");
    c->fact.name = memory_text("side");
    c->fact.value = c->text;
    for (size_t i = 0; i <= WIRE_EVIDENCE_MAX; i++)
        c->facts[i] = &c->fact;
    c->command.args = c->result.evidence = c->facts;
    for (size_t i = 0; i <= WIRE_COMMANDS_MAX; i++)
        c->texts[i] = c->command.kind;
    c->hello.commands = c->texts;
    c->envelope.command = &c->command;
    c->envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY_COMMAND;
    return c;
}

static void crafted_free(Crafted *c)
{
    free(c->envelope.cluster);
    free(c->envelope.sender);
    free(c->id.run);
    free(c->command.kind);
    free(c->command.target);
    free(c->result.state);
    free(c->fact.name);
    free(c);
}

static void as_result(Crafted *c)
{
    c->envelope.result = &c->result;
    c->envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY_RESULT;
}

static void as_hello(Crafted *c)
{
    c->envelope.hello = &c->hello;
    c->envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY_HELLO;
}

/* Texts to put in place of one: allocated, as the crafted envelope frees them. */
static void becomes(char **slot, const char *text)
{
    free(*slot);
    *slot = memory_text(text);
}

#define SIXTY_FOUR "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void none(Crafted *c)
{
    (void)c;
}
static void no_cluster(Crafted *c)
{
    becomes(&c->envelope.cluster, "");
}
static void long_cluster(Crafted *c)
{
    becomes(&c->envelope.cluster, SIXTY_FOUR);
}
static void path_as_sender(Crafted *c)
{
    becomes(&c->envelope.sender, "../x");
}
static void no_body(Crafted *c)
{
    c->envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY__NOT_SET;
}
static void no_id(Crafted *c)
{
    c->command.id = NULL;
}
static void long_run(Crafted *c)
{
    becomes(&c->id.run, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}
static void attempt_0(Crafted *c)
{
    c->id.attempt = 0;
}
static void unknown_command(Crafted *c)
{
    becomes(&c->command.kind, "run-shell");
}
static void none_command(Crafted *c)
{
    becomes(&c->command.kind, "none");
}
static void no_target(Crafted *c)
{
    becomes(&c->command.target, "");
}
static void no_deadline(Crafted *c)
{
    c->command.deadline_s = 0;
}
static void unwanted_argument(Crafted *c)
{
    c->command.n_args = 1;
}
static void many_arguments(Crafted *c)
{
    becomes(&c->command.kind, "migrate-database");
    c->command.n_args = WIRE_ARGS_MAX + 1;
}
static void bad_audit_head(Crafted *c)
{
    c->command.audit_head = c->command.kind;
}
static void capital_audit_head(Crafted *c)
{
    memset(c->text, 'A', 64);
    c->command.audit_head = c->text;
}
static void unknown_state(Crafted *c)
{
    as_result(c);
    becomes(&c->result.state, "perhaps");
}
static void failed_without_error(Crafted *c)
{
    as_result(c);
    becomes(&c->result.state, "failed");
}
static void done_with_error(Crafted *c)
{
    as_result(c);
    c->result.error_text = c->id.run;
}
static void long_error_text(Crafted *c)
{
    static char kind[] = "io";

    as_result(c);
    becomes(&c->result.state, "failed");
    memset(c->text, 'x', ERROR_TEXT_MAX);
    c->result.error_kind = kind;
    c->result.error_text = c->text;
}
static void much_evidence(Crafted *c)
{
    as_result(c);
    c->result.n_evidence = WIRE_EVIDENCE_MAX + 1;
}
static void long_value(Crafted *c)
{
    as_result(c);
    c->result.n_evidence = 1;
    memset(c->text, 'x', WIRE_FACT_VALUE_MAX + 1);
}
static void nameless_fact(Crafted *c)
{
    as_result(c);
    c->result.n_evidence = 1;
    becomes(&c->fact.name, "");
}
static void long_fact_name(Crafted *c)
{
    as_result(c);
    c->result.n_evidence = 1;
    becomes(&c->fact.name, SIXTY_FOUR SIXTY_FOUR "a");
}
static void many_commands(Crafted *c)
{
    as_hello(c);
    c->hello.n_commands = WIRE_COMMANDS_MAX + 1;
}
static void bad_command_name(Crafted *c)
{
    as_hello(c);
    c->hello.n_commands = 1;
    becomes(&c->command.kind, "a b");
    c->texts[0] = c->command.kind;
}
static void bad_profile(Crafted *c)
{
    as_hello(c);
    memset(c->text, '/', 3);
    c->hello.profile = c->text;
}
static void bad_profile_digest(Crafted *c)
{
    as_hello(c);
    c->hello.profile_sha256 = c->id.run;
}
static void long_refusal(Crafted *c)
{
    c->envelope.refusal = &c->refusal;
    c->envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY_REFUSAL;
    memset(c->text, 'x', ERROR_TEXT_MAX);
    c->refusal.text = c->text;
}
static void bad_utf8(Crafted *c)
{
    as_result(c);
    c->result.n_evidence = 1;
    memset(c->text, 0xff, 1);
}
static void no_protocol(Crafted *c)
{
    c->envelope.protocol = 0;
}

static bool unpack_crafted(void (*change)(Crafted *), Message *ret, Error *error)
{
    Crafted *c = crafted();
    uint8_t *bytes;
    size_t length;
    bool good;

    change(c);
    length = dss_upgrade__envelope__get_packed_size(&c->envelope);
    bytes = memory_new(length);
    dss_upgrade__envelope__pack(&c->envelope, bytes);
    good = wire_unpack(bytes, length, ret, error);
    free(bytes);
    crafted_free(c);
    return good;
}

static void each_limit_is_kept(void **state)
{
    static const struct {
        void (*change)(Crafted *);
        const char *says;
    } rows[] = {
        { no_cluster, "cluster '' is not a name" },
        { long_cluster, "is not a name" },
        { path_as_sender, "sender '../x'" },
        { no_body, "is empty" },
        { no_id, "id is missing" },
        { long_run, "run 'aaaa" },
        { attempt_0, "attempt" },
        { unknown_command, "unknown command 'run-shell'" },
        { none_command, "unknown command 'none'" },
        { no_target, "target ''" },
        { no_deadline, "deadline of 0 s" },
        { unwanted_argument, "takes no argument 'side'" },
        { many_arguments, "257 facts" },
        { bad_audit_head, "is not a SHA-256" },
        { capital_audit_head, "is not a SHA-256" },
        { unknown_state, "unknown result 'perhaps'" },
        { failed_without_error, "unknown kind of error ''" },
        { done_with_error, "yet has an error" },
        { long_error_text, "1000 bytes" },
        { much_evidence, "4097 facts" },
        { long_value, "524289" },
        { nameless_fact, "a name of 0" },
        { long_fact_name, "a name of 129" },
        { many_commands, "257 kinds" },
        { bad_command_name, "'a b' is not a name" },
        { bad_profile, "profile '///'" },
        { bad_profile_digest, "is not a SHA-256" },
        { long_refusal, "1000 bytes" },
        { bad_utf8, "is not UTF-8" },
        { no_protocol, "protocol's number is missing" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        Error error = { 0 };
        MESSAGE_AUTO(message);

        if (unpack_crafted(rows[i].change, &message, &error))
            fail_msg("accepted, should say: %s", rows[i].says);
        assert_int_equal(error.kind, ERROR_INVALID);
        if (!strstr(error.text, rows[i].says))
            fail_msg("'%s' does not say: %s", error.text, rows[i].says);
    }
}

static void what_is_crafted_is_good_but_for_the_one_change(void **state)
{
    Error error = { 0 };
    MESSAGE_AUTO(message);

    (void)state;
    if (!unpack_crafted(none, &message, &error))
        fail_msg("%s", error.text);
    assert_int_equal(message.command.kind, COMMAND_BACKUP_HOME);
}

static void protocol_2(Crafted *c)
{
    static char words[] = "install 0.9 on both";

    c->envelope.protocol = 2;
    c->envelope.refusal = &c->refusal;
    c->envelope.body_case = DSS_UPGRADE__ENVELOPE__BODY_REFUSAL;
    c->refusal.text = words;
}

static void another_protocol_is_refused_with_its_words(void **state)
{
    Error error = { 0 };
    MESSAGE_AUTO(message);

    (void)state;
    assert_false(unpack_crafted(protocol_2, &message, &error));
    assert_int_equal(error.kind, ERROR_REFUSED);
    assert_non_null(strstr(error.text, "peer speaks protocol 2, this program speaks protocol 1"));
    assert_non_null(strstr(error.text, "install 0.9 on both"));
}

static void assert_bytes_are_refused(const void *bytes, size_t length, const char *says)
{
    Error error = { 0 };
    MESSAGE_AUTO(message);

    assert_false(wire_unpack(bytes, length, &message, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    if (!strstr(error.text, says))
        fail_msg("'%s' does not say: %s", error.text, says);
}

static void raw_bytes_that_only_look_like_an_envelope_are_refused(void **state)
{
    static const char zero_in_name[] = "\x08\x01\x12\x05pr\0od\x22\x01n\x5a\x00";
    static const char unknown_field[] = "\x08\x01\x12\x01p\x22\x01n\x5a\x00\xc8\x06\x01";
    static const char wrong_type[] = "\x08\x01\x10\x01";
    static const char group[] = "\x08\x01\x13\x01";
    static const char endless_varint[] = "\x08\x01\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    static const char huge_length[] = "\x08\x01\x12\xff\xff\xff\xff\x0f";

    (void)state;
    assert_bytes_are_refused(zero_in_name, sizeof(zero_in_name) - 1, "zero bytes");
    assert_bytes_are_refused(unknown_field, sizeof(unknown_field) - 1, "no field 105");
    assert_bytes_are_refused(wrong_type, sizeof(wrong_type) - 1, "wrong type");
    assert_bytes_are_refused(group, sizeof(group) - 1, "broken");
    assert_bytes_are_refused(endless_varint, sizeof(endless_varint) - 1, "broken");
    assert_bytes_are_refused(huge_length, sizeof(huge_length) - 1, "broken");
}

static void a_bomb_is_refused_within_the_budget(void **state)
{
    /* protocol 1, then a result of half a million empty facts: 48 times its size in memory */
    size_t facts = 500000, inside = 2 * facts, length = 2 + 4 + inside;
    AUTO_TEXT *bytes = memory_new(length);

    (void)state;
    memcpy(bytes, "\x08\x01\x7a", 3);
    bytes[3] = (char)(0x80 | (inside & 0x7f));
    bytes[4] = (char)(0x80 | ((inside >> 7) & 0x7f));
    bytes[5] = (char)(inside >> 14);
    for (size_t i = 0; i < facts; i++)
        bytes[6 + 2 * i] = 0x2a;
    assert_bytes_are_refused(bytes, length, "memory");
}

static void what_is_too_large_does_not_leave(void **state)
{
    __attribute__((cleanup(message_done))) Message message = a_message(MESSAGE_RESULT);
    AUTO_TEXT *value = memory_new(WIRE_FACT_VALUE_MAX + 2);
    Error error = { 0 };
    Frame frame;

    (void)state;
    memset(value, 'x', WIRE_FACT_VALUE_MAX);
    facts_add(&message.result.evidence, "one", value);
    facts_add(&message.result.evidence, "two", value);
    assert_false(wire_pack(&message, &frame.bytes, &frame.length, &error));
    assert_int_equal(error.kind, ERROR_INVALID);

    facts_done(&message.result.evidence);
    value[WIRE_FACT_VALUE_MAX] = 'x';
    facts_add(&message.result.evidence, "one", value);
    error = (Error){ 0 };
    assert_false(wire_pack(&message, &frame.bytes, &frame.length, &error));

    facts_done(&message.result.evidence);
    for (size_t i = 0; i <= WIRE_EVIDENCE_MAX; i++)
        facts_add(&message.result.evidence, "n", "");
    error = (Error){ 0 };
    assert_false(wire_pack(&message, &frame.bytes, &frame.length, &error));
}

static void the_largest_evidence_fits_the_budget(void **state)
{
    __attribute__((cleanup(message_done))) Message message = a_message(MESSAGE_RESULT);
    AUTO_TEXT *value = memory_new(200);
    FRAME_AUTO(frame);
    MESSAGE_AUTO(back);
    Error error = { 0 };

    (void)state;
    memset(value, 'v', 180);
    facts_done(&message.result.evidence);
    for (size_t i = 0; i < WIRE_EVIDENCE_MAX; i++)
        facts_add(&message.result.evidence, SIXTY_FOUR, value);
    frame = packed(&message);
    assert_true(frame.length > 1000 * 1000);
    assert_true(unpacked(&frame, &back, &error));
    assert_int_equal(back.result.evidence.count, WIRE_EVIDENCE_MAX);
}

static void bytes_of_the_world_become_texts(void **state)
{
    __attribute__((cleanup(message_done))) Message message = a_message(MESSAGE_RESULT);
    FRAME_AUTO(frame);
    MESSAGE_AUTO(back);
    Error error = { 0 };

    (void)state;
    facts_add(
        &message.result.evidence, "log", "caf\xe9 \xc3\xa9 \xed\xa0\x80 \xf0\x9f\x99\x82 \xc3");
    memset(message.result.error.text, 'x', ERROR_TEXT_MAX - 2);
    message.result.error.text[ERROR_TEXT_MAX - 2] = (char)0xc3; /* a letter cut in half */
    frame = packed(&message);
    assert_true(unpacked(&frame, &back, &error));
    assert_string_equal(
        facts_get(&back.result.evidence, "log"), "caf? \xc3\xa9 ??? \xf0\x9f\x99\x82 ?");
    assert_int_equal(back.result.error.text[ERROR_TEXT_MAX - 2], '?');
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13; /* Marsaglia, Xorshift RNGs, 2003 */
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void random_and_damaged_bytes_are_survived(void **state)
{
    uint64_t seed = 20240229;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        __attribute__((cleanup(message_done))) Message message =
            a_message((MessageKind)(round % MESSAGE_KIND_COUNT));
        FRAME_AUTO(frame);
        MESSAGE_AUTO(back);
        Error error = { 0 };
        unsigned changes = 1 + (unsigned)(next_random(&seed) % 4);

        frame = packed(&message);
        if (round % 4 == 0)
            changes = (unsigned)frame.length;
        while (changes-- > 0)
            frame.bytes[WIRE_PREFIX + next_random(&seed) % (frame.length - WIRE_PREFIX)] =
                (uint8_t)next_random(&seed);
        if (unpacked(&frame, &back, &error)) {
            assert_true(name_is_valid(back.cluster) && name_is_valid(back.sender));
            assert_in_range(back.kind, 0, MESSAGE_KIND_COUNT - 1);
        } else {
            assert_true(error.kind == ERROR_INVALID || error.kind == ERROR_REFUSED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_comes_out_as_it_went_in),
        cmocka_unit_test(a_refusal_needs_no_command),
        cmocka_unit_test(a_frame_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_crafted_is_good_but_for_the_one_change),
        cmocka_unit_test(each_limit_is_kept),
        cmocka_unit_test(another_protocol_is_refused_with_its_words),
        cmocka_unit_test(raw_bytes_that_only_look_like_an_envelope_are_refused),
        cmocka_unit_test(a_bomb_is_refused_within_the_budget),
        cmocka_unit_test(what_is_too_large_does_not_leave),
        cmocka_unit_test(the_largest_evidence_fits_the_budget),
        cmocka_unit_test(bytes_of_the_world_become_texts),
        cmocka_unit_test(random_and_damaged_bytes_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
