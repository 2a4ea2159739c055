#pragma once

/* What several commands print: findings, a plan, a step's state. Text for people, JSON for
 * programs. */

#include <stdio.h>

#include "coordinator/core/run.h"
#include "coordinator/rehearsal.h"

/* The bypasses that the operator gave: --bypass ID (repeated) with one --reason. */
typedef struct Bypasses {
    const char *ids[16];
    size_t count;
    const char *reason;
} Bypasses;

typedef struct FindingCount {
    unsigned pass, warn, fail, bypassed;
    bool trust; /* a FAIL is about certificates */
} FindingCount;

bool bypasses_have(const Bypasses *bypasses, const char *id) __attribute__((nonnull));
/* JSON always has all. */
typedef enum FindingDetail {
    FINDINGS_ALL,
    FINDINGS_NOTABLE, /* without what has passed */
} FindingDetail;

FindingCount render_findings_text(const Preflight *preflight, const Bypasses *bypasses,
    FindingDetail detail, FILE *stream) __attribute__((nonnull));
FindingCount render_findings_json(
    const Preflight *preflight, const Bypasses *bypasses, FILE *stream) __attribute__((nonnull));

/* A plan, and what was measured when its inventory was rehearsed; `now` is what was just seen. */
typedef struct PlanView {
    const Plan *plan;
    const char *sha256;
    const Rehearsal *rehearsal; /* NULL: there was none */
    const Preflight *now;
} PlanView;

void render_plan_text(const PlanView *view, FILE *stream) __attribute__((nonnull));
void render_plan_json(const PlanView *view, FILE *stream) __attribute__((nonnull));
