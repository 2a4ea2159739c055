#include "agent/handlers/node/carbon_xml.h"

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

/* The element's text without surrounding blanks, or NULL; the caller frees. */
static char *text_of(xmlNode *element)
{
    xmlChar *content = element ? xmlNodeGetContent(element) : NULL;
    const char *from;
    char *text;

    if (!content)
        return NULL;
    from = (const char *)content + strspn((const char *)content, " \t\r\n");
    text = memory_text_n(from, strcspn(from, " \t\r\n"));
    xmlFree(content);
    return text;
}

static bool offset_of(xmlNode *root, const char *path, unsigned *ret, Error *error)
{
    AUTO_TEXT *text = text_of(child_named(child_named(root, "Ports"), "Offset"));
    unsigned long long number = 0;

    if (text && !text_to_number(text, OFFSET_MAX, &number))
        return error_set(
            error, ERROR_INVALID, "%s: Ports/Offset is \"%s\", not a number", path, text);
    *ret = (unsigned)number;
    return true;
}

bool carbon_xml_read(const char *home, CarbonXml *ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/conf/carbon.xml", home);
    AUTO_TEXT *bytes = NULL;
    AUTO_TEXT *enabled = NULL;
    size_t length = 0;
    AUTO(xmlDoc) *document = NULL;
    xmlNode *root;

    if (!file_read(path, CARBON_XML_MAX, &bytes, &length, error))
        return false;
    document = xmlReadMemory(
        bytes, (int)length, path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    root = document ? xmlDocGetRootElement(document) : NULL;
    if (!root)
        return error_set(error, ERROR_INVALID, "%s is not an XML document", path);
    enabled = text_of(child_named(child_named(root, "DeploymentSynchronizer"), "Enabled"));
    ret->synchroniser_enabled = enabled && strcasecmp(enabled, "true") == 0;
    return offset_of(root, path, &ret->offset, error);
}

bool carbon_xml_offset(const char *home, unsigned *ret, Error *error)
{
    CarbonXml xml;

    if (!carbon_xml_read(home, &xml, error))
        return false;
    *ret = xml.offset;
    return true;
}
