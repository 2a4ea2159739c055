#include "agent/handlers/migration/sql_lexer.h"
#include "agent/handlers/migration/sql_splitter.h"

#define RULE_WORDS     4
#define BODY_DEPTH_MAX 8          /* bodies within bodies; what lies deeper is taken for text */
#define TAIL           RULE_WORDS /* tokens that are looked at together */

typedef enum RulePlace {
    RULE_FIRST,    /* the statement begins with these words */
    RULE_ANYWHERE, /* these words follow one another somewhere in it, routine bodies included */
} RulePlace;

/* "|" separates alternatives; "*" is any word; "@" is that symbol. */
typedef struct Rule {
    const char *words[RULE_WORDS];
    RulePlace place;
    DatabaseType type; /* or DATABASE_TYPE_COUNT: both */
    const char *does;  /* "statement 3 (line 9) …" */
} Rule;

#define BOTH  DATABASE_TYPE_COUNT
#define MYSQL DATABASE_MYSQL
#define PG    DATABASE_POSTGRESQL

#define DROPS_TABLES                                                                               \
    "drops tables: a migration never does, a script that creates a database may; give the "        \
    "migration script"
#define NOT_RESUMABLE "cannot be repeated after a crash: write it as plain statements"

static const Rule rules[] = {
    { { "DROP", "TABLE|TABLES" }, RULE_ANYWHERE, BOTH, DROPS_TABLES },
    { { "DROP", "FOREIGN", "TABLE" }, RULE_ANYWHERE, PG, DROPS_TABLES },
    { { "DROP", "DATABASE|SCHEMA" }, RULE_ANYWHERE, BOTH, "drops a database or schema" },
    { { "DROP", "OWNED" }, RULE_ANYWHERE, PG, "drops all that a role owns" },
    { { "OR", "REPLACE", "TABLE" }, RULE_ANYWHERE, MYSQL, "replaces a table and loses its rows" },
    { { "CREATE|ALTER", "DATABASE" }, RULE_FIRST, BOTH, "is about a whole database" },
    { { "CREATE", "SCHEMA" }, RULE_FIRST, MYSQL, "is about a whole database" },
    { { "CREATE", "TEMPORARY", "TABLE" }, RULE_ANYWHERE, MYSQL, NOT_RESUMABLE },
    { { "SET", "GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|ROLE|DEFAULT" }, RULE_FIRST, MYSQL,
        "changes the server or the account" },
    { { "SET", "@", "@", "GLOBAL|PERSIST|PERSIST_ONLY" }, RULE_FIRST, MYSQL, "changes the server" },
    { { "SET", "AUTOCOMMIT|TRANSACTION" }, RULE_FIRST, MYSQL,
        "draws transactions, which the tool does itself: take it out" },
    { { "INTO", "@" }, RULE_ANYWHERE, MYSQL, NOT_RESUMABLE },
    { { "INTO", "OUTFILE|DUMPFILE" }, RULE_ANYWHERE, MYSQL, "writes a file of the server" },
    { { "ALTER", "SYSTEM" }, RULE_FIRST, PG, "changes the server" },
    { { "SET", "SESSION", "AUTHORIZATION" }, RULE_FIRST, PG, "changes the account" },
    { { "SET|RESET", "ROLE" }, RULE_FIRST, PG, "changes the account" },
    { { "INDEX", "CONCURRENTLY" }, RULE_ANYWHERE, PG,
        "cannot run in a transaction: take CONCURRENTLY out" },
};

/* Settings under which the server would read the script otherwise than it was split. */
static const char *const reading_settings[] = {
    "SQL_MODE",
    "STANDARD_CONFORMING_STRINGS",
    "BACKSLASH_QUOTE",
};
static const char *const reading_modes[] = { "ANSI", "BACKSLASH", "ORACLE", "MSSQL", "DB2",
    "POSTGRESQL", "MAXDB", "OFF", "FALSE" };

#define TRANSACTION_WORDS                                                                          \
    "BEGIN|START|COMMIT|END|TRANSACTION|WORK|READ|WRITE|ONLY|ISOLATION|LEVEL|SERIALIZABLE|"        \
    "REPEATABLE|COMMITTED|WITH|CONSISTENT|SNAPSHOT"

typedef struct Check {
    DatabaseType type;
    const SqlStatement *statement;
    size_t number;
    SqlToken tail[TAIL]; /* the last tokens, oldest first */
    size_t tokens;
    unsigned depth; /* of routine bodies */
} Check;

static bool refuse(const Check *check, const char *does, Error *error)
{
    return error_set(error, ERROR_INVALID, "statement %zu (line %u) %s", check->number,
        check->statement->line, does);
}

static bool token_is_one_of(const SqlToken *token, const char *words)
{
    while (*words) {
        size_t length = strcspn(words, "|");
        AUTO_TEXT *word = memory_text_n(words, length);

        if (sql_token_is(token, word) || (word[0] == '@' && sql_token_is_symbol(token, '@')))
            return true;
        words += length + (words[length] == '|');
    }
    return false;
}

/* Says whether the last tokens are the words of the rule. */
static bool rule_matches(const Check *check, const Rule *rule)
{
    size_t words = 0;

    while (words < RULE_WORDS && rule->words[words])
        words++;
    if (check->tokens < words || (rule->place == RULE_FIRST && check->tokens != words) ||
        (rule->type != BOTH && rule->type != check->type))
        return false;
    for (size_t i = 0; i < words; i++)
        if (!token_is_one_of(&check->tail[TAIL - words + i], rule->words[i]))
            return false;
    return true;
}

