#include "common/wire/utf8.h"

#include <string.h>

/* The Unicode Standard, table 3-7: which second bytes may follow which first one. */
static const struct {
    uint8_t first, last; /* range of the first byte */
    uint8_t low, high;   /* range of the second byte */
    uint8_t length;
} forms[] = {
    { 0x01, 0x7f, 0, 0, 1 },
    { 0xc2, 0xdf, 0x80, 0xbf, 2 },
    { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 },
    { 0xed, 0xed, 0x80, 0x9f, 3 },
    { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 },
    { 0xf1, 0xf3, 0x80, 0xbf, 4 },
    { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Bytes of the valid sequence that begins here, or 0. */
static size_t sequence_length(const uint8_t *at, size_t left)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t length = forms[i].length;

        if (at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (length > left || (length > 1 && (at[1] < forms[i].low || at[1] > forms[i].high)))
            return 0;
        for (size_t k = 2; k < length; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return length;
    }
    return 0;
}

bool utf8_is_valid(const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = sequence_length(bytes + at, length - at);

        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

void utf8_repair(char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t step = sequence_length((const uint8_t *)text, left);

        if (step == 0) {
            *text = '?';
            step = 1;
        }
        text += step;
        left -= step;
    }
}
