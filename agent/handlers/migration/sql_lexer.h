#pragma once

/*
 * Cuts SQL text into tokens, as the server of that type reads it: comments are skipped, strings
 * and quoted names are one token each. MySQL's conditional comments (slash star bang) are code:
 * their marks are skipped and what stands in them comes as tokens.
 *
 * Pure. Nothing is allocated: tokens point into the text. Assumes the servers' default reading of
 * strings (no NO_BACKSLASH_ESCAPES, no ANSI_QUOTES, standard_conforming_strings on).
 */

#include <stddef.h>

#include "agent/core/agent_config.h"
#include "common/base/error.h"

typedef enum SqlTokenKind {
    SQL_TOKEN_END,
    SQL_TOKEN_WORD,   /* keyword, unquoted name or number */
    SQL_TOKEN_QUOTED, /* string or quoted name, quotes included */
    SQL_TOKEN_DOLLAR, /* PostgreSQL: $tag$ … $tag$ */
    SQL_TOKEN_MARK,   /* where a conditional comment begins, with its version number, or ends */
    SQL_TOKEN_SYMBOL, /* any other single byte */
    SQL_TOKEN_KIND_COUNT,
} SqlTokenKind;

typedef struct SqlToken {
    SqlTokenKind kind;
    const char *begin;
    size_t length; /* bytes */
    unsigned line; /* of its first byte, from 1 */
} SqlToken;

typedef struct SqlLexer {
    const char *text; /* all of it */
    const char *at;
    unsigned line;
    DatabaseType type;
    unsigned conditional;  /* depth of conditional comments of MySQL */
    const char *delimiter; /* NULL, or a text that ends a word too ("END$$") */
} SqlLexer;

void sql_lexer_init(SqlLexer *lexer, const char *text, DatabaseType type) __attribute__((nonnull));
/* Skips white space and comments; after it, `at` is where the next token begins. */
bool sql_lexer_skip(SqlLexer *lexer, Error *error) __attribute__((nonnull, warn_unused_result));
/* ERROR_INVALID: a string, quoted name or comment without an end, with the line it began in. */
bool sql_lexer_next(SqlLexer *lexer, SqlToken *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Says whether the delimiter begins here. */
bool sql_lexer_is_at_delimiter(const SqlLexer *lexer) __attribute__((nonnull));
/* Moves on by `length` bytes of the text, counting lines. */
void sql_lexer_advance(SqlLexer *lexer, size_t length) __attribute__((nonnull));
/* Says whether the token is that word (given in capitals), whatever its case. */
bool sql_token_is(const SqlToken *token, const char *word) __attribute__((nonnull));
/* Says whether the token is that one byte. */
bool sql_token_is_symbol(const SqlToken *token, char symbol) __attribute__((nonnull));
