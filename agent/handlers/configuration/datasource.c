#include "agent/handlers/configuration/datasource.h"

#include <fnmatch.h>

#define CONFIGURATION "definition/configuration"
#define IN_FILE       DATASOURCE_PATH "/" CONFIGURATION

const char *const datasource_url_paths[] = {
    IN_FILE "/url",
    IN_FILE "/dataSourceProps/property[@name='url']",
    IN_FILE "/dataSourceProps/property[@name='URL']",
};
const size_t datasource_url_path_count =
    sizeof(datasource_url_paths) / sizeof(datasource_url_paths[0]);

/* The first of these that is there is the value. */
static const char *const url_places[] = { CONFIGURATION "/url",
    CONFIGURATION "/dataSourceProps/property[@name='url']",
    CONFIGURATION "/dataSourceProps/property[@name='URL']", NULL };
static const char *const user_places[] = { CONFIGURATION "/username",
    CONFIGURATION "/dataSourceProps/property[@name='user']", NULL };
static const char *const driver_places[] = { CONFIGURATION "/driverClassName",
    CONFIGURATION "/dataSourceClassName", NULL };
static const char *const auto_commit_places[] = { CONFIGURATION "/defaultAutoCommit", NULL };

bool datasource_path_matches(const ProfileSetting *setting, const char *path)
{
    return strcmp(setting->file, path) == 0 ||
           (setting->value && fnmatch(setting->value, path, FNM_PATHNAME | FNM_PERIOD) == 0);
}

static const char *first_of(
    Arena *arena, const XmlTree *tree, const XmlElement *element, const char *const places[])
{
    for (size_t i = 0; places[i]; i++) {
        AUTO_TEXT *text = xml_text_at(tree, element, places[i]);
        AUTO_TEXT *trimmed = text ? xml_trimmed(text) : NULL;

        if (trimmed)
            return arena_text(arena, trimmed);
    }
    return NULL;
}

static Datasource read_datasource(
    Arena *arena, const char *path, const XmlTree *tree, const XmlElement *element)
{
    static const char *const name_place[] = { "name", NULL };
    AUTO_TEXT *jndi = xml_text_at(tree, element, "jndiConfig/name");
    const XmlElement *definition = xml_find(tree, element, "definition");
    AUTO_TEXT *type = definition ? xml_attribute_text(tree, definition, "type") : NULL;
    const char *name = first_of(arena, tree, element, name_place);

    return (Datasource){ .path = arena_text(arena, path),
        .tree = tree,
        .element = element,
        .name = name ? name : "(without a name)",
        .jndi = jndi ? arena_text(arena, jndi) : NULL,
        .type = arena_text(arena, type ? type : ""),
        .url = first_of(arena, tree, element, url_places),
        .user = first_of(arena, tree, element, user_places),
        .driver = first_of(arena, tree, element, driver_places),
        .auto_commit = first_of(arena, tree, element, auto_commit_places) };
}

void datasources_add(Datasources *list, const char *path, const XmlTree *tree)
{
    size_t position = 0;
    const XmlElement *element;

    if (!list->arena)
        list->arena = arena_new();
    while ((element = xml_each(tree, NULL, DATASOURCE_PATH, &position))) {
        list->items = memory_grow(list->items, (list->count + 1) * sizeof(Datasource));
        list->items[list->count++] = read_datasource(list->arena, path, tree, element);
    }
}

void datasources_done(Datasources *list)
{
    free(list->items);
    arena_free(list->arena);
    *list = (Datasources){ 0 };
}

const Datasource *datasources_by_jndi(const Datasources *list, const char *jndi)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].jndi && strcmp(list->items[i].jndi, jndi) == 0)
            return &list->items[i];
    return NULL;
}
