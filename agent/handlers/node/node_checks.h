#pragma once

/*
 * What may go wrong on a node, found out before anything is changed: a row per check. A check adds
 * one finding or more under its id; when it fails itself, that is a finding too.
 */

#include "agent/handlers/node/carbon_process.h"
#include "common/model/finding.h"

typedef struct NodeView {
    AgentIo *io;
    const Command *command;
    Home old, new;
    CarbonProcesses old_running, new_running;
    bool homes_are_there; /* checks that look into the homes can be made */
} NodeView;

typedef struct NodeCheck {
    const char *id;
    bool needs_homes;
    bool (*check)(NodeView *view, const char *id, Error *error);
} NodeCheck;

extern const NodeCheck node_home_checks[], node_host_checks[]; /* a row with id NULL ends them */

/* Adds a finding to the evidence. */
void node_passes(const NodeView *view, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull));
