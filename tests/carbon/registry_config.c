#include "tests/carbon/registry_config.h"

#include "tests/carbon/xml_file.h"

static bool open_file(const char *home, xmlDoc **ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/conf/registry.xml", home);

    return xml_file_read(path, ret, error);
}

static const char *attribute(Arena *arena, xmlNode *element, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(element, (const xmlChar *)name);
    const char *text = value ? arena_text(arena, (const char *)value) : "";

    xmlFree(value);
    return text;
}

bool registry_config_read(Arena *arena, const char *home, const DatasourceList *datasources,
    RegistryConfig *ret, Error *error)
{
    AUTO(xmlDoc) *document = NULL;
    xmlNode *element;

    *ret = (RegistryConfig){ 0 };
    if (!open_file(home, &document, error))
        return false;
    element = xml_child(xmlDocGetRootElement(document), "dbConfig");
    for (; element; element = xml_next(element)) {
        const char *jndi = xml_text(arena, xml_child(element, "dataSource"));

        if (ret->count == REGISTRY_CONFIGS_MAX)
            return error_set(error, ERROR_INVALID, "more than %d dbConfigs", REGISTRY_CONFIGS_MAX);
        if (!jndi)
            return error_set(error, ERROR_INVALID, "a dbConfig without dataSource");
        ret->databases[ret->count++] = (RegistryDatabase){
            .name = attribute(arena, element, "name"),
            .jndi = jndi,
            .datasource = datasource_find(datasources, jndi),
        };
    }
    return true;
}

static bool find_database(const RegistryConfig *config, const char *name, const char *user,
    const Datasource **ret, Error *error)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->databases[i].name, name) != 0)
            continue;
        *ret = config->databases[i].datasource;
        if (!*ret)
            return error_set(error, ERROR_INVALID, "%s: data source %s does not exist", user,
                config->databases[i].jndi);
        return true;
    }
    return error_set(error, ERROR_INVALID, "%s: no dbConfig is named '%s'", user, name);
}

/* A path or id may stand once: is it in an earlier sibling too? */
static bool stands_before(Arena *arena, xmlNode *first, xmlNode *element, const char *value)
{
    for (xmlNode *other = first; other != element; other = xml_next(other)) {
        const char *id = xml_text(arena, xml_child(other, "id"));

        if (strcmp(attribute(arena, other, "path"), value) == 0 || (id && strcmp(id, value) == 0))
            return true;
    }
    return false;
}

static bool instance_exists(Arena *arena, xmlNode *root, const char *wanted)
{
    xmlNode *element = xml_child(root, "remoteInstance");

    for (; element; element = xml_next(element)) {
        const char *id = xml_text(arena, xml_child(element, "id"));

        if (id && strcmp(id, wanted) == 0)
            return true;
    }
    return false;
}

static bool check_instances(Arena *arena, xmlNode *root, const RegistryConfig *config, Error *error)
{
    xmlNode *first = xml_child(root, "remoteInstance");

    for (xmlNode *element = first; element; element = xml_next(element)) {
        const char *id = xml_text(arena, xml_child(element, "id"));
        const char *name = xml_text(arena, xml_child(element, "dbConfig"));
        const Datasource *datasource;

        if (!id || stands_before(arena, first, element, id))
            return error_set(
                error, ERROR_INVALID, "remoteInstance: id '%s' is not unique", id ? id : "");
        if (name && !find_database(config, name, id, &datasource, error))
            return false;
    }
    return true;
}

static bool check_mounts(Arena *arena, xmlNode *root, Error *error)
{
    xmlNode *first = xml_child(root, "mount");

    for (xmlNode *element = first; element; element = xml_next(element)) {
        const char *path = attribute(arena, element, "path");
        const char *instance = xml_text(arena, xml_child(element, "instanceId"));

        if (stands_before(arena, first, element, path))
            return error_set(error, ERROR_INVALID, "mount: path '%s' is not unique", path);
        if (!instance || !instance_exists(arena, root, instance))
            return error_set(error, ERROR_INVALID, "mount %s: no remoteInstance has the id '%s'",
                path, instance ? instance : "");
    }
    return true;
}

bool registry_config_check(Arena *arena, const char *home, RegistryConfig *config, Error *error)
{
    AUTO(xmlDoc) *document = NULL;
    const char *current;
    xmlNode *root;

    if (!open_file(home, &document, error))
        return false;
    root = xmlDocGetRootElement(document);
    current = xml_text(arena, xml_child(root, "currentDBConfig"));
    if (!current)
        return error_set(error, ERROR_INVALID, "registry.xml has no currentDBConfig");
    return find_database(config, current, "currentDBConfig", &config->current, error) &&
           check_instances(arena, root, config, error) && check_mounts(arena, root, error);
}
