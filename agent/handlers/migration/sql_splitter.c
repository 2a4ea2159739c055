#include "agent/handlers/migration/sql_splitter.h"

#include <assert.h>

#include "agent/handlers/migration/sql_lexer.h"
#include "common/base/text.h"

#define DELIMITER_MAX 16
#define UTF8_MARK     "\xef\xbb\xbf"

static const char *const kind_names[] = {
    [SQL_DEFINITION] = "definition",
    [SQL_ROWS] = "rows",
    [SQL_SESSION] = "session",
    [SQL_TRANSACTION] = "transaction",
    [SQL_ROUTINE] = "routine",
    [SQL_OTHER] = "other",
};
static_assert(
    sizeof(kind_names) / sizeof(kind_names[0]) == SQL_KIND_COUNT, "every SqlKind has a name");

/* The word that a statement begins with tells its kind. */
static const struct {
    const char *word;
    SqlKind mysql, postgresql;
} first_words[] = {
    { "ALTER", SQL_DEFINITION, SQL_DEFINITION },
    { "ANALYZE", SQL_OTHER, SQL_DEFINITION },
    { "BEGIN", SQL_TRANSACTION, SQL_TRANSACTION },
    { "CALL", SQL_ROUTINE, SQL_ROUTINE },
    { "COMMENT", SQL_OTHER, SQL_DEFINITION },
    { "COMMIT", SQL_TRANSACTION, SQL_TRANSACTION },
    { "CREATE", SQL_DEFINITION, SQL_DEFINITION },
    { "DELETE", SQL_ROWS, SQL_ROWS },
    { "DO", SQL_ROUTINE, SQL_ROUTINE },
    { "DROP", SQL_DEFINITION, SQL_DEFINITION },
    { "END", SQL_OTHER, SQL_TRANSACTION },
    { "GRANT", SQL_OTHER, SQL_DEFINITION },
    { "INSERT", SQL_ROWS, SQL_ROWS },
    { "LOCK", SQL_OTHER, SQL_DEFINITION },
    { "MERGE", SQL_OTHER, SQL_ROWS },
    { "RENAME", SQL_DEFINITION, SQL_OTHER },
    { "REPLACE", SQL_ROWS, SQL_OTHER },
    { "RESET", SQL_OTHER, SQL_SESSION },
    { "REVOKE", SQL_OTHER, SQL_DEFINITION },
    { "SELECT", SQL_ROWS, SQL_ROWS },
    { "SET", SQL_SESSION, SQL_SESSION },
    { "START", SQL_TRANSACTION, SQL_TRANSACTION },
    { "TRUNCATE", SQL_DEFINITION, SQL_DEFINITION },
    { "UPDATE", SQL_ROWS, SQL_ROWS },
    { "VALUES", SQL_ROWS, SQL_ROWS },
    { "WITH", SQL_ROWS, SQL_ROWS },
};

const char *sql_kind_name(SqlKind kind)
{
    return kind < SQL_KIND_COUNT ? kind_names[kind] : "unknown";
}

SqlKind sql_statement_kind(const char *statement, DatabaseType type)
{
    Error ignored = { 0 }; /* text that cannot be read is of no kind */
    SqlLexer lexer;
    SqlToken token;

    sql_lexer_init(&lexer, statement, type);
    do {
        if (!sql_lexer_next(&lexer, &token, &ignored))
            return SQL_OTHER;
    } while (token.kind == SQL_TOKEN_MARK || sql_token_is_symbol(&token, '('));
    for (size_t i = 0; i < sizeof(first_words) / sizeof(first_words[0]); i++)
        if (sql_token_is(&token, first_words[i].word))
            return type == DATABASE_MYSQL ? first_words[i].mysql : first_words[i].postgresql;
    return SQL_OTHER;
}

