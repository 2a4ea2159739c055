#include "agent/handlers/configuration/xml_splice.h"

#include "agent/handlers/configuration/xml_token.h"

/* Reads one character of UTF-8; false when there is none (overlong, surrogate, cut off). */
static bool next_character(const char **text, unsigned long *ret)
{
    const unsigned char *at = (const unsigned char *)*text;
    unsigned long c = at[0], least = 0;
    size_t more = 0;

    if (c >= 0xF0 && c < 0xF8) {
        more = 3;
        c &= 0x07;
        least = 0x10000;
    } else if (c >= 0xE0 && c < 0xF0) {
        more = 2;
        c &= 0x0F;
        least = 0x800;
    } else if (c >= 0xC0 && c < 0xE0) {
        more = 1;
        c &= 0x1F;
        least = 0x80;
    } else if (c >= 0x80) {
        return false;
    }
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return false;
        c = c << 6 | (at[i] & 0x3F);
    }
    *text += more + 1;
    *ret = c;
    return c >= least && c <= 0x10FFFF && !(c >= 0xD800 && c < 0xE000);
}

/* XML 1.0, production 2. */
static bool is_xml_character(unsigned long c)
{
    return c >= 0x20 ? c != 0xFFFE && c != 0xFFFF : c == '\t' || c == '\n' || c == '\r';
}

static bool charset_has(XmlCharset charset, unsigned long c)
{
    switch (charset) {
    case CHARSET_UTF8:
        return true;
    case CHARSET_LATIN1:
        return c <= 0xFF;
    case CHARSET_ASCII:
        return c <= 0x7F;
    }
    return false;
}

static void add_in_charset(unsigned long c, XmlCharset charset, Text *out)
{
    char byte = (char)c;

    if (charset == CHARSET_UTF8)
        xml_add_character(out, c);
    else
        text_add_bytes(out, &byte, 1);
}

static const char *named_reference(unsigned long c, XmlPlace place, bool after_bracket)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return after_bracket ? "&gt;" : NULL; /* "]]>" may not stand in a text */
    case '\r':
        return "&#13;"; /* a plain one would be read as a line end */
    case '"':
        return place == XML_PLACE_ATTRIBUTE ? "&quot;" : NULL;
    case '\'':
        return place == XML_PLACE_ATTRIBUTE ? "&#39;" : NULL;
    case '\t':
        return place == XML_PLACE_ATTRIBUTE ? "&#9;" : NULL;
    case '\n':
        return place == XML_PLACE_ATTRIBUTE ? "&#10;" : NULL;
    default:
        return NULL;
    }
}

bool xml_encode(const char *value, XmlCharset charset, XmlPlace place, Text *out, Error *error)
{
    unsigned long c = 0, last = 0;

    while (*value) {
        const char *reference;

        if (!next_character(&value, &c) || !is_xml_character(c))
            return error_set(error, ERROR_INVALID, "a value holds what XML cannot hold");
        reference = place == XML_PLACE_CDATA ? NULL : named_reference(c, place, last == ']');
        if (reference)
            text_add(out, "%s", reference);
        else if (charset_has(charset, c))
            add_in_charset(c, charset, out);
        else if (place == XML_PLACE_CDATA)
            return error_set(error, ERROR_INVALID, "a value does not fit the file's encoding");
        else
            text_add(out, "&#%lu;", c);
        last = c;
    }
    return true;
}

char *xml_indentation(const XmlTree *tree, size_t at)
{
    size_t begin = at;

    while (begin > 0 && (tree->bytes[begin - 1] == ' ' || tree->bytes[begin - 1] == '\t'))
        begin--;
    if (begin > 0 && tree->bytes[begin - 1] != '\n' && tree->bytes[begin - 1] != '\r')
        begin = at;
    return memory_text_n(tree->bytes + begin, at - begin);
}

const char *xml_line_end(const XmlTree *tree, size_t at)
{
    const char *found = at > 0 ? memrchr(tree->bytes, '\n', at) : NULL;

    if (!found)
        found = memchr(tree->bytes, '\n', tree->length);
    return found && found > tree->bytes && found[-1] == '\r' ? "\r\n" : "\n";
}

/* How a copy's bytes change on their way. */
typedef struct Copy {
    const XmlTree *from;
    const XmlDestination *to;
    const char *base; /* indentation at the source, replaced by the destination's */
    Text *out;
} Copy;

/* Adds the character at `at` of the source in the destination's charset. */
static bool copy_character(const Copy *copy, size_t *at, bool in_reference_place, Error *error)
{
    const char *text = copy->from->bytes + *at;
    unsigned long c = (unsigned char)*text;

    if (copy->from->charset == CHARSET_UTF8) {
        if (!next_character(&text, &c))
            return error_set(error, ERROR_INVALID, "%s: is not UTF-8", copy->from->path);
    } else {
        text++;
    }
    *at = (size_t)(text - copy->from->bytes);
    if (charset_has(copy->to->tree->charset, c))
        add_in_charset(c, copy->to->tree->charset, copy->out);
    else if (in_reference_place)
        text_add(copy->out, "&#%lu;", c);
    else
        return error_set(error, ERROR_INVALID, "%s: holds what the encoding of %s cannot hold",
            copy->from->path, copy->to->tree->path);
    return true;
}

