/*
 * The shipped migration scripts on real servers: the result has the layout of a fresh database of
 * the new release, users may do what they could, no other table is touched, and a statement that
 * changes rows does nothing the second time.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/database/invariants.h"
#include "agent/handlers/database/layout.h"
#include "agent/handlers/migration/sql_splitter.h"
#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/component/database_lab.h"
#include "tests/fakes/worker_io.h"

typedef struct Case {
    DatabaseType type;
    const char *from;
} Case;

typedef struct World {
    Profile *profile;
    const AgentDatabase *config;
    AgentConfig agent;
    WorkerIo worker;
    Database *database;
} World;

static void world_open(World *world, const Case *one)
{
    AUTO_TEXT *folder = lab_source("sql/profiles/dss-3.2.0");
    Error error = { 0 };

    *world = (World){ .config = lab_database(one->type, "carbon_um") };
    if (!profile_load(folder, &world->profile, &error))
        fail_msg("%s", error.text);
    world->agent = (AgentConfig){ .databases = world->config, .database_count = 1 };
    worker_io_init(&world->worker);
    world->worker.io.config = &world->agent;
    world->worker.io.profile = world->profile;
    lab_make_layout(world->config, SIDE_PRODUCTION, one->from, 2);
    world->database = lab_open(world->config, SIDE_PRODUCTION);
}

static void world_close(World *world)
{
    database_close(world->database);
    worker_io_done(&world->worker);
    profile_free(world->profile);
}

static const ProfileMigration *migration_of(const World *world, const Case *one)
{
    for (size_t i = 0; i < world->profile->migration_count; i++)
        if (world->profile->migrations[i].type == one->type &&
            strcmp(world->profile->migrations[i].from, one->from) == 0)
            return &world->profile->migrations[i];
    fail_msg("no migration from %s", one->from);
    return NULL;
}

/* On MySQL each statement that changes rows runs twice. */
static void run_script(World *world, const Case *one)
{
    AUTO(SqlScript) *script = NULL;
    Error error = { 0 };

    assert_true(sql_script_split(migration_of(world, one)->script, one->type, &script, &error));
    lab_run(world->database, "BEGIN");
    for (size_t i = 0; i < script->count; i++) {
        const SqlStatement *statement = &script->items[i];
        uint64_t again = 0;

        lab_run(world->database, "%s", statement->text);
        if (statement->kind != SQL_ROWS)
            continue;
        if (!database_run(world->database, statement->text, &again, &error))
            fail_msg("%s: %s", statement->text, error.text);
        if (again != 0)
            fail_msg("the second time %ju rows: %s", (uintmax_t)again, statement->text);
    }
    lab_run(world->database, "COMMIT");
}

static void assert_layout(World *world, const char *name)
{
    Layout layout;
    Error error = { 0 };

    if (!layout_find(world->database, world->profile, &layout, &error))
        fail_msg("%s", error.text);
    if (strcmp(layout.name, name) != 0)
        fail_msg("%s instead of %s: %s", layout.name, name, layout.why);
}

/* "table thing" for each of `a` that is not in `b`; what the facts of the release allow left out.
 */
static void add_missing(const Facts *a, const Facts *b, Text *ret)
{
    for (size_t i = 0; i < a->count; i++) {
        bool found = strcmp(a->items[i].name, "um_claim_behavior") == 0 ||
                     strstr(a->items[i].value, "um_claim_behavior");

        for (size_t j = 0; j < b->count && !found; j++)
            found = strcmp(a->items[i].name, b->items[j].name) == 0 &&
                    strcmp(a->items[i].value, b->items[j].value) == 0;
        if (!found)
            text_add(ret, "%s: %s\n", a->items[i].name, a->items[i].value);
    }
}

static void assert_like_a_fresh_database(World *world, const char *layout)
{
    AUTO(Database) *fresh = NULL;
    FACTS_AUTO(now);
    FACTS_AUTO(wanted);
    TEXT_AUTO(difference, 10000);
    Error error = { 0 };

    lab_make_layout(world->config, SIDE_STAGING, layout, 0);
    fresh = lab_open(world->config, SIDE_STAGING);
    assert_true(layout_describe(world->database, &now, &error));
    assert_true(layout_describe(fresh, &wanted, &error));
    assert_true(wanted.count > 300);
    text_add(&difference, "too much:\n");
    add_missing(&now, &wanted, &difference);
    text_add(&difference, "missing:\n");
    add_missing(&wanted, &now, &difference);
    assert_string_equal(difference.bytes, "too much:\nmissing:\n");
}

