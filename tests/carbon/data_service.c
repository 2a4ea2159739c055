#include "tests/carbon/data_service.h"

#include <dirent.h>
#include <fnmatch.h>

#include "tests/carbon/realm.h"
#include "tests/carbon/xml_file.h"

#define FOLDERS_DEEP 8

typedef struct Scan {
    Arena *arena;
    const Home *home;
    DataServices *found;
} Scan;

/* The Carbon data source that no configuration file defines; NULL: none is missing. */
static const char *missing_datasource(const Scan *scan, xmlNode *root)
{
    for (xmlNode *config = xml_child(root, "config"); config; config = xml_next(config)) {
        const char *name =
            xml_text(scan->arena, xml_named(config, "property", "carbon_datasource_name"));

        if (name && !datasource_named(&scan->home->datasources, name))
            return name;
    }
    return NULL;
}

static void take_file(const Scan *scan, const char *path, const char *file)
{
    DataService *service = &scan->found->items[scan->found->count];
    AUTO(xmlDoc) *document = NULL;
    Error error = { 0 };
    const char *missing;
    xmlChar *name;

    if (scan->found->count == DATA_SERVICES_MAX)
        return;
    scan->found->count++;
    *service = (DataService){ .name = arena_text(scan->arena, file) };
    service->file = service->name;
    if (!xml_file_read(path, &document, &error)) {
        service->fault = "DS Fault Message: Error in parsing the data service";
    } else {
        name = xmlGetNoNsProp(xmlDocGetRootElement(document), (const xmlChar *)"name");
        if (name)
            service->name = arena_text(scan->arena, (const char *)name);
        xmlFree(name);
        missing = missing_datasource(scan, xmlDocGetRootElement(document));
        if (missing) {
            AUTO_TEXT *text = memory_format("DS Fault Message: Data source not found: %s", missing);

            service->fault = arena_text(scan->arena, text);
        }
    }
    scan->found->faulty += service->fault != NULL;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Bounded in depth by FOLDERS_DEEP. */
static void scan_folder(const Scan *scan, const char *folder, int depth)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);

    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);

        if (entries[i]->d_type == DT_DIR && depth < FOLDERS_DEEP)
            scan_folder(scan, path, depth + 1);
        else if (fnmatch("*.dbs", entries[i]->d_name, 0) == 0)
            take_file(scan, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void data_service_scan(Arena *arena, const Home *home, const char *tenant, DataServices *ret)
{
    bool super = strcmp(tenant, REALM_SUPER_TENANT) == 0;
    AUTO_TEXT *folder =
        super ? memory_format("%s/repository/deployment/server/dataservices", home->path)
              : memory_format("%s/repository/tenants/%s/dataservices", home->path, tenant);
    Scan scan = { .arena = arena, .home = home, .found = ret };

    *ret = (DataServices){ 0 };
    scan_folder(&scan, folder, 0);
}
