#pragma once

/*
 * What the newest rehearsal of an inventory measured, for the eyes beside what is planned and what
 * is done. Made from the journal alone: a rehearsal is a run like any other.
 *
 * Owns: a Rehearsal is freed by rehearsal_free(). Where one may be NULL, there was none: nothing is
 * known then. Errors: those of the journal.
 */

#include "coordinator/preflight.h"
#include "coordinator/report.h"

#define REHEARSAL_UNKNOWN   ((Millis)-1)
#define REHEARSAL_SIZE_FACT "~data-bytes" /* of a database, in the plan of a rehearsal */

struct Rehearsal {
    JournalRun found;
    Plan *plan;
    Report report;
    char failed_since[RUN_ID_MAX_BYTES]; /* a later rehearsal that failed; "": none did */
};

/* The newest rehearsal of the plan's inventory that passed; *ret is NULL for none, and for the plan
 * of a rehearsal. */
bool rehearsal_find(Journal *journal, const Plan *plan, Rehearsal **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void rehearsal_free(Rehearsal *rehearsal);

/* How long the same took on the scratch database; REHEARSAL_UNKNOWN: it was not rehearsed. */
Millis rehearsal_step_ms(const Rehearsal *rehearsal, const PlanStep *step)
    __attribute__((nonnull(2)));
/* It took, or takes already, more than twice as long and at least 10 s longer. */
bool rehearsal_is_exceeded(Millis rehearsed, Millis took);
/*
 * The longest chain of what was rehearsed, from the first stop until all new servers are healthy.
 * Copying is taken to last as long as restoring and reading back did; stopping and starting servers
 * counts nothing.
 */
Millis rehearsal_downtime_ms(const Rehearsal *rehearsal, const Plan *plan) __attribute__((nonnull));
/* Why the numbers may not hold: a fact per reason, named by its database. `now` may be NULL. */
void rehearsal_doubts(const Rehearsal *rehearsal, const Plan *plan, const Preflight *now,
    Facts *ret) __attribute__((nonnull(1, 2, 4)));

/* " (rehearsed: 1.5 s)" and whether that is exceeded by `took`; nothing where nothing is known. */
void rehearsal_print_beside(Millis rehearsed, Millis took, FILE *stream) __attribute__((nonnull));
/* "rehearsed by run …", the expected downtime, the doubts. */
void rehearsal_print_summary(const Rehearsal *rehearsal, const Plan *plan, const Preflight *now,
    FILE *stream) __attribute__((nonnull(1, 2, 4)));
/* "rehearsal":{…} or "rehearsal":null */
void rehearsal_print_summary_json(const Rehearsal *rehearsal, const Plan *plan,
    const Preflight *now, FILE *stream) __attribute__((nonnull(2, 4)));
/* "rehearsed_ms":1500,"exceeds_rehearsal":false */
void rehearsal_print_beside_json(Millis rehearsed, Millis took, FILE *stream)
    __attribute__((nonnull));

/* "PASSED", "FAILED", or that it has not ended. */
const char *rehearsal_verdict(const Report *report) __attribute__((nonnull));
/* The table of a rehearsal: what each step took and found, the way back, the verdict. */
void rehearsal_text(const Report *report, FILE *stream) __attribute__((nonnull));

DEFINE_AUTO(Rehearsal, rehearsal_free)
