#include "common/xml/xml_document.h"

#include <assert.h>
#include <ctype.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlschemas.h>
#include <stdarg.h>

#include "common/base/text.h"
#include "common/os/file.h"

DEFINE_AUTO(xmlParserCtxt, xmlFreeParserCtxt)
DEFINE_AUTO(xmlSchemaParserCtxt, xmlSchemaFreeParserCtxt)
DEFINE_AUTO(xmlSchema, xmlSchemaFree)
DEFINE_AUTO(xmlSchemaValidCtxt, xmlSchemaFreeValidCtxt)

/* What the library complained about: the first whole, the others counted. */
typedef struct Problems {
    const XmlFormat *format;
    const xmlDoc *schema;
    size_t count;
    long line;
    char first[ERROR_TEXT_MAX];
} Problems;

static const char *name_of(const xmlNode *node)
{
    return (const char *)node->name;
}

static const xmlNode *element_from(const xmlNode *node)
{
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

const xmlNode *xml_first(const xmlNode *parent)
{
    return element_from(parent->children);
}

const xmlNode *xml_next(const xmlNode *node)
{
    return element_from(node->next);
}

static const xmlNode *named_from(const xmlNode *element, const char *name)
{
    while (element && strcmp(name_of(element), name) != 0)
        element = xml_next(element);
    return element;
}

const xmlNode *xml_child(const xmlNode *parent, const char *name)
{
    return named_from(xml_first(parent), name);
}

const xmlNode *xml_next_alike(const xmlNode *node)
{
    return named_from(xml_next(node), name_of(node));
}

size_t xml_count(const xmlNode *parent, const char *name)
{
    size_t count = 0;

    for (const xmlNode *node = xml_child(parent, name); node; node = xml_next_alike(node))
        count++;
    return count;
}

size_t xml_child_count(const xmlNode *parent)
{
    size_t count = 0;

    for (const xmlNode *child = xml_first(parent); child; child = xml_next(child))
        count++;
    return count;
}

unsigned xml_line_of(const xmlNode *node)
{
    long line = xmlGetLineNo(node);

    return line > 0 ? (unsigned)line : 0;
}

static const char *into_arena(xmlChar *value, Arena *arena)
{
    const char *copy = value ? arena_text(arena, (const char *)value) : NULL;

    xmlFree(value);
    return copy;
}

const char *xml_attribute(const xmlNode *node, const char *name, Arena *arena)
{
    return into_arena(xmlGetNoNsProp(node, (const xmlChar *)name), arena);
}

const char *xml_content(const xmlNode *node, Arena *arena)
{
    const char *content = into_arena(xmlNodeGetContent(node), arena);

    return content ? content : "";
}

/* The schema's declaration of the element, wherever it stands. */
static const xmlNode *declaration_of(const xmlNode *node, const char *element)
{
    for (const xmlNode *child = xml_first(node); child; child = xml_next(child)) {
        AUTO(Arena) *arena = arena_new();
        const char *name = xml_attribute(child, "name", arena);
        const xmlNode *found;

        if (strcmp(name_of(child), "element") == 0 && name && strcmp(name, element) == 0)
            return child;
        found = declaration_of(child, element);
        if (found)
            return found;
    }
    return NULL;
}

static void add_known_attributes(Text *text, const xmlDoc *schema, const char *element)
{
    const xmlNode *declaration = declaration_of((const xmlNode *)schema, element);
    const xmlNode *type = declaration ? xml_child(declaration, "complexType") : NULL;
    const char *before = ": known are ";
    AUTO(Arena) *arena = arena_new();

    for (const xmlNode *node = type ? xml_first(type) : NULL; node; node = xml_next(node))
        if (strcmp(name_of(node), "attribute") == 0) {
            text_add(text, "%s%s", before, xml_attribute(node, "name", arena));
            before = ", ";
        }
}

/* What of the library's words is left out at this place: its form of a name, and of a rule. */
static size_t noise_at(const char *at, const char *namespace_uri)
{
    size_t uri = strlen(namespace_uri);
    const char *rule_end = strncmp(at, "[facet '", 8) == 0 ? strstr(at, "'] ") : NULL;

    if (*at == '{' && strncmp(at + 1, namespace_uri, uri) == 0 && at[1 + uri] == '}')
        return uri + 2;
    return rule_end ? (size_t)(rule_end - at) + 3 : 0;
}

/* "Element '{urn:…}node': [facet 'x'] The …" -> "element 'node': the …" */
static void add_tidied(Text *text, const char *message, const char *namespace_uri)
{
    size_t length = strcspn(message, "\n");

    while (length > 0 && strchr(". !", message[length - 1]))
        length--;
    for (size_t i = 0; i < length; i++) {
        size_t noise = noise_at(message + i, namespace_uri);
        size_t end = text->length;
        bool begins = end == 0 || (end > 1 && memcmp(text->bytes + end - 2, ": ", 2) == 0);
        char low;

        i += noise;
        low = (char)tolower((unsigned char)message[i]);
        text_add_bytes(
            text, begins && islower((unsigned char)message[i + 1]) ? &low : message + i, 1);
    }
}

static void note_problem(Problems *problems, long line, const char *message)
{
    problems->count++;
    if (problems->count > 1)
        return;
    problems->line = line;
    (void)text_copy(problems->first, sizeof(problems->first), message);
}

static void note_xml_error(Problems *problems, const xmlError *from)
{
    const xmlNode *node = from->domain == XML_FROM_SCHEMASV ? from->node : NULL;
    TEXT_AUTO(text, ERROR_TEXT_MAX - 1);

    add_tidied(
        &text, from->message ? from->message : "not well formed", problems->format->namespace_uri);
    if (node && node->type == XML_ATTRIBUTE_NODE)
        node = node->parent;
    if (node && from->code == XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_1)
        add_known_attributes(&text, problems->schema, name_of(node));
    note_problem(problems, node ? xmlGetLineNo(node) : from->line, text.bytes);
}

static void on_parser_error(void *context, xmlErrorPtr from)
{
    note_xml_error(((xmlParserCtxt *)context)->_private, from);
}

static void on_schema_error(void *problems, xmlErrorPtr from)
{
    note_xml_error(problems, from);
}

static void on_doctype(
    void *context, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
    xmlParserCtxt *parser = context;

    (void)name;
    (void)external_id;
    (void)system_id;
    note_problem(parser->_private, parser->input->line,
        "a DOCTYPE is not allowed: take it out, with all its entities");
    xmlStopParser(parser);
}

static bool fail_with(const Problems *problems, const char *path, Error *error)
{
    if (problems->count > 1)
        return error_set(error, ERROR_INVALID, "%s:%ld: %.700s (and %zu more)", path,
            problems->line, problems->first, problems->count - 1);
    return error_set(error, ERROR_INVALID, "%s:%ld: %.700s", path, problems->line, problems->first);
}

/* UTF-8 whatever the declaration says, because the text travels on inside UTF-8 documents. */
static bool parse(
    const char *path, const char *text, Problems *problems, xmlDoc **ret, Error *error)
{
    AUTO(xmlParserCtxt) *parser = xmlNewParserCtxt();
    AUTO(xmlDoc) *document = NULL;

    assert(parser);
    parser->_private = problems;
    parser->sax->serror = on_parser_error;
    parser->sax->internalSubset = on_doctype;
    document = xmlCtxtReadMemory(parser, text, (int)strlen(text), NULL, "UTF-8",
        XML_PARSE_NONET | XML_PARSE_BIG_LINES | XML_PARSE_NOCDATA);
    if (problems->count > 0)
        return fail_with(problems, path, error);
    if (!document)
        return error_set(error, ERROR_INVALID, "%s:1: not an XML document", path);
    *ret = TAKE(document);
    return true;
}

static bool root_is_right(
    const char *path, const xmlDoc *document, const XmlFormat *format, Error *error)
{
    const xmlNode *root = xmlDocGetRootElement(document);
    const char *uri = root->ns && root->ns->href ? (const char *)root->ns->href : "";

    if (strcmp(name_of(root), format->root) == 0 && strcmp(uri, format->namespace_uri) == 0)
        return true;
    return error_set(error, ERROR_INVALID,
        "%s:%u: not %s: the root is <%.80s xmlns=\"%.80s\">, expected <%s xmlns=\"%s\">", path,
        xml_line_of(root), format->what, name_of(root), uri, format->root, format->namespace_uri);
}

static bool validate(const char *path, xmlDoc *document, Problems *problems, Error *error)
{
    AUTO(xmlDoc) *text =
        xmlReadDoc((const xmlChar *)problems->format->schema, NULL, NULL, XML_PARSE_NONET);
    AUTO(xmlSchemaParserCtxt) *parser = text ? xmlSchemaNewDocParserCtxt(text) : NULL;
    AUTO(xmlSchema) *schema = parser ? xmlSchemaParse(parser) : NULL;
    AUTO(xmlSchemaValidCtxt) *validator = schema ? xmlSchemaNewValidCtxt(schema) : NULL;
    int outcome;

    assert(validator); /* the schema is ours and was built in */
    problems->schema = text;
    xmlSchemaSetValidStructuredErrors(validator, on_schema_error, problems);
    outcome = xmlSchemaValidateDoc(validator, document);
    problems->schema = NULL;
    if (problems->count > 0)
        return fail_with(problems, path, error);
    if (outcome != 0)
        return error_set(error, ERROR_INVALID, "%s:1: not valid by the schema of %s", path,
            problems->format->what);
    return true;
}

bool xml_document_parse(
    const char *path, const char *text, const XmlFormat *format, xmlDoc **ret, Error *error)
{
    Problems problems = { .format = format };
    AUTO(xmlDoc) *document = NULL;

    if (strlen(text) > format->max_bytes)
        return error_set(error, ERROR_INVALID, "%s: %zu bytes, %s has at most %zu", path,
            strlen(text), format->what, format->max_bytes);
    if (!parse(path, text, &problems, &document, error) ||
        !root_is_right(path, document, format, error))
        return false;
    if (!validate(path, document, &problems, error))
        return false;
    *ret = TAKE(document);
    return true;
}

bool xml_document_read(
    const char *path, const XmlFormat *format, char **ret_text, xmlDoc **ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    size_t length = 0;

    if (!file_read(path, format->max_bytes, &text, &length, error))
        return false;
    if (strlen(text) != length)
        return error_set(error, ERROR_INVALID,
            "%s:1: has zero bytes: save it as UTF-8 (UTF-16 is not read)", path);
    if (!xml_document_parse(path, text, format, ret, error))
        return false;
    *ret_text = TAKE(text);
    return true;
}

bool xml_error(const char *path, const xmlNode *node, Error *error, const char *format, ...)
{
    AUTO_TEXT *said = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&said, format, args);
    va_end(args);
    assert(length >= 0);
    return error_set(error, ERROR_INVALID, "%s:%u: %s", path, xml_line_of(node), said);
}
