#pragma once

/*
 * Reading a configuration file as Carbon reads it: elements by local name, texts as they stand in
 * the file, blanks and line ends included. ${carbon.home} is replaced, no other property.
 *
 * Errors: ERROR_INVALID for a file that is absent or not XML. Owns: nothing; texts go to an arena.
 */

#include <libxml/tree.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/memory.h"

DEFINE_AUTO(xmlDoc, xmlFreeDoc)

bool xml_file_read(const char *path, xmlDoc **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The first child element of that local name; NULL: none. `parent` may be NULL. */
xmlNode *xml_child(xmlNode *parent, const char *name) __attribute__((nonnull(2)));
/* The next sibling of the same local name. */
xmlNode *xml_next(xmlNode *element) __attribute__((nonnull));
/* The child of that name whose attribute name="…" is `value`. */
xmlNode *xml_named(xmlNode *parent, const char *name, const char *value)
    __attribute__((nonnull(2, 3)));
/* Text of the element, or NULL for no element. */
const char *xml_text(Arena *arena, xmlNode *element) __attribute__((nonnull(1)));
/* Text of `parent`/`name`, ${carbon.home} replaced by `home`; NULL: no such element. */
const char *xml_value(Arena *arena, xmlNode *parent, const char *name, const char *home)
    __attribute__((nonnull(1, 3, 4)));
