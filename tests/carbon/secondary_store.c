#include "tests/carbon/secondary_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "tests/carbon/password.h"
#include "tests/carbon/xml_file.h"

#define FILE_BYTES_MAX 65536

static char *folder_of(const Realm *realm)
{
    if (strcmp(realm->tenant, REALM_SUPER_TENANT) == 0)
        return memory_format("%s/repository/deployment/server/userstores", realm->home->path);
    return memory_format("%s/repository/tenants/%s/userstores", realm->home->path, realm->tenant);
}

static char *file_of(const Realm *realm, const char *domain)
{
    AUTO_TEXT *folder = folder_of(realm);
    AUTO_TEXT *name = memory_text(domain);

    for (char *c = name; *c; c++)
        if (*c == '.')
            *c = '_';
    return memory_format("%s/%s.xml", folder, name);
}

static bool add_property(const Realm *realm, Text *xml, const StoreProperty *property, Error *error)
{
    bool secret = strcmp(property->name, "password") == 0;
    AUTO_TEXT *encrypted = NULL;

    if (secret && !password_encrypt(realm->home->key_store, property->value, &encrypted, error))
        return false;
    text_add(xml, "<Property %sname=\"", secret ? "encrypted=\"true\" " : "");
    text_add_xml(xml, property->name);
    text_add(xml, "\">");
    text_add_xml(xml, secret ? encrypted : property->value);
    text_add(xml, "</Property>");
    return true;
}

static bool describe(const Realm *realm, const StoreDescription *store, Text *xml, Error *error)
{
    text_add(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><UserStoreManager class=\"");
    text_add_xml(xml, store->class_name);
    text_add(xml, "\">");
    for (size_t i = 0; i < store->property_count; i++)
        if (!add_property(realm, xml, &store->properties[i], error))
            return false;
    return add_property(realm, xml,
               &(StoreProperty){ "Disabled", store->disabled ? "true" : "false" }, error) &&
           add_property(realm, xml, &(StoreProperty){ "DomainName", store->domain }, error) &&
           add_property(realm, xml, &(StoreProperty){ "Description", store->description }, error);
}

bool secondary_store_write(const Realm *realm, const StoreDescription *store, Error *error)
{
    AUTO_TEXT *folder = folder_of(realm);
    AUTO_TEXT *path = file_of(realm, store->domain);
    AUTO_FD fd = -1;

    if (*store->domain == '\0' || strpbrk(store->domain, "_/"))
        return error_set(error, ERROR_INVALID, "Invalid domain name '%s'", store->domain);
    TEXT_AUTO(xml, FILE_BYTES_MAX);
    if (!describe(realm, store, &xml, error))
        return false;
    text_add(&xml, "</UserStoreManager>\n");
    (void)mkdir(folder, 0755); /* open() tells when it is not there in the end */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, xml.bytes, xml.length) != (ssize_t)xml.length)
        return error_set(error, ERROR_INVALID,
            "Cannot add user store. A file of domain %s exists or cannot be written",
            store->domain);
    return true;
}

bool secondary_store_remove(const Realm *realm, const char *domain, Error *error)
{
    AUTO_TEXT *path = file_of(realm, domain);

    if (unlink(path) != 0)
        return error_set(error, ERROR_INVALID, "No user store of domain %s", domain);
    return true;
}

static const char *property(Arena *arena, xmlNode *root, const char *name)
{
    const char *value = xml_text(arena, xml_named(root, "Property", name));

    return value ? value : "";
}

/* The text, decrypted when the element says so. */
static bool read_secret(
    const Realm *realm, Arena *arena, xmlNode *root, const char **ret, Error *error)
{
    xmlNode *element = xml_named(root, "Property", "password");
    const char *text = property(arena, root, "password");
    AUTO_TEXT *plain = NULL;

    if (element && xmlHasProp(element, (const xmlChar *)"encrypted")) {
        if (!password_decrypt(realm->home->key_store, text, &plain, error))
            return false;
        text = arena_text(arena, plain);
    }
    *ret = text;
    return true;
}

static bool read_store(const Realm *realm, const char *path, SecondaryStore *store, Error *error)
{
    Arena *arena = store->arena;
    AUTO(xmlDoc) *document = NULL;
    xmlNode *root;
    xmlChar *class_name;

    if (!xml_file_read(path, &document, error))
        return false;
    root = xmlDocGetRootElement(document);
    class_name = xmlGetNoNsProp(root, (const xmlChar *)"class");
    store->class_name = arena_text(arena, class_name ? (const char *)class_name : "");
    xmlFree(class_name);
    store->domain = property(arena, root, "DomainName");
    store->description = property(arena, root, "Description");
    store->disabled = strcmp(property(arena, root, "Disabled"), "true") == 0;
    store->datasource = (Datasource){
        .name = store->domain,
        .jndi = "",
        .driver = property(arena, root, "driverName"),
        .url = property(arena, root, "url"),
        .user = property(arena, root, "userName"),
    };
    return read_secret(realm, arena, root, &store->datasource.password, error) &&
           datasource_parse_url(arena, &store->datasource, error);
}

static void free_store(SecondaryStore *store)
{
    if (store)
        arena_free(store->arena);
}

static bool is_deployed(const char *path, int deploy_ms)
{
    struct stat status;
    struct timespec now;

    if (stat(path, &status) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return false;
    return (now.tv_sec - status.st_mtim.tv_sec) * 1000 +
               (now.tv_nsec - status.st_mtim.tv_nsec) / 1000000 >=
           deploy_ms;
}

static int ends_in_xml(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".xml") == 0;
}

/* A file that cannot be read is no store: the real deployer logs it and goes on. */
static void take_store(const Realm *realm, const char *path, SecondaryStores *ret)
{
    Arena *arena = arena_new();
    SecondaryStore *store = arena_take(arena, sizeof *store);
    Error ignored = { 0 };

    store->arena = arena;
    if (ret->count < SECONDARY_STORES_MAX && read_store(realm, path, store, &ignored))
        ret->items[ret->count++] = store;
    else
        free_store(store);
}

void secondary_store_list(const Realm *realm, int deploy_ms, SecondaryStores *ret)
{
    AUTO_TEXT *folder = folder_of(realm);
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, ends_in_xml, alphasort);

    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);

        if (is_deployed(path, deploy_ms))
            take_store(realm, path, ret);
        free(entries[i]);
    }
    free(entries);
}

void secondary_store_list_free(SecondaryStores *stores)
{
    for (size_t i = 0; i < stores->count; i++)
        free_store(stores->items[i]);
    stores->count = 0;
}

const SecondaryStore *secondary_store_find(const SecondaryStores *stores, const char *domain)
{
    for (size_t i = 0; i < stores->count; i++)
        if (!stores->items[i]->disabled && strcasecmp(stores->items[i]->domain, domain) == 0)
            return stores->items[i];
    return NULL;
}
