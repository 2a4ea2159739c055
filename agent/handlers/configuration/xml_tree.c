#include "agent/handlers/configuration/xml_tree.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <strings.h>

#include "agent/handlers/configuration/xml_token.h"
#include "common/os/file.h"

DEFINE_AUTO(xmlDoc, xmlFreeDoc)

static void free_context(xmlParserCtxt *context)
{
    if (context)
        xmlFreeParserCtxt(context);
}

DEFINE_AUTO(xmlParserCtxt, free_context)

static bool parse_with_libxml(XmlTree *tree, Error *error)
{
    AUTO(xmlParserCtxt) *context = xmlNewParserCtxt();
    AUTO(xmlDoc) *document = NULL;

    if (!context)
        abort(); /* out of memory */
    document = xmlCtxtReadMemory(context, tree->bytes, (int)tree->length, tree->path, NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!document || !context->wellFormed || !context->nsWellFormed) {
        const xmlError *last = &context->lastError;
        const char *text = last->message ? last->message : "not an XML document";

        return error_set(error, ERROR_INVALID, "%s:%d: %.*s", tree->path, last->line,
            (int)strcspn(text, "\n"), text);
    }
    if (document->intSubset)
        return error_set(error, ERROR_INVALID,
            "%s: has a document type declaration: configuration files have none", tree->path);
    tree->document = TAKE(document);
    return true;
}

static bool find_charset(XmlTree *tree, Error *error)
{
    const char *declared = (const char *)((const xmlDoc *)tree->document)->encoding;

    tree->charset = CHARSET_UTF8;
    if (memchr(tree->bytes, '\0', tree->length))
        return error_set(error, ERROR_INVALID,
            "%s: is in UTF-16 or UTF-32; only UTF-8, ISO-8859-1 and US-ASCII can be edited",
            tree->path);
    if (tree->length >= 3 && memcmp(tree->bytes, "\xEF\xBB\xBF", 3) == 0)
        return true;
    if (!declared || strcasecmp(declared, "UTF-8") == 0)
        return true;
    if (strcasecmp(declared, "ISO-8859-1") == 0 || strcasecmp(declared, "latin1") == 0)
        tree->charset = CHARSET_LATIN1;
    else if (strcasecmp(declared, "US-ASCII") == 0 || strcasecmp(declared, "ASCII") == 0)
        tree->charset = CHARSET_ASCII;
    else
        return error_set(error, ERROR_INVALID,
            "%s: is in %s; only UTF-8, ISO-8859-1 and US-ASCII can be edited", tree->path,
            declared);
    return true;
}

static void add_element(XmlTree *tree, XmlElement *element, size_t *capacity)
{
    XmlElement *parent = element->parent;

    if (parent && parent->last_child)
        parent->last_child->next = element;
    else if (parent)
        parent->first_child = element;
    if (parent)
        parent->last_child = element;
    element->depth = parent ? parent->depth + 1 : 0;
    if (tree->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        tree->elements = memory_grow(tree->elements, *capacity * sizeof(XmlElement *));
    }
    element->index = tree->count;
    tree->elements[tree->count++] = element;
}

static void read_attributes(XmlTree *tree, XmlElement *element, const XmlToken *token)
{
    XmlAttribute attribute;
    size_t at = element->name.end;

    while (xml_token_attribute(tree->bytes, token, &at, &attribute))
        element->attribute_count++;
    element->attributes =
        arena_take(tree->arena, (element->attribute_count + 1) * sizeof(XmlAttribute));
    at = element->name.end;
    for (size_t i = 0; i < element->attribute_count; i++)
        (void)xml_token_attribute(
            tree->bytes, token, &at, &element->attributes[i]); /* counted above */
}

static XmlElement *open_element(XmlTree *tree, XmlElement *parent, const XmlToken *token)
{
    XmlElement *element = arena_take(tree->arena, sizeof(*element));

    *element = (XmlElement){ .parent = parent,
        .all = token->range,
        .start_tag = token->range,
        .name = xml_token_name(tree->bytes, token),
        .content = { token->range.end, token->range.end },
        .empty_tag = token->kind == TOKEN_EMPTY };
    read_attributes(tree, element, token);
    return element;
}

