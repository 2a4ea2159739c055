#pragma once

/*
 * Inventory -> plan: which steps, on whom, and what waits for what. The same inventory gives the
 * same plan. Each strategy is a table of rows in planner.c.
 */

#include "coordinator/core/plan.h"

/* Cannot fail for a checked inventory. Facts are added by the caller before it is written. */
Plan *planner_make_plan(const Inventory *inventory) __attribute__((nonnull, returns_nonnull));

/* The plan of a rehearsal of that inventory's upgrade: it stops, locks and migrates nothing that is
 * in use. */
Plan *planner_make_rehearsal(const Inventory *inventory) __attribute__((nonnull, returns_nonnull));

/* The arguments of one step's command (or of its undo), from the inventory. `script` is the
 * operator's script for the step's database, or NULL. */
void planner_command_args(const Inventory *inventory, const PlanStep *step, CommandKind kind,
    const char *script, Facts *ret) __attribute__((nonnull(1, 2, 5)));
/* The same for a command that belongs to no step (inspection), on that node or database. */
void planner_inspect_args(const Inventory *inventory, CommandKind kind, const char *target,
    const char *script, Facts *ret) __attribute__((nonnull(1, 3, 5)));
/* Seconds that an agent may take for the command. */
unsigned planner_deadline_s(const Inventory *inventory, CommandKind kind) __attribute__((nonnull));
