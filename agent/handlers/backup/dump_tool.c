#include "agent/handlers/backup/dump_tool.h"

#include <stdarg.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/process.h"

#define CHUNK_BYTES     ((size_t)256 << 10)
#define VERSION_TIMEOUT 10000
#define WORDS_MAX       24

/* An argument list or an environment: ends with NULL, owns its texts. */
typedef struct Words {
    char *items[WORDS_MAX + 1];
    size_t count;
} Words;

static void words_done(Words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
}
#define WORDS_AUTO(name) __attribute__((cleanup(words_done))) Words name = { 0 }

static void add(Words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(Words *words, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0 || words->count == WORDS_MAX)
        abort(); /* out of memory, or of words that stand in this file */
    words->items[words->count++] = text;
}

static void add_variable(Words *words, const char *name)
{
    const char *value = secure_getenv(name);

    if (value)
        add(words, "%s=%s", name, value);
}

/* libpq in the program finds what libpq in this process finds. */
static void fill_environment(Words *words, const DatabaseLogin *login)
{
    add(words, "PATH=" PROCESS_PATH);
    add(words, "LC_ALL=C.UTF-8");
    add_variable(words, "HOME");
    if (login->service_file) {
        add_variable(words, "PGPASSFILE");
        add(words, "PGSERVICEFILE=%s", login->service_file);
        add(words, "PGCLIENTENCODING=UTF8");
    }
}

static ProcessOrder order_of(const Words *argv, const Words *environment, Millis timeout)
{
    return (ProcessOrder){
        .argv = (const char *const *)argv->items,
        .environment = (const char *const *)environment->items,
        .timeout = timeout,
    };
}

/* What the program says of its version, or an error that names its package. */
static bool read_version(const char *program, const char *package, char **ret, Error *error)
{
    const char *const argv[] = { program, "--version", NULL };
    const ProcessOrder order = { .argv = argv, .timeout = VERSION_TIMEOUT };
    PROCESS_RESULT_AUTO(result);
    Error failure = { 0 };

    if (!process_run(&order, &result, &failure) || !process_succeeded(&order, &result, &failure))
        return error_set(error, ERROR_INVALID,
            "%s cannot be run on this host: install the package %s (%.300s)", program, package,
            failure.text);
    *ret = memory_text(result.output);
    return true;
}

/* MariaDB's name of a program where it is there, else MySQL's. */
static const char *mysql_program(const char *mariadb, const char *mysql)
{
    AUTO_TEXT *version = NULL;
    Error absent = { 0 };

    return read_version(mariadb, "mariadb-client", &version, &absent) ? mariadb : mysql;
}

static bool check_postgresql(const Database *database, Error *error)
{
    AUTO_TEXT *dump = NULL;
    AUTO_TEXT *restore = NULL;
    const char *number;

    if (!read_version("pg_dump", "postgresql-client", &dump, error) ||
        !read_version("pg_restore", "postgresql-client", &restore, error))
        return false;
    number = strpbrk(dump, "0123456789");
    if (!number || strtoul(number, NULL, 10) < strtoul(database_server_version(database), NULL, 10))
        return error_set(error, ERROR_PRECONDITION,
            "%.*s is older than the server (%s): install postgresql-client of the server's version",
            (int)strcspn(dump, "\n"), dump, database_server_version(database));
    return true;
}

bool dump_tool_check(const Database *database, Error *error)
{
    AUTO_TEXT *dump = NULL;
    AUTO_TEXT *client = NULL;

    if (database_type(database) == DATABASE_POSTGRESQL)
        return check_postgresql(database, error);
    return read_version(
               mysql_program("mariadb-dump", "mysqldump"), "mariadb-client", &dump, error) &&
           read_version(mysql_program("mariadb", "mysql"), "mariadb-client", &client, error);
}

const char *dump_tool_file_name(DatabaseType type)
{
    return type == DATABASE_POSTGRESQL ? "dump.pgdump.zst" : "dump.sql.zst";
}

