#pragma once

/*
 * UTF-8 without zero bytes: the only texts that travel.
 *
 * What is accepted is the Unicode Standard's table 3-7: no overlong form, no surrogate, nothing
 * above U+10FFFF.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_is_valid(const uint8_t *bytes, size_t length);
/* Replaces each byte that is not part of a valid sequence by '?', in place. */
void utf8_repair(char *text) __attribute__((nonnull));
