#pragma once

/*
 * An XML text of ours -> a tree that is valid by its schema; the one way in for cluster.xml, plans,
 * agent.xml and profiles.
 *
 * Nothing outside the text is ever read: no DOCTYPE at all (so no entity, inner or outer), no
 * network, and what xsi:schemaLocation names for editors is not opened.
 * Every message begins with PATH:LINE; of several problems the first is told, the others counted.
 * The line of an element is the one in which its start tag ends.
 *
 * Owns: the tree is the caller's, AUTO(xmlDoc). Errors: ERROR_INVALID the content, ERROR_IO the
 * file.
 */

#include <libxml/tree.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/memory.h"

typedef struct XmlFormat {
    const char *what;          /* "an inventory", for messages */
    const char *root;          /* name of the root element */
    const char *namespace_uri; /* of the root; taken out of messages */
    const char *schema;        /* XSD, whole */
    size_t max_bytes;
} XmlFormat;

/* `path` is for messages. */
bool xml_document_parse(const char *path, const char *text, const XmlFormat *format, xmlDoc **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));

/* A file; *ret_text are its bytes, without a zero byte among them, and the caller's. */
bool xml_document_read(const char *path, const XmlFormat *format, char **ret_text, xmlDoc **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));

/* The first child of that name, or NULL. */
const xmlNode *xml_child(const xmlNode *parent, const char *name) __attribute__((nonnull));
/* The next element of the same name after `node`, or NULL. */
const xmlNode *xml_next_alike(const xmlNode *node) __attribute__((nonnull));
size_t xml_count(const xmlNode *parent, const char *name) __attribute__((nonnull));
/* The next element after `node`, or NULL. */
const xmlNode *xml_next(const xmlNode *node) __attribute__((nonnull));
const xmlNode *xml_first(const xmlNode *parent) __attribute__((nonnull)); /* or NULL */
size_t xml_child_count(const xmlNode *parent) __attribute__((nonnull));
unsigned xml_line_of(const xmlNode *node) __attribute__((nonnull));
/* The value in `arena`, or NULL when there is no such attribute. */
const char *xml_attribute(const xmlNode *node, const char *name, Arena *arena)
    __attribute__((nonnull));
/* The text inside the element, in `arena`. */
const char *xml_content(const xmlNode *node, Arena *arena) __attribute__((nonnull));

/* ERROR_INVALID, "PATH:LINE: " and the rest; returns false. */
bool xml_error(const char *path, const xmlNode *node, Error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5), nonnull));

DEFINE_AUTO(xmlDoc, xmlFreeDoc)
