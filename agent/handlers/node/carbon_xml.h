#pragma once

/*
 * What other handlers need from a home's carbon.xml.
 * Errors: ERROR_IO cannot be read, ERROR_INVALID not XML, or a value that is none.
 */

#include "common/base/error.h"

typedef struct CarbonXml {
    unsigned offset;           /* Ports/Offset: added to every port; 0 when the file does not say */
    bool synchroniser_enabled; /* DeploymentSynchronizer/Enabled */
} CarbonXml;

bool carbon_xml_read(const char *home, CarbonXml *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Ports/Offset alone. */
bool carbon_xml_offset(const char *home, unsigned *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
