#include "agent/handlers/configuration/xml_meaning.h"

#include <libxml/tree.h>

#include "agent/handlers/configuration/xml_edit.h"

/* An element of one file as libxml2 sees it, with what may differ about it. */
typedef struct Side {
    const XmlTree *tree;
    xmlNode **nodes; /* in document order */
    size_t count;
} Side;

static void side_done(Side *side)
{
    free(side->nodes);
}

#define SIDE_AUTO __attribute__((cleanup(side_done))) Side

/* All elements of the subtree, in document order. */
static Side side_of(const XmlTree *tree, xmlNode *top)
{
    Side side = { .tree = tree, .nodes = memory_new((tree->count + 1) * sizeof(xmlNode *)) };
    xmlNode *node = top;

    while (node && side.count < tree->count) {
        xmlNode *next = xmlFirstElementChild(node);

        side.nodes[side.count++] = node;
        while (!next && node != top) {
            next = xmlNextElementSibling(node);
            node = node->parent;
        }
        node = next;
    }
    return side;
}

static size_t depth_below(const xmlNode *node, const xmlNode *top)
{
    size_t depth = 0;

    for (; node && node != top; node = node->parent)
        depth++;
    return depth;
}

static void add_own_text(const xmlNode *node, Text *out)
{
    for (const xmlNode *each = node->children; each; each = each->next)
        if (each->type == XML_TEXT_NODE || each->type == XML_CDATA_SECTION_NODE)
            text_add(out, "%s", each->content ? (const char *)each->content : "");
}

static void drop_blanks(Text *text)
{
    size_t kept = 0;

    for (size_t i = 0; i < text->length; i++)
        if (!strchr(" \t\r\n", text->bytes[i]))
            text->bytes[kept++] = text->bytes[i];
    text->bytes[kept] = '\0';
    text->length = kept;
}

/* The blanks between child elements are layout, those of a text alone are its value. */
static bool same_text(xmlNode *a, xmlNode *b)
{
    TEXT_AUTO(text_a, XML_TREE_MAX_BYTES);
    TEXT_AUTO(text_b, XML_TREE_MAX_BYTES);

    add_own_text(a, &text_a);
    add_own_text(b, &text_b);
    if (xmlFirstElementChild(a) || xmlFirstElementChild(b)) {
        drop_blanks(&text_a);
        drop_blanks(&text_b);
    }
    return strcmp(text_a.bytes, text_b.bytes) == 0;
}

static bool same_text_pointer(const xmlChar *a, const xmlChar *b)
{
    static const xmlChar nothing[1] = { 0 };

    return xmlStrcmp(a ? a : nothing, b ? b : nothing) == 0;
}

static bool attribute_is(xmlNode *node, const xmlAttr *like, const char *value)
{
    xmlChar *text = like->ns ? xmlGetNsProp(node, like->name, like->ns->href)
                             : xmlGetNoNsProp(node, like->name);
    bool same = text && strcmp((const char *)text, value) == 0;

    xmlFree(text);
    return same;
}

static size_t count_attributes(const xmlNode *node, const char *but)
{
    size_t count = 0;

    for (const xmlAttr *each = node->properties; each; each = each->next)
        count += !but || strcmp((const char *)each->name, but) != 0;
    return count;
}

/* All attributes of both, without the one named `but`. */
static bool same_attributes(xmlNode *a, xmlNode *b, const char *but)
{
    if (count_attributes(a, but) != count_attributes(b, but))
        return false;
    for (const xmlAttr *each = a->properties; each; each = each->next) {
        xmlChar *value = xmlNodeListGetString(a->doc, each->children, 1);
        bool same = (but && strcmp((const char *)each->name, but) == 0) ||
                    attribute_is(b, each, value ? (const char *)value : "");

        xmlFree(value);
        if (!same)
            return false;
    }
    return true;
}

static bool same_name(const xmlNode *a, const xmlNode *b)
{
    return xmlStrcmp(a->name, b->name) == 0 &&
           same_text_pointer(a->ns ? a->ns->href : NULL, b->ns ? b->ns->href : NULL);
}

/* A copied element without a namespace takes the default one of its new place. */
static bool same_copied_name(const xmlNode *copy, const xmlNode *source)
{
    return source->ns ? same_name(copy, source) : xmlStrcmp(copy->name, source->name) == 0;
}

static bool value_is_there(xmlNode *node, const XmlIntent *intent)
{
    xmlChar *value;
    bool same;
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (!intent->attribute) {
        add_own_text(node, &text);
        return strcmp(text.bytes, intent->value) == 0;
    }
    value = xmlGetProp(node, (const xmlChar *)intent->attribute);
    same = value && strcmp((const char *)value, intent->value) == 0;
    xmlFree(value);
    return same;
}

static bool kept_element_is_same(xmlNode *before, xmlNode *after, const XmlIntent *here)
{
    if (!same_name(before, after) ||
        depth_below(before, (xmlNode *)before->doc) != depth_below(after, (xmlNode *)after->doc))
        return false;
    if (!here)
        return same_text(before, after) && same_attributes(before, after, NULL);
    if (!value_is_there(after, here))
        return false;
    return here->attribute
               ? same_text(before, after) && same_attributes(before, after, here->attribute)
               : same_attributes(before, after, NULL);
}

/* The elements that came in, against those that they are copies of. */
static bool copies_are_same(const Side *after, const XmlIntent *intent, size_t *ret_count)
{
    SIDE_AUTO all = { 0 };
    SIDE_AUTO source = { 0 };
    const xmlNode *top;

    *ret_count = 0;
    if (!intent->source)
        return true;
    all = side_of(intent->from, xmlDocGetRootElement(intent->from->document));
    source = side_of(intent->from, all.nodes[intent->source->index]);
    if (intent->index + source.count > after->count)
        return false;
    top = after->nodes[intent->index];
    for (size_t i = 0; i < source.count; i++) {
        xmlNode *copy = after->nodes[intent->index + i];

        if (!same_copied_name(copy, source.nodes[i]) || !same_text(copy, source.nodes[i]) ||
            !same_attributes(copy, source.nodes[i], NULL) ||
            depth_below(copy, top) != depth_below(source.nodes[i], source.nodes[0]))
            return false;
    }
    *ret_count = source.count;
    return true;
}

bool xml_meaning_is_as_intended(
    const XmlTree *before, const XmlTree *after, const XmlIntent *intent, Error *error)
{
    SIDE_AUTO old = side_of(before, xmlDocGetRootElement(before->document));
    SIDE_AUTO new = side_of(after, xmlDocGetRootElement(after->document));
    size_t added = 0;
    bool same =
        copies_are_same(&new, intent, &added) && old.count - intent->removed + added == new.count;

    for (size_t i = 0; same && i < old.count; i++) {
        bool touched = intent->value && i == intent->index;

        if (i >= intent->index && i < intent->index + intent->removed)
            continue;
        same = kept_element_is_same(old.nodes[i],
            new.nodes[i < intent->index ? i : i + added - intent->removed],
            touched ? intent : NULL);
    }
    if (!same)
        return error_set(error, ERROR_CORRUPT,
            "%s: an edit would change more than its value: nothing was written", before->path);
    return true;
}

bool xml_same_meaning(
    const XmlTree *a, const XmlElement *in_a, const XmlTree *b, const XmlElement *in_b)
{
    SIDE_AUTO all_a = side_of(a, xmlDocGetRootElement(a->document));
    XmlIntent intent = { .index = in_a->index, .from = b, .source = in_b };
    size_t count = 0;

    return copies_are_same(&all_a, &intent, &count) && count == xml_subtree_count(in_a);
}
