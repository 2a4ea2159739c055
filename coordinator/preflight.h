#pragma once

/*
 * Looks at everything before anything is touched: asks all agents about all nodes and databases,
 * in parallel, and gathers findings and facts. Used by check, plan, apply and config diff.
 *
 * Owns: a Preflight is released by preflight_done(). Errors: only what keeps it from looking at
 * all; what it sees goes into the findings.
 */

#include "common/model/finding.h"
#include "coordinator/core/plan.h"
#include "coordinator/io/fleet.h"

typedef struct PreflightTarget {
    char name[NAME_MAX_BYTES]; /* node, database or agent */
    char agent[NAME_MAX_BYTES];
    CommandKind kind;
    bool answered;
    CommandResult result; /* its evidence holds facts and findings */
} PreflightTarget;

typedef struct Preflight {
    const Inventory *inventory;
    PreflightTarget *targets;
    size_t target_count;
    Facts agent_findings; /* findings about agents and scripts, made here */
    char **scripts;       /* the operator's script per database, or NULLs */
} Preflight;

typedef enum PreflightScope {
    PREFLIGHT_INSPECT, /* nodes and databases */
    PREFLIGHT_PREVIEW, /* what would be changed in the configuration of the new homes */
} PreflightScope;

/* ERROR_CANCELLED when a signal came meanwhile. */
bool preflight_run(Fleet *fleet, const Inventory *inventory, PreflightScope scope, Preflight *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
void preflight_done(Preflight *preflight) __attribute__((nonnull));

/* Reads the operator's scripts that the inventory names; a digest that differs is ERROR_OUTDATED.
 */
bool preflight_read_scripts(const Inventory *inventory, char ***ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Calls `take` for each finding, in a fixed order; `where` is the node, database or agent. */
void preflight_each_finding(const Preflight *preflight,
    void (*take)(void *self, const char *where, const Finding *finding), void *self)
    __attribute__((nonnull(1, 2)));

/* A value of the target's evidence, volatile or not; NULL when it is not there. */
const char *preflight_value(const Preflight *preflight, const char *target, const char *name)
    __attribute__((nonnull));

/* What a plan pins: all facts that are not volatile, and the agents' profiles; for `plan`'s arena.
 */
void preflight_pin(const Preflight *preflight, const Fleet *fleet, Plan *plan)
    __attribute__((nonnull));
/* ERROR_OUTDATED names the first pinned fact that is another one now, with both values. */
bool preflight_matches(const Preflight *preflight, const Fleet *fleet, const Plan *plan,
    Error *error) __attribute__((nonnull, warn_unused_result));

#define PREFLIGHT_AUTO(name) __attribute__((cleanup(preflight_done))) Preflight name = { 0 }