static bool find_places(XmlTree *tree, Error *error)
{
    size_t position = 0, capacity = 0;
    XmlElement *open = NULL;
    XmlToken token;

    while (xml_token_next(tree->bytes, tree->length, &position, &token, error)) {
        if (token.kind == TOKEN_START || token.kind == TOKEN_EMPTY) {
            XmlElement *element = open_element(tree, open, &token);

            add_element(tree, element, &capacity);
            if (token.kind == TOKEN_START)
                open = element;
        } else if (token.kind == TOKEN_END && open) {
            open->content.end = token.range.begin;
            open->all.end = token.range.end;
            open = open->parent;
        }
    }
    if (error->kind != ERROR_NONE)
        return error_prefix(error, "%s: ", tree->path);
    return true;
}

static xmlNode *next_element(xmlNode *node)
{
    xmlNode *down = xmlFirstElementChild(node);

    while (!down && node && node->type == XML_ELEMENT_NODE) {
        down = xmlNextElementSibling(node);
        node = node->parent;
    }
    return down;
}

static void add_own_text(const xmlNode *node, Text *out)
{
    for (const xmlNode *each = node->children; each; each = each->next)
        if (each->type == XML_TEXT_NODE || each->type == XML_CDATA_SECTION_NODE)
            text_add(out, "%s", each->content ? (const char *)each->content : "");
}

static bool is_namespace_declaration(const XmlTree *tree, const XmlAttribute *attribute)
{
    size_t length = attribute->name.end - attribute->name.begin;
    const char *name = tree->bytes + attribute->name.begin;

    return length >= 5 && memcmp(name, "xmlns", 5) == 0 && (length == 5 || name[5] == ':');
}

/* Where an attribute's or element's name goes on behind its prefix. */
static XmlRange local_part(const XmlTree *tree, XmlRange name)
{
    const char *colon = memchr(tree->bytes + name.begin, ':', name.end - name.begin);

    if (colon)
        name.begin = (size_t)(colon - tree->bytes) + 1;
    return name;
}

static bool range_is(const XmlTree *tree, XmlRange range, const char *text)
{
    return strlen(text) == range.end - range.begin &&
           memcmp(tree->bytes + range.begin, text, strlen(text)) == 0;
}

static const xmlAttr *same_attribute(const xmlNode *node, const XmlTree *tree, XmlRange name)
{
    XmlRange local = local_part(tree, name);

    for (const xmlAttr *each = node->properties; each; each = each->next)
        if (range_is(tree, local, (const char *)each->name) &&
            (each->ns && each->ns->prefix != NULL) == (local.begin != name.begin))
            return each;
    return NULL;
}

static bool same_attributes(const XmlTree *tree, const XmlElement *element, xmlNode *node)
{
    size_t ours = 0, theirs = 0;

    for (const xmlAttr *each = node->properties; each; each = each->next)
        theirs++;
    for (size_t i = 0; i < element->attribute_count; i++) {
        const XmlAttribute *attribute = &element->attributes[i];
        const xmlAttr *other;
        xmlChar *value;
        bool same;
        TEXT_AUTO(text, XML_TREE_MAX_BYTES);

        if (is_namespace_declaration(tree, attribute))
            continue;
        ours++;
        other = same_attribute(node, tree, attribute->name);
        if (!other)
            return false;
        xml_decode(tree->bytes, attribute->value, tree->charset, XML_TEXT_ATTRIBUTE, &text);
        value = xmlNodeListGetString(tree->document, other->children, 1);
        same = strcmp(text.bytes, value ? (const char *)value : "") == 0;
        xmlFree(value);
        if (!same)
            return false;
    }
    return ours == theirs;
}

static bool same_element(const XmlTree *tree, const XmlElement *element, xmlNode *node)
{
    AUTO_TEXT *ours = xml_own_text(tree, element);
    size_t depth = 0;
    TEXT_AUTO(theirs, XML_TREE_MAX_BYTES);
    TEXT_AUTO(name, XML_TREE_MAX_BYTES);

    for (const xmlNode *up = node->parent; up && up->type == XML_ELEMENT_NODE; up = up->parent)
        depth++;
    add_own_text(node, &theirs);
    xml_decode(tree->bytes, local_part(tree, element->name), tree->charset, XML_TEXT_CDATA, &name);
    return depth == element->depth && strcmp(name.bytes, (const char *)node->name) == 0 &&
           strcmp(ours, theirs.bytes) == 0 && same_attributes(tree, element, node);
}