static bool add_name(void *self, const DatabaseRow *row, Error *error)
{
    (void)error;
    facts_add(self, row->values[0], "");
    return true;
}

static bool keep_second(void *self, const DatabaseRow *row, Error *error)
{
    char **kept = self;

    (void)error;
    *kept = memory_text(row->values[1] ? row->values[1] : "NULL");
    return true;
}

static char *checksum_of(Database *database, const char *table)
{
    AUTO_TEXT *sql = memory_format("CHECKSUM TABLE %s", table);
    char *checksum = NULL;
    Error error = { 0 };

    if (!database_query(database, sql, keep_second, &checksum, &error))
        fail_msg("%s", error.text);
    return checksum;
}

/* "table digest" of each table that the profile does not call changed; the caller frees. */
static char *digests_of_the_rest(World *world)
{
    FACTS_AUTO(tables);
    TEXT_AUTO(text, 100000);
    Error error = { 0 };

    assert_true(database_query(world->database,
        world->config->type == DATABASE_MYSQL ? "SELECT table_name FROM information_schema.tables"
                                                " WHERE table_schema = DATABASE() ORDER BY 1"
                                              : "SELECT table_name FROM information_schema.tables"
                                                " WHERE table_schema = CURRENT_SCHEMA() ORDER BY 1",
        add_name, &tables, &error));
    for (size_t i = 0; i < tables.count; i++) {
        const char *table = tables.items[i].name;
        AUTO_TEXT *digest = NULL;

        if (profile_changes_table(world->profile, table))
            continue;
        digest = world->config->type == DATABASE_MYSQL
                     ? checksum_of(world->database, table)
                     : lab_value(world->database,
                           "SELECT md5(COALESCE(string_agg(t::text, '|' ORDER BY t::text), ''))"
                           " FROM %s t",
                           table);
        text_add(&text, "%s %s\n", table, digest);
    }
    return text_take(&text);
}

static void run_checkpoint(World *world)
{
    Command command = { .kind = COMMAND_CHECKPOINT_DATABASE };
    bool holds = false;
    Error error = { 0 };

    (void)text_copy(command.target, sizeof(command.target), world->config->name);
    facts_add(&command.args, ARG_SIDE, "production");
    if (!handler_checkpoint_database.probe(&world->worker.io, &command, &holds, &error))
        fail_msg("%s", error.text);
    assert_true(holds);
    facts_done(&command.args);
}

static void a_migrated_database_is_a_new_one(void **state)
{
    const Case *one = *state;
    World world;
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;
    Command command = { .kind = COMMAND_CHECKPOINT_DATABASE };
    Error error = { 0 };

    world_open(&world, one);
    (void)text_copy(command.target, sizeof(command.target), world.config->name);
    assert_layout(&world, one->from);
    if (!invariants_record(&world.worker.io, world.database, &command, &error))
        fail_msg("%s", error.text);
    before = digests_of_the_rest(&world);
    run_script(&world, one);
    after = digests_of_the_rest(&world);
    assert_string_equal(before, after);
    assert_layout(&world, "4.2");
    assert_like_a_fresh_database(&world, "4.2");
    run_checkpoint(&world);
    assert_non_null(
        strstr(facts_get(&world.worker.evidence, "invariant:permissions-of-users"), "same: "));
    assert_non_null(strstr(
        facts_get(&world.worker.evidence, "checkpoint:role-permissions-have-domains"), "ok: "));
    world_close(&world);
}

