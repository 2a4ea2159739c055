#pragma once

/*
 * Allocation that never fails: out of memory ends the program, and the journal makes that
 * survivable.
 *
 * Arena: for documents (inventory, plan, profile): built once, read-only, freed in one call.
 *
 * Owns: plain blocks are the caller's, to be given to free(); arena blocks belong to their arena.
 */

#include <stddef.h>

#include "common/base/cleanup.h"

void *memory_new(size_t bytes) __attribute__((malloc, returns_nonnull));
void *memory_grow(void *block, size_t bytes) __attribute__((returns_nonnull));
char *memory_text(const char *text) __attribute__((malloc, returns_nonnull, nonnull));
char *memory_text_n(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
char *memory_format(const char *format, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull, nonnull(1)));

typedef struct Arena Arena;

Arena *arena_new(void) __attribute__((returns_nonnull));
void arena_free(Arena *arena);
/* Zeroed, aligned for any type. */
void *arena_take(Arena *arena, size_t bytes) __attribute__((nonnull, returns_nonnull));
char *arena_text(Arena *arena, const char *text) __attribute__((nonnull, returns_nonnull));

DEFINE_AUTO(Arena, arena_free)

/* AUTO_TEXT char *name = memory_text("…"); */
static inline void auto_free_text(char **slot)
{
    free(*slot);
}
#define AUTO_TEXT __attribute__((cleanup(auto_free_text), unused)) char
