#include "tests/carbon/datasource.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/carbon/xml_file.h"

#define DATASOURCES_MAX 64
#define ENDING          "-datasources.xml"
#define MASTER          "master" ENDING

typedef struct UrlForm {
    const char *scheme, *default_port;
    JdbcKind kind;
} UrlForm;

static const UrlForm url_forms[] = {
    { "jdbc:h2:", "", JDBC_H2 },
    { "jdbc:mysql://", "3306", JDBC_MYSQL },
    { "jdbc:postgresql://", "5432", JDBC_POSTGRESQL },
};

static const char *part(Arena *arena, const char *from, size_t length)
{
    AUTO_TEXT *text = memory_text_n(from, length);

    return arena_text(arena, text);
}

/* host[:port]/database[?…] */
static bool parse_network_url(
    Arena *arena, Datasource *datasource, const char *rest, const char *default_port, Error *error)
{
    size_t authority = strcspn(rest, "/");
    size_t host = strcspn(rest, ":/");

    if (rest[authority] != '/' || host == 0)
        return error_set(error, ERROR_INVALID, "Malformed URL: %s", datasource->url);
    datasource->host = part(arena, rest, host);
    datasource->port =
        host < authority ? part(arena, rest + host + 1, authority - host - 1) : default_port;
    rest += authority + 1;
    datasource->database = part(arena, rest, strcspn(rest, "?"));
    return true;
}

bool datasource_parse_url(Arena *arena, Datasource *datasource, Error *error)
{
    for (size_t i = 0; i < sizeof url_forms / sizeof *url_forms; i++) {
        const char *rest = datasource->url + strlen(url_forms[i].scheme);

        if (strncmp(datasource->url, url_forms[i].scheme, strlen(url_forms[i].scheme)) != 0)
            continue;
        datasource->kind = url_forms[i].kind;
        if (datasource->kind != JDBC_H2)
            return parse_network_url(arena, datasource, rest, url_forms[i].default_port, error);
        datasource->database = part(arena, rest, strcspn(rest, ";"));
        return true;
    }
    return error_set(error, ERROR_INVALID, "Unsupported database: %s", datasource->url);
}

static bool read_one(
    Arena *arena, xmlNode *element, const char *home, Datasource *ret, Error *error)
{
    xmlNode *configuration = xml_child(xml_child(element, "definition"), "configuration");
    const char *jndi = xml_value(arena, xml_child(element, "jndiConfig"), "name", home);

    *ret = (Datasource){
        .name = xml_value(arena, element, "name", home),
        .jndi = jndi ? jndi : "",
        .url = xml_value(arena, configuration, "url", home),
        .user = xml_value(arena, configuration, "username", home),
        .password = xml_value(arena, configuration, "password", home),
        .driver = xml_value(arena, configuration, "driverClassName", home),
    };
    if (!ret->name || !ret->url || !ret->driver)
        return error_set(error, ERROR_INVALID,
            "Error in loading RDBMS configuration: data source %s lacks name, url or "
            "driverClassName",
            ret->name ? ret->name : "without a name");
    if (!ret->user)
        ret->user = "";
    if (!ret->password)
        ret->password = "";
    return datasource_parse_url(arena, ret, error);
}

static bool read_file(
    Arena *arena, const char *home, const char *path, DatasourceList *list, Error *error)
{
    AUTO(xmlDoc) *document = NULL;
    xmlNode *element;

    if (!xml_file_read(path, &document, error))
        return false;
    element = xml_child(xml_child(xmlDocGetRootElement(document), "datasources"), "datasource");
    for (; element; element = xml_next(element)) {
        if (list->count == DATASOURCES_MAX)
            return error_set(error, ERROR_INVALID, "more than %d data sources", DATASOURCES_MAX);
        if (!read_one(arena, element, home, &list->items[list->count], error))
            return false;
        list->count++;
    }
    return true;
}

static int is_another_datasource_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name), ending = strlen(ENDING);

    return length > ending && strcmp(entry->d_name + length - ending, ENDING) == 0 &&
           strcmp(entry->d_name, MASTER) != 0;
}

bool datasource_read_all(Arena *arena, const char *home, DatasourceList *ret, Error *error)
{
    AUTO_TEXT *folder = memory_format("%s/repository/conf/datasources", home);
    AUTO_TEXT *master = memory_format("%s/" MASTER, folder);
    struct dirent **entries = NULL;
    int count;
    bool fine;

    *ret = (DatasourceList){ .items = arena_take(arena, DATASOURCES_MAX * sizeof(Datasource)) };
    if (!read_file(arena, home, master, ret, error))
        return false;
    count = scandir(folder, &entries, is_another_datasource_file, alphasort);
    fine = true;
    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);

        fine = fine && read_file(arena, home, path, ret, error);
        free(entries[i]);
    }
    free(entries);
    return fine;
}

const Datasource *datasource_find(const DatasourceList *list, const char *jndi)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].jndi, jndi) == 0)
            return &list->items[i];
    return NULL;
}

const Datasource *datasource_named(const DatasourceList *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

/* Names of entries stand uncompressed in a zip file, so that no reader of zip is needed. */
static bool file_contains(const char *path, const char *wanted)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *bytes;
    bool found;

    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0)
        return false;
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    found = memmem(bytes, (size_t)status.st_size, wanted, strlen(wanted)) != NULL;
    (void)munmap(bytes, (size_t)status.st_size); /* of a mapping that we made: cannot fail */
    return found;
}

static int is_a_jar(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".jar") == 0;
}

static bool folder_has_class(const char *folder, const char *class_file)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_a_jar, NULL);
    bool found = false;

    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);

        found = found || file_contains(path, class_file);
        free(entries[i]);
    }
    free(entries);
    return found;
}

bool datasource_has_driver(const char *home, const Datasource *datasource)
{
    AUTO_TEXT *lib = memory_format("%s/repository/components/lib", home);
    AUTO_TEXT *dropins = memory_format("%s/repository/components/dropins", home);
    AUTO_TEXT *class_file = memory_format("%s.class", datasource->driver);

    if (datasource->kind == JDBC_H2) /* its driver is part of the pack */
        return true;
    for (char *c = class_file; c < class_file + strlen(datasource->driver); c++)
        if (*c == '.')
            *c = '/';
    return folder_has_class(lib, class_file) || folder_has_class(dropins, class_file);
}
