#pragma once

/*
 * repository/conf/user-mgt.xml: the administrator, the primary user store and its database.
 *
 * Carbon 4.2 refuses a file without AddAdmin or without the property TenantManager of the primary
 * store; 4.0 and 4.1 know neither.
 * Owns: texts in the given arena. Errors: ERROR_INVALID with the server's own words.
 */

#include "common/base/error.h"
#include "common/base/memory.h"

typedef struct RealmConfig {
    const char *admin_user, *admin_password, *admin_role, *everyone_role;
    bool add_admin;
    const char *jndi;   /* of the data source that holds the users */
    const char *domain; /* name of the primary store, upper case */
    const char *digest; /* PasswordDigest: "SHA-256" */
    bool salted;        /* StoreSaltedPassword */
} RealmConfig;

typedef enum RealmShape {
    REALM_OLD, /* 4.0, 4.1 */
    REALM_NEW, /* 4.2 */
} RealmShape;

bool realm_config_read(Arena *arena, const char *home, RealmShape shape, RealmConfig *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
