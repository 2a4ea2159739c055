/*
 * A database beside a fresh one, on real servers: what the profile declares is what the release's
 * own script makes, and each thing that is lost or changed is found and named.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/database/fresh_layout.h"
#include "agent/handlers/database/invariants.h"
#include "agent/handlers/database/layout.h"
#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/component/database_lab.h"
#include "tests/fakes/worker_io.h"

typedef struct World {
    DatabaseType type;
    Profile *profile;
    const AgentDatabase *config;
    AgentConfig agent;
    WorkerIo worker;
    Database *database;
} World;

static int make_world(void **state)
{
    AUTO_TEXT *folder = lab_source("sql/profiles/dss-3.2.0");
    World *world = memory_new(sizeof(*world));
    Error error = { 0 };

    world->type = *(const DatabaseType *)*state;
    world->config = lab_database(world->type, "carbon_fresh");
    if (!profile_load(folder, &world->profile, &error))
        fail_msg("%s", error.text);
    world->agent = (AgentConfig){ .databases = world->config, .database_count = 1 };
    worker_io_init(&world->worker);
    world->worker.io.config = &world->agent;
    world->worker.io.profile = world->profile;
    lab_make_layout(world->config, SIDE_PRODUCTION, "4.2", 0);
    world->database = lab_open(world->config, SIDE_PRODUCTION);
    *state = world;
    return 0;
}

static int remove_world(void **state)
{
    World *world = *state;

    database_close(world->database);
    worker_io_done(&world->worker);
    profile_free(world->profile);
    free(world);
    return 0;
}

static void compare(World *world, FreshDifferences *ret)
{
    Error error = { 0 };

    if (!fresh_layout_compare(world->database, world->profile, FRESH_ALL, ret, &error))
        fail_msg("%s", error.text);
}

/* One harmful difference and no other, in these words. */
static void assert_harm(World *world, const char *words)
{
    FRESH_DIFFERENCES_AUTO(differences);
    AUTO_TEXT *found = NULL;

    compare(world, &differences);
    found = fresh_differences_words(&differences.harmful);
    assert_string_equal(found, words);
}

static void assert_tolerated(World *world, const char *words)
{
    FRESH_DIFFERENCES_AUTO(differences);
    AUTO_TEXT *harmful = NULL;
    AUTO_TEXT *found = NULL;

    compare(world, &differences);
    harmful = fresh_differences_words(&differences.harmful);
    found = fresh_differences_words(&differences.tolerated);
    assert_string_equal(harmful, "");
    assert_string_equal(found, words);
}

static bool is_mysql(const World *world)
{
    return world->type == DATABASE_MYSQL;
}

static void the_declared_layout_is_that_of_a_fresh_database(void **state)
{
    World *world = *state;
    FRESH_DIFFERENCES_AUTO(differences);
    FACTS_AUTO(there);
    Error error = { 0 };

    assert_tolerated(world, "");
    compare(world, &differences);
    assert_true(layout_describe(world->database, &there, &error));
    /* on MySQL the declaration has one table more, which may be missing: 11 things */
    assert_int_equal(differences.compared, there.count + (is_mysql(world) ? 11 : 0));
    assert_true(there.count > 300);
}

static void servers_settings_of_timestamps_are_no_difference(void **state)
{
    World *world = *state;

    lab_run(world->database, "ALTER TABLE REG_RESOURCE"
                             " MODIFY REG_CREATED_TIME TIMESTAMP NOT NULL DEFAULT 0,"
                             " MODIFY REG_LAST_UPDATED_TIME TIMESTAMP NOT NULL DEFAULT 0");
    lab_run(world->database, "ALTER TABLE REG_LOG MODIFY REG_LOGGED_TIME TIMESTAMP NOT NULL"
                             " DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP");
    lab_run(world->database, "ALTER TABLE REG_CLUSTER_LOCK MODIFY REG_LOCKED_TIME TIMESTAMP"
                             " NOT NULL DEFAULT CURRENT_TIMESTAMP");
    assert_tolerated(world, "");
}

