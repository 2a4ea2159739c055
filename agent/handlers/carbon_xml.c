#include "agent/handlers/carbon_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define CARBON_XML_MAX ((size_t)4 << 20)
#define OFFSET_MAX     50000

DEFINE_AUTO(xmlDoc, xmlFreeDoc)

static xmlNode *child_named(xmlNode *parent, const char *name)
{
    for (xmlNode *each = parent ? xmlFirstElementChild(parent) : NULL; each;
         each = xmlNextElementSibling(each))
        if (strcmp((const char *)each->name, name) == 0)
            return each;
    return NULL;
}

static bool offset_of(xmlNode *root, const char *path, unsigned *ret, Error *error)
{
    xmlNode *node = child_named(child_named(root, "Ports"), "Offset");
    xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
    AUTO_TEXT *text = NULL;
    unsigned long long number = 0;
    size_t blanks;

    *ret = 0;
    if (!content)
        return true;
    blanks = strspn((const char *)content, " \t\r\n");
    text = memory_text_n(
        (const char *)content + blanks, strcspn((const char *)content + blanks, " \t\r\n"));
    xmlFree(content);
    if (!text_to_number(text, OFFSET_MAX, &number))
        return error_set(
            error, ERROR_INVALID, "%s: Ports/Offset is \"%s\", not a number", path, text);
    *ret = (unsigned)number;
    return true;
}

bool carbon_xml_offset(const char *home, unsigned *ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/conf/carbon.xml", home);
    AUTO_TEXT *bytes = NULL;
    size_t length = 0;
    AUTO(xmlDoc) *document = NULL;

    if (!file_read(path, CARBON_XML_MAX, &bytes, &length, error))
        return false;
    document = xmlReadMemory(
        bytes, (int)length, path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!document || !xmlDocGetRootElement(document))
        return error_set(error, ERROR_INVALID, "%s is not an XML document", path);
    return offset_of(xmlDocGetRootElement(document), path, ret, error);
}
