#include "tests/component/database_lab.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/memory.h"

static Arena *logins; /* of the whole program, until it ends */

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    if (!value) {
        (void)fprintf(stderr, "%s is not set: start this program with with_databases.py\n", name);
        exit(2);
    }
    return value;
}

const AgentDatabase *lab_database(DatabaseType type, const char *name)
{
    AgentDatabase *config;

    if (!logins)
        logins = arena_new();
    config = arena_take(logins, sizeof(*config));
    config->name = arena_text(logins, name);
    config->type = type;
    config->production.database = config->staging.database = config->name;
    if (type == DATABASE_MYSQL) {
        config->production.option_file = setting("DSS_TEST_MYSQL_PRODUCTION");
        config->staging.option_file = setting("DSS_TEST_MYSQL_STAGING");
    } else {
        config->production.service_file = setting("DSS_TEST_PG_SERVICE_FILE");
        config->staging.service_file = setting("DSS_TEST_PG_SERVICE_FILE");
        config->production.service = "production";
        config->staging.service = "staging";
    }
    return config;
}

static Database *open_named(const AgentDatabase *config, DatabaseSide side, const char *name)
{
    Database *database = NULL;
    Error error = { 0 };

    if (!database_open(config, side, name, &database_limits_default, &database, &error))
        fail_msg("%s", error.text);
    return database;
}

Database *lab_open(const AgentDatabase *config, DatabaseSide side)
{
    return open_named(config, side, NULL);
}

void lab_create(const AgentDatabase *config, DatabaseSide side)
{
    const char *always = config->type == DATABASE_MYSQL ? "mysql" : "postgres";
    AUTO(Database) *server = open_named(config, side, always);

    lab_run(server, "DROP DATABASE IF EXISTS %s%s", config->name,
        config->type == DATABASE_MYSQL ? "" : " WITH (FORCE)");
    lab_run(server, "CREATE DATABASE %s", config->name);
}

void lab_run(Database *database, const char *format, ...)
{
    char *sql = NULL;
    Error error = { 0 };
    va_list args;

    va_start(args, format);
    assert_true(vasprintf(&sql, format, args) >= 0);
    va_end(args);
    if (!database_run(database, sql, NULL, &error))
        fail_msg("%s: %s", sql, error.text);
    free(sql);
}

char *lab_value(Database *database, const char *format, ...)
{
    char *sql = NULL, *value = NULL;
    Error error = { 0 };
    va_list args;

    va_start(args, format);
    assert_true(vasprintf(&sql, format, args) >= 0);
    va_end(args);
    if (!database_value(database, sql, &value, &error))
        fail_msg("%s: %s", sql, error.text);
    free(sql);
    return value ? value : memory_text("NULL");
}

static void run_program(const char *const *argv, const char *input, const char *output)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;

    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0600),
        0);
    assert_int_equal(
        posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ), 0);
    assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s < %s ended with status %d", argv[0], input, status);
}

void lab_run_file(const AgentDatabase *config, DatabaseSide side, const char *path)
{
    const DatabaseLogin *login = side == SIDE_PRODUCTION ? &config->production : &config->staging;

    if (config->type == DATABASE_MYSQL) {
        AUTO_TEXT *options = memory_format("--defaults-file=%s", login->option_file);
        const char *argv[] = { "mariadb", options, "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G", login->database, NULL };

        run_program(argv, path, "/dev/null");
    } else {
        AUTO_TEXT *to = memory_format("service=%s dbname=%s", login->service, login->database);
        const char *argv[] = { "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", to,
            NULL };

        assert_int_equal(setenv("PGSERVICEFILE", login->service_file, 1), 0);
        run_program(argv, path, "/dev/null");
    }
}

void lab_make_layout(
    const AgentDatabase *config, DatabaseSide side, const char *layout, unsigned megabytes)
{
    AUTO_TEXT *layouts = lab_source("tests/lab/layouts.py");
    AUTO_TEXT *fill = lab_source("tests/lab/fill.py");
    AUTO_TEXT *sql = lab_file("layout.sql");
    AUTO_TEXT *size = memory_format("--megabytes=%u", megabytes);
    const char *type = database_type_name(config->type);
    const char *make[] = { "python3", layouts, layout, type, NULL };
    const char *rows[] = { "python3", fill, layout, type, size, NULL };

    lab_create(config, side);
    run_program(make, "/dev/null", sql);
    lab_run_file(config, side, sql);
    if (megabytes == 0)
        return;
    run_program(rows, "/dev/null", sql);
    lab_run_file(config, side, sql);
}

void lab_shell(const char *words)
{
    const char *argv[] = { "bash", "-e", "-o", "pipefail", "-c", words, NULL };

    run_program(argv, "/dev/null", "/dev/null");
}

char *lab_source(const char *relative)
{
    return memory_format("%s/%s", setting("DSS_TEST_ROOT"), relative);
}

char *lab_file(const char *name)
{
    return memory_format("%s/%s", setting("DSS_TEST_FOLDER"), name);
}