typedef struct Splitter {
    SqlLexer lexer;
    char delimiter[DELIMITER_MAX + 1];
    SqlScript *script;
    const char *begin; /* of the statement that is being read, or NULL */
    const char *end;   /* after its last token */
    unsigned line;
    size_t words;                 /* words of it so far */
    bool heading;                 /* they may begin CREATE [OR REPLACE] FUNCTION */
    bool routine;                 /* it creates a function or procedure */
    unsigned parentheses, blocks; /* PostgreSQL: how deep a ";" does not end it */
} Splitter;

static void end_statement(Splitter *splitter)
{
    SqlScript *script = splitter->script;
    AUTO_TEXT *text = NULL;

    if (splitter->begin) {
        text = memory_text_n(splitter->begin, (size_t)(splitter->end - splitter->begin));
        script->items = memory_grow(script->items, (script->count + 1) * sizeof(script->items[0]));
        script->items[script->count++] = (SqlStatement){
            .text = arena_text(script->arena, text),
            .line = splitter->line,
            .kind = sql_statement_kind(text, splitter->lexer.type),
        };
    }
    splitter->begin = NULL;
    splitter->words = 0;
    splitter->heading = splitter->routine = false;
    splitter->parentheses = splitter->blocks = 0;
}

static bool begins_its_line(const SqlLexer *lexer, const SqlToken *token)
{
    const char *c = token->begin;

    while (c > lexer->text && (c[-1] == ' ' || c[-1] == '\t'))
        c--;
    return c == lexer->text || c[-1] == '\n';
}

/* The rest of a DELIMITER line, which the client reads and the server never sees. */
static bool read_delimiter(Splitter *splitter, const SqlToken *word, Error *error)
{
    SqlLexer *lexer = &splitter->lexer;
    size_t length;
    bool quoted;

    if (!begins_its_line(lexer, word))
        return error_set(error, ERROR_INVALID,
            "DELIMITER in line %u does not begin its line: the clients do not agree what that "
            "means",
            lexer->line);
    sql_lexer_advance(lexer, strspn(lexer->at, " \t"));
    quoted = strchr("'\"`", *lexer->at) && *lexer->at != '\0';
    length = quoted ? strcspn(lexer->at + 1, (char[]){ *lexer->at, '\n', '\0' })
                    : strcspn(lexer->at, " \t\n");
    if (length == 0 || length > DELIMITER_MAX || memchr(lexer->at, '\\', length))
        return error_set(error, ERROR_INVALID,
            "DELIMITER in line %u needs 1 to %d characters and no backslash", lexer->line,
            DELIMITER_MAX);
    memcpy(splitter->delimiter, lexer->at + quoted, length);
    splitter->delimiter[length] = '\0';
    sql_lexer_advance(lexer, strcspn(lexer->at, "\n"));
    return true;
}

/* psql: a routine is what begins with CREATE [OR REPLACE] FUNCTION or PROCEDURE. */
static void count_word(Splitter *splitter, const SqlToken *token)
{
    const size_t words = ++splitter->words;

    if (words == 1)
        splitter->heading = sql_token_is(token, "CREATE");
    else if (splitter->heading && words % 2 == 0 &&
             (sql_token_is(token, "FUNCTION") || sql_token_is(token, "PROCEDURE")))
        splitter->routine = true;
    else
        splitter->heading =
            splitter->heading && ((words == 2 && sql_token_is(token, "OR")) ||
                                     (words == 3 && sql_token_is(token, "REPLACE")));
}

/* psql: inside parentheses and inside BEGIN ATOMIC … END of a routine, ";" does not end it. */
static void count_depth(Splitter *splitter, const SqlToken *token)
{
    if (sql_token_is_symbol(token, '('))
        splitter->parentheses++;
    else if (sql_token_is_symbol(token, ')') && splitter->parentheses > 0)
        splitter->parentheses--;
    if (token->kind != SQL_TOKEN_WORD)
        return;
    count_word(splitter, token);
    if (!splitter->routine || splitter->parentheses > 0)
        return;
    if (sql_token_is(token, "BEGIN") || (splitter->blocks > 0 && sql_token_is(token, "CASE")))
        splitter->blocks++;
    else if (splitter->blocks > 0 && sql_token_is(token, "END"))
        splitter->blocks--;
}

