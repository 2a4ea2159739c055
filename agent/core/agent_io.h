#pragma once

/*
 * What a handler gets from the world around it. Two versions exist: the worker's (SQLite behind
 * remember and recall, a pipe to the agent behind progress) and the simulation's.
 *
 * remember() is durable when it returns: a handler writes down what it is about to do before it
 * does it, and after a crash recall() tells how far it came. Keys are the handler's own, e.g.
 * "migrate/userdb/production/statements/17"; they outlive runs, so they contain what makes them
 * unique. `evidence` goes into the journal and the report, on success and on failure alike.
 */

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/millis.h"
#include "common/model/facts.h"

typedef struct AgentConfig AgentConfig;
typedef struct Profile Profile;

typedef struct AgentIo {
    void *self;
    const AgentConfig *config;
    const Profile *profile;
    Facts *evidence;
    Millis (*now)(void *self);
    /* Waits; false (ERROR_CANCELLED) when the command was cancelled meanwhile. */
    bool (*pause)(void *self, Millis duration, Error *error);
    bool (*remember)(void *self, const char *key, const char *value, Error *error);
    /* *ret is NULL when nothing is known; else the caller frees it. */
    bool (*recall)(void *self, const char *key, char **ret, Error *error);
    /* Forgets all keys that begin with `prefix`. */
    bool (*forget)(void *self, const char *prefix, Error *error);
    /* For the screen only, never relied upon: "rows of REG_LOG", 120, 5000. */
    void (*progress)(void *self, const char *what, uint64_t done, uint64_t total);
} AgentIo;