static void positions_hash_and_names_are_no_difference(void **state)
{
    World *world = *state;

    if (is_mysql(world)) {
        lab_run(world->database, "ALTER TABLE REG_LOG MODIFY REG_ACTION INTEGER NOT NULL FIRST");
        lab_run(world->database, "ALTER TABLE REG_PATH DROP INDEX REG_PATH_IND_BY_PATH_VALUE,"
                                 " ADD INDEX other_name USING HASH (REG_PATH_VALUE,"
                                 " REG_TENANT_ID)");
    } else {
        lab_run(world->database, "ALTER TABLE REG_LOG DROP COLUMN REG_ACTION");
        lab_run(world->database, "ALTER TABLE REG_LOG ADD COLUMN REG_ACTION INTEGER NOT NULL");
        lab_run(world->database, "ALTER INDEX REG_PATH_IND_BY_PATH_VALUE RENAME TO other_name");
    }
    assert_tolerated(world, "");
}

static void a_lost_index_is_named(void **state)
{
    World *world = *state;

    lab_run(world->database, is_mysql(world)
                                 ? "ALTER TABLE REG_PATH DROP INDEX REG_PATH_IND_BY_PATH_VALUE"
                                 : "DROP INDEX REG_PATH_IND_BY_PATH_VALUE");
    assert_harm(world, "missing index (reg_path_value, reg_tenant_id) of reg_path");
}

static void one_of_two_equal_indexes_is_missed(void **state)
{
    World *world = *state;

    lab_run(world->database,
        is_mysql(world) ? "ALTER TABLE REG_RESOURCE DROP INDEX REG_RESOURCE_IND_BY_PATH_ID_NAME"
                        : "DROP INDEX REG_RESOURCE_IND_BY_PATH_ID_NAME");
    assert_harm(world, "missing index (reg_path_id, reg_name, reg_tenant_id) of reg_resource");
}

static void a_lost_unique_key_is_named(void **state)
{
    World *world = *state;

    lab_run(world->database,
        is_mysql(world) ? "ALTER TABLE UM_MODULE DROP INDEX UM_MODULE_NAME"
                        : "ALTER TABLE UM_MODULE DROP CONSTRAINT um_module_um_module_name_key");
    assert_harm(world, "missing unique (um_module_name) of um_module");
}

static void drop_key_to_domain(World *world)
{
    AUTO_TEXT *name = lab_value(world->database, "%s",
        is_mysql(world)
            ? "SELECT constraint_name FROM information_schema.referential_constraints"
              " WHERE constraint_schema = DATABASE() AND table_name = 'UM_HYBRID_USER_ROLE'"
              " AND referenced_table_name = 'UM_DOMAIN'"
            : "SELECT conname FROM pg_constraint WHERE conrelid = 'um_hybrid_user_role'::regclass"
              " AND confrelid = 'um_domain'::regclass");

    lab_run(world->database, "ALTER TABLE UM_HYBRID_USER_ROLE DROP %s %s",
        is_mysql(world) ? "FOREIGN KEY" : "CONSTRAINT", name);
}

static void a_lost_foreign_key_is_named(void **state)
{
    World *world = *state;

    drop_key_to_domain(world);
    assert_harm(world, "missing foreign key (um_domain_id, um_tenant_id) references "
                       "um_domain(um_domain_id, um_tenant_id) on delete cascade of "
                       "um_hybrid_user_role");
}

static void a_foreign_key_that_acts_otherwise_is_named(void **state)
{
    World *world = *state;

    drop_key_to_domain(world);
    lab_run(world->database, "ALTER TABLE UM_HYBRID_USER_ROLE ADD FOREIGN KEY (UM_DOMAIN_ID,"
                             " UM_TENANT_ID) REFERENCES UM_DOMAIN (UM_DOMAIN_ID, UM_TENANT_ID)");
    assert_harm(world,
        "changed foreign key (um_domain_id, um_tenant_id) references um_domain(um_domain_id, "
        "um_tenant_id) of um_hybrid_user_role: expected foreign key (um_domain_id, um_tenant_id) "
        "references um_domain(um_domain_id, um_tenant_id) on delete cascade, found foreign key "
        "(um_domain_id, um_tenant_id) references um_domain(um_domain_id, um_tenant_id)");
}

