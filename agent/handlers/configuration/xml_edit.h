#pragma once

/*
 * Changes one value or element of an XML file and nothing else: every other byte stays, comments,
 * order, indentation, line ends, charset and byte order mark included.
 *
 *   xml_set_text(&tree, xml_find(tree, NULL, "Server/Ports/Offset"), "1", error)
 *
 * The bytes are spliced, read again, and the meaning of the result is compared with that of the
 * file before: if anything but the intended value differs, the edit fails (ERROR_CORRUPT) and
 * `*tree` is as it was. On success `*tree` is a new one and all elements of the old one are gone;
 * an edit that changes nothing leaves it alone.
 *
 * Carbon reads most texts without trimming, so a text is written exactly as given, never padded.
 * Errors: ERROR_INVALID a value that XML or the charset cannot hold.
 */

#include "agent/handlers/configuration/xml_tree.h"

bool xml_set_text(XmlTree **tree, const XmlElement *element, const char *value, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Adds the attribute where it is missing. */
bool xml_set_attribute(XmlTree **tree, const XmlElement *element, const char *name,
    const char *value, Error *error) __attribute__((nonnull, warn_unused_result));

/*
 * These put a copy of element `source` of `from` (another file, or a text that was parsed) into
 * *tree: with the indentation, line ends and charset of the place, and the namespaces it needs.
 */
bool xml_insert_before(XmlTree **tree, const XmlElement *anchor, const XmlTree *from,
    const XmlElement *source, Error *error) __attribute__((nonnull, warn_unused_result));
bool xml_append_child(XmlTree **tree, const XmlElement *parent, const XmlTree *from,
    const XmlElement *source, Error *error) __attribute__((nonnull, warn_unused_result));
bool xml_replace_element(XmlTree **tree, const XmlElement *element, const XmlTree *from,
    const XmlElement *source, Error *error) __attribute__((nonnull, warn_unused_result));

/* With its line, when it stands alone there. */
bool xml_remove_element(XmlTree **tree, const XmlElement *element, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Whether the two mean the same: names, attributes, texts; layout and comments aside. */
bool xml_same_meaning(const XmlTree *a, const XmlElement *in_a, const XmlTree *b,
    const XmlElement *in_b) __attribute__((nonnull));