/* Both readings of the file have to be one, else no place in it can be trusted. */
static bool compare_readings(const XmlTree *tree, Error *error)
{
    xmlNode *node = xmlDocGetRootElement(tree->document);
    size_t i = 0;

    for (; node && i < tree->count; node = next_element(node), i++)
        if (!same_element(tree, tree->elements[i], node))
            return error_set(error, ERROR_INVALID, "%s:%u: cannot be read in a way that is sure",
                tree->path, xml_line(tree, tree->elements[i]));
    if (node || i < tree->count || tree->count == 0)
        return error_set(
            error, ERROR_INVALID, "%s: cannot be read in a way that is sure", tree->path);
    return true;
}

bool xml_tree_parse(const char *path, const void *bytes, size_t length, XmlTree **ret, Error *error)
{
    AUTO(XmlTree) *tree = memory_new(sizeof(*tree));

    *tree = (XmlTree){ .arena = arena_new() };
    tree->path = arena_text(tree->arena, path);
    if (length > XML_TREE_MAX_BYTES)
        return error_set(error, ERROR_INVALID, "%s: has %zu bytes, above 8 MiB", path, length);
    tree->bytes = memory_text_n(bytes, length);
    tree->length = length;
    if (!parse_with_libxml(tree, error) || !find_charset(tree, error) ||
        !find_places(tree, error) || !compare_readings(tree, error))
        return false;
    *ret = TAKE(tree);
    return true;
}

bool xml_tree_read(const char *path, XmlTree **ret, Error *error)
{
    AUTO_TEXT *bytes = NULL;
    size_t length = 0;

    if (!file_read(path, XML_TREE_MAX_BYTES, &bytes, &length, error))
        return false;
    return xml_tree_parse(path, bytes, length, ret, error);
}

void xml_tree_free(XmlTree *tree)
{
    if (!tree)
        return;
    xmlFreeDoc(tree->document);
    free(tree->bytes);
    free(tree->elements);
    arena_free(tree->arena);
    free(tree);
}

bool xml_name_is(const XmlTree *tree, const XmlElement *element, const char *local_name)
{
    return range_is(tree, local_part(tree, element->name), local_name);
}

const XmlAttribute *xml_attribute_place(
    const XmlTree *tree, const XmlElement *element, const char *local_name)
{
    for (size_t i = 0; i < element->attribute_count; i++)
        if (!is_namespace_declaration(tree, &element->attributes[i]) &&
            range_is(tree, local_part(tree, element->attributes[i].name), local_name))
            return &element->attributes[i];
    return NULL;
}

char *xml_attribute_text(const XmlTree *tree, const XmlElement *element, const char *name)
{
    const XmlAttribute *place = xml_attribute_place(tree, element, name);
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (!place)
        return NULL;
    xml_decode(tree->bytes, place->value, tree->charset, XML_TEXT_ATTRIBUTE, &text);
    return text_take(&text);
}

/* Adds the text between the element's tags that belongs to no child. */
char *xml_own_text(const XmlTree *tree, const XmlElement *element)
{
    size_t position = element->content.begin, depth = 0;
    XmlToken token;
    Error ignored = { 0 }; /* the whole file was walked before */
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    while (xml_token_next(tree->bytes, element->content.end, &position, &token, &ignored)) {
        if (token.kind == TOKEN_START)
            depth++;
        if (token.kind == TOKEN_END && depth > 0)
            depth--;
        if (depth == 0 && token.kind == TOKEN_TEXT)
            xml_decode(tree->bytes, token.range, tree->charset, XML_TEXT_CONTENT, &text);
        if (depth == 0 && token.kind == TOKEN_CDATA)
            xml_decode(tree->bytes, (XmlRange){ token.range.begin + 9, token.range.end - 3 },
                tree->charset, XML_TEXT_CDATA, &text);
    }
    return text_take(&text);
}

char *xml_trimmed(const char *text)
{
    size_t begin = strspn(text, " \t\r\n"), end = strlen(text);

    while (end > begin && strchr(" \t\r\n", text[end - 1]))
        end--;
    return memory_text_n(text + begin, end - begin);
}

unsigned xml_line(const XmlTree *tree, const XmlElement *element)
{
    unsigned line = 1;

    for (size_t i = 0; i < element->all.begin; i++)
        line += tree->bytes[i] == '\n';
    return line;
}

size_t xml_subtree_count(const XmlElement *element)
{
    const XmlElement *last = element;

    while (last->last_child)
        last = last->last_child;
    return last->index - element->index + 1;
}
