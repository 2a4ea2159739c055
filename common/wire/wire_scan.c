#include "common/wire/wire_scan.h"

#include <inttypes.h>

#include "common/wire/utf8.h"
#include "common/wire/wire.h"
#include "proto/envelope.pb-c.h"

#define PROTOCOL_FIELD     1
#define REFUSAL_FIELD      16
#define REFUSAL_TEXT_FIELD 2
#define SHOWN_MAX          300 /* bytes of a foreign refusal that are quoted */

typedef enum WireType {
    WIRE_VARINT = 0,
    WIRE_BYTES = 2, /* 1, 3, 4, 5: fixed numbers and groups, which no message of ours has */
} WireType;

typedef struct Span {
    const uint8_t *at;
    size_t left;
} Span;

typedef struct Field {
    uint64_t number;
    WireType type;
    uint64_t value; /* a varint */
    Span bytes;
} Field;

static bool take_varint(Span *span, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && span->left > 0; shift += 7) {
        uint8_t byte = *span->at;

        span->at++;
        span->left--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool take_field(Span *span, Field *ret)
{
    Field field = { 0 };
    uint64_t tag;

    if (!take_varint(span, &tag) || !take_varint(span, &field.value))
        return false;
    field.number = tag >> 3;
    field.type = (WireType)(tag & 7);
    if (field.type == WIRE_BYTES) {
        if (field.value > span->left)
            return false;
        field.bytes = (Span){ span->at, (size_t)field.value };
        span->at += field.bytes.left;
        span->left -= field.bytes.left;
    } else if (field.type != WIRE_VARINT) {
        return false;
    }
    *ret = field;
    return true;
}

static bool scan_message(const ProtobufCMessageDescriptor *descriptor, Span span, Error *error);

static bool scan_field(const ProtobufCFieldDescriptor *field, const Field *found, Error *error)
{
    bool holds_bytes =
        field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;

    if (holds_bytes != (found->type == WIRE_BYTES))
        return error_set(error, ERROR_INVALID, "field '%s' has the wrong type", field->name);
    if (field->type == PROTOBUF_C_TYPE_STRING && !utf8_is_valid(found->bytes.at, found->bytes.left))
        return error_set(
            error, ERROR_INVALID, "field '%s' is not UTF-8 without zero bytes", field->name);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan_message(field->descriptor, found->bytes, error);
    return true;
}

/* As deep as the message types nest, because none refers to itself: envelope, result, fact. */
static bool scan_message(const ProtobufCMessageDescriptor *descriptor, Span span, Error *error)
{
    while (span.left > 0) {
        const ProtobufCFieldDescriptor *field = NULL;
        Field found;

        if (!take_field(&span, &found))
            return error_set(
                error, ERROR_INVALID, "a field of %s is broken or cut off", descriptor->short_name);
        if (found.number <= UINT32_MAX)
            field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)found.number);
        if (!field)
            return error_set(error, ERROR_INVALID, "%s has no field %" PRIu64,
                descriptor->short_name, found.number);
        if (!scan_field(field, &found, error))
            return false;
    }
    return true;
}

/* The last field of that number, as protobuf-c sees it. */
static bool find_field(Span span, uint64_t number, Field *ret)
{
    bool found = false;
    Field field;

    while (span.left > 0 && take_field(&span, &field)) {
        if (field.number == number) {
            *ret = field;
            found = true;
        }
    }
    return found;
}

/* Numbers of fields are never reused, so a refusal can be read in every version. */
static Span foreign_refusal(Span span)
{
    Field refusal, text;

    if (find_field(span, REFUSAL_FIELD, &refusal) &&
        find_field(refusal.bytes, REFUSAL_TEXT_FIELD, &text) && text.bytes.left <= SHOWN_MAX &&
        utf8_is_valid(text.bytes.at, text.bytes.left))
        return text.bytes;
    return (Span){ 0 };
}

static bool another_protocol(uint64_t protocol, Span span, Error *error)
{
    Span said = foreign_refusal(span);

    return error_set(error, ERROR_REFUSED,
        "the peer speaks protocol %" PRIu64 ", this program speaks protocol %d: install the same "
        "release on both%s%.*s%s",
        protocol, WIRE_PROTOCOL, said.left > 0 ? " (the peer says: " : "", (int)said.left,
        said.left > 0 ? (const char *)said.at : "", said.left > 0 ? ")" : "");
}

bool wire_scan(const uint8_t *content, size_t bytes, Error *error)
{
    Span span = { content, bytes };
    Field protocol;

    if (bytes == 0 || bytes > WIRE_FRAME_MAX)
        return error_set(error, ERROR_INVALID, "a frame of %zu bytes is not within 1..%d", bytes,
            WIRE_FRAME_MAX);
    if (!find_field(span, PROTOCOL_FIELD, &protocol) || protocol.type != WIRE_VARINT)
        return error_set(error, ERROR_INVALID, "no envelope: the protocol's number is missing");
    if (protocol.value != WIRE_PROTOCOL)
        return another_protocol(protocol.value, span, error);
    return scan_message(&dss_upgrade__envelope__descriptor, span, error);
}
