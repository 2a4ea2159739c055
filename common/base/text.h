#pragma once

/*
 * A growing string with a maximum size from birth: the only way strings are built here.
 *
 *   TEXT_AUTO(text, 4096);
 *   text_add(&text, "%s=%d", name, value);
 *   ... text.bytes is always a C string, never NULL ...
 *   return text_take(&text);        the caller frees
 *
 * What does not fit is cut off and `overflow` is set: ask it where cutting would be wrong.
 * Owns: its bytes, released by text_done(). Units: bytes.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct Text {
    char *bytes;
    size_t length, capacity, max;
    bool overflow;
} Text;

void text_init(Text *text, size_t max_bytes) __attribute__((nonnull));
void text_done(Text *text) __attribute__((nonnull));
void text_add(Text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(1, 2)));
void text_add_bytes(Text *text, const void *bytes, size_t length) __attribute__((nonnull(1)));
/* Adds `value` as the inside of a JSON string; control characters are escaped. */
void text_add_json(Text *text, const char *value) __attribute__((nonnull));
/* Adds `value` as XML character data or attribute value; line ends are kept as references. */
void text_add_xml(Text *text, const char *value) __attribute__((nonnull));
void text_clear(Text *text) __attribute__((nonnull));
char *text_take(Text *text) __attribute__((nonnull, returns_nonnull));

#define TEXT_AUTO(name, max_bytes)                                                                 \
    __attribute__((cleanup(text_done))) Text name;                                                 \
    text_init(&(name), (max_bytes))

/* 64 lower-case hex digits and the end, for `length` bytes. */
void text_hex(const unsigned char *bytes, size_t length, char *ret) __attribute__((nonnull));
/* The whole text as an unsigned decimal number, at most `max`. */
bool text_to_number(const char *text, unsigned long long max, unsigned long long *ret)
    __attribute__((nonnull));
/* Copies with the end mark; false when it does not fit (`ret` is then empty). */
bool text_copy(char *ret, size_t capacity, const char *text) __attribute__((nonnull));
