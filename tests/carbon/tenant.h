#pragma once

/*
 * Tenants: rows of UM_TENANT, each with a realm of its own and a folder repository/tenants/<id>.
 * The super tenant has no row; its id is -1234, its domain carbon.super.
 *
 * Errors: ERROR_INVALID for what the caller may be told, ERROR_DATABASE.
 */

#include "tests/carbon/realm.h"

#define TENANT_SUPER_DOMAIN "carbon.super"

typedef struct Tenant {
    char id[USER_STORE_ID_BYTES]; /* empty: unknown */
    bool active;
    char domain[256], email[256];
} Tenant;

typedef struct TenantOrder {
    const char *domain, *admin, *password, *email;
} TenantOrder;

/* `ret->id` is empty when there is no such tenant. */
bool tenant_find(Session *session, const char *domain, Tenant *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool tenant_add(const Home *home, Session *session, const TenantOrder *order, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool tenant_set_active(Session *session, const char *domain, const char *zero_or_one, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Rows of domain, id, active (1 or 0), e-mail address. */
bool tenant_list(Session *session, SessionRows **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
