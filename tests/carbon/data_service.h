#pragma once

/*
 * Data services: the .dbs files under a deployment folder. A file that is not XML, or that names a
 * Carbon data source that does not exist, is a faulty service.
 *
 * Owns: texts in the given arena.
 */

#include "tests/carbon/home.h"

#define DATA_SERVICES_MAX 200

typedef struct DataService {
    const char *name;
    const char *file;  /* without folders: "orders.dbs" */
    const char *fault; /* NULL: active */
} DataService;

typedef struct DataServices {
    DataService items[DATA_SERVICES_MAX];
    size_t count, faulty;
} DataServices;

/* `tenant`: id as text. In the order of paths. */
void data_service_scan(Arena *arena, const Home *home, const char *tenant, DataServices *ret)
    __attribute__((nonnull));
