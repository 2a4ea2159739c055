#pragma once

/*
 * repository/conf/registry.xml, read as strictly as Carbon does: texts are not trimmed, names and
 * ids have to match exactly, ids and mount paths are unique.
 *
 * A JNDI name that does not exist is only a warning at first (`unknown_jndi`); the registry that
 * needs it fails.
 * Owns: texts in the given arena. Errors: ERROR_INVALID.
 */

#include "tests/carbon/datasource.h"

#define REGISTRY_CONFIGS_MAX 16

typedef struct RegistryDatabase {
    const char *name; /* of the dbConfig */
    const char *jndi;
    const Datasource *datasource; /* NULL: the JNDI name is unknown */
} RegistryDatabase;

typedef struct RegistryConfig {
    RegistryDatabase databases[REGISTRY_CONFIGS_MAX];
    size_t count;
    const Datasource *current; /* that of currentDBConfig */
} RegistryConfig;

/* Takes all dbConfigs with their data sources. */
bool registry_config_read(Arena *arena, const char *home, const DatasourceList *datasources,
    RegistryConfig *ret, Error *error) __attribute__((nonnull, warn_unused_result));
/* Then: does everything that is referred to exist? */
bool registry_config_check(Arena *arena, const char *home, RegistryConfig *config, Error *error)
    __attribute__((nonnull, warn_unused_result));
