#pragma once

/*
 * A database of the target layout beside a fresh one, as the profile declares it. What a profile
 * does not declare for a type is not compared: no difference.
 *
 * Owns: what is returned is the caller's. Errors: those of database.h.
 */

#include "agent/core/layout_form.h"
#include "agent/core/profile.h"
#include "agent/handlers/database/database.h"

#define FRESH_SHOWN 8 /* differences that a message names */

typedef enum FreshScope {
    FRESH_ALL,
    FRESH_UNCHANGED, /* tables that no migration touches: comparable before one */
} FreshScope;

typedef struct FreshDifferences {
    Facts harmful, tolerated; /* in words, as names */
    size_t compared;          /* things that a fresh database has */
} FreshDifferences;

/* As declared; empty when the profile declares none. */
bool fresh_layout_form(const Profile *profile, DatabaseType type, LayoutForm *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool fresh_layout_compare(Database *database, const Profile *profile, FreshScope scope,
    FreshDifferences *ret, Error *error) __attribute__((nonnull, warn_unused_result));
void fresh_differences_done(FreshDifferences *differences) __attribute__((nonnull));
/* The first of them with "; " between; the caller frees. */
char *fresh_differences_words(const Facts *differences) __attribute__((nonnull, returns_nonnull));

#define FRESH_DIFFERENCES_AUTO(name)                                                               \
    __attribute__((cleanup(fresh_differences_done))) FreshDifferences name = { 0 }
