#include "tests/carbon/tenant.h"

#include <ctype.h>
#include <sys/stat.h>

#include "common/base/text.h"

/* one text for 1 and true, whichever the database says */
#define COLUMNS                                                                                    \
    "UM_DOMAIN_NAME, UM_ID, CASE WHEN UM_ACTIVE THEN '1' ELSE '0' END, COALESCE(UM_EMAIL, '')"

bool tenant_list(Session *session, SessionRows **ret, Error *error)
{
    return session_run(
        session, "SELECT " COLUMNS " FROM UM_TENANT ORDER BY UM_ID", SESSION_NO_VALUES, ret, error);
}

bool tenant_find(Session *session, const char *domain, Tenant *ret, Error *error)
{
    AUTO(SessionRows) *rows = NULL;

    *ret = (Tenant){ 0 };
    if (!session_run(session, "SELECT " COLUMNS " FROM UM_TENANT WHERE UM_DOMAIN_NAME=?",
            SESSION_VALUES(domain), &rows, error))
        return false;
    if (rows->rows == 0)
        return true;
    ret->active = strcmp(session_cell(rows, 0, 2), "1") == 0;
    if (!text_copy(ret->domain, sizeof ret->domain, session_cell(rows, 0, 0)) ||
        !text_copy(ret->id, sizeof ret->id, session_cell(rows, 0, 1)) ||
        !text_copy(ret->email, sizeof ret->email, session_cell(rows, 0, 3)))
        return error_set(error, ERROR_DATABASE, "tenant %s has a value that is too long", domain);
    return true;
}

bool tenant_set_active(Session *session, const char *domain, const char *zero_or_one, Error *error)
{
    Tenant tenant;

    if (!tenant_find(session, domain, &tenant, error))
        return false;
    if (!*tenant.id)
        return error_set(error, ERROR_INVALID, "Error in retrieving the tenant id for %s", domain);
    /* the created date is set to itself: older servers would move it with every update */
    return session_run(session,
        "UPDATE UM_TENANT SET UM_ACTIVE=?, UM_CREATED_DATE=UM_CREATED_DATE WHERE UM_ID=?",
        SESSION_VALUES(zero_or_one, tenant.id), NULL, error);
}

static bool check_order(const TenantOrder *order, Error *error)
{
    const char *at = strchr(order->email, '@');

    for (const char *c = order->domain; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c))
            return error_set(error, ERROR_INVALID,
                "The tenant domain '%s' contains one or more illegal characters", order->domain);
    if (*order->domain == '\0' || strcmp(order->domain, TENANT_SUPER_DOMAIN) == 0)
        return error_set(error, ERROR_INVALID, "Invalid tenant domain '%s'", order->domain);
    if (!at || !strchr(at, '.'))
        return error_set(error, ERROR_INVALID, "Wrong characters in the email: %s", order->email);
    if (*order->admin == '\0' || strchr(order->admin, '@') || strlen(order->password) < 5)
        return error_set(error, ERROR_INVALID, "Invalid tenant administrator or password");
    return true;
}

static bool fill_realm(const Realm *realm, const TenantOrder *order, Error *error)
{
    UserStore store = realm_store(realm);
    const char *role = realm->home->realm.admin_role;

    return realm_load(realm, error) &&
           user_store_add(&store, order->admin, order->password, error) &&
           user_store_add_role(&store, role, error) &&
           user_store_put_in_role(&store, order->admin, role, error) &&
           realm_grant(realm, role, "/permission/admin", error);
}

static bool insert_tenant(const Home *home, Session *session, const TenantOrder *order,
    char ret_id[USER_STORE_ID_BYTES], Error *error)
{
    AUTO_TEXT *config =
        memory_format("<UserManager><Realm><Configuration><AdminRole>%s</AdminRole><AdminUser>"
                      "<UserName>%s</UserName></AdminUser></Configuration></Realm></UserManager>",
            home->realm.admin_role, order->admin);

    if (!session_insert(session,
            "INSERT INTO UM_TENANT (UM_DOMAIN_NAME, UM_EMAIL, UM_ACTIVE, UM_CREATED_DATE, "
            "UM_USER_CONFIG) VALUES (?, ?, ?, CURRENT_TIMESTAMP, ?)",
            SESSION_VALUES(order->domain, order->email, "1", config), ret_id, error))
        return false;
    return fill_realm(&(Realm){ .home = home, .session = session, .tenant = ret_id }, order, error);
}

bool tenant_add(const Home *home, Session *session, const TenantOrder *order, Error *error)
{
    AUTO_TEXT *folder = NULL;
    char id[USER_STORE_ID_BYTES];
    Tenant tenant;

    if (!check_order(order, error) || !tenant_find(session, order->domain, &tenant, error))
        return false;
    if (*tenant.id)
        return error_set(error, ERROR_INVALID,
            "A tenant with same domain already exist. Please use a different domain name. "
            "tenant domain: %s",
            order->domain);
    if (!session_run(session, "BEGIN", SESSION_NO_VALUES, NULL, error))
        return false;
    if (!insert_tenant(home, session, order, id, error)) {
        session_roll_back(session);
        return false;
    }
    folder = memory_format("%s/repository/tenants/%s", home->path, id);
    (void)mkdir(folder, 0755); /* made again when the tenant is loaded */
    return session_run(session, "COMMIT", SESSION_NO_VALUES, NULL, error);
}
