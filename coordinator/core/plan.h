#pragma once

/*
 * What will be done, in which order, pinned to what it was made from: a directed graph of steps.
 * A step waits for all steps that it names; what does not wait for each other runs in parallel.
 *
 * A document: built once (planner_make_plan(), plan_read()), read-only, freed in one call.
 */

#include "coordinator/core/inventory.h"
#include "coordinator/core/step_table.h"

typedef struct PlanStep {
    StepKind kind;
    const char *target;        /* node, database, or the cluster's name */
    const char *agent;         /* "" for gates and the line */
    const uint32_t *waits_for; /* indices of earlier steps, ascending */
    size_t wait_count;
} PlanStep;

/* A fact that has to be the same when the plan is applied. */
typedef struct PlanFact {
    const char *target; /* node or database */
    const char *name, *value;
} PlanFact;

typedef struct Plan {
    const char *cluster;
    Strategy strategy;
    const char *inventory_path;
    const char *inventory_text; /* the whole file: a plan stands alone */
    char inventory_sha256[DIGEST_HEX_BYTES];
    const PlanStep *steps; /* step i has number i + 1 for people and in commands */
    size_t step_count;
    const PlanFact *facts;
    size_t fact_count;
    Arena *arena;
} Plan;

void plan_free(Plan *plan);
/* ERROR_CORRUPT when a step waits for itself or a later one, or for nobody that is there. */
bool plan_check(const Plan *plan, Error *error) __attribute__((nonnull, warn_unused_result));
/* "stop-server node2": what the operator types and reads. The caller frees. */
char *plan_step_label(const Plan *plan, size_t step) __attribute__((nonnull, returns_nonnull));

DEFINE_AUTO(Plan, plan_free)
