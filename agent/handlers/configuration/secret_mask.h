#pragma once

/*
 * Keeps secrets of configuration files out of evidence: everything that is shown of a file's
 * content goes through here. Which texts are secret is told by the names of what holds them.
 */

#include "agent/handlers/configuration/xml_tree.h"

#define SECRET_MASK "***"

/* "password", "KeyPassword", "ConnectionPassword", "secretKey", … */
bool name_is_secret(const char *name) __attribute__((nonnull));
/* The file's bytes with secret texts and attributes masked, in comments too; the caller frees. */
char *secret_mask_file(const XmlTree *tree) __attribute__((nonnull, returns_nonnull));
/* A url with passwords among its parameters masked; the caller frees. */
char *secret_mask_url(const char *url) __attribute__((nonnull, returns_nonnull));