static void a_changed_type_is_named(void **state)
{
    World *world = *state;

    lab_run(world->database,
        is_mysql(world) ? "ALTER TABLE UM_USER_PERMISSION MODIFY UM_IS_ALLOWED INTEGER NOT NULL"
                        : "ALTER TABLE UM_USER_PERMISSION ALTER UM_IS_ALLOWED TYPE INTEGER");
    assert_harm(world,
        is_mysql(world) ? "changed column um_is_allowed of um_user_permission: expected column "
                          "um_is_allowed smallint not null, found column um_is_allowed int not null"
                        : "changed column um_is_allowed of um_user_permission: expected column "
                          "um_is_allowed smallint not null, found column um_is_allowed integer not "
                          "null");
}

static void a_text_that_became_shorter_is_harm_and_a_longer_one_is_not(void **state)
{
    World *world = *state;

    lab_run(world->database, "ALTER TABLE UM_HYBRID_REMEMBER_ME %s VARCHAR(2048)",
        is_mysql(world) ? "MODIFY UM_COOKIE_VALUE" : "ALTER UM_COOKIE_VALUE TYPE");
    assert_tolerated(world,
        is_mysql(world)
            ? "wider column um_cookie_value of um_hybrid_remember_me: expected column "
              "um_cookie_value varchar(1024), found column um_cookie_value varchar(2048)"
            : "wider column um_cookie_value of um_hybrid_remember_me: expected column "
              "um_cookie_value character varying(1024), found column um_cookie_value character "
              "varying(2048)");
    lab_run(world->database, "ALTER TABLE UM_HYBRID_REMEMBER_ME %s VARCHAR(64)",
        is_mysql(world) ? "MODIFY UM_COOKIE_VALUE" : "ALTER UM_COOKIE_VALUE TYPE");
    assert_harm(world,
        is_mysql(world)
            ? "changed column um_cookie_value of um_hybrid_remember_me: expected column "
              "um_cookie_value varchar(1024), found column um_cookie_value varchar(64)"
            : "changed column um_cookie_value of um_hybrid_remember_me: expected column "
              "um_cookie_value character varying(1024), found column um_cookie_value character "
              "varying(64)");
}

static void a_column_that_may_be_null_is_named(void **state)
{
    World *world = *state;

    lab_run(world->database, is_mysql(world)
                                 ? "ALTER TABLE REG_RESOURCE MODIFY REG_PATH_ID INTEGER"
                                 : "ALTER TABLE REG_RESOURCE ALTER REG_PATH_ID DROP NOT NULL");
    assert_harm(world,
        is_mysql(world) ? "changed column reg_path_id of reg_resource: expected column reg_path_id "
                          "int not null, found column reg_path_id int"
                        : "changed column reg_path_id of reg_resource: expected column reg_path_id "
                          "integer not null, found column reg_path_id integer");
}

static void a_changed_default_is_named(void **state)
{
    World *world = *state;

    lab_run(world->database, "ALTER TABLE UM_PERMISSION ALTER UM_MODULE_ID SET DEFAULT 7");
    assert_harm(world, is_mysql(world)
                           ? "changed column um_module_id of um_permission: expected column "
                             "um_module_id int default 0, found column um_module_id int default 7"
                           : "changed column um_module_id of um_permission: expected column "
                             "um_module_id integer default 0, found column um_module_id integer "
                             "default 7");
}

