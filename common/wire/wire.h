#pragma once

/*
 * Envelope on the wire <-> message in the program. The only code that knows protobuf.
 *
 * wire_pack() makes one frame, length prefix included. wire_unpack() takes one frame's content
 * (without the prefix), under a memory budget, and checks every limit, name and enum: what comes
 * out can be used as it is. Nothing here does I/O.
 *
 * Owns: a Message owns its texts and facts; message_done() releases them.
 * Errors: ERROR_INVALID for everything a peer did wrong, ERROR_REFUSED for another protocol
 * version.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/model/command.h"

#define WIRE_PROTOCOL  1
#define WIRE_FRAME_MAX (1024 * 1024) /* bytes, without the prefix */
#define WIRE_PREFIX    4

/* Limits of what one message carries; envelope.proto says the same. Bytes without the end mark. */
#define WIRE_ARGS_MAX       256
#define WIRE_EVIDENCE_MAX   4096
#define WIRE_COMMANDS_MAX   256
#define WIRE_FACT_NAME_MAX  128
#define WIRE_FACT_VALUE_MAX (512 * 1024)

typedef enum MessageKind {
    MESSAGE_HELLO,
    MESSAGE_HEARTBEAT,
    MESSAGE_COMMAND,
    MESSAGE_ACCEPTED,
    MESSAGE_PROGRESS,
    MESSAGE_RESULT,
    MESSAGE_REFUSAL,
    MESSAGE_CANCEL,
    MESSAGE_KIND_COUNT,
} MessageKind;

typedef struct Message {
    MessageKind kind;
    char cluster[NAME_MAX_BYTES];
    char sender[NAME_MAX_BYTES];
    uint64_t epoch;
    CommandId id;         /* accepted, progress, refusal (run "" when absent), cancel */
    Command command;      /* command; its cluster and epoch are the envelope's */
    CommandResult result; /* result */
    char audit_head[DIGEST_HEX_BYTES]; /* result */
    char *text;           /* refusal: sentence; hello: program; progress: what; else NULL */
    uint64_t done, total; /* progress; heartbeat: done is the sequence, total 1 for an answer */
    int64_t clock_ms;     /* hello */
    Facts hello;          /* hello: "profile", "profile-sha256", one "command" per kind */
} Message;

void message_done(Message *message) __attribute__((nonnull));

/* Fails (ERROR_INVALID) only for arguments or evidence beyond the limits; names, ids and kinds are
 * asserted. Bytes that are no UTF-8 become '?', other texts than facts are cut at 999 bytes. */
bool wire_pack(const Message *message, uint8_t **ret_frame, size_t *ret_bytes, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Fails with ERROR_REFUSED for another protocol version, ERROR_INVALID for all else. */
bool wire_unpack(const uint8_t *content, size_t bytes, Message *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

#define MESSAGE_AUTO(name) __attribute__((cleanup(message_done))) Message name = { 0 }
