#include "tests/carbon/first_start.h"

#include <assert.h>

#include "tests/carbon/password.h"

#define ANONYMOUS_USER "wso2.anonymous.user"
#define ANONYMOUS_ROLE "wso2.anonymous.role"

/* Queries that name what a generation needs: they fail on a database that does not have it. */
static const char *const needs_4_0[] = {
    "SELECT UM_RESOURCE_ID, UM_ACTION FROM UM_PERMISSION WHERE UM_ID=0",
    "SELECT UM_USER_NAME, UM_SALT_VALUE FROM UM_USER WHERE UM_ID=0",
    "SELECT UM_DOMAIN_NAME, UM_ACTIVE FROM UM_TENANT WHERE UM_ID=0",
    NULL,
};
static const char *const needs_4_1[] = {
    "SELECT UM_SHARED_ROLE FROM UM_ROLE WHERE UM_ID=0",
    "SELECT UM_MODULE_ID FROM UM_PERMISSION WHERE UM_ID=0",
    "SELECT UM_CHECKED_ATTRIBUTE, UM_READ_ONLY FROM UM_CLAIM WHERE UM_ID=0",
    "SELECT UM_MODULE_NAME FROM UM_MODULE WHERE UM_ID=0",
    NULL,
};
static const char *const needs_4_2[] = {
    "SELECT UM_DOMAIN_ID FROM UM_DOMAIN WHERE UM_DOMAIN_ID=0",
    "SELECT UM_USER_NAME FROM UM_SYSTEM_USER WHERE UM_ID=0",
    "SELECT UM_ROLE_NAME FROM UM_SYSTEM_ROLE WHERE UM_ID=0",
    "SELECT UM_ROLE_ID FROM UM_SYSTEM_USER_ROLE WHERE UM_ID=0",
    "SELECT UM_DOMAIN_ID FROM UM_ROLE_PERMISSION WHERE UM_ID=0",
    "SELECT UM_DOMAIN_ID FROM UM_HYBRID_USER_ROLE WHERE UM_ID=0",
    "SELECT UM_MAPPED_ATTRIBUTE_DOMAIN FROM UM_CLAIM WHERE UM_ID=0",
    NULL,
};
static const char *const *const needs[CARBON_GENERATION_COUNT] = {
    [CARBON_4_0] = needs_4_0,
    [CARBON_4_1] = needs_4_1,
    [CARBON_4_2] = needs_4_2,
};

static bool database_is_old_enough(const Realm *realm, Error *error)
{
    Error ignored = { 0 };

    /* an older server on a newer database writes rows without domain: the real one goes wrong in
       ways of its own, this one refuses at once */
    if (realm->home->generation == CARBON_4_2 ||
        !session_run(realm->session, needs_4_2[0], SESSION_NO_VALUES, NULL, &ignored))
        return true;
    return error_set(
        error, ERROR_DATABASE, "Database layout is newer than this server: table UM_DOMAIN exists");
}

static bool database_fits(const Realm *realm, Error *error)
{
    assert(realm->home->generation < CARBON_GENERATION_COUNT);
    for (CarbonGeneration g = CARBON_4_0; g <= realm->home->generation; g++)
        for (const char *const *query = needs[g]; *query; query++)
            if (!session_run(realm->session, *query, SESSION_NO_VALUES, NULL, error))
                return false;
    return database_is_old_enough(realm, error);
}

static bool system_user_exists(const Realm *realm, bool *ret, Error *error)
{
    AUTO(SessionRows) *rows = NULL;

    if (!session_run(realm->session,
            "SELECT UM_ID FROM UM_SYSTEM_USER WHERE UM_USER_NAME=? AND UM_TENANT_ID=?",
            SESSION_VALUES(ANONYMOUS_USER, realm->tenant), &rows, error))
        return false;
    *ret = rows->rows > 0;
    return true;
}

static bool add_anonymous(const Realm *realm, Error *error)
{
    char salt[PASSWORD_SALT_BYTES], role[USER_STORE_ID_BYTES];
    AUTO_TEXT *hash = NULL;

    password_make_salt(salt);
    return password_hash("SHA-256", ANONYMOUS_USER, salt, &hash, error) &&
           session_run(realm->session,
               "INSERT INTO UM_SYSTEM_USER (UM_USER_NAME, UM_USER_PASSWORD, UM_SALT_VALUE, "
               "UM_REQUIRE_CHANGE, UM_CHANGED_TIME, UM_TENANT_ID) "
               "VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP, ?)",
               SESSION_VALUES(ANONYMOUS_USER, hash, salt, "0", realm->tenant), NULL, error) &&
           session_insert(realm->session,
               "INSERT INTO UM_SYSTEM_ROLE (UM_ROLE_NAME, UM_TENANT_ID) VALUES (?, ?)",
               SESSION_VALUES(ANONYMOUS_ROLE, realm->tenant), role, error) &&
           session_run(realm->session,
               "INSERT INTO UM_SYSTEM_USER_ROLE (UM_USER_NAME, UM_ROLE_ID, UM_TENANT_ID) "
               "VALUES (?, ?, ?)",
               SESSION_VALUES(ANONYMOUS_USER, role, realm->tenant), NULL, error);
}

static bool ensure_admin(const Realm *realm, Error *error)
{
    const RealmConfig *config = &realm->home->realm;
    UserStore store = realm_store(realm);
    char user[USER_STORE_ID_BYTES], role[USER_STORE_ID_BYTES];

    if (!user_store_find(&store, config->admin_user, user, error) ||
        !user_store_find_role(&store, config->admin_role, role, error))
        return false;
    if (*user && *role)
        return true;
    if (!config->add_admin)
        return error_set(error, ERROR_INVALID,
            "Admin user can not be created in primary user store. User store is read only or "
            "AddAdmin is false. Please pick a user name which is exist in the primary user store "
            "as Admin user");
    if (!*user && !user_store_add(&store, config->admin_user, config->admin_password, error))
        return false;
    if (!*role && (!user_store_add_role(&store, config->admin_role, error) ||
                      !realm_grant(realm, config->admin_role, "/permission", error)))
        return false;
    return user_store_put_in_role(&store, config->admin_user, config->admin_role, error);
}

static bool make_what_is_missing(const Realm *realm, Error *error)
{
    bool exists = true;

    if (realm->home->generation == CARBON_4_2 && !system_user_exists(realm, &exists, error))
        return false;
    return realm_load(realm, error) && ensure_admin(realm, error) &&
           (exists || add_anonymous(realm, error));
}

bool first_start(const Realm *realm, Error *error)
{
    if (!database_fits(realm, error) ||
        !session_run(realm->session, "BEGIN", SESSION_NO_VALUES, NULL, error))
        return false;
    if (make_what_is_missing(realm, error))
        return session_run(realm->session, "COMMIT", SESSION_NO_VALUES, NULL, error);
    session_roll_back(realm->session);
    return false;
}
