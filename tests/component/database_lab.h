#pragma once

/*
 * The database servers that with_databases.py started, for component tests: logins as an agent's
 * configuration would name them, and short cuts that fail the test instead of returning errors.
 *
 * Owns: what lab_value() returns is the caller's; the logins live until the program ends.
 */

#include "agent/handlers/database/database.h"

/* Logins to the database `name` on both servers of that type. */
const AgentDatabase *lab_database(DatabaseType type, const char *name)
    __attribute__((nonnull, returns_nonnull));
/* Makes the database anew, empty, on that side. */
void lab_create(const AgentDatabase *config, DatabaseSide side) __attribute__((nonnull));
Database *lab_open(const AgentDatabase *config, DatabaseSide side)
    __attribute__((nonnull, returns_nonnull));
void lab_run(Database *database, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull));
/* The first value as text; "NULL" for none. */
char *lab_value(Database *database, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull, returns_nonnull));
/* Runs an SQL file with the server's own client. */
void lab_run_file(const AgentDatabase *config, DatabaseSide side, const char *path)
    __attribute__((nonnull));
/* Makes the database anew with that layout ("4.0") and, above 0, so many megabytes of rows. */
void lab_make_layout(const AgentDatabase *config, DatabaseSide side, const char *layout,
    unsigned megabytes) __attribute__((nonnull));
/* Runs a line of an administrator's shell, which has to succeed. */
void lab_shell(const char *words) __attribute__((nonnull));
/* An absolute path of the source tree; a path in the test's own folder. The caller frees. */
char *lab_source(const char *relative) __attribute__((nonnull, returns_nonnull));
char *lab_file(const char *name) __attribute__((nonnull, returns_nonnull));