static void a_missing_counter_is_named(void **state)
{
    World *world = *state;

    if (is_mysql(world)) {
        lab_run(world->database, "ALTER TABLE REG_SNAPSHOT MODIFY REG_SNAPSHOT_ID INTEGER"
                                 " NOT NULL");
        assert_harm(world, "changed column reg_snapshot_id of reg_snapshot: expected column "
                           "reg_snapshot_id int not null auto_increment, found column "
                           "reg_snapshot_id int not null");
        return;
    }
    lab_run(world->database, "DROP SEQUENCE REG_SNAPSHOT_PK_SEQ CASCADE");
    assert_harm(world,
        "changed column reg_snapshot_id of reg_snapshot: expected column reg_snapshot_id integer "
        "not null default nextval('reg_snapshot_pk_seq'::regclass), found column reg_snapshot_id "
        "integer not null; missing sequence reg_snapshot_pk_seq bigint by 1");
}

static void a_column_too_many_and_one_too_few_are_named(void **state)
{
    World *world = *state;

    lab_run(world->database, "ALTER TABLE UM_ROLE ADD COLUMN MORE SMALLINT");
    assert_harm(world, "extra column more smallint of um_role");
    lab_run(world->database, "ALTER TABLE UM_ROLE DROP COLUMN MORE");
    lab_run(world->database, "ALTER TABLE UM_ROLE DROP COLUMN UM_SHARED_ROLE");
    assert_harm(world, is_mysql(world)
                           ? "missing column um_shared_role tinyint default 0 of um_role"
                           : "missing column um_shared_role boolean default false of um_role");
}

static void a_lost_primary_key_and_a_lost_table_are_named(void **state)
{
    World *world = *state;

    lab_run(world->database,
        is_mysql(world) ? "ALTER TABLE REG_CLUSTER_LOCK DROP PRIMARY KEY"
                        : "ALTER TABLE REG_CLUSTER_LOCK DROP CONSTRAINT reg_cluster_lock_pkey");
    assert_harm(world, "missing primary key (reg_lock_name) of reg_cluster_lock");
    lab_run(world->database, "DROP TABLE REG_CLUSTER_LOCK");
    assert_harm(world, "missing table reg_cluster_lock");
}

static void what_others_added_is_told_and_tolerated(void **state)
{
    World *world = *state;

    lab_run(world->database, "CREATE TABLE IDN_OAUTH (id INTEGER)");
    lab_run(world->database, "CREATE INDEX by_user ON REG_LOG (REG_USER_ID)");
    lab_run(world->database, "CREATE VIEW users_of_all AS SELECT UM_USER_NAME FROM UM_USER");
    assert_tolerated(world, "extra table idn_oauth; extra view users_of_all; extra index "
                            "(reg_user_id) of reg_log");
}

/* The four keys of CLAIM_BEHAVIOR, which the script of MySQL lacks and a migration keeps. */
static void a_table_that_may_be_missing_has_its_form_when_it_is_there(void **state)
{
    World *world = *state;

    lab_run(world->database,
        "CREATE TABLE UM_CLAIM_BEHAVIOR (UM_ID INTEGER NOT NULL AUTO_INCREMENT, UM_PROFILE_ID"
        " INTEGER, UM_CLAIM_ID INTEGER, UM_BEHAVIOUR SMALLINT, UM_TENANT_ID INTEGER NOT NULL"
        " DEFAULT 0, PRIMARY KEY (UM_ID, UM_TENANT_ID), FOREIGN KEY (UM_PROFILE_ID, UM_TENANT_ID)"
        " REFERENCES UM_PROFILE_CONFIG (UM_ID, UM_TENANT_ID), FOREIGN KEY (UM_CLAIM_ID,"
        " UM_TENANT_ID) REFERENCES UM_CLAIM (UM_ID, UM_TENANT_ID)) ENGINE INNODB");
    assert_tolerated(world, "");
    lab_run(world->database, "ALTER TABLE UM_CLAIM_BEHAVIOR DROP COLUMN UM_BEHAVIOUR");
    assert_harm(world, "missing column um_behaviour smallint of um_claim_behavior");
}

