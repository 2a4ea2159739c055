#include "tests/carbon/login.h"

#include <openssl/rand.h>

#include "common/base/text.h"
#include "tests/carbon/secondary_store.h"
#include "tests/carbon/server.h"
#include "tests/carbon/tenant.h"

static bool copy_part(char ret[LOGIN_NAME_BYTES], const char *from, size_t length)
{
    AUTO_TEXT *part = memory_text_n(from, length);

    return text_copy(ret, LOGIN_NAME_BYTES, part);
}

static bool split_name(const Server *server, const char *name, Login *ret)
{
    const char *slash = strchr(name, '/'), *at = strrchr(name, '@');
    const char *user = slash ? slash + 1 : name;
    size_t length = at ? (size_t)(at - user) : strlen(user);

    if (at && at < user)
        return false;
    return copy_part(ret->user, user, length) &&
           text_copy(ret->domain, sizeof ret->domain, at ? at + 1 : TENANT_SUPER_DOMAIN) &&
           (slash ? copy_part(ret->store, name, (size_t)(slash - name))
                  : text_copy(ret->store, sizeof ret->store, server->home->realm.domain));
}

static bool find_tenant(Session *session, Login *login, Error *error)
{
    Tenant tenant;

    if (strcmp(login->domain, TENANT_SUPER_DOMAIN) == 0)
        return text_copy(login->tenant, sizeof login->tenant, REALM_SUPER_TENANT);
    if (!tenant_find(session, login->domain, &tenant, error))
        return false;
    if (!*tenant.id || !tenant.active)
        return error_set(error, ERROR_REFUSED, "Tenant %s is unknown or not active", login->domain);
    return text_copy(login->tenant, sizeof login->tenant, tenant.id);
}

static bool password_is_right(
    const Realm *realm, const Login *login, const char *password, bool *ret, Error *error)
{
    UserStore store = realm_store(realm);
    AUTO(Session) *other = NULL;

    if (strcmp(login->store, realm->home->realm.domain) != 0) {
        const SecondaryStore *found;

        SECONDARY_STORES_AUTO(stores);
        secondary_store_list(realm, 0, &stores);
        found = secondary_store_find(&stores, login->store);
        *ret = false;
        if (!found)
            return true;
        if (!session_open(&found->datasource, &other, error))
            return false;
        store.session = other;
        return user_store_authenticate(&store, login->user, password, ret, error);
    }
    return user_store_authenticate(&store, login->user, password, ret, error);
}

/* A home whose users are in the local H2 database knows only the administrator of its file. */
static bool check_local(const Server *server, const char *password, Login *login, Error *error)
{
    const RealmConfig *realm = &server->home->realm;

    *error = (Error){ 0 };
    if (strcmp(login->user, realm->admin_user) != 0 ||
        strcmp(password, realm->admin_password) != 0 ||
        strcmp(login->domain, TENANT_SUPER_DOMAIN) != 0)
        return error_set(error, ERROR_REFUSED, "Invalid credentials");
    return text_copy(login->tenant, sizeof login->tenant, REALM_SUPER_TENANT);
}

bool login_check(Server *server, const char *name, const char *password, Login *ret, Error *error)
{
    Realm realm = { .home = server->home };
    bool right = false, allowed = false;

    *ret = (Login){ 0 };
    if (!split_name(server, name, ret))
        return error_set(error, ERROR_REFUSED, "Invalid user name");
    if (!server_users(server, &realm.session, error))
        return error->kind == ERROR_PRECONDITION && check_local(server, password, ret, error);
    realm.tenant = ret->tenant;
    if (!find_tenant(realm.session, ret, error) || !realm_load(&realm, error) ||
        !password_is_right(&realm, ret, password, &right, error))
        return false;
    if (!right)
        return error_set(error, ERROR_REFUSED, "Invalid credentials");
    if (!realm_is_allowed(
            &realm, &(RealmUser){ ret->store, ret->user }, REALM_LOGIN, &allowed, error))
        return false;
    if (!allowed)
        return error_set(error, ERROR_REFUSED, "%s has no permission %s", name, REALM_LOGIN);
    return true;
}

void login_remember(Logins *logins, Login *login)
{
    unsigned char bytes[(LOGIN_COOKIE_BYTES - 1) / 2];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort();
    text_hex(bytes, sizeof bytes, login->cookie);
    logins->items[logins->next] = *login;
    logins->next = (logins->next + 1) % LOGINS_MAX;
}

const Login *login_find(const Logins *logins, const char *cookie)
{
    for (size_t i = 0; *cookie && i < LOGINS_MAX; i++)
        if (strcmp(logins->items[i].cookie, cookie) == 0)
            return &logins->items[i];
    return NULL;
}

void login_forget(Logins *logins, const char *cookie)
{
    for (size_t i = 0; *cookie && i < LOGINS_MAX; i++)
        if (strcmp(logins->items[i].cookie, cookie) == 0)
            logins->items[i] = (Login){ 0 };
}
