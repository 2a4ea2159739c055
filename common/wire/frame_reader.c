#include "common/wire/frame_reader.h"

#include "common/base/memory.h"

static size_t take(uint8_t *to, size_t wanted, const uint8_t **bytes, size_t *left)
{
    size_t taken = wanted < *left ? wanted : *left;

    memcpy(to, *bytes, taken);
    *bytes += taken;
    *left -= taken;
    return taken;
}

static bool read_length(FrameReader *reader, Error *error)
{
    size_t length = 0;

    for (unsigned i = 0; i < WIRE_PREFIX; i++)
        length = length << 8 | reader->prefix[i];
    if (length == 0 || length > WIRE_FRAME_MAX)
        return error_set(error, ERROR_INVALID, "a frame of %zu bytes is announced, 1..%d are read",
            length, WIRE_FRAME_MAX);
    reader->length = length;
    reader->content = memory_new(length);
    return true;
}

FrameOutcome frame_reader_add(
    FrameReader *reader, const uint8_t **bytes, size_t *left, Error *error)
{
    if (reader->have < WIRE_PREFIX)
        reader->have +=
            take(reader->prefix + reader->have, WIRE_PREFIX - reader->have, bytes, left);
    if (reader->have < WIRE_PREFIX)
        return FRAME_INCOMPLETE;
    if (!reader->content && !read_length(reader, error))
        return FRAME_REFUSED;
    reader->have += take(reader->content + reader->have - WIRE_PREFIX,
        reader->length + WIRE_PREFIX - reader->have, bytes, left);
    return reader->have == reader->length + WIRE_PREFIX ? FRAME_COMPLETE : FRAME_INCOMPLETE;
}

void frame_reader_next(FrameReader *reader)
{
    free(reader->content);
    *reader = (FrameReader){ 0 };
}
