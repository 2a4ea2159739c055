#include "tests/carbon/xml_file.h"

#include <libxml/parser.h>

#include "common/base/text.h"

#define FILE_BYTES_MAX (1 << 20)
#define HOME_PROPERTY  "${carbon.home}"

bool xml_file_read(const char *path, xmlDoc **ret, Error *error)
{
    *ret = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!*ret)
        return error_set(error, ERROR_INVALID, "%s is absent or not an XML document", path);
    return true;
}

static xmlNode *first_named(xmlNode *node, const char *name)
{
    while (
        node && (node->type != XML_ELEMENT_NODE || !xmlStrEqual(node->name, (const xmlChar *)name)))
        node = node->next;
    return node;
}

xmlNode *xml_child(xmlNode *parent, const char *name)
{
    return parent ? first_named(parent->children, name) : NULL;
}

xmlNode *xml_next(xmlNode *element)
{
    return first_named(element->next, (const char *)element->name);
}

xmlNode *xml_named(xmlNode *parent, const char *name, const char *value)
{
    for (xmlNode *node = xml_child(parent, name); node; node = xml_next(node)) {
        xmlChar *found = xmlGetNoNsProp(node, (const xmlChar *)"name");
        bool same = found && xmlStrEqual(found, (const xmlChar *)value);

        xmlFree(found);
        if (same)
            return node;
    }
    return NULL;
}

const char *xml_text(Arena *arena, xmlNode *element)
{
    xmlChar *content = element ? xmlNodeGetContent(element) : NULL;
    const char *text = content ? arena_text(arena, (const char *)content) : NULL;

    xmlFree(content);
    return text;
}

const char *xml_value(Arena *arena, xmlNode *parent, const char *name, const char *home)
{
    const char *text = xml_text(arena, xml_child(parent, name));
    const char *property;

    if (!text)
        return NULL;
    TEXT_AUTO(value, FILE_BYTES_MAX);
    while ((property = strstr(text, HOME_PROPERTY))) {
        text_add_bytes(&value, text, (size_t)(property - text));
        text_add(&value, "%s", home);
        text = property + strlen(HOME_PROPERTY);
    }
    text_add(&value, "%s", text);
    return arena_text(arena, value.bytes);
}
