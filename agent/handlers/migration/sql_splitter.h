#pragma once

/*
 * A migration script as a list of statements, each with the line it begins in and what kind of
 * thing it does; and the check that says which scripts are never run.
 *
 *   sql_script_split()   cuts at the delimiter as the database's own client does
 *   sql_script_check()   the same, and refuses what a migration may not hold: tables or databases
 *                        dropped or emptied, another database chosen, what cannot be resumed
 *                        (MySQL) or undone (PostgreSQL), and anything the lists do not name
 *
 * Pure. Owns: a SqlScript is freed by sql_script_free(), with all texts. Errors: ERROR_INVALID with
 * the statement's number and line.
 * Source: MySQL 8.0 Reference Manual 4.5.1.1 (DELIMITER), 9.1, 9.7, 13.3.3 (statements that
 * commit); PostgreSQL 15 manual 4.1 (lexical structure); psql's rule for CREATE FUNCTION bodies.
 */

#include <stddef.h>

#include "agent/core/agent_config.h"
#include "common/base/error.h"

typedef enum SqlKind {
    SQL_DEFINITION,  /* DDL: commits by itself on MySQL */
    SQL_ROWS,        /* changes or reads rows: can be part of a transaction */
    SQL_SESSION,     /* SET: holds for the session only, may be repeated */
    SQL_TRANSACTION, /* BEGIN, COMMIT: left out, the tool draws the borders itself */
    SQL_ROUTINE,     /* CALL, DO: does whatever its body does */
    SQL_OTHER,       /* in no list: never run */
    SQL_KIND_COUNT,
} SqlKind;

typedef struct SqlStatement {
    const char *text; /* without the delimiter, comments inside kept */
    unsigned line;    /* from 1 */
    SqlKind kind;
} SqlStatement;

typedef struct SqlScript {
    SqlStatement *items;
    size_t count;
    Arena *arena;
} SqlScript;

bool sql_script_split(const char *script, DatabaseType type, SqlScript **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void sql_script_free(SqlScript *script);

SqlKind sql_statement_kind(const char *statement, DatabaseType type) __attribute__((nonnull));
const char *sql_kind_name(SqlKind kind);

bool sql_script_check(const char *script, DatabaseType type, Error *error)
    __attribute__((nonnull, warn_unused_result));

DEFINE_AUTO(SqlScript, sql_script_free)
