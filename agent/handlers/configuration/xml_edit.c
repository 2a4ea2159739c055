#include "agent/handlers/configuration/xml_edit.h"

#include "agent/handlers/configuration/xml_meaning.h"
#include "agent/handlers/configuration/xml_splice.h"
#include "agent/handlers/configuration/xml_token.h"

#define FALLBACK_INDENTATION "    "

/* Replaces bytes, reads the result, compares; only then is *tree the new one. */
static bool splice(
    XmlTree **tree, XmlRange range, const Text *bytes, const XmlIntent *intent, Error *error)
{
    const XmlTree *old = *tree;
    AUTO(XmlTree) *edited = NULL;
    TEXT_AUTO(all, XML_TREE_MAX_BYTES + 1);

    text_add_bytes(&all, old->bytes, range.begin);
    text_add_bytes(&all, bytes->bytes, bytes->length);
    text_add_bytes(&all, old->bytes + range.end, old->length - range.end);
    if (bytes->overflow || all.overflow)
        return error_set(error, ERROR_INVALID, "%s: would grow above 8 MiB", old->path);
    if (!xml_tree_parse(old->path, all.bytes, all.length, &edited, error))
        return error_prefix(error, "an edit that was not written: ");
    if (!xml_meaning_is_as_intended(old, edited, intent, error))
        return false;
    xml_tree_free(*tree);
    *tree = TAKE(edited);
    return true;
}

/* What an element's content is made of. */
typedef struct Content {
    size_t texts, cdatas, others; /* pieces */
    XmlRange cdata;
} Content;

static Content content_of(const XmlTree *tree, const XmlElement *element)
{
    Content content = { 0 };
    size_t position = element->content.begin;
    XmlToken token;
    Error ignored = { 0 }; /* the whole file was walked before */

    while (xml_token_next(tree->bytes, element->content.end, &position, &token, &ignored)) {
        if (token.kind == TOKEN_TEXT) {
            content.texts++;
        } else if (token.kind == TOKEN_CDATA) {
            content.cdatas++;
            content.cdata = token.range;
        } else {
            content.others++;
        }
    }
    return content;
}

/* Writes `value` as the only text, comments inside the element kept behind it. */
static bool add_text_with_comments(
    const XmlTree *tree, const XmlElement *element, const char *value, Text *out, Error *error)
{
    size_t position = element->content.begin;
    XmlToken token;

    if (!xml_encode(value, tree->charset, XML_PLACE_CONTENT, out, error))
        return false;
    while (xml_token_next(tree->bytes, element->content.end, &position, &token, error))
        if (token.kind == TOKEN_COMMENT || token.kind == TOKEN_INSTRUCTION)
            text_add_bytes(
                out, tree->bytes + token.range.begin, token.range.end - token.range.begin);
    return true;
}

static bool set_text_of_empty_tag(
    XmlTree **tree, const XmlElement *element, const XmlIntent *intent, Error *error)
{
    const char *bytes = (*tree)->bytes;
    size_t end = element->start_tag.end - 2; /* before the slash */
    XmlRange range;
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    while (strchr(" \t\r\n", bytes[end - 1]))
        end--;
    range = (XmlRange){ end, element->all.end };
    text_add(&text, ">");
    if (!xml_encode(intent->value, (*tree)->charset, XML_PLACE_CONTENT, &text, error))
        return error_prefix(error, "%s: ", (*tree)->path);
    text_add(&text, "</");
    text_add_bytes(&text, bytes + element->name.begin, element->name.end - element->name.begin);
    text_add(&text, ">");
    return splice(tree, range, &text, intent, error);
}

bool xml_set_text(XmlTree **tree, const XmlElement *element, const char *value, Error *error)
{
    AUTO_TEXT *present = xml_own_text(*tree, element);
    XmlIntent intent = { .index = element->index, .value = value };
    Content content = content_of(*tree, element);
    bool as_cdata = content.cdatas == 1 && content.texts + content.others == 0 &&
                    !strstr(value, "]]>") && !strchr(value, '\r');
    XmlRange range = element->content;
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (strcmp(present, value) == 0)
        return true;
    if (element->first_child)
        return error_set(error, ERROR_INVALID, "%s:%u: has elements inside, not a value",
            (*tree)->path, xml_line(*tree, element));
    if (element->empty_tag)
        return set_text_of_empty_tag(tree, element, &intent, error);
    if (as_cdata)
        range = (XmlRange){ content.cdata.begin + 9, content.cdata.end - 3 };
    if (as_cdata ? !xml_encode(value, (*tree)->charset, XML_PLACE_CDATA, &text, error)
                 : !add_text_with_comments(*tree, element, value, &text, error))
        return error_prefix(error, "%s:%u: ", (*tree)->path, xml_line(*tree, element));
    return splice(tree, range, &text, &intent, error);
}

