#pragma once

/*
 * A small world that commands really change: servers that run or not, databases with a layout,
 * files that are there or not. Every change is counted against the command that made it, and what
 * must never happen is noticed the moment it happens.
 */

#include "agent/core/handler.h"
#include "coordinator/core/run.h"

#define WORLD_NODES     4
#define WORLD_DATABASES 2

/* A change that was broken off has made some of it. */
typedef enum Part {
    PART_NONE,
    PART_SOME,
    PART_ALL,
} Part;

typedef struct WorldNode {
    Part old_up, new_up, configured, folders, backed_up;
    bool lost; /* the host burnt down, and is left behind */
} WorldNode;

typedef enum WorldLayout {
    LAYOUT_EMPTY,
    LAYOUT_PARTLY_COPIED,
    LAYOUT_OLD,
    LAYOUT_PARTLY_MIGRATED,
    LAYOUT_NEW,
} WorldLayout;

typedef struct WorldDatabase {
    WorldLayout production, staging;
    Part locked, backed_up;
    WorldLayout scratch; /* of a rehearsal */
    unsigned migrations; /* how often a script has run */
} WorldDatabase;

typedef struct World {
    WorldNode nodes[WORLD_NODES];
    WorldDatabase databases[WORLD_DATABASES];
    size_t node_count, database_count;
    Strategy strategy;
    const char *violation; /* the first thing that must never happen, or NULL */
    char detail[160];
} World;

/* A handler's view of it: the command it runs for, and what the journal says at that moment. */
typedef struct WorldAccess {
    World *world;
    size_t node, database; /* index of the target */
    unsigned *effects;     /* of this very command, over all its runs */
    bool written;          /* the journal holds the start of this command */
    bool crossed;          /* the journal says that the line is crossed */
    bool staging_side;     /* of a migration or a checkpoint */
    bool half;             /* the fault strikes in the middle of the change */
    Error fault;           /* strikes instead of the change; kind ERROR_NONE: none */
} WorldAccess;

void world_init(World *world, size_t nodes, size_t databases, Strategy strategy);
void world_violate(World *world, const char *what, const char *detail);
void world_lose_node(World *world, size_t index);
const Handler *world_handler(CommandKind kind);
/* What has to be the case at the end. */
void world_check_done(World *world); /* a rehearsal leaves all as it was, like an abort */
void world_check_aborted(World *world);
