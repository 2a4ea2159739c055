#include "agent/handlers/migration/sql_lexer.h"

#include <ctype.h>
#include <strings.h>

void sql_lexer_init(SqlLexer *lexer, const char *text, DatabaseType type)
{
    *lexer = (SqlLexer){ .text = text, .at = text, .line = 1, .type = type };
}

void sql_lexer_advance(SqlLexer *lexer, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lexer->at[i] == '\n')
            lexer->line++;
    lexer->at += length;
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool starts_with(const char *at, const char *prefix)
{
    return strncmp(at, prefix, strlen(prefix)) == 0;
}

static bool delimiter_begins(const SqlLexer *lexer, const char *at)
{
    return lexer->delimiter && starts_with(at, lexer->delimiter);
}

bool sql_lexer_is_at_delimiter(const SqlLexer *lexer)
{
    return delimiter_begins(lexer, lexer->at);
}

static bool begins_line_comment(const SqlLexer *lexer)
{
    const char *at = lexer->at;

    if (lexer->type == DATABASE_POSTGRESQL)
        return at[0] == '-' && at[1] == '-';
    if (at[0] == '#')
        return true;
    /* "--" needs a blank or a control character after it: "5--3" is arithmetic */
    return at[0] == '-' && at[1] == '-' && (at[2] == '\0' || (unsigned char)at[2] <= ' ');
}

/* Bytes of the opening mark of a conditional comment with its version number, or 0. */
static size_t conditional_mark(const SqlLexer *lexer)
{
    size_t length;

    if (lexer->type != DATABASE_MYSQL)
        return 0;
    if (starts_with(lexer->at, "/*!"))
        length = 3;
    else if (starts_with(lexer->at, "/*M!"))
        length = 4;
    else
        return 0;
    while (isdigit((unsigned char)lexer->at[length]))
        length++;
    return length;
}

static bool skip_block_comment(SqlLexer *lexer, Error *error)
{
    unsigned line = lexer->line, depth = 1;
    const char *c = lexer->at + 2;

    while (depth > 0) {
        if (*c == '\0')
            return error_set(
                error, ERROR_INVALID, "the comment that begins in line %u has no end", line);
        if (starts_with(c, "*/")) {
            depth--;
            c += 2;
        } else if (lexer->type == DATABASE_POSTGRESQL && starts_with(c, "/*")) {
            depth++;
            c += 2;
        } else {
            c++;
        }
    }
    sql_lexer_advance(lexer, (size_t)(c - lexer->at));
    return true;
}

/* Skips one blank or comment; *ret_skipped says whether there was one. */
static bool skip_one(SqlLexer *lexer, bool *ret_skipped, Error *error)
{
    *ret_skipped = true;
    if (is_space(*lexer->at))
        sql_lexer_advance(lexer, 1 + strspn(lexer->at + 1, " \t\n\v\f\r"));
    else if (begins_line_comment(lexer))
        sql_lexer_advance(lexer, strcspn(lexer->at, "\n"));
    else if (starts_with(lexer->at, "/*") && conditional_mark(lexer) == 0)
        return skip_block_comment(lexer, error);
    else
        *ret_skipped = false;
    return true;
}

bool sql_lexer_skip(SqlLexer *lexer, Error *error)
{
    bool skipped = true;

    while (skipped)
        if (!skip_one(lexer, &skipped, error))
            return false;
    return true;
}

/* The byte after the closing quote, or NULL; `c` is after the opening one. */
static const char *end_of_quoted(const char *c, char quote, bool backslashes)
{
    while (*c != '\0') {
        bool pair = (backslashes && *c == '\\' && c[1] != '\0') || (*c == quote && c[1] == quote);

        if (*c == quote && !pair)
            return c + 1;
        c += pair ? 2 : 1;
    }
    return NULL;
}

/* PostgreSQL: a string goes on when only white space with a line end stands before a quote. */
static const char *continued_string(const char *c)
{
    bool line_end = false;

    while (is_space(*c))
        line_end |= *c++ == '\n';
    return line_end && *c == '\'' ? c + 1 : NULL;
}

