#pragma once

/*
 * One preflight check's verdict, as it travels: an agent adds it to its evidence as a fact named
 * FINDING_FACT, the coordinator reads it back, shows it, and holds on a FAIL that is not bypassed.
 *
 * Owns: a parsed Finding owns one copy of the text that its fields point into; finding_done().
 */

#include "common/model/facts.h"

#define FINDING_FACT "~finding"

typedef enum FindingSeverity {
    FINDING_PASS,
    FINDING_WARN, /* the operator should know; nothing is held */
    FINDING_FAIL, /* the upgrade may not start */
    FINDING_SEVERITY_COUNT,
} FindingSeverity;

typedef struct Finding {
    const char *id; /* "STAGING-EMPTY": capitals, never renamed */
    FindingSeverity severity;
    const char *evidence; /* what was seen, both values */
    const char *remedy;   /* what to do next; "" for a pass */
    char *text;
} Finding;

void finding_add(Facts *facts, const char *id, FindingSeverity severity, const char *remedy,
    const char *evidence_format, ...) __attribute__((format(printf, 5, 6), nonnull(1, 2, 4, 5)));
/* False when `value` is not a finding. */
bool finding_parse(const char *value, Finding *ret) __attribute__((nonnull));
void finding_done(Finding *finding) __attribute__((nonnull));
const char *finding_severity_name(FindingSeverity severity); /* "pass", "warn", "FAIL" */
