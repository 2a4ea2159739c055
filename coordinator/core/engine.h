#pragma once

/*
 * The engine: decide, write, act, collect. Pure but for CoordinatorIo, so the simulation runs this
 * very code.
 *
 *   engine_init(); fold the journal's events with engine_replay(); engine_lead(epoch);
 *   then for ever: engine_advance() until it waits; hand in what comes: engine_on_result(),
 *   engine_on_agent_up(); the operator's words: engine_request().
 *
 * There is no other start-up path than this one. Errors of append end the engine's life: the
 * caller stops and a restart goes on.
 */

#include "coordinator/core/coordinator_io.h"
#include "coordinator/core/run.h"

typedef struct Engine {
    Run run;
    const Inventory *inventory;
    const CoordinatorIo *io;
    const char *actor;          /* who leads: "user@host" */
    const char *const *scripts; /* the operator's script per database of the inventory, or NULLs */
    const char *run_id;
    char audit_head[DIGEST_HEX_BYTES]; /* kept by the caller, sent along with each command */
} Engine;

typedef struct EngineSettings {
    const Plan *plan;
    const Inventory *inventory;
    const CoordinatorIo *io;
    const char *actor, *run_id;
    const char *const *scripts;
} EngineSettings;

void engine_init(Engine *engine, const EngineSettings *settings) __attribute__((nonnull));
void engine_done(Engine *engine) __attribute__((nonnull));

/* An event that the journal already holds. */
bool engine_replay(Engine *engine, const Event *event, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Writes that this process leads; commands of running steps are sent again. */
bool engine_lead(Engine *engine, uint64_t epoch, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Does all that can be done now; *ret says for what it waits: never START, UNDO or FINISH. */
bool engine_advance(Engine *engine, Action *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* An answer; one that is not waited for (a double, a late one) changes nothing. */
bool engine_on_result(Engine *engine, const CommandResult *result, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The agent did nothing with a command that was sent in that epoch, and says why. */
bool engine_on_refusal(Engine *engine, const CommandId *id, uint64_t epoch, const char *why,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* The agent is there (again): what it owes an answer for is sent again. */
void engine_on_agent_up(Engine *engine, const char *agent) __attribute__((nonnull));
/* What anybody owes an answer for is sent again: answers may be lost on a link that stays up. */
void engine_ask_again(Engine *engine) __attribute__((nonnull));
/* An operator's word: kind, step and text of `event` are set. ERROR_PRECONDITION: not now. */
bool engine_request(Engine *engine, Event *event, Error *error)
    __attribute__((nonnull, warn_unused_result));
