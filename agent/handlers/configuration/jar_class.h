#pragma once

/*
 * Whether a jar has a class: names of its central directory are looked at, nothing is unpacked.
 * A jar that is not a zip file has none. Source: PKWARE APPNOTE 6.3, sections 4.3.12 and 4.3.16.
 */

#include "common/base/error.h"

/* `class_name` as Java writes it: "com.mysql.jdbc.Driver". */
bool jar_has_class(const char *path, const char *class_name) __attribute__((nonnull));
/* The name of a .jar in the folder that has it, or NULL; the caller frees. */
char *jar_folder_find(const char *folder, const char *class_name) __attribute__((nonnull));
