#pragma once

/*
 * An XML file of ours: read, checked against its schema, walked.
 *
 *   extern const char agent_xsd[];                        embed_text() in CMake
 *   AUTO(XmlDocument) *document = NULL;
 *   xml_document_load(path, agent_xsd, &document, error)
 *   for (xmlNode *node = xml_first(xml_document_root(document), "node"); node; node =
 * xml_next(node))
 *
 * No network, no entities, no document type; at most XML_DOCUMENT_MAX bytes. Every message begins
 * with file and line. Elements are found by their local name: the schema has settled the namespace.
 *
 * Errors: ERROR_INVALID the content, ERROR_IO the file.
 */

#include <libxml/tree.h>

#include "common/base/error.h"
#include "common/base/memory.h"

#define XML_DOCUMENT_MAX (8 * 1024 * 1024)

typedef struct XmlDocument XmlDocument;

bool xml_document_load(const char *path, const char *schema, XmlDocument **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void xml_document_free(XmlDocument *document);
xmlNode *xml_document_root(const XmlDocument *document) __attribute__((nonnull, returns_nonnull));
/* The bytes that were parsed, for a digest over them. */
const char *xml_document_bytes(const XmlDocument *document, size_t *ret_length)
    __attribute__((nonnull, returns_nonnull));

/* The first child element of that name, and the next sibling of the same name; or NULL. */
xmlNode *xml_first(xmlNode *parent, const char *name) __attribute__((nonnull));
xmlNode *xml_next(xmlNode *node) __attribute__((nonnull));
size_t xml_count(xmlNode *parent, const char *name) __attribute__((nonnull));
bool xml_is(const xmlNode *node, const char *name) __attribute__((nonnull));

/* An attribute's value, or NULL when it is not there; the copy belongs to the arena. */
const char *xml_attribute(Arena *arena, xmlNode *node, const char *name) __attribute__((nonnull));
/* The text inside an element, as it stands. */
const char *xml_text(Arena *arena, xmlNode *node) __attribute__((nonnull, returns_nonnull));

/* ERROR_INVALID, "FILE:LINE: " and the rest; returns false. */
bool xml_error(const XmlDocument *document, xmlNode *node, Error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5), nonnull));

DEFINE_AUTO(XmlDocument, xml_document_free)
