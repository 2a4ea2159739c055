#include "common/base/text.h"

#include <errno.h>
#include <stdarg.h>

#include "common/base/memory.h"

void text_init(Text *text, size_t max_bytes)
{
    *text = (Text){ .max = max_bytes, .capacity = 64 };
    text->bytes = memory_new(text->capacity);
}

void text_done(Text *text)
{
    free(text->bytes);
    *text = (Text){ 0 };
}

void text_clear(Text *text)
{
    text->length = 0;
    text->overflow = false;
    text->bytes[0] = '\0';
}

void text_add_bytes(Text *text, const void *bytes, size_t length)
{
    if (length > text->max - text->length) {
        length = text->max - text->length;
        text->overflow = true;
    }
    if (length == 0)
        return;
    if (text->length + length + 1 > text->capacity) {
        while (text->length + length + 1 > text->capacity)
            text->capacity *= 2;
        text->bytes = memory_grow(text->bytes, text->capacity);
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_add(Text *text, const char *format, ...)
{
    AUTO_TEXT *added = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&added, format, args);
    va_end(args);
    if (length < 0) {
        added = NULL;
        text->overflow = true;
        return;
    }
    text_add_bytes(text, added, (size_t)length);
}

void text_add_json(Text *text, const char *value)
{
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            text_add(text, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            text_add(text, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            text_add_bytes(text, c, 1);
    }
}

void text_add_xml(Text *text, const char *value)
{
    for (const char *c = value; *c; c++) {
        if (*c == '<')
            text_add(text, "&lt;");
        else if (*c == '>')
            text_add(text, "&gt;");
        else if (*c == '&')
            text_add(text, "&amp;");
        else if (*c == '"')
            text_add(text, "&quot;");
        else if (*c == '\n' || *c == '\r' || *c == '\t')
            text_add(text, "&#%d;", *c);
        else
            text_add_bytes(text, c, 1);
    }
}

char *text_take(Text *text)
{
    char *bytes = text->bytes;

    *text = (Text){ .max = text->max, .capacity = 64 };
    text->bytes = memory_new(text->capacity);
    return bytes;
}

void text_hex(const unsigned char *bytes, size_t length, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        *ret++ = digits[bytes[i] >> 4];
        *ret++ = digits[bytes[i] & 15];
    }
    *ret = '\0';
}

bool text_to_number(const char *text, unsigned long long max, unsigned long long *ret)
{
    char *end = NULL;
    unsigned long long number;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number > max)
        return false;
    *ret = number;
    return true;
}

bool text_copy(char *ret, size_t capacity, const char *text)
{
    size_t length = strlen(text);

    ret[0] = '\0';
    if (length >= capacity)
        return false;
    memcpy(ret, text, length + 1);
    return true;
}
