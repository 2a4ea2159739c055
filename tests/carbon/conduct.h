#pragma once

/*
 * How the server is to behave: lines of key=value in HOME/standin.conf, or -Dstandin.key=value on
 * the command line, which wins. The keys stand in README.md. Without either it behaves well.
 */

#include <stdbool.h>

#include "common/base/millis.h"
#include "tests/carbon/java_options.h"

#define CONDUCT_VALUE_MAX 200 /* bytes */

typedef struct Conduct {
    const JavaOptions *options;
    char *text; /* of the file; freed by conduct_done() */
} Conduct;

void conduct_read(const char *home, const JavaOptions *options, Conduct *ret)
    __attribute__((nonnull));
void conduct_done(Conduct *conduct) __attribute__((nonnull));

/* The value of `key` copied to `ret`; false: nowhere set. */
bool conduct_value(const Conduct *conduct, const char *key, char ret[CONDUCT_VALUE_MAX])
    __attribute__((nonnull));
/* "yes" or "true". */
bool conduct_is(const Conduct *conduct, const char *key) __attribute__((nonnull));
Millis conduct_millis(const Conduct *conduct, const char *key, Millis otherwise)
    __attribute__((nonnull));