static bool checkpoint(World *world, const char *run, Error *error)
{
    Command command = { .kind = COMMAND_CHECKPOINT_DATABASE };
    bool holds = false, passed;

    (void)text_copy(command.target, sizeof(command.target), world->config->name);
    (void)text_copy(command.id.run, sizeof(command.id.run), run);
    facts_add(&command.args, ARG_SIDE, "production");
    worker_io_next_command(&world->worker);
    passed = handler_checkpoint_database.probe(&world->worker.io, &command, &holds, error);
    facts_done(&command.args);
    return passed && holds;
}

/* What this run migrated has to be like a fresh one; what was there before stays as it was. */
static void the_checkpoint_holds_on_what_this_run_migrated(void **state)
{
    World *world = *state;
    Command command = { .kind = COMMAND_MIGRATE_DATABASE };
    Error error = { 0 };

    if (!checkpoint(world, "run1", &error))
        fail_msg("%s", error.text);
    assert_non_null(strstr(facts_get(&world->worker.evidence, "fresh-layout"), "same: "));
    lab_run(world->database, is_mysql(world)
                                 ? "ALTER TABLE REG_PATH DROP INDEX REG_PATH_IND_BY_PATH_VALUE"
                                 : "DROP INDEX REG_PATH_IND_BY_PATH_VALUE");
    if (!checkpoint(world, "run1", &error))
        fail_msg("%s", error.text);
    assert_string_equal(facts_get(&world->worker.evidence, "fresh-layout"),
        "was so before: missing index (reg_path_value, reg_tenant_id) of reg_path");

    (void)text_copy(command.target, sizeof(command.target), world->config->name);
    (void)text_copy(command.id.run, sizeof(command.id.run), "run1");
    assert_true(invariants_record(&world->worker.io, world->database, &command, &error));
    assert_false(checkpoint(world, "run1", &error));
    assert_int_equal(error.kind, ERROR_MISMATCH);
    assert_non_null(strstr(error.text, "differs from a fresh database of layout 4.2: missing index "
                                       "(reg_path_value, reg_tenant_id) of reg_path"));
    error = (Error){ 0 };
    if (!checkpoint(world, "run2", &error))
        fail_msg("%s", error.text);
}

#define ON(type_name, test)                                                                        \
    {                                                                                              \
#test " (" type_name ")", test, make_world, remove_world,                                  \
            (void *)(uintptr_t)(strcmp(type_name, "mysql") == 0 ? &mysql : &postgresql)            \
    }
#define ON_BOTH(test) ON("mysql", test), ON("postgresql", test)

int main(void)
{
    static const DatabaseType mysql = DATABASE_MYSQL, postgresql = DATABASE_POSTGRESQL;
    const struct CMUnitTest tests[] = {
        ON_BOTH(the_declared_layout_is_that_of_a_fresh_database),
        ON("mysql", servers_settings_of_timestamps_are_no_difference),
        ON_BOTH(positions_hash_and_names_are_no_difference),
        ON_BOTH(a_lost_index_is_named),
        ON_BOTH(one_of_two_equal_indexes_is_missed),
        ON_BOTH(a_lost_unique_key_is_named),
        ON_BOTH(a_lost_foreign_key_is_named),
        ON_BOTH(a_foreign_key_that_acts_otherwise_is_named),
        ON_BOTH(a_changed_type_is_named),
        ON_BOTH(a_text_that_became_shorter_is_harm_and_a_longer_one_is_not),
        ON_BOTH(a_column_that_may_be_null_is_named),
        ON_BOTH(a_changed_default_is_named),
        ON_BOTH(a_missing_counter_is_named),
        ON_BOTH(a_column_too_many_and_one_too_few_are_named),
        ON_BOTH(a_lost_primary_key_and_a_lost_table_are_named),
        ON_BOTH(what_others_added_is_told_and_tolerated),
        ON("mysql", a_table_that_may_be_missing_has_its_form_when_it_is_there),
        ON_BOTH(the_checkpoint_holds_on_what_this_run_migrated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