/* Adds the bytes with the destination's line ends; in layout, with its indentation too. */
static bool copy_range(
    const Copy *copy, XmlRange range, bool is_layout, XmlTokenKind kind, Error *error)
{
    const char *bytes = copy->from->bytes;
    size_t at = range.begin, base = strlen(copy->base);

    while (at < range.end) {
        if (bytes[at] != '\r' && bytes[at] != '\n') {
            if (!copy_character(copy, &at,
                    kind != TOKEN_CDATA && kind != TOKEN_COMMENT && kind != TOKEN_INSTRUCTION,
                    error))
                return false;
            continue;
        }
        at += bytes[at] == '\r' && at + 1 < range.end && bytes[at + 1] == '\n' ? 2 : 1;
        text_add(copy->out, "%s", copy->to->line_end);
        if (!is_layout || (at < range.end && (bytes[at] == '\r' || bytes[at] == '\n')))
            continue;
        text_add(copy->out, "%s", copy->to->indentation);
        if (range.end - at >= base && memcmp(bytes + at, copy->base, base) == 0)
            at += base;
    }
    return true;
}

/* The value of the declaration of that prefix at the element, or NULL. */
static const XmlAttribute *declaration(
    const XmlTree *tree, const XmlElement *element, const char *prefix)
{
    AUTO_TEXT *name = *prefix ? memory_format("xmlns:%s", prefix) : memory_text("xmlns");

    for (size_t i = 0; i < element->attribute_count; i++) {
        const XmlAttribute *attribute = &element->attributes[i];

        if (attribute->name.end - attribute->name.begin == strlen(name) &&
            memcmp(tree->bytes + attribute->name.begin, name, strlen(name)) == 0)
            return attribute;
    }
    return NULL;
}

/* What the prefix stands for at the element and, going up, above it; NULL when nothing. */
static char *namespace_of(const XmlTree *tree, const XmlElement *element, const char *prefix)
{
    TEXT_AUTO(uri, XML_TREE_MAX_BYTES);

    for (; element; element = element->parent) {
        const XmlAttribute *found = declaration(tree, element, prefix);

        if (!found)
            continue;
        xml_decode(tree->bytes, found->value, tree->charset, XML_TEXT_ATTRIBUTE, &uri);
        return text_take(&uri);
    }
    return NULL;
}

static char *prefix_of(const XmlTree *tree, XmlRange name)
{
    const char *begin = tree->bytes + name.begin;
    const char *colon = memchr(begin, ':', name.end - name.begin);

    return memory_text_n(begin, colon ? (size_t)(colon - begin) : 0);
}

static bool is_declared_inside(
    const XmlTree *tree, const XmlElement *element, const XmlElement *top, const char *prefix)
{
    for (; element; element = element == top ? NULL : element->parent)
        if (declaration(tree, element, prefix))
            return true;
    return false;
}

/* Adds a declaration of the prefix to `out` when the copy needs one at its new place. */
static void need_prefix(
    const Copy *copy, const XmlElement *user, const XmlElement *top, const char *prefix, Text *out)
{
    AUTO_TEXT *wanted = NULL;
    AUTO_TEXT *there = NULL;
    AUTO_TEXT *text = NULL;

    if (strcmp(prefix, "xml") == 0 || strcmp(prefix, "xmlns") == 0 ||
        is_declared_inside(copy->from, user, top, prefix))
        return;
    wanted = namespace_of(copy->from, top->parent, prefix);
    there = namespace_of(copy->to->tree, copy->to->parent, prefix);
    text = *prefix ? memory_format(" xmlns:%s=\"", prefix) : memory_text(" xmlns=\"");
    if (!wanted || (there && strcmp(wanted, there) == 0) || strstr(out->bytes, text))
        return;
    text_add(out, "%s", text);
    text_add_xml(out, wanted);
    text_add(out, "\"");
}

static void needed_declarations(const Copy *copy, const XmlElement *top, Text *out)
{
    size_t end = top->index + xml_subtree_count(top);

    for (size_t i = top->index; i < end; i++) {
        const XmlElement *element = copy->from->elements[i];
        AUTO_TEXT *prefix = prefix_of(copy->from, element->name);

        need_prefix(copy, element, top, prefix, out);
        for (size_t k = 0; k < element->attribute_count; k++) {
            AUTO_TEXT *of_attribute = prefix_of(copy->from, element->attributes[k].name);

            if (*of_attribute)
                need_prefix(copy, element, top, of_attribute, out);
        }
    }
}

static bool copy_pieces(const Copy *copy, size_t position, size_t end, Error *error)
{
    const char *bytes = copy->from->bytes;
    XmlTokenKind before = TOKEN_START;
    XmlToken token;

    while (xml_token_next(bytes, end, &position, &token, error)) {
        bool ends = position + 1 < end && bytes[position] == '<' && bytes[position + 1] == '/';
        bool is_layout = token.kind == TOKEN_TEXT && xml_is_blank(bytes, token.range) &&
                         !(before == TOKEN_START && ends);

        if (!copy_range(copy, token.range, is_layout, token.kind, error))
            return false;
        before = token.kind;
    }
    return error->kind == ERROR_NONE;
}

bool xml_copy_element(const XmlTree *from, const XmlElement *source,
    const XmlDestination *destination, Text *out, Error *error)
{
    AUTO_TEXT *base = xml_indentation(from, source->all.begin);
    Copy copy = { .from = from, .to = destination, .base = base, .out = out };
    XmlRange head = { source->all.begin, source->name.end };
    XmlRange rest_of_tag = { source->name.end, source->start_tag.end };
    TEXT_AUTO(declarations, 16384);

    needed_declarations(&copy, source, &declarations);
    if (!copy_range(&copy, head, false, TOKEN_START, error))
        return false;
    text_add(out, "%s", declarations.bytes);
    return copy_range(&copy, rest_of_tag, false, TOKEN_START, error) &&
           copy_pieces(&copy, source->start_tag.end, source->all.end, error);
}
