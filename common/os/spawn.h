#pragma once

/* posix_spawn() as process.c needs it; nobody else includes this. */

#include "common/os/process.h"

typedef enum SpawnGroup {
    SPAWN_GROUP,   /* a process group of its own in our session */
    SPAWN_SESSION, /* a session of its own */
} SpawnGroup;

/* `files`: descriptors above 2 that become 0, 1, 2; a negative one: /dev/null. */
bool spawn_program(const ProcessOrder *order, const int files[3], SpawnGroup group, pid_t *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));

/* open(), above 2 and closed on exec. */
bool spawn_open(const char *path, int flags, mode_t mode, int *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
