/* UserAdmin: users and roles of the caller's tenant, in the primary store or in STORE/user. */
#include "common/base/text.h"
#include "tests/carbon/secondary_store.h"
#include "tests/carbon/soap.h"

#define USERS     "/permission/admin/configure/security/usermgt/users"
#define ROLES     "/permission/admin/configure/security/rolemgt"
#define DEPLOY_MS 500

/* The store that a name's prefix chooses, and the name in it. */
typedef struct Chosen {
    UserStore store;
    Session *own; /* of a secondary store; NULL: the primary one, borrowed */
    const char *user;
} Chosen;

static void chosen_done(Chosen *chosen)
{
    session_close(chosen->own);
}

#define CHOSEN_AUTO(name) __attribute__((cleanup(chosen_done))) Chosen name = { .own = NULL }

static void list_stores(const Call *call, const Realm *realm, SecondaryStores *ret)
{
    secondary_store_list(
        realm, (int)conduct_millis(call->server->conduct, "deploy-ms", DEPLOY_MS), ret);
}

static bool choose(const Call *call, const char *name, Chosen *ret, Error *error)
{
    const char *slash = strchr(name, '/');
    const SecondaryStore *found;
    Realm realm;

    if (!call_realm(call, &realm, error))
        return false;
    ret->store = realm_store(&realm);
    ret->user = slash ? slash + 1 : name;
    if (!slash)
        return true;
    SECONDARY_STORES_AUTO(stores);
    AUTO_TEXT *domain = memory_text_n(name, (size_t)(slash - name));

    list_stores(call, &realm, &stores);
    found = secondary_store_find(&stores, domain);
    if (!found)
        return error_set(
            error, ERROR_INVALID, "Could not add user. Error is: Invalid Domain Name %s", domain);
    if (!session_open(&found->datasource, &ret->own, error))
        return false;
    ret->store.session = ret->own;
    return true;
}

static bool check_new_user(const char *user, const char *password, Error *error)
{
    if (strlen(user) < 3 || strlen(user) > 30 || strpbrk(user, " ~!#$;%^*+={}\\|<>,'\""))
        return error_set(error, ERROR_INVALID,
            "Username %s is not valid. User name must be a non null string with following format",
            user);
    if (strlen(password) < 5 || strlen(password) > 30 || strchr(password, ' '))
        return error_set(error, ERROR_INVALID,
            "Credential not valid. Credential must be a non null string with following format, "
            "^[\\S]{5,30}$");
    return true;
}

static bool run_add_user(const Call *call, Text *answer, Error *error)
{
    const char *password = call_text(call, "password");
    xmlNode *role = xml_child(call->operation, "roles");

    (void)answer;
    CHOSEN_AUTO(chosen);
    if (!choose(call, call_text(call, "userName"), &chosen, error) ||
        !check_new_user(chosen.user, password, error) ||
        !user_store_add(&chosen.store, chosen.user, password, error))
        return false;
    for (; role; role = xml_next(role)) {
        const char *name = xml_text(call->arena, role);

        if (*name && !user_store_put_in_role(&chosen.store, chosen.user, name, error))
            return false;
    }
    return true;
}

static bool run_delete_user(const Call *call, Text *answer, Error *error)
{
    const char *name = call_text(call, "userName");

    (void)answer;
    CHOSEN_AUTO(chosen);
    if (strcmp(name, call->server->home->realm.admin_user) == 0)
        return error_set(error, ERROR_INVALID, "Cannot delete admin user");
    return choose(call, name, &chosen, error) &&
           user_store_delete(&chosen.store, chosen.user, error);
}

static bool run_change_password(const Call *call, Text *answer, Error *error)
{
    (void)answer;
    CHOSEN_AUTO(chosen);
    return choose(call, call_text(call, "userName"), &chosen, error) &&
           user_store_set_password(
               &chosen.store, chosen.user, call_text(call, "newPassword"), error);
}

/* How a listing shows one user. */
typedef void AddUser(Text *answer, const char *domain, const char *user);

typedef struct Listing {
    AddUser *add;
    Text *answer;
} Listing;

static void add_name(Text *answer, const char *domain, const char *user)
{
    AUTO_TEXT *name = memory_format("%s%s%s", domain, *domain ? "/" : "", user);

    answer_return(answer, name);
}

static void add_flagged_name(Text *answer, const char *domain, const char *user)
{
    AUTO_TEXT *name = memory_format("%s%s%s", domain, *domain ? "/" : "", user);

    text_add(answer, "<ns:return>");
    answer_field(answer, "domainName", domain);
    answer_field(answer, "editable", "true");
    answer_field(answer, "itemName", name);
    answer_field(answer, "readOnly", "false");
    answer_field(answer, "selected", "false");
    text_add(answer, "</ns:return>");
}

static bool add_users(const UserStore *store, const char *domain, const char *filter,
    const Listing *listing, Error *error)
{
    AUTO(SessionRows) *rows = NULL;

    if (!user_store_list(store, filter, &rows, error))
        return false;
    for (size_t i = 0; i < rows->rows; i++)
        listing->add(listing->answer, domain, session_cell(rows, i, 0));
    return true;
}

