#pragma once

/*
 * Secondary user stores: files in the userstores folder of a tenant, each with a JDBC database of
 * its own.
 *
 * Writing the file is all that the admin service does; the store is there when the hot deployer has
 * seen the file, `deploy_ms` after it was written.
 * Owns: SecondaryStore by secondary_store_free(). Errors: ERROR_INVALID.
 */

#include "tests/carbon/realm.h"

typedef struct StoreProperty {
    const char *name, *value;
} StoreProperty;

typedef struct StoreDescription {
    const char *class_name, *description, *domain;
    bool disabled;
    const StoreProperty *properties;
    size_t property_count;
} StoreDescription;

/* Writes the file of a new store; refuses a domain with '_' or one that is there already. */
bool secondary_store_write(const Realm *realm, const StoreDescription *store, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool secondary_store_remove(const Realm *realm, const char *domain, Error *error)
    __attribute__((nonnull, warn_unused_result));

typedef struct SecondaryStore {
    Arena *arena;
    const char *domain, *class_name, *description;
    bool disabled;
    Datasource datasource;
} SecondaryStore;

#define SECONDARY_STORES_MAX 32

typedef struct SecondaryStores {
    SecondaryStore *items[SECONDARY_STORES_MAX];
    size_t count;
} SecondaryStores;

/* All files of the tenant that are older than `deploy_ms`, in the order of their names. */
void secondary_store_list(const Realm *realm, int deploy_ms, SecondaryStores *ret)
    __attribute__((nonnull));
void secondary_store_list_free(SecondaryStores *stores) __attribute__((nonnull));
/* The enabled store of that name, upper or lower case; NULL: none. Borrowed. */
const SecondaryStore *secondary_store_find(const SecondaryStores *stores, const char *domain)
    __attribute__((nonnull));

#define SECONDARY_STORES_AUTO(name)                                                                \
    __attribute__((cleanup(secondary_store_list_free))) SecondaryStores name = { .count = 0 }
