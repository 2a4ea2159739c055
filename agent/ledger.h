#pragma once

/*
 * The agent's durable memory, ledger.db in its state folder: commands and their results, the
 * highest epoch, and the handlers' notes.
 *
 *   ledger_open(), ledger_io() for the rules of obeying, ledger_remember() and its kin for the
 *   worker's AgentIo
 *
 * The agent and its workers have it open at the same time. What returned true is on the disk.
 *
 * Owns: a Ledger is freed by ledger_close(). Errors: those of common/store.
 */

#include "agent/core/obey.h"

typedef struct Ledger Ledger;

/* One command as `dss-agent status` shows it; texts live until the next one. */
typedef struct LedgerRow {
    const char *key, *target, *kind;
    uint64_t epoch;
    int64_t accepted_ms;
    int64_t finished_ms; /* 0: no result */
    ResultState state;
    const char *error_text; /* "" unless failed */
} LedgerRow;

bool ledger_open(const char *state_directory, Ledger **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool ledger_open_to_read(const char *state_directory, Ledger **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void ledger_close(Ledger *ledger);

/* Lives as long as the ledger. */
AgentLedgerIo ledger_io(Ledger *ledger) __attribute__((nonnull));

bool ledger_remember(Ledger *ledger, const char *key, const char *value, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* *ret is NULL when nothing is known; else the caller frees it. */
bool ledger_recall(Ledger *ledger, const char *key, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Forgets all keys that begin with `prefix`. */
bool ledger_forget(Ledger *ledger, const char *prefix, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* The newest `limit` commands, newest first. */
bool ledger_each(Ledger *ledger, unsigned limit,
    bool (*take)(void *self, const LedgerRow *row, Error *error), void *self, Error *error)
    __attribute__((nonnull(1, 3, 5), warn_unused_result));

DEFINE_AUTO(Ledger, ledger_close)
