#pragma once

/*
 * The command line of Java, as bin/wso2server.sh makes it: options, -Dname=value properties, the
 * main class, its arguments. Borrows argv.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct JavaOptions {
    bool asks_version;      /* java -version */
    const char *main_class; /* NULL: none */
    char *const *options;   /* those before the main class */
    size_t option_count;
} JavaOptions;

void java_options_read(int argc, char *const *argv, JavaOptions *ret) __attribute__((nonnull));
/* The last -Dname=value wins, as in Java; NULL: not set. */
const char *java_options_property(const JavaOptions *options, const char *name)
    __attribute__((nonnull));
