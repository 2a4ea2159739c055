#pragma once

/* Making one entry in a folder of the target; tree.c alone includes this. */

#include <sys/stat.h>

#include "common/base/error.h"

/* The name under which an entry is made before it gets its own. */
#define TREE_PART ".dss-upgrade.part"

/* A place in the target; `path` is for messages. */
typedef struct TreePlace {
    int folder;
    const char *name;
    const char *path;
} TreePlace;

/* Opens TREE_PART for writing, a new file. */
bool tree_place_begin(const TreePlace *place, int *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Mode, owner and times of `like` for the file or folder `fd`. */
bool tree_place_dress(const TreePlace *place, int fd, const struct stat *like, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* TREE_PART becomes the entry, whatever was there. */
bool tree_place_finish(const TreePlace *place, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool tree_place_folder(const TreePlace *place, int *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool tree_place_link(const TreePlace *place, const char *target, const struct stat *like,
    Error *error) __attribute__((nonnull, warn_unused_result));
bool tree_place_pipe(const TreePlace *place, const struct stat *like, Error *error)
    __attribute__((nonnull, warn_unused_result));
