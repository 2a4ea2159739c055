#include "tests/carbon/user_store.h"

#include "common/base/text.h"
#include "tests/carbon/password.h"

#define FILTER_BYTES_MAX 1024

/* The first value of the first row, or "". */
static bool find_id(const UserStore *store, const char *sql, const char *name,
    char ret_id[USER_STORE_ID_BYTES], Error *error)
{
    AUTO(SessionRows) *rows = NULL;
    const char *id;

    if (!session_run(store->session, sql, SESSION_VALUES(name, store->tenant), &rows, error))
        return false;
    id = rows->rows > 0 ? session_cell(rows, 0, 0) : NULL;
    (void)text_copy(ret_id, USER_STORE_ID_BYTES, id ? id : ""); /* an integer always fits */
    return true;
}

bool user_store_find(
    const UserStore *store, const char *user, char ret_id[USER_STORE_ID_BYTES], Error *error)
{
    return find_id(store, "SELECT UM_ID FROM UM_USER WHERE UM_USER_NAME=? AND UM_TENANT_ID=?", user,
        ret_id, error);
}

bool user_store_authenticate(
    const UserStore *store, const char *user, const char *password, bool *ret, Error *error)
{
    AUTO(SessionRows) *rows = NULL;
    AUTO_TEXT *hash = NULL;

    *ret = false;
    if (!session_run(store->session,
            "SELECT UM_USER_PASSWORD, UM_SALT_VALUE FROM UM_USER WHERE UM_USER_NAME=? AND "
            "UM_TENANT_ID=?",
            SESSION_VALUES(user, store->tenant), &rows, error))
        return false;
    if (rows->rows == 0)
        return true;
    if (!password_hash(
            store->digest, password, store->salted ? session_cell(rows, 0, 1) : NULL, &hash, error))
        return false;
    *ret = strcmp(hash, session_cell(rows, 0, 0)) == 0;
    return true;
}

bool user_store_add(const UserStore *store, const char *user, const char *password, Error *error)
{
    char id[USER_STORE_ID_BYTES], salt[PASSWORD_SALT_BYTES];
    AUTO_TEXT *hash = NULL;

    if (!user_store_find(store, user, id, error))
        return false;
    if (*id)
        return error_set(error, ERROR_INVALID,
            "UserAlreadyExisting:Username already exists in the system. Pick another username.");
    password_make_salt(salt);
    return password_hash(store->digest, password, store->salted ? salt : NULL, &hash, error) &&
           session_run(store->session,
               "INSERT INTO UM_USER (UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, "
               "UM_REQUIRE_CHANGE, UM_CHANGED_TIME, UM_TENANT_ID) "
               "VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP, ?)",
               SESSION_VALUES(user, hash, store->salted ? salt : NULL, "0", store->tenant), NULL,
               error);
}

bool user_store_set_password(
    const UserStore *store, const char *user, const char *password, Error *error)
{
    char salt[PASSWORD_SALT_BYTES];
    AUTO_TEXT *hash = NULL;

    password_make_salt(salt);
    return password_hash(store->digest, password, store->salted ? salt : NULL, &hash, error) &&
           session_run(store->session,
               "UPDATE UM_USER SET UM_USER_PASSWORD=?, UM_SALT_VALUE=?, "
               "UM_CHANGED_TIME=CURRENT_TIMESTAMP WHERE UM_USER_NAME=? AND UM_TENANT_ID=?",
               SESSION_VALUES(hash, store->salted ? salt : NULL, user, store->tenant), NULL, error);
}

bool user_store_delete(const UserStore *store, const char *user, Error *error)
{
    static const char *const by_id[] = {
        "DELETE FROM UM_USER_ROLE WHERE UM_USER_ID=? AND UM_TENANT_ID=?",
        "DELETE FROM UM_USER_ATTRIBUTE WHERE UM_USER_ID=? AND UM_TENANT_ID=?",
        "DELETE FROM UM_USER WHERE UM_ID=? AND UM_TENANT_ID=?",
    };
    static const char *const by_name[] = {
        "DELETE FROM UM_HYBRID_USER_ROLE WHERE UM_USER_NAME=? AND UM_TENANT_ID=?",
        "DELETE FROM UM_USER_PERMISSION WHERE UM_USER_NAME=? AND UM_TENANT_ID=?",
    };
    char id[USER_STORE_ID_BYTES];

    if (!user_store_find(store, user, id, error))
        return false;
    if (!*id)
        return error_set(error, ERROR_INVALID, "UserNotFound: User %s does not exist", user);
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
        if (!session_run(
                store->session, by_name[i], SESSION_VALUES(user, store->tenant), NULL, error))
            return false;
    for (size_t i = 0; i < sizeof by_id / sizeof *by_id; i++)
        if (!session_run(store->session, by_id[i], SESSION_VALUES(id, store->tenant), NULL, error))
            return false;
    return true;
}

