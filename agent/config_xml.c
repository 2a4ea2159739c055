#include "agent/config_xml.h"

#include <arpa/inet.h>
#include <assert.h>

#include "common/base/text.h"
#include "common/xml/xml_document.h"

#define CONFIG_MAX_BYTES (1024 * 1024)

extern const char agent_xsd[];

typedef struct Loader {
    const char *path;
    const char *folder; /* of the file, absolute */
    Arena *arena;
} Loader;

typedef enum PathRule {
    PATH_PLAIN,
    PATH_NO_BLANKS,
} PathRule;

typedef struct Field {
    const char *attribute;
    size_t offset; /* of a const char * in the struct */
    PathRule rule;
} Field;

static const Field tls_paths[] = {
    { "ca", offsetof(AgentConfig, ca_file), PATH_PLAIN },
    { "certificate", offsetof(AgentConfig, certificate_file), PATH_PLAIN },
    { "key", offsetof(AgentConfig, key_file), PATH_PLAIN },
    { "crl", offsetof(AgentConfig, crl_file), PATH_PLAIN },
    { .attribute = NULL },
};
static const Field state_paths[] = {
    { "directory", offsetof(AgentConfig, state_directory), PATH_PLAIN },
    { .attribute = NULL },
};
static const Field backup_paths[] = {
    { "directory", offsetof(AgentConfig, backup_directory), PATH_PLAIN },
    { .attribute = NULL },
};
static const Field profile_paths[] = {
    { "directory", offsetof(AgentConfig, profile_directory), PATH_PLAIN },
    { .attribute = NULL },
};
static const Field node_paths[] = {
    { "old-home", offsetof(AgentNode, old_home), PATH_NO_BLANKS },
    { "new-home", offsetof(AgentNode, new_home), PATH_NO_BLANKS },
    { "old-java-home", offsetof(AgentNode, old_java_home), PATH_NO_BLANKS },
    { "new-java-home", offsetof(AgentNode, new_java_home), PATH_NO_BLANKS },
    { "admin-password-file", offsetof(AgentNode, admin_password_file), PATH_PLAIN },
    { .attribute = NULL },
};
static const Field login_paths[] = {
    { "option-file", offsetof(DatabaseLogin, option_file), PATH_PLAIN },
    { "service-file", offsetof(DatabaseLogin, service_file), PATH_PLAIN },
    { .attribute = NULL },
};

static const char *what_is_wrong(const char *path, PathRule rule)
{
    size_t length = strlen(path);

    if (path[0] != '/')
        return "is not absolute";
    if (length == 1)
        return "is the root folder";
    if (path[length - 1] == '/')
        return "ends with a slash";
    if (strstr(path, "//"))
        return "has an empty part";
    if (strstr(path, "/../") || strstr(path, "/./") || strcmp(path + length - 2, "/.") == 0 ||
        (length >= 3 && strcmp(path + length - 3, "/..") == 0))
        return "has a part '.' or '..': write it without";
    if (rule == PATH_NO_BLANKS && strpbrk(path, " \t\r\n"))
        return "has a blank in it: the servers' start script does not work there, use another "
               "folder";
    return NULL;
}

static bool load_path(
    Loader *loader, const xmlNode *node, const Field *field, void *into, Error *error)
{
    const char *given = xml_attribute(node, field->attribute, loader->arena);
    AUTO_TEXT *joined = NULL;
    const char *path = given, *wrong;

    if (!given)
        return true; /* the schema has refused what may not be absent */
    if (given[0] != '/') {
        joined = memory_format("%s/%s", loader->folder, given);
        path = arena_text(loader->arena, joined);
    }
    wrong = what_is_wrong(path, field->rule);
    if (wrong)
        return xml_error(loader->path, node, error, "%s=\"%s\" %s", field->attribute, path, wrong);
    memcpy((char *)into + field->offset, &path, sizeof(path));
    return true;
}

/* `fields` end with an empty row. */
static bool load_paths(
    Loader *loader, const xmlNode *node, const Field *fields, void *into, Error *error)
{
    for (const Field *field = fields; field->attribute; field++)
        if (!load_path(loader, node, field, into, error))
            return false;
    return true;
}

/* An element that the schema makes sure of. */
static const xmlNode *only(const xmlNode *parent, const char *name)
{
    const xmlNode *node = xml_child(parent, name);

    assert(node);
    return node;
}

