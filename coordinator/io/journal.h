#pragma once

/*
 * The journal: every event of every run of one cluster, in SQLite, and the audit log itself.
 *
 * Rows are chained: hash = SHA-256 over the previous hash and the canonical text of the row; each
 * hash is signed (Ed25519) with the coordinator's audit key when it is written. journal_append()
 * returns only when the row is on the disk (WAL, synchronous=FULL). A journal is opened by one
 * process at a time: the lock names its holder.
 *
 * Errors: ERROR_IO the disk (exit 10), ERROR_CORRUPT the chain or a signature (the text names the
 * first bad serial and what is wrong), ERROR_PRECONDITION another coordinator holds it (its pid,
 * host and since when; exit 8).
 */

#include "common/base/cleanup.h"
#include "coordinator/core/event.h"

typedef struct Journal Journal;

typedef struct JournalRun {
    char id[RUN_ID_MAX_BYTES];
    char cluster[NAME_MAX_BYTES];
    char plan_sha256[DIGEST_HEX_BYTES];
    int64_t started_ms;
    uint64_t events;
} JournalRun;

/* `directory`: of the coordinator's state; the key is audit.key in it, made at the first opening
 * (mode 600), its public half audit.pub beside it. */
bool journal_open(const char *directory, Journal **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Without the lock, for status, report and audit beside a running coordinator. ERROR_INVALID when
 * there never was a journal in that folder. */
bool journal_open_to_read(const char *directory, Journal **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void journal_close(Journal *journal);

/* Makes a run with the bytes of its plan; the first event is the caller's. */
bool journal_new_run(Journal *journal, const char *run, const char *cluster, const char *plan,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* The newest run of the cluster (NULL: of any); false with ERROR_INVALID when there is none. */
bool journal_last_run(Journal *journal, const char *cluster, JournalRun *ret, Error *error)
    __attribute__((nonnull(1, 3, 4), warn_unused_result));
bool journal_find_run(Journal *journal, const char *run, JournalRun *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* All runs of the cluster, the newest first; the caller frees *ret. */
bool journal_runs(Journal *journal, const char *cluster, JournalRun **ret, size_t *ret_count,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* The caller frees. */
bool journal_plan(Journal *journal, const char *run, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Durable when it returns true. Fills event->time_ms; event->serial must be the run's next. */
bool journal_append(Journal *journal, const char *run, Event *event, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Calls `take` for every event of the run in order. */
bool journal_read(Journal *journal, const char *run,
    bool (*take)(void *self, const Event *event, Error *error), void *self, Error *error)
    __attribute__((nonnull(1, 2, 3, 5), warn_unused_result));
/* Hash of the newest row of the whole journal, hex; 64 zeros when empty. */
bool journal_head(Journal *journal, char ret[DIGEST_HEX_BYTES], Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Raised by one and stored durably at each call: the epoch of a coordinator that takes the lead. */
bool journal_next_epoch(Journal *journal, uint64_t *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Reads everything from the first row: chain, signatures, serials. Needs only journal and public
 * key (PEM file). *ret_rows: how many rows were found good. */
bool journal_verify(const char *directory, const char *public_key_file, uint64_t *ret_rows,
    Error *error) __attribute__((nonnull, warn_unused_result));

typedef enum AuditFormat {
    AUDIT_TEXT,
    AUDIT_JSON_LINES,
    AUDIT_CSV,
    AUDIT_SYSLOG, /* RFC 5424 */
} AuditFormat;

/* Writes the whole journal, or one run's part (`run` not NULL), to `stream`. */
bool journal_export(Journal *journal, const char *run, AuditFormat format, FILE *stream,
    Error *error) __attribute__((nonnull(1, 4, 5), warn_unused_result));

DEFINE_AUTO(Journal, journal_close)
