#pragma once

/*
 * What other handlers need from a home's carbon.xml.
 * Errors: ERROR_IO cannot be read, ERROR_INVALID not XML, or a value that is none.
 */

#include "common/base/error.h"

/* Ports/Offset: what is added to every port; 0 when the file does not say. */
bool carbon_xml_offset(const char *home, unsigned *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
