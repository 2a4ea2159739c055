#pragma once

/* Compares what a file means after an edit with what it meant before and what was intended. */

#include "agent/handlers/configuration/xml_tree.h"

typedef struct XmlIntent {
    size_t index;        /* first element touched, by its index before (and after) the edit */
    size_t removed;      /* elements that go away there */
    const XmlTree *from; /* where the elements that come instead are from, or NULL */
    const XmlElement *source;
    const char *attribute; /* of element `index`, when one is set */
    const char *value;     /* of that attribute, or of the element's text; NULL: neither is set */
} XmlIntent;

bool xml_meaning_is_as_intended(const XmlTree *before, const XmlTree *after,
    const XmlIntent *intent, Error *error) __attribute__((nonnull, warn_unused_result));
