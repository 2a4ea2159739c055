#pragma once

/* Certificates that common/pki would never issue, signed by an authority that it made. */

#include <stddef.h>

typedef struct CraftedCertificate {
    const char *file;      /* FOLDER/FILE.crt and FOLDER/FILE.key are written */
    const char *names;     /* "URI:dss-upgrade://prod/agent/node1,DNS:a", or NULL */
    const char *usages;    /* "serverAuth,clientAuth", or NULL */
    long begins_s, ends_s; /* from now */
} CraftedCertificate;

void craft_certificate(
    const char *authority, const CraftedCertificate *crafted, const char *folder);
