#pragma once

/*
 * One JDBC user store of one tenant: users and roles in the UM_ tables, as Carbon writes them.
 *
 * Borrows its session. Errors: ERROR_INVALID for what the caller may be told (a user that exists
 * already), ERROR_DATABASE otherwise.
 */

#include "tests/carbon/session.h"

#define USER_STORE_ID_BYTES 24

typedef struct UserStore {
    Session *session;
    const char *tenant; /* id as text: "-1234" */
    const char *digest; /* PasswordDigest */
    bool salted;        /* StoreSaltedPassword */
} UserStore;

/* `ret_id` is empty when there is no such user. */
bool user_store_find(const UserStore *store, const char *user, char ret_id[USER_STORE_ID_BYTES],
    Error *error) __attribute__((nonnull, warn_unused_result));
bool user_store_authenticate(const UserStore *store, const char *user, const char *password,
    bool *ret, Error *error) __attribute__((nonnull, warn_unused_result));
bool user_store_add(const UserStore *store, const char *user, const char *password, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool user_store_set_password(const UserStore *store, const char *user, const char *password,
    Error *error) __attribute__((nonnull, warn_unused_result));
bool user_store_delete(const UserStore *store, const char *user, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Names that match `filter` (* is any text), in order, at most 100 as in user-mgt.xml. */
bool user_store_list(const UserStore *store, const char *filter, SessionRows **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* The role's id; empty: no such role. */
bool user_store_find_role(const UserStore *store, const char *role,
    char ret_id[USER_STORE_ID_BYTES], Error *error) __attribute__((nonnull, warn_unused_result));
bool user_store_add_role(const UserStore *store, const char *role, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool user_store_delete_role(const UserStore *store, const char *role, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool user_store_put_in_role(const UserStore *store, const char *user, const char *role,
    Error *error) __attribute__((nonnull, warn_unused_result));
bool user_store_roles_of(const UserStore *store, const char *user, SessionRows **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
