#include "tests/component/migration_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/os/digest.h"

#define ANY PROFILE_ANY_TYPE

/* A release that moves from table A with column OLD to A with column FRESH and table B. */
static const ProfileProbe old_probes[] = { { "A", "OLD", true, ANY }, { "A", "FRESH", false, ANY },
    { "B", NULL, false, ANY } };
static const ProfileProbe new_probes[] = { { "A", "OLD", true, ANY }, { "A", "FRESH", true, ANY },
    { "B", NULL, true, ANY } };
static const ProfileLayout layouts[] = {
    { "old", old_probes, 3 },
    { "new", new_probes, 3 },
};

/* No statement of these can run twice without leaving a trace. */
static const char mysql_script[] = "SET SESSION foreign_key_checks = 0;\n"
                                   "ALTER TABLE A ADD COLUMN FRESH INT;\n"
                                   "INSERT INTO A (OLD, FRESH) VALUES (100, 1);\n"
                                   "UPDATE A SET FRESH = COALESCE(FRESH, 0) + 1;\n"
                                   "BEGIN;\n"
                                   "CREATE TABLE B (ID INT AUTO_INCREMENT PRIMARY KEY, N INT);\n"
                                   "INSERT INTO B (N) SELECT FRESH FROM A;\n"
                                   "COMMIT;\n"
                                   "ALTER TABLE B ADD INDEX (N), AUTO_INCREMENT = 50;\n"
                                   "DELETE FROM A ORDER BY OLD LIMIT 1;\n"
                                   "SET SESSION sql_mode = 'STRICT_ALL_TABLES';\n"
                                   "CREATE INDEX TWICE ON A (OLD);\n";
static const char pg_script[] = "ALTER TABLE A ADD COLUMN FRESH INT;\n"
                                "INSERT INTO A (OLD, FRESH) VALUES (100, 1);\n"
                                "UPDATE A SET FRESH = COALESCE(FRESH, 0) + 1;\n"
                                "BEGIN;\n"
                                "CREATE TABLE B (ID SERIAL PRIMARY KEY, N INT);\n"
                                "INSERT INTO B (N) SELECT FRESH FROM A ORDER BY OLD;\n"
                                "COMMIT;\n"
                                "CREATE INDEX ON B (N);\n"
                                "DELETE FROM A WHERE OLD = (SELECT MIN(OLD) FROM A);\n";

static const ProfileMigration migrations[] = {
    { .from = "old", .type = DATABASE_MYSQL, .file = "mysql.sql", .script = mysql_script },
    { .from = "old", .type = DATABASE_POSTGRESQL, .file = "pg.sql", .script = pg_script },
};

static void fill(MigrationLab *lab)
{
    lab_create(lab->database, SIDE_PRODUCTION);
    lab->production = lab_open(lab->database, SIDE_PRODUCTION);
    lab_run(lab->production, "CREATE TABLE A (OLD INT)");
    lab_run(lab->production, "INSERT INTO A VALUES (1), (2), (3)");
}

MigrationLab *migration_lab_new(DatabaseType type)
{
    MigrationLab *lab = memory_new(sizeof(*lab));

    lab->database = lab_database(type, "migrated");
    fill(lab);
    lab->config = (AgentConfig){ .databases = lab->database, .database_count = 1 };
    lab->small = (Profile){ .name = "small",
        .target_layout = "new",
        .sha256 = "abc",
        .layouts = layouts,
        .layout_count = 2,
        .migrations = migrations,
        .migration_count = 2 };
    lab->agent = lab_agent_new(&lab->config, &lab->small);
    lab->command = (Command){ .kind = COMMAND_MIGRATE_DATABASE,
        .id = { .run = "run-1", .step = 1, .attempt = 1 },
        .target = "migrated",
        .deadline_s = 60 };
    facts_add(&lab->command.args, ARG_SIDE, "production");
    facts_add(&lab->command.args, ARG_STATEMENT_S, "20");
    facts_add(&lab->command.args, ARG_LOCK_S, "1");
    return lab;
}

void migration_lab_free(MigrationLab *lab)
{
    database_close(lab->production);
    lab_agent_free(lab->agent);
    profile_free(lab->own);
    command_done(&lab->command);
    free(lab);
}

void migration_lab_use_script(MigrationLab *lab, const char *script)
{
    char digest[SHA256_HEX_BYTES];

    digest_of(script, strlen(script), digest);
    facts_add(&lab->command.args, ARG_SCRIPT, script);
    facts_add(&lab->command.args, ARG_SCRIPT_SHA256, digest);
}

void migration_lab_fails(MigrationLab *lab, ErrorKind kind, const char *words)
{
    lab_agent_fails(lab->agent, &handler_migrate_database, &lab->command, kind, words);
}

ResultState migration_lab_succeeds(MigrationLab *lab, Facts *evidence)
{
    return lab_agent_succeeds(lab->agent, &handler_migrate_database, &lab->command, evidence);
}
