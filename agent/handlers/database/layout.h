#pragma once

/*
 * What a database looks like: its layout by the profile's probes, and a description by structure
 * that is the same for two databases which differ in nothing that matters.
 *
 * The description has no names that a server makes up (keys, constraints) and none of indexes, but
 * an index that is there twice is there twice. On MySQL and MariaDB, TIMESTAMP columns stand
 * without NULL, default and ON UPDATE: these come from a server's setting. On PostgreSQL, columns
 * have no position. All names are in lower case, the words those of layout_form.h.
 *
 * Errors: those of database.h.
 */

#include "agent/core/profile.h"
#include "agent/handlers/database/database.h"
#include "common/os/digest.h"

#define LAYOUT_MIXTURE "mixture" /* some of a layout, and not the rest: a half-run migration */
#define LAYOUT_UNKNOWN "unknown" /* nothing that any layout has */

typedef struct Layout {
    char name[NAME_MAX_BYTES];    /* one of the profile's, or of the two above */
    char why[ERROR_TEXT_MAX / 2]; /* of a mixture: what is there and what is missing; else "" */
} Layout;

bool layout_find(Database *database, const Profile *profile, Layout *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool layout_is_known(const Layout *layout) __attribute__((nonnull));

/* One fact for each thing: the table's name, or "" for what belongs to none, and the thing. */
bool layout_describe(Database *database, Facts *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool layout_fingerprint(Database *database, char ret[SHA256_HEX_BYTES], Error *error)
    __attribute__((nonnull, warn_unused_result));