/* `prefix` bytes (the E of E'…') stand before the opening quote. */
static bool take_quoted(
    SqlLexer *lexer, size_t prefix, bool backslashes, SqlToken *ret, Error *error)
{
    char quote = lexer->at[prefix];
    const char *end = end_of_quoted(lexer->at + prefix + 1, quote, backslashes);

    while (end && backslashes && lexer->type == DATABASE_POSTGRESQL) {
        const char *more = continued_string(end);

        if (!more)
            break;
        end = end_of_quoted(more, quote, backslashes);
    }
    if (!end)
        return error_set(error, ERROR_INVALID, "the %s that begins in line %u has no end",
            quote == '\'' ? "string" : "quoted name or string", lexer->line);
    ret->kind = SQL_TOKEN_QUOTED;
    ret->length = (size_t)(end - lexer->at);
    sql_lexer_advance(lexer, ret->length);
    return true;
}

/* Bytes of "$tag$" at `at`, or 0. */
static size_t dollar_mark(const char *at)
{
    size_t length = 1;

    if (at[0] != '$' || isdigit((unsigned char)at[1]))
        return 0;
    while (at[length] != '$' && is_word_byte(at[length]))
        length++;
    return at[length] == '$' ? length + 1 : 0;
}

static bool take_dollar(SqlLexer *lexer, size_t mark, SqlToken *ret, Error *error)
{
    const char *c = lexer->at + mark;

    while (*c != '\0' && strncmp(c, lexer->at, mark) != 0)
        c++;
    if (*c == '\0')
        return error_set(error, ERROR_INVALID,
            "the text that begins with %.*s in line %u has no end", (int)(mark > 40 ? 40 : mark),
            lexer->at, lexer->line);
    ret->kind = SQL_TOKEN_DOLLAR;
    ret->length = (size_t)(c - lexer->at) + mark;
    sql_lexer_advance(lexer, ret->length);
    return true;
}

static void take_bytes(SqlLexer *lexer, SqlTokenKind kind, size_t length, SqlToken *ret)
{
    ret->kind = kind;
    ret->length = length;
    sql_lexer_advance(lexer, length);
}

static size_t word_length(const SqlLexer *lexer)
{
    size_t length = 0;

    while (is_word_byte(lexer->at[length]) && !delimiter_begins(lexer, lexer->at + length))
        length++;
    return length;
}

static bool take_mark(SqlLexer *lexer, SqlToken *ret)
{
    size_t opening = conditional_mark(lexer);

    if (opening > 0) {
        lexer->conditional++;
        take_bytes(lexer, SQL_TOKEN_MARK, opening, ret);
        return true;
    }
    if (lexer->conditional == 0 || !starts_with(lexer->at, "*/"))
        return false;
    lexer->conditional--;
    take_bytes(lexer, SQL_TOKEN_MARK, 2, ret);
    return true;
}

bool sql_lexer_next(SqlLexer *lexer, SqlToken *ret, Error *error)
{
    const bool mysql = lexer->type == DATABASE_MYSQL;
    size_t length = 0;
    char c;

    if (!sql_lexer_skip(lexer, error))
        return false;
    c = *lexer->at;
    *ret = (SqlToken){ .kind = SQL_TOKEN_END, .begin = lexer->at, .line = lexer->line };
    if (c == '\0' && lexer->conditional > 0)
        return error_set(error, ERROR_INVALID, "the last conditional comment has no end");
    if (c == '\0' || take_mark(lexer, ret))
        return true;
    if (c == '\'' || c == '"')
        return take_quoted(lexer, 0, mysql, ret, error);
    if (c == '`' && mysql)
        return take_quoted(lexer, 0, false, ret, error);
    if (!mysql && (c == 'e' || c == 'E') && lexer->at[1] == '\'')
        return take_quoted(lexer, 1, true, ret, error);
    if (!mysql && dollar_mark(lexer->at) > 0)
        return take_dollar(lexer, dollar_mark(lexer->at), ret, error);
    if (mysql || c != '$')
        length = word_length(lexer);
    take_bytes(lexer, length > 0 ? SQL_TOKEN_WORD : SQL_TOKEN_SYMBOL, length > 0 ? length : 1, ret);
    return true;
}

bool sql_token_is(const SqlToken *token, const char *word)
{
    return token->kind == SQL_TOKEN_WORD && strlen(word) == token->length &&
           strncasecmp(token->begin, word, token->length) == 0;
}

bool sql_token_is_symbol(const SqlToken *token, char symbol)
{
    return token->kind == SQL_TOKEN_SYMBOL && *token->begin == symbol;
}
