#pragma once

/*
 * Looks at the raw bytes of an envelope before protobuf-c does.
 *
 * protobuf-c accepts texts with zero bytes and bytes that are no UTF-8, keeps fields that it does
 * not know, and has no limit of depth; here all of that is refused, so that what it then unpacks
 * is what the sender's program wrote.
 * Errors: ERROR_INVALID for bytes that are no envelope, ERROR_REFUSED for another protocol version.
 * Source: protobuf wire format, "Encoding"; protobuf-c 1.4.1.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

bool wire_scan(const uint8_t *content, size_t bytes, Error *error)
    __attribute__((nonnull, warn_unused_result));
