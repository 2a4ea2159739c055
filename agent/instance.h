#pragma once

/*
 * One agent per state folder: a lock that dies with its process. agent.lock says whose it is.
 *
 * Errors: ERROR_PRECONDITION another agent holds it (its pid); ERROR_IO the folder.
 */

#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"

typedef struct InstanceHolder {
    pid_t process;      /* 0: nobody */
    int64_t started_ms; /* wall clock */
} InstanceHolder;

/* Held until the descriptor is closed. */
bool instance_take(const char *state_directory, int *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool instance_holder(const char *state_directory, InstanceHolder *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
