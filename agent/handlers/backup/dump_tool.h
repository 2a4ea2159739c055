#pragma once

/*
 * The databases' own programs for dump and restore: mariadb-dump or mysqldump with mariadb or
 * mysql, pg_dump with pg_restore. They read the login where it is kept (option file, service file);
 * no secret stands in an argument list.
 *
 * What they write and read goes through pipes of this process, which compresses and digests it, so
 * that they end when it dies.
 *
 * Errors: ERROR_INVALID a program that is missing, with the package to install;
 * ERROR_PRECONDITION one that is too old for the server; ERROR_COMMAND_FAILED with its last words.
 */

#include "agent/handlers/backup/compressed_file.h"
#include "agent/handlers/database/database.h"
#include "common/base/millis.h"

/* "dump.sql.zst", "dump.pgdump.zst" */
const char *dump_tool_file_name(DatabaseType type);
/* Refuses programs that are missing, or older than the server that they are to dump. */
bool dump_tool_check(const Database *database, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Dumps production into a new file, synced; the file is private to the agent. */
bool dump_tool_dump(const AgentDatabase *config, const char *path, Millis timeout,
    CompressedFile *ret, Error *error) __attribute__((nonnull, warn_unused_result));
/* Restores the file into the database of that name on the staging server. */
bool dump_tool_restore(const AgentDatabase *config, const char *name, const char *path,
    Millis timeout, Error *error) __attribute__((nonnull, warn_unused_result));