/* One name written in several ways, and tables of an older character set than the database. */
static void make_odd(World *world)
{
    static const char *const names[] = { "PRIMARY/user1", "x/eve", "X/eve", "primary/user9" };
    const char *none = "SELECT COUNT(*) FROM UM_HYBRID_USER_ROLE WHERE UM_USER_NAME = 'LDAP/user1'";
    AUTO_TEXT *count = lab_value(world->database, "%s", none);

    assert_string_equal(count, "0");
    if (world->config->type == DATABASE_MYSQL) {
        /* two stores with a user of one name in one role: PostgreSQL's key has no room for them */
        lab_run(world->database,
            "INSERT INTO UM_HYBRID_USER_ROLE (UM_USER_NAME, UM_ROLE_ID, UM_TENANT_ID)"
            " VALUES ('LDAP/user1', 1, -1234)");
        lab_run(world->database,
            "ALTER TABLE UM_ROLE_PERMISSION CONVERT TO CHARACTER SET latin1 COLLATE latin1_bin");
        lab_run(world->database, "ALTER TABLE UM_HYBRID_USER_ROLE CONVERT TO CHARACTER SET utf8mb4"
                                 " COLLATE utf8mb4_bin");
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        lab_run(world->database,
            "INSERT INTO UM_HYBRID_USER_ROLE (UM_USER_NAME, UM_ROLE_ID, UM_TENANT_ID)"
            " VALUES ('%s', 1, -1234)",
            names[i]);
}

static void one_user_of_many_spellings_stays_one(void **state)
{
    const Case *one = *state;
    World world;
    AUTO_TEXT *eve = NULL;
    AUTO_TEXT *user1 = NULL;
    AUTO_TEXT *slashes = NULL;
    Command command = { .kind = COMMAND_CHECKPOINT_DATABASE };
    Error error = { 0 };

    world_open(&world, one);
    (void)text_copy(command.target, sizeof(command.target), world.config->name);
    make_odd(&world);
    if (!invariants_record(&world.worker.io, world.database, &command, &error))
        fail_msg("%s", error.text);
    run_script(&world, one);
    run_checkpoint(&world);
    eve =
        lab_value(world.database, "SELECT COUNT(*) FROM UM_HYBRID_USER_ROLE u JOIN UM_DOMAIN d"
                                  " ON d.UM_DOMAIN_ID = u.UM_DOMAIN_ID WHERE u.UM_USER_NAME = 'eve'"
                                  " AND d.UM_DOMAIN_NAME = 'X'");
    user1 = lab_value(world.database,
        "SELECT COUNT(*) FROM UM_HYBRID_USER_ROLE WHERE UM_USER_NAME = 'user1'"
        " AND UM_TENANT_ID = -1234 AND UM_ROLE_ID = 1");
    slashes = lab_value(
        world.database, "SELECT COUNT(*) FROM UM_HYBRID_USER_ROLE WHERE UM_USER_NAME LIKE '%%/%%'");
    assert_string_equal(eve, "1");
    assert_string_equal(user1, one->type == DATABASE_MYSQL ? "2" : "1");
    assert_string_equal(slashes, "0");
    world_close(&world);
}

static void permissions_that_disagree_stop_the_script(void **state)
{
    const Case *one = *state;
    World world;
    AUTO(SqlScript) *script = NULL;
    Error error = { 0 };
    bool refused = false;

    world_open(&world, one);
    lab_run(world.database,
        "INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED,"
        " UM_TENANT_ID) VALUES (1, 'admin', 0, -1234)");
    assert_true(sql_script_split(migration_of(&world, one)->script, one->type, &script, &error));
    for (size_t i = 0; i < script->count && !refused; i++)
        refused = !database_run(world.database, script->items[i].text, NULL, &error);
    assert_true(refused);
    assert_non_null(strstr(error.text, "1062"));
    world_close(&world);
}

int main(void)
{
    static Case cases[] = { { DATABASE_MYSQL, "4.0" }, { DATABASE_MYSQL, "4.1" },
        { DATABASE_POSTGRESQL, "4.0" }, { DATABASE_POSTGRESQL, "4.1" } };
#define FROM(test, number, words)                                                                  \
    {                                                                                              \
#test " (" words ")", test, NULL, NULL, &cases[number]                                     \
    }
    const struct CMUnitTest tests[] = {
        FROM(a_migrated_database_is_a_new_one, 0, "mysql 4.0"),
        FROM(a_migrated_database_is_a_new_one, 1, "mysql 4.1"),
        FROM(a_migrated_database_is_a_new_one, 2, "postgresql 4.0"),
        FROM(a_migrated_database_is_a_new_one, 3, "postgresql 4.1"),
        FROM(one_user_of_many_spellings_stays_one, 0, "mysql 4.0"),
        FROM(one_user_of_many_spellings_stays_one, 2, "postgresql 4.0"),
        FROM(permissions_that_disagree_stop_the_script, 1, "mysql 4.1"),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
