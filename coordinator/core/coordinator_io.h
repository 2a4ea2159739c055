#pragma once

/*
 * Everything the engine does to the world. Two versions: the program's (journal and links) and the
 * simulation's.
 *
 * append: durable when it returns true, or the engine stops at once: nothing was done yet, and a
 * restart decides the same. Fills event->time_ms.
 * send: may lose the command, may deliver it late or twice; the engine sends again when the agent
 * is up again, and whenever it is told to ask again. Never fails.
 * cancel: asks the agent to end a command early; lost, late or double it does no harm.
 */

#include "coordinator/core/event.h"

typedef struct CoordinatorIo {
    void *self;
    bool (*append)(void *self, Event *event, Error *error);
    void (*send)(void *self, const char *agent, const Command *command);
    void (*cancel)(void *self, const char *agent, const CommandId *id, uint64_t epoch);
    int64_t (*wall_ms)(void *self);
} CoordinatorIo;
