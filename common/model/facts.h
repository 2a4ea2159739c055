#pragma once

/*
 * An ordered list of named values: what an agent saw, what a command takes, what a step proved.
 *
 * A name may occur more than once (facts_each() walks them). A name that begins with '~' is
 * volatile (free space, clock, durations): shown, but never pinned in a plan.
 *
 * Owns: copies of all names and values, released by facts_done().
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct Fact {
    char *name;
    char *value;
} Fact;

typedef struct Facts {
    Fact *items;
    size_t count;
} Facts;

void facts_done(Facts *facts) __attribute__((nonnull));
void facts_add(Facts *facts, const char *name, const char *value) __attribute__((nonnull));
void facts_format(Facts *facts, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 2, 3)));
void facts_copy(Facts *facts, const Facts *from) __attribute__((nonnull));
/* The first value of that name, or NULL. */
const char *facts_get(const Facts *facts, const char *name) __attribute__((nonnull));
/* The first value, or `otherwise`. */
const char *facts_get_or(const Facts *facts, const char *name, const char *otherwise)
    __attribute__((nonnull(1, 2)));
/* The first value as a number, or `otherwise` when absent or not a number. */
unsigned long long facts_number(const Facts *facts, const char *name, unsigned long long otherwise)
    __attribute__((nonnull));
/* The next fact of that name at or after *position (start with 0), or NULL; moves *position. */
const Fact *facts_each(const Facts *facts, const char *name, size_t *position)
    __attribute__((nonnull));

#define FACTS_AUTO(name) __attribute__((cleanup(facts_done))) Facts name = { 0 }