/* A backslash outside of strings is for a client program; but MySQL reads \\N as NULL. */
static bool is_client_command(const Splitter *splitter, const SqlToken *token)
{
    return sql_token_is_symbol(token, '\\') &&
           !(splitter->lexer.type == DATABASE_MYSQL && token->begin[1] == 'N');
}

static bool add_token(Splitter *splitter, Error *error)
{
    const bool mysql = splitter->lexer.type == DATABASE_MYSQL;
    SqlToken token;

    if (!sql_lexer_next(&splitter->lexer, &token, error))
        return false;
    if (mysql && !splitter->begin && sql_token_is(&token, "DELIMITER"))
        return read_delimiter(splitter, &token, error);
    if (!mysql && !splitter->begin && sql_token_is(&token, "COPY"))
        return error_set(error, ERROR_INVALID,
            "line %u holds COPY, which a migration script may not: write the rows as INSERT",
            token.line);
    if (is_client_command(splitter, &token))
        return error_set(error, ERROR_INVALID,
            "line %u has a backslash outside of a string: commands of %s cannot be in a script",
            token.line, mysql ? "the mysql client" : "psql");
    if (!splitter->begin) {
        splitter->begin = token.begin;
        splitter->line = token.line;
    }
    splitter->end = splitter->lexer.at;
    if (!mysql)
        count_depth(splitter, &token);
    return true;
}

static bool take_delimiter(Splitter *splitter, Error *error)
{
    if (splitter->lexer.conditional > 0)
        return error_set(error, ERROR_INVALID,
            "line %u has '%s' inside of a conditional comment, which the mysql client cuts there: "
            "write its content as plain statements, or choose another DELIMITER",
            splitter->lexer.line, splitter->delimiter);
    sql_lexer_advance(&splitter->lexer, strlen(splitter->delimiter));
    end_statement(splitter);
    return true;
}

static bool read_statements(Splitter *splitter, Error *error)
{
    SqlLexer *lexer = &splitter->lexer;

    while (true) {
        if (!sql_lexer_skip(lexer, error))
            return false;
        if (*lexer->at == '\0' && lexer->conditional == 0)
            break;
        if (sql_lexer_is_at_delimiter(lexer) && splitter->parentheses == 0 &&
            splitter->blocks == 0) {
            if (!take_delimiter(splitter, error))
                return false;
        } else if (!add_token(splitter, error)) {
            return false;
        }
    }
    end_statement(splitter);
    return true;
}

/* Both clients leave the mark of UTF-8 out, and the mysql client the returns before line ends. */
static char *as_the_client_reads(const char *script, DatabaseType type)
{
    const char *from = strncmp(script, UTF8_MARK, strlen(UTF8_MARK)) == 0 ? script + 3 : script;
    char *read = memory_text(from), *to = read;

    if (type != DATABASE_MYSQL)
        return read;
    for (; *from; from++)
        if (!(from[0] == '\r' && from[1] == '\n'))
            *to++ = *from;
    *to = '\0';
    return read;
}

bool sql_script_split(const char *script, DatabaseType type, SqlScript **ret, Error *error)
{
    AUTO(SqlScript) *made = memory_new(sizeof(*made));
    AUTO_TEXT *text = as_the_client_reads(script, type);
    Splitter splitter = { .delimiter = ";", .script = made };

    made->arena = arena_new();
    sql_lexer_init(&splitter.lexer, text, type);
    splitter.lexer.delimiter = splitter.delimiter;
    if (!read_statements(&splitter, error))
        return false;
    *ret = TAKE(made);
    return true;
}

void sql_script_free(SqlScript *script)
{
    if (!script)
        return;
    free(script->items);
    arena_free(script->arena);
    free(script);
}