bool xml_set_attribute(
    XmlTree **tree, const XmlElement *element, const char *name, const char *value, Error *error)
{
    AUTO_TEXT *present = xml_attribute_text(*tree, element, name);
    const XmlAttribute *place = xml_attribute_place(*tree, element, name);
    XmlIntent intent = { .index = element->index, .attribute = name, .value = value };
    XmlRange range = { element->name.end, element->name.end };
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (present && strcmp(present, value) == 0)
        return true;
    if (place)
        range = place->value;
    else if (element->attribute_count > 0)
        range.begin = range.end = element->attributes[element->attribute_count - 1].all.end;
    if (!place)
        text_add(&text, " %s=\"", name);
    if (!xml_encode(value, (*tree)->charset, XML_PLACE_ATTRIBUTE, &text, error))
        return error_prefix(error, "%s:%u: ", (*tree)->path, xml_line(*tree, element));
    if (!place)
        text_add(&text, "\"");
    return splice(tree, range, &text, &intent, error);
}

bool xml_insert_before(XmlTree **tree, const XmlElement *anchor, const XmlTree *from,
    const XmlElement *source, Error *error)
{
    AUTO_TEXT *indentation = xml_indentation(*tree, anchor->all.begin);
    XmlDestination destination = { .tree = *tree,
        .parent = anchor->parent,
        .indentation = indentation,
        .line_end = xml_line_end(*tree, anchor->all.begin) };
    XmlIntent intent = { .index = anchor->index, .from = from, .source = source };
    XmlRange range = { anchor->all.begin, anchor->all.begin };
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (!anchor->parent)
        return error_set(
            error, ERROR_INVALID, "%s: nothing can stand before the root element", (*tree)->path);
    if (!xml_copy_element(from, source, &destination, &text, error))
        return false;
    text_add(&text, "%s%s", destination.line_end, indentation);
    return splice(tree, range, &text, &intent, error);
}

/* The end of what the parent holds, without the blanks before its end tag. */
static size_t content_end(const XmlTree *tree, const XmlElement *parent)
{
    size_t end = parent->content.end;

    while (end > parent->content.begin && strchr(" \t\r\n", tree->bytes[end - 1]))
        end--;
    return end;
}

bool xml_append_child(XmlTree **tree, const XmlElement *parent, const XmlTree *from,
    const XmlElement *source, Error *error)
{
    AUTO_TEXT *outer = xml_indentation(*tree, parent->all.begin);
    AUTO_TEXT *inner = parent->last_child ? xml_indentation(*tree, parent->last_child->all.begin)
                                          : memory_format("%s%s", outer, FALLBACK_INDENTATION);
    XmlDestination destination = { .tree = *tree,
        .parent = parent,
        .indentation = inner,
        .line_end = xml_line_end(*tree, parent->start_tag.end) };
    XmlIntent intent = {
        .index = parent->index + xml_subtree_count(parent), .from = from, .source = source
    };
    size_t end = content_end(*tree, parent);
    XmlRange range = { end, end };
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (parent->empty_tag) {
        range = (XmlRange){ parent->start_tag.end - 2, parent->start_tag.end };
        text_add(&text, ">");
    }
    text_add(&text, "%s%s", destination.line_end, inner);
    if (!xml_copy_element(from, source, &destination, &text, error))
        return false;
    if (parent->empty_tag || end == parent->content.end)
        text_add(&text, "%s%s", destination.line_end, outer);
    if (parent->empty_tag) {
        text_add(&text, "</");
        text_add_bytes(
            &text, (*tree)->bytes + parent->name.begin, parent->name.end - parent->name.begin);
        text_add(&text, ">");
    }
    return splice(tree, range, &text, &intent, error);
}

bool xml_replace_element(XmlTree **tree, const XmlElement *element, const XmlTree *from,
    const XmlElement *source, Error *error)
{
    AUTO_TEXT *indentation = xml_indentation(*tree, element->all.begin);
    XmlDestination destination = { .tree = *tree,
        .parent = element->parent,
        .indentation = indentation,
        .line_end = xml_line_end(*tree, element->all.begin) };
    XmlIntent intent = { .index = element->index,
        .removed = xml_subtree_count(element),
        .from = from,
        .source = source };
    TEXT_AUTO(text, XML_TREE_MAX_BYTES);

    if (xml_same_meaning(*tree, element, from, source))
        return true;
    if (!xml_copy_element(from, source, &destination, &text, error))
        return false;
    return splice(tree, element->all, &text, &intent, error);
}

bool xml_remove_element(XmlTree **tree, const XmlElement *element, Error *error)
{
    const char *bytes = (*tree)->bytes;
    XmlIntent intent = { .index = element->index, .removed = xml_subtree_count(element) };
    XmlRange range = element->all;
    TEXT_AUTO(nothing, 1);

    if (!element->parent)
        return error_set(
            error, ERROR_INVALID, "%s: the root element cannot be removed", (*tree)->path);
    while (range.end < (*tree)->length && strchr(" \t", bytes[range.end]))
        range.end++;
    while (strchr(" \t", bytes[range.begin - 1]))
        range.begin--;
    if (bytes[range.begin - 1] == '\n' && strchr("\r\n", bytes[range.end]))
        range.end += bytes[range.end] == '\r' && bytes[range.end + 1] == '\n' ? 2 : 1;
    else
        range = element->all;
    return splice(tree, range, &nothing, &intent, error);
}
