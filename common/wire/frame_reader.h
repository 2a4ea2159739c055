#pragma once

/*
 * Frames out of a stream of bytes. The length is checked before anything is allocated.
 * Owns: the frame that is being read.
 */

#include <stdint.h>

#include "common/base/error.h"
#include "common/wire/wire.h"

typedef struct FrameReader {
    uint8_t prefix[WIRE_PREFIX];
    size_t have; /* bytes of prefix and content so far; 0 between frames */
    uint8_t *content;
    size_t length;
} FrameReader;

typedef enum FrameOutcome {
    FRAME_INCOMPLETE, /* all bytes were taken, more are needed */
    FRAME_COMPLETE,   /* content and length are set until frame_reader_next() */
    FRAME_REFUSED,    /* the length is not one of a frame */
} FrameOutcome;

/* Takes from the bytes at most up to the frame's end; moves both. */
FrameOutcome frame_reader_add(FrameReader *reader, const uint8_t **bytes, size_t *left,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Forgets the complete frame, or the part of one. */
void frame_reader_next(FrameReader *reader) __attribute__((nonnull));
