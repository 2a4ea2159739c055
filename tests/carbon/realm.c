#include "tests/carbon/realm.h"

#include <strings.h>

#include "common/base/text.h"

#define ACTION   "ui.execute"
#define INTERNAL "INTERNAL"
#define SYSTEM   "SYSTEM"

typedef struct Decision {
    size_t depth; /* length of the path that decided: the nearest one wins */
    bool allowed;
} Decision;

UserStore realm_store(const Realm *realm)
{
    return (UserStore){
        .session = realm->session,
        .tenant = realm->tenant,
        .digest = realm->home->realm.digest,
        .salted = realm->home->realm.salted,
    };
}

static bool knows_domains(const Realm *realm)
{
    return realm->home->generation == CARBON_4_2;
}

/* `granted` is `path` itself or a folder above it */
static bool covers(const char *granted, const char *path)
{
    size_t length = strlen(granted);

    if (strcmp(granted, "/") == 0)
        return true;
    return strncmp(granted, path, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static void decide(
    Decision *decision, const char *granted, const char *is_allowed, const char *path)
{
    size_t depth = strlen(granted);
    bool allowed = strcmp(is_allowed, "1") == 0;

    if (!covers(granted, path) || depth < decision->depth)
        return;
    decision->allowed = depth > decision->depth ? allowed : decision->allowed || allowed;
    decision->depth = depth;
}

/* Roles of the user as rows of (domain, role). */
static bool roles_of(const Realm *realm, const RealmUser *user, SessionRows **ret, Error *error)
{
    static const char *const with_domains =
        "SELECT ?, R.UM_ROLE_NAME FROM UM_USER U, UM_USER_ROLE UR, UM_ROLE R WHERE "
        "U.UM_USER_NAME=? AND U.UM_TENANT_ID=? AND UR.UM_USER_ID=U.UM_ID AND "
        "UR.UM_TENANT_ID=U.UM_TENANT_ID AND R.UM_ID=UR.UM_ROLE_ID AND "
        "R.UM_TENANT_ID=U.UM_TENANT_ID UNION "
        "SELECT 'INTERNAL', R.UM_ROLE_NAME FROM UM_HYBRID_USER_ROLE UR, UM_HYBRID_ROLE R WHERE "
        "UR.UM_USER_NAME=? AND UR.UM_TENANT_ID=? AND R.UM_ID=UR.UM_ROLE_ID AND "
        "R.UM_TENANT_ID=UR.UM_TENANT_ID AND UR.UM_DOMAIN_ID=(SELECT UM_DOMAIN_ID FROM UM_DOMAIN "
        "WHERE UM_TENANT_ID=? AND UM_DOMAIN_NAME=?)";
    static const char *const without_domains =
        "SELECT '', R.UM_ROLE_NAME FROM UM_USER U, UM_USER_ROLE UR, UM_ROLE R WHERE "
        "U.UM_USER_NAME=? AND U.UM_TENANT_ID=? AND UR.UM_USER_ID=U.UM_ID AND "
        "UR.UM_TENANT_ID=U.UM_TENANT_ID AND R.UM_ID=UR.UM_ROLE_ID AND "
        "R.UM_TENANT_ID=U.UM_TENANT_ID UNION "
        "SELECT '', R.UM_ROLE_NAME FROM UM_HYBRID_USER_ROLE UR, UM_HYBRID_ROLE R WHERE "
        "UR.UM_USER_NAME=? AND UR.UM_TENANT_ID=? AND R.UM_ID=UR.UM_ROLE_ID AND "
        "R.UM_TENANT_ID=UR.UM_TENANT_ID";
    const char *tenant = realm->tenant;

    if (!knows_domains(realm))
        return session_run(realm->session, without_domains,
            SESSION_VALUES(user->name, tenant, user->name, tenant), ret, error);
    return session_run(realm->session, with_domains,
        SESSION_VALUES(user->domain, user->name, tenant, user->name, tenant, tenant, user->domain),
        ret, error);
}

/* Rows of (path, 0 or 1, domain, role). */
static bool permissions_of_roles(const Realm *realm, SessionRows **ret, Error *error)
{
    static const char *const with_domains =
        "SELECT P.UM_RESOURCE_ID, RP.UM_IS_ALLOWED, D.UM_DOMAIN_NAME, RP.UM_ROLE_NAME "
        "FROM UM_PERMISSION P, UM_ROLE_PERMISSION RP, UM_DOMAIN D WHERE "
        "P.UM_ID=RP.UM_PERMISSION_ID AND P.UM_TENANT_ID=? AND RP.UM_TENANT_ID=? AND "
        "RP.UM_DOMAIN_ID=D.UM_DOMAIN_ID AND P.UM_ACTION=?";
    static const char *const without_domains =
        "SELECT P.UM_RESOURCE_ID, RP.UM_IS_ALLOWED, '', RP.UM_ROLE_NAME "
        "FROM UM_PERMISSION P, UM_ROLE_PERMISSION RP WHERE "
        "P.UM_ID=RP.UM_PERMISSION_ID AND P.UM_TENANT_ID=? AND RP.UM_TENANT_ID=? AND "
        "P.UM_ACTION=?";

    return session_run(realm->session, knows_domains(realm) ? with_domains : without_domains,
        SESSION_VALUES(realm->tenant, realm->tenant, ACTION), ret, error);
}

static bool has_role(
    const Realm *realm, const SessionRows *roles, const char *domain, const char *role)
{
    bool everyone = strcmp(role, realm->home->realm.everyone_role) == 0;

    if (everyone && (!knows_domains(realm) || strcmp(domain, INTERNAL) == 0))
        return true;
    for (size_t i = 0; i < roles->rows; i++)
        if (strcasecmp(session_cell(roles, i, 0), domain) == 0 &&
            strcmp(session_cell(roles, i, 1), role) == 0)
            return true;
    return false;
}

static bool decide_for_user(
    const Realm *realm, const char *user, const char *path, Decision *decision, Error *error)
{
    AUTO(SessionRows) *rows = NULL;

    if (!session_run(realm->session,
            "SELECT P.UM_RESOURCE_ID, UP.UM_IS_ALLOWED FROM UM_PERMISSION P, UM_USER_PERMISSION "
            "UP WHERE P.UM_ID=UP.UM_PERMISSION_ID AND P.UM_TENANT_ID=? AND UP.UM_TENANT_ID=? AND "
            "UP.UM_USER_NAME=? AND P.UM_ACTION=?",
            SESSION_VALUES(realm->tenant, realm->tenant, user, ACTION), &rows, error))
        return false;
    for (size_t i = 0; i < rows->rows; i++)
        decide(decision, session_cell(rows, i, 0), session_cell(rows, i, 1), path);
    return true;
}

bool realm_is_allowed(
    const Realm *realm, const RealmUser *user, const char *path, bool *ret, Error *error)
{
    AUTO(SessionRows) *roles = NULL;
    AUTO(SessionRows) *permissions = NULL;
    Decision decision = { 0 };

    if (!roles_of(realm, user, &roles, error) ||
        !permissions_of_roles(realm, &permissions, error) ||
        !decide_for_user(realm, user->name, path, &decision, error))
        return false;
    for (size_t i = 0; i < permissions->rows; i++)
        if (has_role(
                realm, roles, session_cell(permissions, i, 2), session_cell(permissions, i, 3)))
            decide(
                &decision, session_cell(permissions, i, 0), session_cell(permissions, i, 1), path);
    *ret = decision.allowed;
    return true;
}

static bool find_or_add_permission(
    const Realm *realm, const char *path, char ret_id[USER_STORE_ID_BYTES], Error *error)
{
    AUTO(SessionRows) *rows = NULL;

    if (!session_run(realm->session,
            "SELECT UM_ID FROM UM_PERMISSION WHERE UM_RESOURCE_ID=? AND UM_ACTION=? AND "
            "UM_TENANT_ID=?",
            SESSION_VALUES(path, ACTION, realm->tenant), &rows, error))
        return false;
    if (rows->rows > 0)
        return text_copy(ret_id, USER_STORE_ID_BYTES, session_cell(rows, 0, 0));
    return session_insert(realm->session,
        "INSERT INTO UM_PERMISSION (UM_RESOURCE_ID, UM_ACTION, UM_TENANT_ID) VALUES (?, ?, ?)",
        SESSION_VALUES(path, ACTION, realm->tenant), ret_id, error);
}

bool realm_grant(const Realm *realm, const char *role, const char *path, Error *error)
{
    char permission[USER_STORE_ID_BYTES];
    const char *tenant = realm->tenant;

    if (!find_or_add_permission(realm, path, permission, error))
        return false;
    if (!knows_domains(realm))
        return session_run(realm->session,
            "INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED, "
            "UM_TENANT_ID) VALUES (?, ?, ?, ?)",
            SESSION_VALUES(permission, role, "1", tenant), NULL, error);
    return session_run(realm->session,
        "INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED, "
        "UM_TENANT_ID, UM_DOMAIN_ID) VALUES (?, ?, ?, ?, (SELECT UM_DOMAIN_ID FROM UM_DOMAIN "
        "WHERE UM_TENANT_ID=? AND UM_DOMAIN_NAME=?))",
        SESSION_VALUES(permission, role, "1", tenant, tenant, realm->home->realm.domain), NULL,
        error);
}

bool realm_revoke_all(const Realm *realm, const char *role, Error *error)
{
    return session_run(realm->session,
        "DELETE FROM UM_ROLE_PERMISSION WHERE UM_ROLE_NAME=? AND UM_TENANT_ID=?",
        SESSION_VALUES(role, realm->tenant), NULL, error);
}

bool realm_persist_domain(const Realm *realm, const char *domain, Error *error)
{
    AUTO(SessionRows) *rows = NULL;

    if (!knows_domains(realm))
        return true;
    if (!session_run(realm->session,
            "SELECT UM_DOMAIN_ID FROM UM_DOMAIN WHERE UM_DOMAIN_NAME=? AND UM_TENANT_ID=?",
            SESSION_VALUES(domain, realm->tenant), &rows, error))
        return false;
    if (rows->rows > 0)
        return true;
    return session_run(realm->session,
        "INSERT INTO UM_DOMAIN (UM_DOMAIN_NAME, UM_TENANT_ID) VALUES (?, ?)",
        SESSION_VALUES(domain, realm->tenant), NULL, error);
}

static bool ensure_everyone_role(const Realm *realm, Error *error)
{
    AUTO(SessionRows) *rows = NULL;
    const char *role = realm->home->realm.everyone_role;

    if (!session_run(realm->session,
            "SELECT UM_ID FROM UM_HYBRID_ROLE WHERE UM_ROLE_NAME=? AND UM_TENANT_ID=?",
            SESSION_VALUES(role, realm->tenant), &rows, error))
        return false;
    if (rows->rows > 0)
        return true;
    return session_run(realm->session,
        "INSERT INTO UM_HYBRID_ROLE (UM_ROLE_NAME, UM_TENANT_ID) VALUES (?, ?)",
        SESSION_VALUES(role, realm->tenant), NULL, error);
}

bool realm_load(const Realm *realm, Error *error)
{
    if (!knows_domains(realm))
        return true;
    return realm_persist_domain(realm, realm->home->realm.domain, error) &&
           realm_persist_domain(realm, SYSTEM, error) &&
           realm_persist_domain(realm, INTERNAL, error) && ensure_everyone_role(realm, error);
}
