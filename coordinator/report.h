#pragma once

/*
 * The verdict of one run, for the change ticket: the fourteen lines of the vendor's procedure, each
 * with its evidence, and what an auditor asks for. Made from the plan and the journal alone.
 *
 * Owns: a Report is released by report_done(). Errors: those of the journal.
 */

#include "coordinator/core/run.h"
#include "coordinator/io/journal.h"

typedef struct Rehearsal Rehearsal; /* rehearsal.h */

typedef struct Report {
    const Plan *plan;
    const JournalRun *found;
    const Rehearsal *rehearsal; /* borrowed; for the caller to set, NULL: none is known */
    Run run;
    Event *last;  /* per step: its newest end, or kind EVENT_KIND_COUNT */
    Event *words; /* what operators said: confirmations, aborts, retries, skips, bypasses */
    size_t word_count;
    int64_t started_ms, ended_ms;
    int64_t down_from_ms, down_until_ms; /* 0: the servers were not stopped, or are not up again */
} Report;

bool report_make(Journal *journal, const Plan *plan, const JournalRun *found, Report *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
void report_done(Report *report) __attribute__((nonnull));
void report_text(const Report *report, FILE *stream) __attribute__((nonnull));
void report_json(const Report *report, FILE *stream) __attribute__((nonnull));
