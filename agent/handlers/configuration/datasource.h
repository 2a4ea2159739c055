#pragma once

/*
 * The datasources that a home's files define.
 * Source: the format that Carbon's ndatasource component reads (facts: RDBMSConfiguration).
 *
 * Owns: Datasources owns its texts (an arena), datasources_done(); its elements are those of trees
 * that the caller keeps as they are meanwhile.
 */

#include "agent/core/profile.h"
#include "agent/handlers/configuration/xml_tree.h"

#define DATASOURCE_PATH "datasources-configuration/datasources/datasource"

typedef struct Datasource {
    const char *path; /* of its file, relative to the home */
    const XmlTree *tree;
    const XmlElement *element;
    const char *name;                              /* trimmed */
    const char *jndi;                              /* exactly as written, or NULL */
    const char *type;                              /* "RDBMS" */
    const char *url, *user, *driver, *auto_commit; /* trimmed; NULL: absent */
} Datasource;

typedef struct Datasources {
    Datasource *items;
    size_t count;
    Arena *arena;
} Datasources;

/* Where urls stand in a datasources file, from the root element. */
extern const char *const datasource_url_paths[];
extern const size_t datasource_url_path_count;

/* Whether the path is one of the datasources files of that row. */
bool datasource_path_matches(const ProfileSetting *setting, const char *path)
    __attribute__((nonnull));
void datasources_add(Datasources *list, const char *path, const XmlTree *tree)
    __attribute__((nonnull));
void datasources_done(Datasources *list) __attribute__((nonnull));
/* By jndi name, exactly; or NULL. */
const Datasource *datasources_by_jndi(const Datasources *list, const char *jndi)
    __attribute__((nonnull));

#define DATASOURCES_AUTO(name) __attribute__((cleanup(datasources_done))) Datasources name = { 0 }