/* DOMAIN/filter asks one store, a filter without domain all of them. */
static bool list_with(const Call *call, const Listing *listing, Error *error)
{
    const char *filter = call_text(call, "filter"), *slash = strchr(filter, '/');
    Realm realm;
    UserStore store;

    if (!call_realm(call, &realm, error))
        return false;
    store = realm_store(&realm);
    if (!slash && !add_users(&store, "", filter, listing, error))
        return false;
    SECONDARY_STORES_AUTO(stores);
    list_stores(call, &realm, &stores);
    for (size_t i = 0; i < stores.count; i++) {
        const SecondaryStore *item = stores.items[i];
        AUTO(Session) *own = NULL;

        if (item->disabled ||
            (slash && strncasecmp(filter, item->domain, (size_t)(slash - filter)) != 0))
            continue;
        if (!session_open(&item->datasource, &own, error))
            return false;
        store.session = own;
        if (!add_users(&store, item->domain, slash ? slash + 1 : filter, listing, error))
            return false;
    }
    return true;
}

static bool run_list_users(const Call *call, Text *answer, Error *error)
{
    return list_with(call, &(Listing){ add_name, answer }, error);
}

static bool run_list_all_users(const Call *call, Text *answer, Error *error)
{
    return list_with(call, &(Listing){ add_flagged_name, answer }, error);
}

static void add_store_info(Text *answer, const char *element, const char *domain)
{
    text_add(answer, "<ax:%s>", element);
    answer_field(answer, "domainName", domain);
    answer_field(answer, "passwordRegEx", "^[\\S]{5,30}$");
    answer_field(answer, "readOnly", "false");
    answer_field(answer, "userNameRegEx", "^[\\S]{3,30}$");
    text_add(answer, "</ax:%s>", element);
}

static bool run_realm_info(const Call *call, Text *answer, Error *error)
{
    const RealmConfig *config = &call->server->home->realm;
    Realm realm;

    if (!call_realm(call, &realm, error))
        return false;
    SECONDARY_STORES_AUTO(stores);
    list_stores(call, &realm, &stores);
    text_add(answer, "<ns:return>");
    answer_field(answer, "adminRole", config->admin_role);
    answer_field(answer, "adminUser", config->admin_user);
    answer_field(answer, "domainNames", config->domain);
    for (size_t i = 0; i < stores.count; i++)
        if (!stores.items[i]->disabled)
            answer_field(answer, "domainNames", stores.items[i]->domain);
    answer_field(answer, "everyOneRole", config->everyone_role);
    answer_field(answer, "multipleUserStore", stores.count > 0 ? "true" : "false");
    add_store_info(answer, "primaryUserStoreInfo", config->domain);
    for (size_t i = 0; i < stores.count; i++)
        if (!stores.items[i]->disabled)
            add_store_info(answer, "userStoresInfo", stores.items[i]->domain);
    text_add(answer, "</ns:return>");
    return true;
}

static bool run_has_multiple(const Call *call, Text *answer, Error *error)
{
    Realm realm;

    if (!call_realm(call, &realm, error))
        return false;
    SECONDARY_STORES_AUTO(stores);
    list_stores(call, &realm, &stores);
    answer_return(answer, stores.count > 0 ? "true" : "false");
    return true;
}

static bool run_add_role(const Call *call, Text *answer, Error *error)
{
    const char *role = call_text(call, "roleName");
    xmlNode *user = xml_child(call->operation, "userList");
    xmlNode *permission = xml_child(call->operation, "permissions");
    Realm realm;
    UserStore store;

    (void)answer;
    if (!call_realm(call, &realm, error))
        return false;
    store = realm_store(&realm);
    if (!user_store_add_role(&store, role, error))
        return false;
    for (; user; user = xml_next(user))
        if (!user_store_put_in_role(&store, xml_text(call->arena, user), role, error))
            return false;
    for (; permission; permission = xml_next(permission))
        if (!realm_grant(&realm, role, xml_text(call->arena, permission), error))
            return false;
    return true;
}

static bool run_delete_role(const Call *call, Text *answer, Error *error)
{
    const char *role = call_text(call, "roleName");
    Realm realm;
    UserStore store;

    (void)answer;
    if (!call_realm(call, &realm, error))
        return false;
    store = realm_store(&realm);
    return realm_revoke_all(&realm, role, error) && user_store_delete_role(&store, role, error);
}

static const SoapOperation operations[] = {
    { .name = "addUser",
        .permission = USERS,
        .answer = SOAP_EMPTY,
        .run = run_add_user,
        .parameters = { "userName", "password", "roles", "claims", "profileName" } },
    { .name = "deleteUser",
        .permission = USERS,
        .answer = SOAP_EMPTY,
        .run = run_delete_user,
        .parameters = { "userName" } },
    { .name = "changePassword",
        .permission = USERS,
        .answer = SOAP_EMPTY,
        .run = run_change_password,
        .parameters = { "userName", "newPassword" } },
    { .name = "listUsers",
        .permission = USERS,
        .run = run_list_users,
        .parameters = { "filter", "limit" } },
    { .name = "listAllUsers",
        .permission = USERS,
        .run = run_list_all_users,
        .parameters = { "filter", "limit" } },
    { .name = "getUserRealmInfo", .permission = REALM_LOGIN, .run = run_realm_info },
    { .name = "hasMultipleUserStores", .permission = REALM_LOGIN, .run = run_has_multiple },
    { .name = "addRole",
        .permission = ROLES,
        .answer = SOAP_ONE_WAY,
        .run = run_add_role,
        .parameters = { "roleName", "userList", "permissions", "isSharedRole" } },
    { .name = "deleteRole",
        .permission = ROLES,
        .answer = SOAP_ONE_WAY,
        .run = run_delete_role,
        .parameters = { "roleName" } },
};

const SoapService service_user_admin = {
    .name = "UserAdmin",
    .space = "http://org.apache.axis2/xsd",
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