static bool is_numeric(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

static bool load_listen(Loader *loader, const xmlNode *node, AgentConfig *config, Error *error)
{
    unsigned long long port = 0;

    config->listen_address = xml_attribute(node, "address", loader->arena);
    if (!is_numeric(config->listen_address))
        return xml_error(loader->path, node, error,
            "address=\"%s\" is not a numeric address: write 0.0.0.0 for all",
            config->listen_address);
    if (!text_to_number(xml_attribute(node, "port", loader->arena), 65535, &port))
        return xml_error(loader->path, node, error, "port is not a plain number");
    config->listen_port = (unsigned)port;
    return true;
}

static bool is_within(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* A home is removed, copied and hashed as a whole: nothing else may lie in it. */
static bool homes_are_apart(const Loader *loader, const xmlNode *node, const AgentConfig *config,
    const AgentNode *loaded, Error *error)
{
    const char *homes[] = { loaded->old_home, loaded->new_home };
    const char *others[] = { config->state_directory, config->backup_directory };

    if (is_within(homes[0], homes[1]) || is_within(homes[1], homes[0]))
        return xml_error(loader->path, node, error,
            "old-home \"%s\" and new-home \"%s\" lie in each other", homes[0], homes[1]);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++)
            if (is_within(others[k], homes[i]))
                return xml_error(loader->path, node, error,
                    "\"%s\" of state or backup lies in the home \"%s\"", others[k], homes[i]);
    return true;
}

static bool load_node(Loader *loader, const xmlNode *node, AgentConfig *config, Error *error)
{
    AgentNode loaded = {
        .name = xml_attribute(node, "name", loader->arena),
        .user = xml_attribute(node, "user", loader->arena),
        .admin_user = xml_attribute(node, "admin-user", loader->arena),
        .address = xml_attribute(node, "address", loader->arena),
    };
    AgentNode *nodes;

    if (!load_paths(loader, node, node_paths, &loaded, error))
        return false;
    if (!loaded.address)
        loaded.address = "127.0.0.1";
    if (!is_numeric(loaded.address))
        return xml_error(
            loader->path, node, error, "address=\"%s\" is not a numeric address", loaded.address);
    if (agent_config_node(config, loaded.name))
        return xml_error(loader->path, node, error, "a second node has the name '%s'", loaded.name);
    if (!homes_are_apart(loader, node, config, &loaded, error))
        return false;
    nodes = arena_take(loader->arena, (config->node_count + 1) * sizeof(*nodes));
    if (config->node_count > 0)
        memcpy(nodes, config->nodes, config->node_count * sizeof(*nodes));
    nodes[config->node_count++] = loaded;
    config->nodes = nodes;
    return true;
}

static bool load_login(
    Loader *loader, const xmlNode *node, DatabaseType type, DatabaseLogin *ret, Error *error)
{
    ret->service = xml_attribute(node, "service", loader->arena);
    ret->database = xml_attribute(node, "database", loader->arena);
    if (!load_paths(loader, node, login_paths, ret, error))
        return false;
    if (type == DATABASE_MYSQL && (!ret->option_file || ret->service_file || ret->service))
        return xml_error(loader->path, node, error,
            "a mysql login has an option-file, and neither service-file nor service");
    if (type == DATABASE_POSTGRESQL && (ret->option_file || !ret->service_file || !ret->service))
        return xml_error(loader->path, node, error,
            "a postgresql login has a service-file and a service, and no option-file");
    return true;
}

static bool load_database(Loader *loader, const xmlNode *node, AgentConfig *config, Error *error)
{
    AgentDatabase loaded = { .name = xml_attribute(node, "name", loader->arena) };
    AgentDatabase *databases;

    loaded.type = strcmp(xml_attribute(node, "type", loader->arena), "mysql") == 0
                      ? DATABASE_MYSQL
                      : DATABASE_POSTGRESQL;
    if (agent_config_database(config, loaded.name))
        return xml_error(
            loader->path, node, error, "a second database has the name '%s'", loaded.name);
    if (!load_login(loader, only(node, "production"), loaded.type, &loaded.production, error) ||
        !load_login(loader, only(node, "staging"), loaded.type, &loaded.staging, error))
        return false;
    databases = arena_take(loader->arena, (config->database_count + 1) * sizeof(*databases));
    if (config->database_count > 0)
        memcpy(databases, config->databases, config->database_count * sizeof(*databases));
    databases[config->database_count++] = loaded;
    config->databases = databases;
    return true;
}

static bool load_targets(Loader *loader, const xmlNode *root, AgentConfig *config, Error *error)
{
    for (const xmlNode *node = xml_child(root, "node"); node; node = xml_next_alike(node))
        if (!load_node(loader, node, config, error))
            return false;
    for (const xmlNode *node = xml_child(root, "database"); node; node = xml_next_alike(node))
        if (!load_database(loader, node, config, error))
            return false;
    return true;
}

static bool load(Loader *loader, const xmlNode *root, AgentConfig *config, Error *error)
{
    config->cluster = xml_attribute(root, "cluster", loader->arena);
    config->name = xml_attribute(root, "name", loader->arena);
    return load_listen(loader, only(root, "listen"), config, error) &&
           load_paths(loader, only(root, "tls"), tls_paths, config, error) &&
           load_paths(loader, only(root, "state"), state_paths, config, error) &&
           load_paths(loader, only(root, "backup"), backup_paths, config, error) &&
           load_paths(loader, only(root, "profile"), profile_paths, config, error) &&
           load_targets(loader, root, config, error);
}

/* The file's folder without links and dots; the caller frees. */
static bool folder_of(const char *path, char **ret, Error *error)
{
    AUTO_TEXT *real = realpath(path, NULL);
    char *slash;

    if (!real)
        return error_set(error, ERROR_IO, "%s cannot be read: %m", path);
    slash = strrchr(real, '/');
    *slash = '\0'; /* "" for a file in the root folder: "/" follows */
    *ret = TAKE(real);
    return true;
}

bool agent_config_load(const char *path, AgentConfig **ret, Error *error)
{
    const XmlFormat format = {
        .what = "an agent's configuration",
        .root = "agent",
        .namespace_uri = "urn:dss-upgrade:agent:1",
        .schema = agent_xsd,
        .max_bytes = CONFIG_MAX_BYTES,
    };
    AUTO(AgentConfig) *config = memory_new(sizeof(*config));
    AUTO(xmlDoc) *document = NULL;
    AUTO_TEXT *text = NULL;
    AUTO_TEXT *folder = NULL;
    Loader loader;

    *config = (AgentConfig){ .arena = arena_new() };
    if (!folder_of(path, &folder, error) ||
        !xml_document_read(path, &format, &text, &document, error))
        return false;
    loader = (Loader){ .path = path, .folder = folder, .arena = config->arena };
    if (!load(&loader, xmlDocGetRootElement(document), config, error))
        return false;
    *ret = TAKE(config);
    return true;
}
