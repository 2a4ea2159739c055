#include "agent/xml_document.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "common/base/text.h"

#define PARSE_OPTIONS                                                                              \
    (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |               \
        XML_PARSE_BIG_LINES)

struct XmlDocument {
    char *path;
    char *bytes;
    size_t length;
    xmlDoc *tree;
};

static_assert(XML_DOCUMENT_MAX < INT_MAX, "libxml2 counts in int");

DEFINE_AUTO(xmlParserCtxt, xmlFreeParserCtxt)
DEFINE_AUTO(xmlSchema, xmlSchemaFree)
DEFINE_AUTO(xmlSchemaParserCtxt, xmlSchemaFreeParserCtxt)
DEFINE_AUTO(xmlSchemaValidCtxt, xmlSchemaFreeValidCtxt)

static bool read_bytes(XmlDocument *document, Error *error)
{
    AUTO_FD file = open(document->path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (file < 0 || fstat(file, &status) != 0)
        return error_set(error, ERROR_IO, "%s cannot be read: %m", document->path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s is not a file", document->path);
    if (status.st_size > XML_DOCUMENT_MAX)
        return error_set(error, ERROR_INVALID, "%s has %jd bytes, at most %d are read",
            document->path, (intmax_t)status.st_size, XML_DOCUMENT_MAX);
    document->bytes = memory_new((size_t)status.st_size + 1);
    while (document->length < (size_t)status.st_size) {
        ssize_t got = read(
            file, document->bytes + document->length, (size_t)status.st_size - document->length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(error, ERROR_IO, "%s cannot be read: %s", document->path,
                got < 0 ? strerror(errno) : "it is being changed");
        document->length += (size_t)got;
    }
    return true;
}

/* libxml2 ends its messages with a full stop and a line end, and names elements with namespaces. */
static void add_message(Text *text, const char *path, const xmlError *message)
{
    const char *from = message->message ? message->message : "not well-formed";
    size_t length = strlen(from);

    while (length > 0 && (from[length - 1] == '\n' || from[length - 1] == '.'))
        length--;
    text_add(text, "%s%s:%d: ", text->length > 0 ? "; " : "", path, message->line);
    while (length > 0) {
        const char *brace = memchr(from, '{', length);
        const char *end = brace ? memchr(brace, '}', length - (size_t)(brace - from)) : NULL;
        size_t part = end ? (size_t)(brace - from) : length;

        text_add_bytes(text, from, part);
        part = end ? (size_t)(end + 1 - from) : length;
        from += part;
        length -= part;
    }
}

static bool parse(XmlDocument *document, Error *error)
{
    AUTO(xmlParserCtxt) *parser = xmlNewParserCtxt();
    TEXT_AUTO(words, ERROR_TEXT_MAX - 1);

    assert(parser);
    document->tree = xmlCtxtReadMemory(
        parser, document->bytes, (int)document->length, document->path, NULL, PARSE_OPTIONS);
    if (!document->tree) {
        const xmlError *last = xmlCtxtGetLastError(parser);

        if (!last)
            return error_set(error, ERROR_INVALID, "%s:1: not an XML document", document->path);
        add_message(&words, document->path, last);
        return error_set(error, ERROR_INVALID, "%s", words.bytes);
    }
    if (document->tree->intSubset)
        return error_set(error, ERROR_INVALID,
            "%s:1: a document type (<!DOCTYPE) is not allowed here", document->path);
    return true;
}

typedef struct Complaints {
    Text text;
    const char *path;
} Complaints;

static void take_complaint(void *self, xmlErrorPtr message)
{
    Complaints *complaints = self;

    add_message(&complaints->text, complaints->path, message);
}

static bool validate(const XmlDocument *document, const char *schema_text, Error *error)
{
    AUTO(xmlSchemaParserCtxt)
    *parser = xmlSchemaNewMemParserCtxt(schema_text, (int)strlen(schema_text));
    AUTO(xmlSchema) *schema = xmlSchemaParse(parser);
    AUTO(xmlSchemaValidCtxt) *validator = NULL;
    Complaints complaints = { .path = document->path };
    bool valid;

    assert(schema); /* it is part of the program */
    validator = xmlSchemaNewValidCtxt(schema);
    assert(validator);
    text_init(&complaints.text, ERROR_TEXT_MAX - 1);
    xmlSchemaSetValidStructuredErrors(validator, take_complaint, &complaints);
    valid = xmlSchemaValidateDoc(validator, document->tree) == 0;
    if (!valid)
        (void)error_set(error, ERROR_INVALID, "%s", complaints.text.bytes);
    text_done(&complaints.text);
    return valid;
}

bool xml_document_load(const char *path, const char *schema, XmlDocument **ret, Error *error)
{
    AUTO(XmlDocument) *document = memory_new(sizeof(*document));

    *document = (XmlDocument){ .path = memory_text(path) };
    if (!read_bytes(document, error) || !parse(document, error) ||
        !validate(document, schema, error))
        return false;
    *ret = TAKE(document);
    return true;
}

void xml_document_free(XmlDocument *document)
{
    if (!document)
        return;
    xmlFreeDoc(document->tree);
    free(document->bytes);
    free(document->path);
    free(document);
}

xmlNode *xml_document_root(const XmlDocument *document)
{
    xmlNode *root = xmlDocGetRootElement(document->tree);

    assert(root);
    return root;
}

const char *xml_document_bytes(const XmlDocument *document, size_t *ret_length)
{
    *ret_length = document->length;
    return document->bytes;
}

bool xml_is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static xmlNode *named_from(xmlNode *node, const char *name)
{
    while (node && !xml_is(node, name))
        node = node->next;
    return node;
}

xmlNode *xml_first(xmlNode *parent, const char *name)
{
    return named_from(parent->children, name);
}

xmlNode *xml_next(xmlNode *node)
{
    return named_from(node->next, (const char *)node->name);
}

size_t xml_count(xmlNode *parent, const char *name)
{
    size_t count = 0;

    for (xmlNode *node = xml_first(parent, name); node; node = xml_next(node))
        count++;
    return count;
}

const char *xml_attribute(Arena *arena, xmlNode *node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    const char *copy = value ? arena_text(arena, (const char *)value) : NULL;

    xmlFree(value);
    return copy;
}

const char *xml_text(Arena *arena, xmlNode *node)
{
    xmlChar *value = xmlNodeGetContent(node);
    const char *copy = arena_text(arena, value ? (const char *)value : "");

    xmlFree(value);
    return copy;
}

bool xml_error(const XmlDocument *document, xmlNode *node, Error *error, const char *format, ...)
{
    AUTO_TEXT *said = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&said, format, args);
    va_end(args);
    assert(length >= 0);
    return error_set(error, ERROR_INVALID, "%s:%ld: %s", document->path, xmlGetLineNo(node), said);
}
