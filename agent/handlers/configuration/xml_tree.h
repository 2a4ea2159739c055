#pragma once

/*
 * An XML file as its bytes, with the place of every element and attribute in them: what reading
 * values and editing without touching anything else stands on.
 *
 * libxml2 says whether the file is well-formed; a small tokenizer finds the places; then the two
 * are compared, element by element and text by text. A file on which they differ is refused. Read
 * are UTF-8 (with or without a byte order mark), ISO-8859-1 and US-ASCII. A document type
 * declaration with a subset is refused, nothing is fetched, nothing is expanded.
 *
 * Paths: "Server/Ports/Offset" from the root element, or from an element's children on. Local
 * names, or *; predicates [@name='x'] and [child/grandchild='x'], compared without surrounding
 * blanks.
 *
 * A document: read-only, freed by xml_tree_free(); its elements live as long as it does.
 * Units: bytes. Errors: ERROR_INVALID with file and line.
 */

#include <stddef.h>

#include "common/base/error.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define XML_TREE_MAX_BYTES ((size_t)8 << 20)

typedef struct XmlRange {
    size_t begin, end; /* bytes [begin, end) */
} XmlRange;

typedef enum XmlCharset {
    CHARSET_UTF8,
    CHARSET_LATIN1,
    CHARSET_ASCII,
} XmlCharset;

typedef struct XmlAttribute {
    XmlRange all;   /* name="value" */
    XmlRange name;  /* with prefix */
    XmlRange value; /* without quotes */
} XmlAttribute;

typedef struct XmlElement {
    struct XmlElement *parent, *first_child, *last_child, *next;
    XmlRange all, start_tag;
    XmlRange name;    /* with prefix */
    XmlRange content; /* between the tags; empty for <a/> */
    bool empty_tag;   /* <a/> */
    XmlAttribute *attributes;
    size_t attribute_count;
    size_t index; /* in document order */
    size_t depth; /* 0: the root */
} XmlElement;

typedef struct XmlTree {
    const char *path; /* for messages */
    char *bytes;
    size_t length;
    XmlCharset charset;
    XmlElement **elements; /* in document order; [0] is the root */
    size_t count;
    void *document; /* xmlDoc: libxml2 stays out of this header */
    Arena *arena;
} XmlTree;

bool xml_tree_parse(const char *path, const void *bytes, size_t length, XmlTree **ret, Error *error)
    __attribute__((nonnull(1, 4, 5), warn_unused_result));
bool xml_tree_read(const char *path, XmlTree **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void xml_tree_free(XmlTree *tree);

/*
 * The next element that matches, at or after *position (start with 0), or NULL; moves *position.
 * `from` NULL: the path begins with the root element; else with a child of `from`.
 */
XmlElement *xml_each(const XmlTree *tree, const XmlElement *from, const char *path,
    size_t *position) __attribute__((nonnull(1, 3, 4)));
XmlElement *xml_find(const XmlTree *tree, const XmlElement *from, const char *path)
    __attribute__((nonnull(1, 3))); /* the first one, or NULL */

/* The path without its last step; "" for the root element's. */
char *xml_path_parent(const char *path) __attribute__((nonnull, returns_nonnull));

/* Text directly inside, decoded to UTF-8, not trimmed; the caller frees. */
char *xml_own_text(const XmlTree *tree, const XmlElement *element)
    __attribute__((nonnull, returns_nonnull));
/* By local name; NULL when absent; the caller frees. */
char *xml_attribute_text(const XmlTree *tree, const XmlElement *element, const char *name)
    __attribute__((nonnull));
/* Text of the first element of that path, or NULL. */
char *xml_text_at(const XmlTree *tree, const XmlElement *from, const char *path)
    __attribute__((nonnull(1, 3)));
/* What `key` means for an element: "@name" an attribute, "." its text, "id" a child's text. */
char *xml_key(const XmlTree *tree, const XmlElement *element, const char *key)
    __attribute__((nonnull));
bool xml_name_is(const XmlTree *tree, const XmlElement *element, const char *local_name)
    __attribute__((nonnull));
const XmlAttribute *xml_attribute_place(const XmlTree *tree, const XmlElement *element,
    const char *local_name) __attribute__((nonnull)); /* or NULL */
unsigned xml_line(const XmlTree *tree, const XmlElement *element) __attribute__((nonnull));
/* Elements in it, itself included. */
size_t xml_subtree_count(const XmlElement *element) __attribute__((nonnull));

/* A copy without blanks at both ends; the caller frees. */
char *xml_trimmed(const char *text) __attribute__((nonnull, returns_nonnull));

DEFINE_AUTO(XmlTree, xml_tree_free)
