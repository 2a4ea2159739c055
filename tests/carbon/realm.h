#pragma once

/*
 * The realm of one tenant on the users' database: domains, hybrid roles and permissions, with the
 * queries of the server's generation.
 *
 * Carbon 4.2 reads the permissions of roles by an inner join over UM_DOMAIN: a row whose
 * UM_DOMAIN_ID is not filled gives no permission. 4.0 and 4.1 know no domains.
 * Borrows the session. Errors: those of the database.
 */

#include "tests/carbon/home.h"
#include "tests/carbon/user_store.h"

#define REALM_SUPER_TENANT "-1234"
#define REALM_LOGIN        "/permission/admin/login"

typedef struct Realm {
    const Home *home;
    Session *session;
    const char *tenant; /* id as text */
} Realm;

/* The primary store of that tenant. */
UserStore realm_store(const Realm *realm) __attribute__((nonnull));
typedef struct RealmUser {
    const char *domain; /* of the user's store: "PRIMARY" */
    const char *name;   /* in it */
} RealmUser;

/* Does the user hold the permission `path`? */
bool realm_is_allowed(const Realm *realm, const RealmUser *user, const char *path, bool *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Allows `path` to a role of the primary store. */
bool realm_grant(const Realm *realm, const char *role, const char *path, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Takes back all that a role of the primary store was granted. */
bool realm_revoke_all(const Realm *realm, const char *role, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Adds the UM_DOMAIN row of that name (upper case) when there is none; nothing before 4.2. */
bool realm_persist_domain(const Realm *realm, const char *domain, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* What a server does for a tenant whose realm it loads: domains, the everyone role. */
bool realm_load(const Realm *realm, Error *error) __attribute__((nonnull, warn_unused_result));
