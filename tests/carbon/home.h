#pragma once

/*
 * A CARBON_HOME as its files say: which generation of Carbon, host, ports, key store.
 *
 * home_read() takes bin/ and carbon.xml; data sources, realm and registry are read in the order in
 * which the server starts (boot.c), each with its own failure.
 *
 * Owns: everything in the arena of the Home; home_free(). Errors: ERROR_INVALID.
 */

#include "common/base/error.h"
#include "common/base/memory.h"
#include "tests/carbon/datasource.h"
#include "tests/carbon/realm_config.h"
#include "tests/carbon/registry_config.h"

typedef enum CarbonGeneration {
    CARBON_4_0,
    CARBON_4_1,
    CARBON_4_2,
    CARBON_GENERATION_COUNT,
} CarbonGeneration;

typedef struct Home {
    Arena *arena;
    const char *path;
    const char *product;        /* "WSO2 Data Services Server" */
    const char *version;        /* "3.2.0" */
    const char *carbon_version; /* "4.2.0" */
    const char *server_key;     /* "DSS" */
    const char *host_name;      /* as configured, or "localhost" */
    const char *key_store;      /* path */
    unsigned offset;            /* added to every port */
    CarbonGeneration generation;
    DatasourceList datasources;
    RealmConfig realm;
    RegistryConfig registry;
} Home;

/* Always gives a Home, which has path and server_key even when reading fails. */
Home *home_new(const char *path) __attribute__((nonnull, returns_nonnull));
void home_free(Home *home);
bool home_read(Home *home, Error *error) __attribute__((nonnull, warn_unused_result));
/* True when secret-conf.properties has active lines: passwords are aliases of the secure vault. */
bool home_has_secure_vault(const Home *home) __attribute__((nonnull));

DEFINE_AUTO(Home, home_free)
