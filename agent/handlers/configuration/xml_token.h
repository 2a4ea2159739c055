#pragma once

/*
 * The pieces of a well-formed XML document, one after the other, by their places in its bytes.
 * Works on bytes of any charset that has ASCII in it. What is not well-formed ends in an error or
 * in pieces that do not fit together, never outside of the bytes.
 */

#include "agent/handlers/configuration/xml_tree.h"

typedef enum XmlTokenKind {
    TOKEN_TEXT,
    TOKEN_CDATA,
    TOKEN_COMMENT,
    TOKEN_INSTRUCTION, /* <?...?>, the XML declaration too */
    TOKEN_DOCTYPE,
    TOKEN_START,
    TOKEN_EMPTY, /* <a/> */
    TOKEN_END,
} XmlTokenKind;

typedef struct XmlToken {
    XmlTokenKind kind;
    XmlRange range;
} XmlToken;

/* False at the end of the bytes, and (with an error) where no piece can be found. */
bool xml_token_next(const char *bytes, size_t length, size_t *position, XmlToken *ret, Error *error)
    __attribute__((nonnull));

/* The name behind "<" or "</". */
XmlRange xml_token_name(const char *bytes, const XmlToken *token) __attribute__((nonnull));
/* The next attribute of a start tag at or after *position (start with the name's end), or false. */
bool xml_token_attribute(const char *bytes, const XmlToken *token, size_t *position,
    XmlAttribute *ret) __attribute__((nonnull));

bool xml_is_blank(const char *bytes, XmlRange range) __attribute__((nonnull));

typedef enum XmlTextKind {
    XML_TEXT_CONTENT,
    XML_TEXT_CDATA,
    XML_TEXT_ATTRIBUTE,
} XmlTextKind;

/* Adds what the bytes mean, in UTF-8: references resolved, line ends as XML reads them. */
void xml_decode(const char *bytes, XmlRange range, XmlCharset charset, XmlTextKind kind, Text *out)
    __attribute__((nonnull));
/* Adds the character in UTF-8. */
void xml_add_character(Text *out, unsigned long character) __attribute__((nonnull));
