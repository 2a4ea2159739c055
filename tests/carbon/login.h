#pragma once

/*
 * Who calls: a user of a tenant, known by name and password or by the cookie of an earlier login.
 *
 * Owns: nothing on the heap. Errors: ERROR_REFUSED for a wrong name, password or missing
 * permission; others as they come from the database.
 */

#include "common/base/error.h"
#include "tests/carbon/user_store.h"

struct Server;

#define LOGIN_NAME_BYTES   256
#define LOGIN_COOKIE_BYTES 33
#define LOGINS_MAX         64

typedef struct Login {
    char cookie[LOGIN_COOKIE_BYTES]; /* empty: none, Basic authentication */
    char user[LOGIN_NAME_BYTES];     /* without tenant and store: "ann" */
    char store[LOGIN_NAME_BYTES];    /* of which the user is: "PRIMARY" */
    char domain[LOGIN_NAME_BYTES];   /* of the tenant: "carbon.super" */
    char tenant[USER_STORE_ID_BYTES];
} Login;

/* The sessions that were logged in; the oldest gives way. */
typedef struct Logins {
    Login items[LOGINS_MAX];
    size_t next;
} Logins;

/* `name` is user, store/user, user@tenant or store/user@tenant. */
bool login_check(struct Server *server, const char *name, const char *password, Login *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Remembers it under a new cookie, which is written to `login`. */
void login_remember(Logins *logins, Login *login) __attribute__((nonnull));
const Login *login_find(const Logins *logins, const char *cookie) __attribute__((nonnull));
void login_forget(Logins *logins, const char *cookie) __attribute__((nonnull));
