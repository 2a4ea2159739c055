#include "tests/carbon/realm_config.h"

#include <ctype.h>

#include "tests/carbon/xml_file.h"

static const char *or_else(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static const char *upper(Arena *arena, const char *text)
{
    AUTO_TEXT *copy = memory_text(text);

    for (char *c = copy; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return arena_text(arena, copy);
}

static bool check_new_shape(Arena *arena, xmlNode *configuration, xmlNode *store, Error *error)
{
    const char *add_admin = xml_text(arena, xml_child(configuration, "AddAdmin"));

    if (!add_admin || *add_admin == '\0')
        return error_set(error, ERROR_INVALID,
            "AddAdmin configuration not found or invalid in user-mgt.xml. Cannot start server!");
    if (!xml_named(store, "Property", "TenantManager"))
        return error_set(error, ERROR_INVALID,
            "Required property 'TenantManager' not found for the primary UserStoreManager in "
            "user-mgt.xml. Cannot start server!");
    return true;
}

static bool check_old_shape(const char *home, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/conf/tenant-mgt.xml", home);
    AUTO(xmlDoc) *document = NULL;

    return xml_file_read(path, &document, error);
}

bool realm_config_read(
    Arena *arena, const char *home, RealmShape shape, RealmConfig *ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/conf/user-mgt.xml", home);
    AUTO(xmlDoc) *document = NULL;
    xmlNode *realm, *configuration, *admin, *store;
    const char *salted, *add_admin;

    if (!xml_file_read(path, &document, error))
        return false;
    realm = xml_child(xmlDocGetRootElement(document), "Realm");
    configuration = xml_child(realm, "Configuration");
    admin = xml_child(configuration, "AdminUser");
    store = xml_child(realm, "UserStoreManager");
    if (shape == REALM_NEW ? !check_new_shape(arena, configuration, store, error)
                           : !check_old_shape(home, error))
        return false;
    add_admin = xml_text(arena, xml_child(configuration, "AddAdmin"));
    salted = xml_text(arena, xml_named(store, "Property", "StoreSaltedPassword"));
    *ret = (RealmConfig){
        .admin_user = xml_text(arena, xml_child(admin, "UserName")),
        .admin_password = or_else(xml_text(arena, xml_child(admin, "Password")), ""),
        .admin_role = xml_text(arena, xml_child(configuration, "AdminRole")),
        .everyone_role = xml_text(arena, xml_child(configuration, "EveryOneRoleName")),
        .add_admin = !add_admin || strcmp(add_admin, "true") == 0,
        .jndi = xml_text(arena, xml_named(configuration, "Property", "dataSource")),
        .domain = upper(
            arena, or_else(xml_text(arena, xml_named(store, "Property", "DomainName")), "PRIMARY")),
        .digest = or_else(xml_text(arena, xml_named(store, "Property", "PasswordDigest")), ""),
        .salted = salted && strcmp(salted, "true") == 0,
    };
    if (!ret->admin_user || !ret->admin_role || !ret->everyone_role || !ret->jndi || !store)
        return error_set(error, ERROR_INVALID,
            "%s lacks AdminUser, AdminRole, EveryOneRoleName, dataSource or UserStoreManager",
            path);
    return true;
}
