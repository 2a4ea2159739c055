#pragma once

/*
 * Threads that work on a database pair, each over a production and a staging connection of its own.
 * The thread that made the crew hands out tasks and takes them back when they are done; it alone
 * decides, remembers and talks to the agent.
 *
 *   crew_start(), crew_add() …, crew_take() until nothing is out;
 *   crew_stop(), crew_take() for what was not done, crew_free()
 *
 * Owns: a Crew is freed by crew_free(). Tasks and the order are the caller's and have to
 * outlive it. Errors of a task are in the task; a connection that cannot be made fails the first
 * task that needs it.
 */

#include "agent/handlers/copy/rows.h"

typedef struct CrewOrder {
    const AgentDatabase *config;
    DatabaseLimits limits;
    const char *snapshot; /* production's, of rows_share_snapshot(), or NULL */
    size_t threads;
    RowsMeter *meter; /* stopped by crew_stop() when something is out */
} CrewOrder;

/* What a task finds in its thread. */
typedef struct CrewHand {
    Database *production; /* in the snapshot */
    Database *staging;
    RowsMeter *meter;
} CrewHand;

typedef struct CrewTask CrewTask;

struct CrewTask {
    bool (*work)(CrewTask *task, const CrewHand *hand, Error *error);
    uint64_t weight; /* the heaviest goes first; of equals the one that was added first */
    Error error;     /* its kind is ERROR_NONE when the task succeeded */
    CrewTask *next;
};

typedef struct Crew Crew;

Crew *crew_start(const CrewOrder *order) __attribute__((nonnull, returns_nonnull));
/* Ends what is still being worked on: statements are interrupted, connections closed. */
void crew_stop(Crew *crew) __attribute__((nonnull));
void crew_free(Crew *crew); /* after crew_stop() */
void crew_add(Crew *crew, CrewTask *task) __attribute__((nonnull));
/* A task that is done, or NULL when none was within that time. */
CrewTask *crew_take(Crew *crew, Millis wait) __attribute__((nonnull));
/* Tasks that were added and not taken back yet. */
size_t crew_out(const Crew *crew) __attribute__((nonnull));
