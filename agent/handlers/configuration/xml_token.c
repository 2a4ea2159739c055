#include "agent/handlers/configuration/xml_token.h"

#define CHARACTER_MAX  0x10FFFFUL /* the last of Unicode */
#define CHARACTER_MASK 0x1FFFFFUL

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static bool begins(const char *bytes, size_t length, size_t at, const char *with)
{
    size_t width = strlen(with);

    return length - at >= width && memcmp(bytes + at, with, width) == 0;
}

/* The place behind the next `mark` at or after `at`, or 0. */
static size_t behind(const char *bytes, size_t length, size_t at, const char *mark)
{
    const char *found = at <= length ? memmem(bytes + at, length - at, mark, strlen(mark)) : NULL;

    return found ? (size_t)(found - bytes) + strlen(mark) : 0;
}

/* The place behind the tag's ">", which quotes may hold too; or 0. */
static size_t behind_tag(const char *bytes, size_t length, size_t at)
{
    char quote = '\0';

    for (size_t i = at; i < length; i++) {
        if (quote) {
            if (bytes[i] == quote)
                quote = '\0';
        } else if (bytes[i] == '"' || bytes[i] == '\'') {
            quote = bytes[i];
        } else if (bytes[i] == '>') {
            return i + 1;
        }
    }
    return 0;
}

static size_t markup_end(const char *bytes, size_t length, size_t at, XmlTokenKind *ret)
{
    static const struct {
        const char *begin, *end;
        XmlTokenKind kind;
    } kinds[] = {
        { "<!--", "-->", TOKEN_COMMENT },
        { "<![CDATA[", "]]>", TOKEN_CDATA },
        { "<?", "?>", TOKEN_INSTRUCTION },
    };
    size_t end;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (begins(bytes, length, at, kinds[i].begin)) {
            *ret = kinds[i].kind;
            return behind(bytes, length, at + strlen(kinds[i].begin), kinds[i].end);
        }
    end = behind_tag(bytes, length, at);
    *ret = TOKEN_START;
    if (begins(bytes, length, at, "<!"))
        *ret = TOKEN_DOCTYPE;
    else if (begins(bytes, length, at, "</"))
        *ret = TOKEN_END;
    else if (end >= at + 3 && bytes[end - 2] == '/')
        *ret = TOKEN_EMPTY;
    return end;
}

bool xml_token_next(const char *bytes, size_t length, size_t *position, XmlToken *ret, Error *error)
{
    size_t at = *position, end;
    const char *markup;

    if (at >= length)
        return false;
    if (bytes[at] != '<') {
        markup = memchr(bytes + at, '<', length - at);
        end = markup ? (size_t)(markup - bytes) : length;
        ret->kind = TOKEN_TEXT;
    } else {
        end = markup_end(bytes, length, at, &ret->kind);
    }
    if (end == 0)
        return error_set(error, ERROR_INVALID, "markup at byte %zu does not end", at);
    ret->range = (XmlRange){ at, end };
    *position = end;
    return true;
}

XmlRange xml_token_name(const char *bytes, const XmlToken *token)
{
    size_t at = token->range.begin + (token->kind == TOKEN_END ? 2 : 1);
    size_t end = at;

    while (
        end < token->range.end && !is_blank(bytes[end]) && bytes[end] != '>' && bytes[end] != '/')
        end++;
    return (XmlRange){ at, end };
}

bool xml_token_attribute(
    const char *bytes, const XmlToken *token, size_t *position, XmlAttribute *ret)
{
    size_t end = token->range.end, at = *position;
    const char *close;

    while (at < end && is_blank(bytes[at]))
        at++;
    ret->name.begin = at;
    while (at < end && !is_blank(bytes[at]) && !strchr("=>/", bytes[at]))
        at++;
    ret->name.end = at;
    while (at < end && (is_blank(bytes[at]) || bytes[at] == '='))
        at++;
    if (ret->name.begin == ret->name.end || at >= end || !strchr("\"'", bytes[at]))
        return false;
    close = memchr(bytes + at + 1, bytes[at], end - at - 1);
    if (!close)
        return false;
    ret->value = (XmlRange){ at + 1, (size_t)(close - bytes) };
    ret->all = (XmlRange){ ret->name.begin, ret->value.end + 1 };
    *position = ret->all.end;
    return true;
}

bool xml_is_blank(const char *bytes, XmlRange range)
{
    for (size_t i = range.begin; i < range.end; i++)
        if (!is_blank(bytes[i]))
            return false;
    return true;
}

void xml_add_character(Text *out, unsigned long c)
{
    char utf8[4];
    size_t length = 0;

    if (c < 0x80) {
        utf8[length++] = (char)c;
    } else if (c < 0x800) {
        utf8[length++] = (char)(0xC0 | (c >> 6));
        utf8[length++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        utf8[length++] = (char)(0xE0 | (c >> 12));
        utf8[length++] = (char)(0x80 | ((c >> 6) & 0x3F));
        utf8[length++] = (char)(0x80 | (c & 0x3F));
    } else {
        utf8[length++] = (char)(0xF0 | ((c >> 18) & 0x07));
        utf8[length++] = (char)(0x80 | ((c >> 12) & 0x3F));
        utf8[length++] = (char)(0x80 | ((c >> 6) & 0x3F));
        utf8[length++] = (char)(0x80 | (c & 0x3F));
    }
    text_add_bytes(out, utf8, length);
}

static unsigned long digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned long)(digit - '0');
    return ((unsigned long)(digit | 0x20) - 'a' + 10) & 0xF;
}

/* `name` is what stands between & and ; in a document that libxml2 has accepted. */
static void add_reference(const char *name, size_t length, Text *out)
{
    static const struct {
        const char *name;
        char byte;
    } known[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' } };
    size_t at = 1;
    unsigned long base = 10, number = 0;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0)
            text_add_bytes(out, &known[i].byte, 1);
    if (length < 2 || name[0] != '#')
        return;
    if (name[1] == 'x') {
        base = 16;
        at = 2;
    }
    for (; at < length && number <= CHARACTER_MAX; at++)
        number = number * base + digit_value(name[at]);
    xml_add_character(out, number & CHARACTER_MASK);
}

/* Adds the byte, or the line end, at `at`; returns the place behind it. */
static size_t add_plain(
    const char *bytes, XmlRange range, XmlCharset charset, XmlTextKind kind, Text *out)
{
    size_t at = range.begin;
    char byte = bytes[at];
    char line_end = kind == XML_TEXT_ATTRIBUTE ? ' ' : '\n';

    if (byte == '\r' || byte == '\n') {
        text_add_bytes(out, &line_end, 1);
        return byte == '\r' && at + 1 < range.end && bytes[at + 1] == '\n' ? at + 2 : at + 1;
    }
    if (byte == '\t' && kind == XML_TEXT_ATTRIBUTE)
        byte = ' ';
    if (charset == CHARSET_UTF8)
        text_add_bytes(out, &byte, 1);
    else
        xml_add_character(out, (unsigned char)byte);
    return at + 1;
}

void xml_decode(const char *bytes, XmlRange range, XmlCharset charset, XmlTextKind kind, Text *out)
{
    size_t at = range.begin;

    while (at < range.end) {
        const char *end = NULL;

        if (bytes[at] == '&' && kind != XML_TEXT_CDATA)
            end = memchr(bytes + at, ';', range.end - at);
        if (end) {
            add_reference(bytes + at + 1, (size_t)(end - bytes) - at - 1, out);
            at = (size_t)(end - bytes) + 1;
        } else {
            at = add_plain(bytes, (XmlRange){ at, range.end }, charset, kind, out);
        }
    }
}
