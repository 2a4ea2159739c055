#pragma once

/*
 * One row of the journal: its columns, its canonical text, its place in the chain. Written and read
 * through the same functions, so that what was hashed is what is read.
 *
 *   canonical text   each column in the order of Record as LENGTH:BYTES, (a netstring); numbers in
 *                    decimal
 *   hash             SHA-256 over the 64 hex digits of the previous row's hash (zeros before the
 *                    first row) and the canonical text; hex
 *   signature        Ed25519 over the 64 hex digits of the hash
 *   evidence         name and value of each fact in turn, as netstrings
 *
 * Owns: the texts of a Record that was read belong to its statement until the next step.
 * Errors: ERROR_CORRUPT names the row.
 */

#include "common/os/signature.h"
#include "common/store/store.h"
#include "coordinator/core/event.h"

#define RECORD_RUN_MADE "run-made" /* the kind of event 0; its text is the digest of the plan */

typedef struct Record {
    int64_t serial;
    const char *run;
    int64_t event, time_ms;
    const char *actor, *host, *cluster, *kind;
    int64_t step, number; /* step: 0 for none */
    const char *error, *text, *evidence;
    const char *hash;
} Record;

/* The hash before the first row: 64 zeros. */
extern const char record_no_hash[DIGEST_HEX_BYTES];

/* In the order of RECORD_FROM: a query is RECORD_SELECT, a WHERE and an ORDER BY of r. */
#define RECORD_SELECT                                                                              \
    "SELECT r.serial, r.run, r.event, r.time_ms, r.actor, r.host, r.cluster, r.kind, r.step,"      \
    " r.number, r.error, r.text, r.evidence, r.hash, r.signature, p.hash"                          \
    " FROM record r LEFT JOIN record p ON p.serial = r.serial - 1 "

void record_hash(const Record *record, const char *previous, char ret[DIGEST_HEX_BYTES])
    __attribute__((nonnull));
/* Adds the row to the table with its hash and signature; the caller's transaction. */
bool record_insert(Store *store, const Record *record, const SignatureKey *key, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The row that a statement over RECORD_SELECT stands on; its hash is that of its content and of the
 * row before it, or ERROR_CORRUPT. */
bool record_read(Statement *row, Record *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The same, and its signature is the key's. */
bool record_verify(Statement *row, const SignatureKey *key, Record *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

bool evidence_write(const Facts *evidence, char **ret, Error *error) /* the caller frees */
    __attribute__((nonnull, warn_unused_result));
bool evidence_read(const char *text, Facts *ret) /* false: it is none */
    __attribute__((nonnull, warn_unused_result));
