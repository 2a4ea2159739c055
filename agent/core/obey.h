#pragma once

/*
 * The rules by which an agent obeys: who may lead, what it refuses, and that nothing runs twice.
 * Pure: what is known comes through Obey, what is to be done is the answer.
 *
 *   a command came:   switch (obey_command(&obey, &command, &result, &error))
 *     OBEY_RUN        it is durably in the ledger: say Accepted, then run it
 *     OBEY_WAIT       it is running already: say Accepted; its end will be told
 *     OBEY_ANSWER     it ended before: send `result` again
 *     OBEY_REFUSE     nothing was changed: send error.text as a Refusal
 *   it ended:         obey_finish() first, and only when it is true send the result
 *
 * A command that was accepted and has no result is one during which the agent died: it runs again,
 * and its handler probes first. The agent itself never starts such a command: it waits to be asked,
 * because a coordinator that is gone may have decided otherwise.
 *
 * A command that was given up by the coordinator may still arrive, late or once more. It never
 * begins behind what was accepted after it was given up: a later attempt of its step, or a command
 * by which an abort takes the run back.
 *
 * One coordinator leads one run in an epoch: the same epoch in another run is that of a second
 * coordinator with a journal of its own.
 *
 * Epochs: the highest one seen leads, and it is durable before anything is done for it. Epoch 0 is
 * nobody's: it may ask for read-only commands, and never takes or hinders the lead.
 */

#include "agent/core/agent_config.h"
#include "common/model/command.h"

typedef enum LedgerLookup {
    LEDGER_UNKNOWN,
    LEDGER_ACCEPTED,  /* and no result */
    LEDGER_FINISHED,  /* *ret is filled; the caller releases it */
    LEDGER_OVERTAKEN, /* no result, and a command was accepted that obey_overtakes() it */
    LEDGER_RIVAL,     /* no result, and its epoch has commands of another run */
    LEDGER_OTHER,     /* the id is known with another kind, target or other arguments */
    LEDGER_FAILED,    /* error is filled */
} LedgerLookup;

/* What the ledger does for the rules: on SQLite (agent/ledger.c), in memory in the simulation.
 * accept, finish and set_epoch are durable when they return true. */
typedef struct AgentLedgerIo {
    void *self;
    LedgerLookup (*find)(void *self, const Command *command, CommandResult *ret, Error *error);
    bool (*accept)(void *self, const Command *command, Error *error);
    bool (*finish)(void *self, const CommandResult *result, Error *error);
    bool (*get_epoch)(void *self, uint64_t *ret, Error *error); /* 0: none was seen */
    bool (*set_epoch)(void *self, uint64_t epoch, Error *error);
} AgentLedgerIo;

typedef struct Obey {
    const AgentConfig *config;
    const AgentLedgerIo *ledger;
    void *runner;
    bool (*is_running)(void *runner, const CommandId *id); /* or waits for its target */
} Obey;

typedef enum ObeyMove {
    OBEY_RUN,
    OBEY_WAIT,
    OBEY_ANSWER,
    OBEY_REFUSE,
} ObeyMove;

/* `ret` is filled for OBEY_ANSWER alone, `error` for OBEY_REFUSE alone. */
ObeyMove obey_command(const Obey *obey, const Command *command, CommandResult *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* False: the result is not in the ledger and may not be sent; asked again, the command runs again.
 */
bool obey_finish(const Obey *obey, const CommandResult *result, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* `accepted` is of the run of `command`, and `command` may not begin behind it. */
bool obey_overtakes(const CommandId *accepted, CommandKind kind, const Command *command)
    __attribute__((nonnull));

/* For every other message of a coordinator (hello, cancel): refuses another cluster and a lower
 * epoch, keeps a higher one. */
bool obey_leader(const Obey *obey, const char *cluster, uint64_t epoch, Error *error)
    __attribute__((nonnull, warn_unused_result));