bool user_store_list(const UserStore *store, const char *filter, SessionRows **ret, Error *error)
{
    TEXT_AUTO(pattern, FILTER_BYTES_MAX);
    for (const char *c = filter; *c; c++)
        text_add(&pattern, "%c", *c == '*' ? '%' : *c);
    return session_run(store->session,
        "SELECT UM_USER_NAME FROM UM_USER WHERE UM_USER_NAME LIKE ? AND UM_TENANT_ID=? "
        "ORDER BY UM_USER_NAME LIMIT 100",
        SESSION_VALUES(pattern.bytes, store->tenant), ret, error);
}

bool user_store_find_role(
    const UserStore *store, const char *role, char ret_id[USER_STORE_ID_BYTES], Error *error)
{
    return find_id(store, "SELECT UM_ID FROM UM_ROLE WHERE UM_ROLE_NAME=? AND UM_TENANT_ID=?", role,
        ret_id, error);
}

bool user_store_add_role(const UserStore *store, const char *role, Error *error)
{
    char id[USER_STORE_ID_BYTES];

    if (!user_store_find_role(store, role, id, error))
        return false;
    if (*id)
        return error_set(error, ERROR_INVALID,
            "RoleExisting:Role name: %s in the system. Please pick another role name.", role);
    return session_run(store->session,
        "INSERT INTO UM_ROLE (UM_ROLE_NAME, UM_TENANT_ID) VALUES (?, ?)",
        SESSION_VALUES(role, store->tenant), NULL, error);
}

bool user_store_delete_role(const UserStore *store, const char *role, Error *error)
{
    char id[USER_STORE_ID_BYTES];

    return user_store_find_role(store, role, id, error) &&
           session_run(store->session,
               "DELETE FROM UM_USER_ROLE WHERE UM_ROLE_ID=? AND UM_TENANT_ID=?",
               SESSION_VALUES(*id ? id : "0", store->tenant), NULL, error) &&
           session_run(store->session, "DELETE FROM UM_ROLE WHERE UM_ID=? AND UM_TENANT_ID=?",
               SESSION_VALUES(*id ? id : "0", store->tenant), NULL, error);
}

bool user_store_put_in_role(
    const UserStore *store, const char *user, const char *role, Error *error)
{
    char user_id[USER_STORE_ID_BYTES], role_id[USER_STORE_ID_BYTES];

    if (!user_store_find(store, user, user_id, error) ||
        !user_store_find_role(store, role, role_id, error))
        return false;
    if (!*user_id || !*role_id)
        return error_set(
            error, ERROR_INVALID, "The user %s or the role %s does not exist", user, role);
    return session_run(store->session,
        "INSERT INTO UM_USER_ROLE (UM_USER_ID, UM_ROLE_ID, UM_TENANT_ID) VALUES (?, ?, ?)",
        SESSION_VALUES(user_id, role_id, store->tenant), NULL, error);
}

bool user_store_roles_of(const UserStore *store, const char *user, SessionRows **ret, Error *error)
{
    return session_run(store->session,
        "SELECT R.UM_ROLE_NAME FROM UM_USER U, UM_USER_ROLE UR, UM_ROLE R WHERE "
        "U.UM_USER_NAME=? AND U.UM_TENANT_ID=? AND UR.UM_USER_ID=U.UM_ID AND "
        "UR.UM_TENANT_ID=U.UM_TENANT_ID AND R.UM_ID=UR.UM_ROLE_ID AND "
        "R.UM_TENANT_ID=U.UM_TENANT_ID ORDER BY R.UM_ROLE_NAME",
        SESSION_VALUES(user, store->tenant), ret, error);
}
