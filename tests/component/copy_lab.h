#pragma once

/*
 * A database with odd values on a production server, an empty one on a staging server, an agent
 * that may copy the one to the other, and the command to do so: for tests of agent/handlers/copy.
 *
 * Owns: a CopyLab is freed by copy_lab_free().
 */

#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

typedef struct CopyLab {
    const AgentDatabase *database;
    AgentConfig config;
    LabAgent *agent;
    Command command;
    Database *production, *staging;
} CopyLab;

CopyLab *copy_lab_new(DatabaseType type) __attribute__((returns_nonnull));
void copy_lab_free(CopyLab *lab);
/* Adds tables that are cut into many chunks by copy_lab_small_steps(). */
void copy_lab_add_chunky(CopyLab *lab) __attribute__((nonnull));
/* copy-database with chunks of a row or two, each with an entry of its own in the ledger. */
Handler copy_lab_small_steps(void);
void copy_lab_both(void (*test)(DatabaseType type)) __attribute__((nonnull));

DEFINE_AUTO(CopyLab, copy_lab_free)
