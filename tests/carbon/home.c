#include "tests/carbon/home.h"

#include <unistd.h>

#include "common/base/text.h"
#include "tests/carbon/xml_file.h"

#define LINE_MAX_BYTES 256
#define CARBON_MARK    "WSO2 Carbon Framework v"

Home *home_new(const char *path)
{
    Arena *arena = arena_new();
    Home *home = arena_take(arena, sizeof *home);

    *home = (Home){
        .arena = arena,
        .path = arena_text(arena, path),
        .server_key = "Carbon",
        .host_name = "localhost",
    };
    return home;
}

void home_free(Home *home)
{
    if (home)
        arena_free(home->arena);
}

static const char *first_line(Home *home, const char *file)
{
    AUTO_TEXT *path = memory_format("%s/%s", home->path, file);
    FILE *stream = fopen(path, "re");
    char line[LINE_MAX_BYTES];
    bool read = stream && fgets(line, sizeof line, stream);

    if (stream)
        (void)fclose(stream); /* only read from */
    if (!read)
        return "";
    line[strcspn(line, "\r\n")] = '\0';
    return arena_text(home->arena, line);
}

static bool read_generation(Home *home, Error *error)
{
    static const char *const generations[CARBON_GENERATION_COUNT] = { "4.0", "4.1", "4.2" };
    const char *line = first_line(home, "bin/wso2carbon-version.txt");

    home->carbon_version =
        strncmp(line, CARBON_MARK, strlen(CARBON_MARK)) == 0 ? line + strlen(CARBON_MARK) : line;
    for (CarbonGeneration g = CARBON_4_0; g < CARBON_GENERATION_COUNT; g++) {
        if (strncmp(home->carbon_version, generations[g], strlen(generations[g])) == 0) {
            home->generation = g;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "Carbon version '%s' is not played here", line);
}

bool home_read(Home *home, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/conf/carbon.xml", home->path);
    AUTO(xmlDoc) *document = NULL;
    xmlNode *server, *store;
    const char *value;
    unsigned long long offset = 0;

    if (!read_generation(home, error) || !xml_file_read(path, &document, error))
        return false;
    server = xmlDocGetRootElement(document);
    store = xml_child(xml_child(server, "Security"), "KeyStore");
    value = xml_value(home->arena, server, "ServerKey", home->path);
    home->server_key = value ? value : home->server_key;
    home->product = xml_value(home->arena, server, "Name", home->path);
    home->version = xml_value(home->arena, server, "Version", home->path);
    value = xml_value(home->arena, server, "HostName", home->path);
    home->host_name = value ? value : home->host_name;
    home->key_store = xml_value(home->arena, store, "Location", home->path);
    value = xml_value(home->arena, xml_child(server, "Ports"), "Offset", home->path);
    if (value && !text_to_number(value, 50000, &offset))
        return error_set(error, ERROR_INVALID, "invalid port offset '%s' in carbon.xml", value);
    home->offset = (unsigned)offset;
    if (!home->product || !home->version || !home->key_store)
        return error_set(error, ERROR_INVALID, "%s lacks Name, Version or KeyStore", path);
    if (access(home->key_store, R_OK) != 0)
        return error_set(error, ERROR_INVALID, "Keystore %s cannot be read", home->key_store);
    return true;
}

bool home_has_secure_vault(const Home *home)
{
    AUTO_TEXT *path =
        memory_format("%s/repository/conf/security/secret-conf.properties", home->path);
    FILE *stream = fopen(path, "re");
    char line[LINE_MAX_BYTES];
    bool active = false;

    if (!stream)
        return false;
    while (!active && fgets(line, sizeof line, stream)) {
        const char *start = line + strspn(line, " \t\r\n");

        active = *start != '\0' && *start != '#';
    }
    (void)fclose(stream); /* only read from */
    return active;
}
