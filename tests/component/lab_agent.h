#pragma once

/*
 * An AgentIo for component tests of handlers: a ledger in memory that a child process shares, so
 * that a test can let a child die at any entry and go on in another one.
 *
 *   lab_agent_new(), then handler_run() with lab_agent_io(); or lab_agent_run_dying()
 */

#include "agent/core/handler.h"
#include "common/base/cleanup.h"

typedef struct LabAgent LabAgent;

LabAgent *lab_agent_new(const AgentConfig *config, const Profile *profile)
    __attribute__((returns_nonnull));
void lab_agent_free(LabAgent *agent);
/* `evidence` is filled by the handler. */
AgentIo lab_agent_io(LabAgent *agent, Facts *evidence) __attribute__((nonnull));

/* What the ledger knows, or NULL. */
const char *lab_agent_known(const LabAgent *agent, const char *key) __attribute__((nonnull));
void lab_agent_forget(LabAgent *agent, const char *prefix) __attribute__((nonnull));
/* How often remember() was called so far. */
unsigned lab_agent_entries(const LabAgent *agent) __attribute__((nonnull));

typedef enum DeathPlace {
    DIES_BEFORE_WRITING, /* the entry is lost */
    DIES_AFTER_WRITING,
    DIES_AT_PAUSE, /* the number counts calls of pause() instead */
} DeathPlace;

/*
 * Runs the handler in a child process that ends, as by kill -9, at the entry of that number (from
 * 1). True when it died there; false when it came to its end, which has to be a success.
 */
bool lab_agent_dies(LabAgent *agent, const Handler *handler, const Command *command, unsigned entry,
    DeathPlace place) __attribute__((nonnull));
/* Runs it here; fails the test unless it succeeds. */
ResultState lab_agent_succeeds(LabAgent *agent, const Handler *handler, const Command *command,
    Facts *evidence) __attribute__((nonnull));
/* Runs it here; fails the test unless it fails so, with the words in its text. */
void lab_agent_fails(LabAgent *agent, const Handler *handler, const Command *command,
    ErrorKind kind, const char *words) __attribute__((nonnull));

DEFINE_AUTO(LabAgent, lab_agent_free)
