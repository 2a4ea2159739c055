/* UserStoreConfigAdminService: files of secondary user stores. Carbon 4.2 and later. */
#include "common/base/text.h"
#include "tests/carbon/secondary_store.h"
#include "tests/carbon/soap.h"

#define ADMIN          "/permission/admin"
#define JDBC_STORE     "org.wso2.carbon.user.core.jdbc.JDBCUserStoreManager"
#define PROPERTIES_MAX 64

static bool run_classes(const Call *call, Text *answer, Error *error)
{
    (void)call;
    (void)error;
    answer_return(answer, JDBC_STORE);
    return true;
}

static bool run_properties(const Call *call, Text *answer, Error *error)
{
    static const char *const mandatory[] = { "driverName", "url", "userName", "password" };

    if (strcmp(call_text(call, "className"), JDBC_STORE) != 0)
        return error_set(error, ERROR_INVALID, "unknown user store class");
    text_add(answer, "<ns:return>");
    for (size_t i = 0; i < sizeof mandatory / sizeof *mandatory; i++) {
        text_add(answer, "<ax:mandatoryProperties>");
        answer_field(answer, "name", mandatory[i]);
        text_add(answer, "</ax:mandatoryProperties>");
    }
    text_add(answer, "</ns:return>");
    return true;
}

static bool run_add(const Call *call, Text *answer, Error *error)
{
    xmlNode *dto = xml_child(call->operation, "userStoreDTO");
    xmlNode *property = xml_child(dto, "properties");
    StoreProperty properties[PROPERTIES_MAX];
    StoreDescription store = {
        .class_name = call_field(call, dto, "className"),
        .description = call_field(call, dto, "description"),
        .domain = call_field(call, dto, "domainId"),
        .disabled = strcmp(call_field(call, dto, "disabled"), "true") == 0,
        .properties = properties,
    };
    Realm realm;

    (void)answer;
    for (; property && store.property_count < PROPERTIES_MAX; property = xml_next(property))
        properties[store.property_count++] = (StoreProperty){
            .name = call_field(call, property, "name"),
            .value = call_field(call, property, "value"),
        };
    if (!call_realm(call, &realm, error) || !secondary_store_write(&realm, &store, error))
        return false;
    return realm_persist_domain(&realm, store.domain, error);
}

static bool remove_all(const Call *call, const char *element, Error *error)
{
    xmlNode *domain = xml_child(call->operation, element);
    Realm realm;

    if (!call_realm(call, &realm, error))
        return false;
    for (; domain; domain = xml_next(domain))
        if (!secondary_store_remove(&realm, xml_text(call->arena, domain), error))
            return false;
    return true;
}

static bool run_delete(const Call *call, Text *answer, Error *error)
{
    (void)answer;
    if (strcmp(call->login->user, call->server->home->realm.admin_user) != 0)
        return error_set(error, ERROR_REFUSED, "Access Denied. Only the admin user may do this");
    return remove_all(call, "domainName", error);
}

static bool run_delete_set(const Call *call, Text *answer, Error *error)
{
    (void)answer;
    return remove_all(call, "domains", error);
}

static bool run_list(const Call *call, Text *answer, Error *error)
{
    Realm realm;

    if (!call_realm(call, &realm, error))
        return false;
    SECONDARY_STORES_AUTO(stores);
    secondary_store_list(&realm, 0, &stores);
    for (size_t i = 0; i < stores.count; i++) {
        text_add(answer, "<ns:return>");
        answer_field(answer, "className", stores.items[i]->class_name);
        answer_field(answer, "description", stores.items[i]->description);
        answer_field(answer, "disabled", stores.items[i]->disabled ? "true" : "false");
        answer_field(answer, "domainId", stores.items[i]->domain);
        text_add(answer, "</ns:return>");
    }
    return true;
}

static const SoapOperation operations[] = {
    { .name = "getAvailableUserStoreClasses", .permission = ADMIN, .run = run_classes },
    { .name = "getUserStoreManagerProperties",
        .permission = ADMIN,
        .run = run_properties,
        .parameters = { "className" } },
    { .name = "addUserStore",
        .permission = ADMIN,
        .answer = SOAP_ONE_WAY,
        .run = run_add,
        .parameters = { "userStoreDTO" } },
    { .name = "deleteUserStore",
        .permission = ADMIN,
        .answer = SOAP_ONE_WAY,
        .run = run_delete,
        .parameters = { "domainName" } },
    { .name = "deleteUserStoresSet",
        .permission = ADMIN,
        .answer = SOAP_ONE_WAY,
        .run = run_delete_set,
        .parameters = { "domains" } },
    { .name = "getSecondaryRealmConfigurations", .permission = ADMIN, .run = run_list },
};

const SoapService service_user_store_config = {
    .name = "UserStoreConfigAdminService",
    .space = "http://org.apache.axis2/xsd",
    .since = CARBON_4_2,
    .operations = operations,
    .operation_count = sizeof operations / sizeof *operations,
};