/*
 * TRUNCATE empties a table or partition, but TRUNCATE(x, d) is a function, and it is the name of
 * a right (GRANT) and of an event (CREATE TRIGGER).
 */
static bool truncates(const Check *check)
{
    const SqlToken *before = &check->tail[TAIL - 2], *last = &check->tail[TAIL - 1];

    if (check->tokens < 2 || !sql_token_is(before, "TRUNCATE"))
        return false;
    return last->kind == SQL_TOKEN_QUOTED ||
           (last->kind == SQL_TOKEN_WORD && !token_is_one_of(last, "ON|OR"));
}

static bool check_tail(const Check *check, Error *error)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rule_matches(check, &rules[i]))
            return refuse(check, rules[i].does, error);
    if (truncates(check))
        return refuse(check, "empties a table: a migration never does", error);
    return true;
}

static bool check_tokens(Check *check, const char *text, Error *error);

/* The body of a PostgreSQL routine or DO block is code in a string. */
static bool check_body(const Check *check, const SqlToken *token, Error *error)
{
    const char *second = memchr(token->begin + 1, '$', token->length - 1);
    size_t mark = (size_t)(second - token->begin) + 1;
    AUTO_TEXT *body = memory_text_n(token->begin + mark, token->length - 2 * mark);
    Check inside = { .type = check->type,
        .statement = check->statement,
        .number = check->number,
        .depth = check->depth + 1 };
    Error reading = { 0 };

    if (inside.depth > BODY_DEPTH_MAX || check_tokens(&inside, body, &reading))
        return true;
    if (strncmp(reading.text, "statement", 9) != 0)
        return true; /* not SQL: a body in another language, or text */
    *error = reading;
    return false;
}

static bool check_tokens(Check *check, const char *text, Error *error)
{
    SqlLexer lexer;
    SqlToken token;

    sql_lexer_init(&lexer, text, check->type);
    while (true) {
        if (!sql_lexer_next(&lexer, &token, error))
            return false;
        if (token.kind == SQL_TOKEN_END)
            return true;
        if (token.kind == SQL_TOKEN_MARK)
            continue;
        memmove(check->tail, check->tail + 1, (TAIL - 1) * sizeof(token));
        check->tail[TAIL - 1] = token;
        check->tokens++;
        if (!check_tail(check, error))
            return false;
        if (token.kind == SQL_TOKEN_DOLLAR && !check_body(check, &token, error))
            return false;
    }
}

/* Says whether the word stands in the statement, strings included. */
static bool mentions(const SqlStatement *statement, const char *word)
{
    return strcasestr(statement->text, word) != NULL;
}

static bool check_session(const Check *check, Error *error)
{
    const SqlStatement *statement = check->statement;
    bool reading = false;

    for (size_t i = 0; i < sizeof(reading_settings) / sizeof(reading_settings[0]); i++)
        reading |= mentions(statement, reading_settings[i]);
    for (size_t i = 0; i < sizeof(reading_modes) / sizeof(reading_modes[0]) && reading; i++)
        if (mentions(statement, reading_modes[i]))
            return refuse(check, "changes how strings and names are read: take it out", error);
    /* a variable that is computed from rows would be computed anew from changed rows */
    if (check->type == DATABASE_MYSQL && mentions(statement, "@") && mentions(statement, "SELECT"))
        return refuse(check, NOT_RESUMABLE, error);
    return true;
}

/* What a statement may hold that is left out because the tool draws the transactions itself. */
static bool check_transaction(const Check *check, Error *error)
{
    SqlLexer lexer;
    SqlToken token;

    sql_lexer_init(&lexer, check->statement->text, check->type);
    do {
        if (!sql_lexer_next(&lexer, &token, error))
            return false;
        if (token.kind != SQL_TOKEN_END && token.kind != SQL_TOKEN_MARK &&
            !token_is_one_of(&token, TRANSACTION_WORDS))
            return refuse(check, "is more than a plain BEGIN or COMMIT", error);
    } while (token.kind != SQL_TOKEN_END);
    return true;
}

static bool check_statement(Check *check, Error *error)
{
    const SqlStatement *statement = check->statement;

    if (statement->kind == SQL_OTHER) {
        int length = (int)strcspn(statement->text, " \t\r\n(;");

        return error_set(error, ERROR_INVALID,
            "statement %zu (line %u) begins with '%.*s', which is none that a migration script "
            "may hold",
            check->number, statement->line, length > 40 ? 40 : length, statement->text);
    }
    if (statement->kind == SQL_SESSION && !check_session(check, error))
        return false;
    if (statement->kind == SQL_TRANSACTION && !check_transaction(check, error))
        return false;
    return check_tokens(check, statement->text, error);
}

bool sql_script_check(const char *script, DatabaseType type, Error *error)
{
    AUTO(SqlScript) *split = NULL;

    if (!sql_script_split(script, type, &split, error))
        return false;
    if (split->count == 0)
        return error_set(error, ERROR_INVALID, "the script holds no statement");
    for (size_t i = 0; i < split->count; i++) {
        Check check = { .type = type, .statement = &split->items[i], .number = i + 1 };

        if (!check_statement(&check, error))
            return false;
    }
    return true;
}
