#pragma once

/*
 * A production database with a small table, a profile of a release that moves it to a new layout,
 * and the command to migrate it: for component tests of migrate-database.
 */

#include "agent/profile_xml.h"
#include "tests/component/database_lab.h"
#include "tests/component/lab_agent.h"

typedef struct MigrationLab {
    const AgentDatabase *database;
    AgentConfig config;
    Profile *own; /* of the shipped profile, to be freed */
    Profile small;
    LabAgent *agent;
    Command command;
    Database *production;
} MigrationLab;

MigrationLab *migration_lab_new(DatabaseType type) __attribute__((returns_nonnull));
void migration_lab_free(MigrationLab *lab);
/* The operator's own script, with its digest, is from here on the one that is run. */
void migration_lab_use_script(MigrationLab *lab, const char *script) __attribute__((nonnull));
/* lab_agent_fails() and lab_agent_succeeds() with the migration. */
void migration_lab_fails(MigrationLab *lab, ErrorKind kind, const char *words)
    __attribute__((nonnull));
ResultState migration_lab_succeeds(MigrationLab *lab, Facts *evidence) __attribute__((nonnull));

DEFINE_AUTO(MigrationLab, migration_lab_free)
