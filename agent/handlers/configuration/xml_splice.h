#pragma once

/* Writing XML text in a file's own charset, line ends and indentation. */

#include "agent/handlers/configuration/xml_tree.h"

typedef enum XmlPlace {
    XML_PLACE_CONTENT,
    XML_PLACE_CDATA,
    XML_PLACE_ATTRIBUTE, /* inside quotes of either kind */
} XmlPlace;

/* Adds the UTF-8 text so that it means `value` there. ERROR_INVALID when that cannot be. */
bool xml_encode(const char *value, XmlCharset charset, XmlPlace place, Text *out, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Blanks before the element on its line, or "" when something else stands before it. */
char *xml_indentation(const XmlTree *tree, size_t at) __attribute__((nonnull, returns_nonnull));
/* The line end used around `at`: "\n" or "\r\n". */
const char *xml_line_end(const XmlTree *tree, size_t at) __attribute__((nonnull));

/* A place that a copied element goes to. */
typedef struct XmlDestination {
    const XmlTree *tree;
    const XmlElement *parent; /* whose namespaces hold there; NULL: none */
    const char *indentation;
    const char *line_end;
} XmlDestination;

/* Adds a copy of the element for that place, without indentation before its first line. */
bool xml_copy_element(const XmlTree *from, const XmlElement *source,
    const XmlDestination *destination, Text *out, Error *error)
    __attribute__((nonnull, warn_unused_result));
