#include "common/base/memory.h"

#include <stdarg.h>
#include <stdint.h>

typedef struct ArenaBlock {
    struct ArenaBlock *next;
    max_align_t bytes[];
} ArenaBlock;

struct Arena {
    ArenaBlock *blocks;
};

static void *or_abort(void *block)
{
    if (!block) {
        (void)fputs("out of memory\n", stderr); /* nothing to do about a failure of stderr here */
        abort();
    }
    return block;
}

void *memory_new(size_t bytes)
{
    return or_abort(calloc(1, bytes > 0 ? bytes : 1));
}

void *memory_grow(void *block, size_t bytes)
{
    return or_abort(realloc(block, bytes > 0 ? bytes : 1));
}

char *memory_text_n(const char *text, size_t length)
{
    char *copy = memory_new(length + 1);

    memcpy(copy, text, length);
    return copy;
}

char *memory_text(const char *text)
{
    return memory_text_n(text, strlen(text));
}

char *memory_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    return or_abort(length < 0 ? NULL : text);
}

Arena *arena_new(void)
{
    return memory_new(sizeof(Arena));
}

void arena_free(Arena *arena)
{
    if (!arena)
        return;
    while (arena->blocks) {
        ArenaBlock *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

void *arena_take(Arena *arena, size_t bytes)
{
    ArenaBlock *block = memory_new(sizeof(ArenaBlock) + bytes);

    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

char *arena_text(Arena *arena, const char *text)
{
    size_t length = strlen(text);
    char *copy = arena_take(arena, length + 1);

    memcpy(copy, text, length);
    return copy;
}