/* A value of a libpq connection string: in quotes, quotes and backslashes escaped. */
static void add_quoted(Text *text, const char *value)
{
    text_add(text, "'");
    for (const char *c = value; *c; c++)
        text_add(text, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
    text_add(text, "'");
}

static void add_connection(Words *argv, const DatabaseLogin *login, const char *name)
{
    TEXT_AUTO(connection, 2000);

    text_add(&connection, "service=");
    add_quoted(&connection, login->service);
    text_add(&connection, " dbname=");
    add_quoted(&connection, name);
    add(argv, "--dbname=%s", connection.bytes);
    add(argv, "--no-password");
}

static void fill_dump(Words *argv, const AgentDatabase *config)
{
    const DatabaseLogin *login = &config->production;

    if (config->type == DATABASE_POSTGRESQL) {
        add(argv, "pg_dump");
        add_connection(argv, login, login->database);
        add(argv, "--format=custom");
        add(argv, "--compress=0"); /* the file is compressed here: zlib costs four times as much */
        add(argv, "--lock-wait-timeout=10000");
        return;
    }
    add(argv, "%s", mysql_program("mariadb-dump", "mysqldump"));
    add(argv, "--defaults-file=%s", login->option_file); /* has to be the first option */
    add(argv, "--single-transaction");
    add(argv, "--quick");
    add(argv, "--routines");
    add(argv, "--events");
    add(argv, "--triggers");
    add(argv, "--hex-blob");
    add(argv, "--no-tablespaces");
    add(argv, "--default-character-set=utf8mb4");
    add(argv, "--max-allowed-packet=1G");
    add(argv, "%s", login->database);
}

static void fill_restore(Words *argv, const AgentDatabase *config, const char *name)
{
    const DatabaseLogin *login = &config->staging;

    if (config->type == DATABASE_POSTGRESQL) {
        add(argv, "pg_restore");
        add_connection(argv, login, name);
        add(argv, "--no-owner");
        add(argv, "--no-privileges");
        add(argv, "--exit-on-error");
        return;
    }
    add(argv, "%s", mysql_program("mariadb", "mysql"));
    add(argv, "--defaults-file=%s", login->option_file); /* has to be the first option */
    add(argv, "--batch");
    add(argv, "--binary-mode");
    add(argv, "--default-character-set=utf8mb4");
    add(argv, "--max-allowed-packet=1G");
    add(argv, "%s", name);
}

static bool finish(Process *process, const ProcessOrder *order, Error *error)
{
    PROCESS_RESULT_AUTO(result);

    return process_wait(process, &result, error) && process_succeeded(order, &result, error);
}

static bool take_output(Process *process, CompressedWriter *writer, Error *error)
{
    AUTO_TEXT *buffer = memory_new(CHUNK_BYTES);
    size_t got = 1;

    while (got > 0)
        if (!process_read(process, buffer, CHUNK_BYTES, &got, error) ||
            !compressed_writer_add(writer, buffer, got, error))
            return false;
    return true;
}

bool dump_tool_dump(const AgentDatabase *config, const char *path, Millis timeout,
    CompressedFile *ret, Error *error)
{
    AUTO(CompressedWriter) *writer = NULL;
    AUTO(Process) *process = NULL;
    WORDS_AUTO(argv);
    WORDS_AUTO(environment);
    ProcessOrder order;

    fill_dump(&argv, config);
    fill_environment(&environment, &config->production);
    order = order_of(&argv, &environment, timeout);
    return (compressed_writer_open(path, &writer, error) &&
               process_start(&order, &process, error) && take_output(process, writer, error) &&
               finish(process, &order, error) && compressed_writer_end(writer, ret, error)) ||
           error_prefix(error, "dump: ");
}

/* When the program stops reading, its own last words say more than the broken pipe. */
static bool feed(void *self, const void *bytes, size_t length, Error *error)
{
    return process_write(self, bytes, length, error);
}

bool dump_tool_restore(
    const AgentDatabase *config, const char *name, const char *path, Millis timeout, Error *error)
{
    AUTO(Process) *process = NULL;
    WORDS_AUTO(argv);
    WORDS_AUTO(environment);
    ProcessOrder order;

    fill_restore(&argv, config, name);
    fill_environment(&environment, &config->staging);
    order = order_of(&argv, &environment, timeout);
    order.input_kind = PROCESS_INPUT_PIPE;
    return (process_start(&order, &process, error) &&
               compressed_file_read(path, feed, process, error) &&
               finish(process, &order, error)) ||
           error_prefix(error, "restore: ");
}
