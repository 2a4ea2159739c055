/*
 * What rows, names, sizes and server settings can hold against an upgrade: on real servers of both
 * types nothing is said of good ones, and each planted fault is found and named.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/model/finding.h"
#include "tests/component/database_lab.h"
#include "tests/fakes/worker_io.h"

typedef struct World {
    DatabaseType type;
    Profile *profile;
    const AgentDatabase *config;
    AgentConfig agent;
    WorkerIo worker;
    Database *production, *staging;
} World;

static int make_world(void **state)
{
    AUTO_TEXT *folder = lab_source("sql/profiles/dss-3.2.0");
    World *world = memory_new(sizeof(*world));
    Error error = { 0 };

    world->type = *(const DatabaseType *)*state;
    world->config = lab_database(world->type, "carbon_lint");
    if (!profile_load(folder, &world->profile, &error))
        fail_msg("%s", error.text);
    world->agent = (AgentConfig){ .databases = world->config,
        .database_count = 1,
        .backup_directory = getenv("DSS_TEST_FOLDER") };
    worker_io_init(&world->worker);
    world->worker.io.config = &world->agent;
    world->worker.io.profile = world->profile;
    lab_make_layout(world->config, SIDE_PRODUCTION, "4.0", 1);
    lab_create(world->config, SIDE_STAGING);
    world->production = lab_open(world->config, SIDE_PRODUCTION);
    world->staging = lab_open(world->config, SIDE_STAGING);
    *state = world;
    return 0;
}

static int remove_world(void **state)
{
    World *world = *state;

    database_close(world->production);
    database_close(world->staging);
    worker_io_done(&world->worker);
    profile_free(world->profile);
    free(world);
    return 0;
}

static bool is_mysql(const World *world)
{
    return world->type == DATABASE_MYSQL;
}

/* All findings as "severity id: evidence" lines; the caller frees. */
static char *findings(World *world)
{
    Command command = { .kind = COMMAND_INSPECT_DATABASE, .id = { .run = "run1", .step = 1 } };
    TEXT_AUTO(text, 40000);
    size_t position = 0;
    const Fact *fact;
    ResultState result = RESULT_FAILED;
    Error error = { 0 };

    (void)text_copy(command.target, sizeof(command.target), world->config->name);
    facts_add(&command.args, ARG_ACCOUNT, "lint_account");
    worker_io_next_command(&world->worker);
    if (!handler_run(&handler_inspect_database, &world->worker.io, &command, &result, &error))
        fail_msg("%s", error.text);
    facts_done(&command.args);
    while ((fact = facts_each(&world->worker.evidence, FINDING_FACT, &position))) {
        Finding finding;

        assert_true(finding_parse(fact->value, &finding));
        text_add(&text, "%s %s: %s\n", finding_severity_name(finding.severity), finding.id,
            finding.evidence);
        finding_done(&finding);
    }
    return text_take(&text);
}

static void assert_says(const char *found, const char *says)
{
    if (!strstr(found, says)) {
        print_error("%s", found);
        fail_msg("no \"%s\" there", says);
    }
}

static void assert_found(World *world, const char *says)
{
    AUTO_TEXT *found = findings(world);

    assert_says(found, says);
}

static void good_databases_are_not_spoken_of(void **state)
{
    static const char *const both[] = { "DB-TIME-ZONE", "DB-TABLE-NAMES", "DB-NEW-KEYS",
        "DB-ORPHANS", "DB-BLOB-PACKET", "DB-SPACE", "DB-FRESH-LAYOUT", "DB-GROWTH",
        "DB-LONG-USER-NAMES", "DB-DUPLICATE-PERMISSIONS" };
    static const char *const mysql[] = { "DB-SQL-MODE", "DB-TIMESTAMPS", "DB-ENGINE",
        "DB-KEY-LENGTH", "DB-REDO-LOG", "DB-TABLE-COLLATION", "DB-ZERO-DATES", "DB-TEXT-FITS" };
    static const char *const postgresql[] = { "DB-COUNTERS", "DB-TWO-STORES" };
    World *world = *state;
    const char *const *own = is_mysql(world) ? mysql : postgresql;
    size_t own_count = is_mysql(world) ? sizeof(mysql) / sizeof(mysql[0])
                                       : sizeof(postgresql) / sizeof(postgresql[0]);
    AUTO_TEXT *found = findings(world);

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]) + own_count; i++) {
        AUTO_TEXT *line = memory_format("pass %s: ", i < own_count ? own[i] : both[i - own_count]);

        assert_says(found, line);
    }
}

static void rows_that_stand_in_the_way_are_named(void **state)
{
    World *world = *state;
    AUTO_TEXT *found = NULL;

    lab_run(world->production,
        "INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED,"
        " UM_TENANT_ID) SELECT UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED, UM_TENANT_ID"
        " FROM UM_ROLE_PERMISSION WHERE UM_ID = 1");
    lab_run(world->production,
        "INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED,"
        " UM_TENANT_ID) SELECT UM_PERMISSION_ID, UM_ROLE_NAME, 1 - UM_IS_ALLOWED, UM_TENANT_ID"
        " FROM UM_ROLE_PERMISSION WHERE UM_ID = 2");
    lab_run(world->production,
        "INSERT INTO UM_USER (UM_USER_NAME, UM_USER_PASSWORD, UM_CHANGED_TIME, UM_TENANT_ID)"
        " VALUES ('somebody.with.a.long.name@example.org', 'x', '2014-01-01 00:00:00', -1234)");
    if (!is_mysql(world))
        lab_run(world->production,
            "INSERT INTO UM_HYBRID_USER_ROLE (UM_USER_NAME, UM_ROLE_ID, UM_TENANT_ID)"
            " VALUES ('LDAP/twin', 1, -1234), ('OTHER/twin', 1, -1234)");
    found = findings(world);
    assert_says(found, "FAIL DB-DUPLICATE-PERMISSIONS: not so that no permission of a role is both "
                       "allowed and denied: permission ");
    assert_says(found, "warn DB-LONG-USER-NAMES: not so that the registry has room for each user's "
                       "name: user somebody.with.a.long.name@example.org in tenant -1234");
    if (is_mysql(world))
        assert_says(found, "warn DB-SAME-PERMISSIONS: not so that no permission of a role is there "
                           "twice: permission ");
    else
        assert_says(found, "FAIL DB-TWO-STORES: not so that no hybrid role has users of one name "
                           "from two user stores: role 1 of tenant -1234: LDAP/twin, OTHER/twin");
}

/* The key is gone, and a row that it would have refused is there. */
static void rows_in_the_way_of_a_key_to_come_are_counted(void **state)
{
    World *world = *state;
    AUTO_TEXT *name = lab_value(world->production, "%s",
        is_mysql(world)
            ? "SELECT constraint_name FROM information_schema.referential_constraints"
              " WHERE constraint_schema = DATABASE() AND table_name = 'REG_SNAPSHOT'"
            : "SELECT conname FROM pg_constraint WHERE conrelid = 'reg_snapshot'::regclass"
              " AND contype = 'f'");

    lab_run(world->production, "ALTER TABLE REG_SNAPSHOT DROP %s %s",
        is_mysql(world) ? "FOREIGN KEY" : "CONSTRAINT", name);
    lab_run(world->production,
        "INSERT INTO REG_SNAPSHOT (REG_PATH_ID, REG_RESOURCE_VIDS, REG_TENANT_ID)"
        " VALUES (999999, '', -1234)");
    assert_found(world, "FAIL DB-NEW-KEYS: rows without a parent, and no key that tells: "
                        "reg_snapshot: 1 rows for foreign key (reg_path_id, reg_tenant_id)");
    assert_found(world, "FAIL DB-FRESH-LAYOUT: unlike a fresh database of layout 4.2: missing "
                        "foreign key (reg_path_id, reg_tenant_id)");
}

static void tables_that_servers_do_not_find_are_named(void **state)
{
    World *world = *state;
    const char *quote = is_mysql(world) ? "`" : "\"";

    if (is_mysql(world))
        lab_run(world->production, "CREATE TABLE um_user (id INTEGER)");
    else
        lab_run(world->production, "CREATE TABLE \"UM_USER\" (id INTEGER)");
    assert_found(world,
        is_mysql(world)
            ? "FAIL DB-TABLE-NAMES: tables whose names differ in case alone: UM_USER and um_user"
            : "FAIL DB-TABLE-NAMES: tables whose names differ in case alone: ");
    lab_run(world->production, "DROP TABLE %s%s%s", quote, is_mysql(world) ? "um_user" : "UM_USER",
        quote);
    if (is_mysql(world))
        lab_run(world->production, "RENAME TABLE UM_TENANT TO um_tenant");
    else
        lab_run(world->production, "ALTER TABLE um_tenant RENAME TO \"UM_TENANT\"");
    assert_found(world, is_mysql(world) ? "FAIL DB-TABLE-NAMES: tables that servers do not find as "
                                          "they are spelled: um_tenant"
                                        : "FAIL DB-TABLE-NAMES: tables that servers do not find as "
                                          "they are spelled: UM_TENANT");
}

static void a_sequence_that_fell_behind_is_named(void **state)
{
    World *world = *state;

    lab_run(world->production, "SELECT setval('um_user_pk_seq', 1, false)");
    assert_found(world, "FAIL DB-COUNTERS: sequences that stand behind the largest id: "
                        "um_user_pk_seq: ");
}

static void a_table_without_transactions_is_named(void **state)
{
    World *world = *state;

    lab_run(world->production, "ALTER TABLE REG_LOG ENGINE MyISAM");
    assert_found(world, "FAIL DB-ENGINE: 1 tables of production are not InnoDB: REG_LOG (MyISAM)");
}

static void text_and_collations_that_new_tables_lack_are_named(void **state)
{
    World *world = *state;
    AUTO_TEXT *found = NULL;

    lab_run(world->staging, "ALTER DATABASE %s CHARACTER SET latin1", world->config->name);
    lab_run(world->production, "UPDATE REG_PROPERTY SET REG_VALUE = _utf8mb4 X'D0AF' LIMIT 1");
    database_close(world->staging);
    world->staging = lab_open(world->config, SIDE_STAGING);
    found = findings(world);
    assert_says(found, "warn DB-TEXT-FITS: text that new tables in latin1 could not hold: ");
    assert_says(found, "REG_PROPERTY.REG_VALUE: ");
    assert_says(found, "warn DB-TABLE-COLLATION: new tables on staging get latin1_swedish_ci, ");
    assert_says(found, "FAIL DB-CHARSET: production has ");
    assert_says(found, "FAIL DB-COLLATION: production has ");
    lab_run(world->production, "UPDATE UM_ROLE_PERMISSION SET UM_ROLE_NAME = _utf8mb4 X'D0AF'"
                               " WHERE UM_ID = 1");
    assert_found(world, "FAIL DB-TEXT-FITS: text that new tables in latin1 cannot hold: ");
}

static void set_global(World *world, const char *name, const char *value)
{
    lab_run(world->staging, "SET GLOBAL %s = %s", name, value);
}

static void settings_of_the_servers_that_differ_are_named(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        { "time_zone", "'+05:30'", "warn DB-TIME-ZONE: production is in time zone " },
        { "sql_mode", "'NO_BACKSLASH_ESCAPES'",
            "FAIL DB-SQL-MODE: statements mean different things: " },
        { "sql_mode", "'NO_ZERO_DATE'", "warn DB-SQL-MODE: sql_mode differs: " },
        { "explicit_defaults_for_timestamp", "1 - @@GLOBAL.explicit_defaults_for_timestamp",
            "warn DB-TIMESTAMPS: explicit_defaults_for_timestamp is " },
        { "innodb_default_row_format", "compact",
            "FAIL DB-KEY-LENGTH: keys of new tables on staging hold 767 bytes of a column" },
        { "max_allowed_packet", "1048576", "FAIL DB-BLOB-PACKET: the largest value (REG_CONTENT" },
    };
    World *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_TEXT *before = lab_value(world->staging, "SELECT @@GLOBAL.%s", cases[i].name);
        bool number = strspn(before, "0123456789") == strlen(before) && *before;
        AUTO_TEXT *quoted = number ? memory_text(before) : database_quote(world->staging, before);
        AUTO_TEXT *found = NULL;

        set_global(world, cases[i].name, cases[i].value);
        found = findings(world);
        set_global(world, cases[i].name, quoted);
        assert_says(found, cases[i].says);
    }
}

static void a_value_too_large_for_the_redo_log_is_named(void **state)
{
    World *world = *state;
    AUTO_TEXT *log = lab_value(world->staging, "SELECT @@GLOBAL.innodb_log_file_size DIV 10 + 1");

    lab_run(world->production,
        "INSERT INTO REG_CONTENT (REG_CONTENT_DATA, REG_TENANT_ID)"
        " VALUES (REPEAT('x', %s), -1234)",
        log);
    assert_found(world, "warn DB-REDO-LOG: the largest value has ");
}

/* pg_dump refuses it: an invalid memory alloc request size. */
static void a_value_that_no_dump_holds_is_named(void **state)
{
    World *world = *state;

    lab_run(world->production, "INSERT INTO REG_CONTENT (REG_CONTENT_DATA, REG_TENANT_ID)"
                               " VALUES (convert_to(repeat('x', 536870912), 'UTF8'), -1234)");
    assert_found(world, "FAIL DB-BLOB-PACKET: the largest value (reg_content.reg_content_data) has "
                        "536870912 bytes, pg_dump writes fewer than 536870912");
}

static void a_path_set_for_the_account_is_compared(void **state)
{
    World *world = *state;
    AUTO_TEXT *found = NULL;

    lab_run(world->production, "CREATE ROLE lint_account");
    lab_run(world->production, "ALTER ROLE lint_account SET search_path = carbon_s");
    found = findings(world);
    lab_run(world->production, "DROP ROLE lint_account");
    assert_says(found, "FAIL DB-SEARCH-PATH: production has ");
    assert_says(found, ", and for the account search_path=carbon_s, staging has ");
}

static void what_operators_added_and_no_copy_takes_is_named(void **state)
{
    World *world = *state;
    AUTO_TEXT *found = NULL;

    lab_run(world->production, "CREATE VIEW lint_view AS SELECT REG_LOG_ID FROM REG_LOG");
    if (is_mysql(world)) {
        lab_run(world->production, "CREATE PROCEDURE lint_clean() DELETE FROM REG_LOG WHERE FALSE");
        lab_run(world->production, "CREATE EVENT lint_event ON SCHEDULE EVERY 1 DAY DISABLE DO"
                                   " DELETE FROM REG_LOG WHERE FALSE");
        lab_run(world->production, "CREATE TRIGGER lint_trigger BEFORE INSERT ON REG_TAG FOR EACH"
                                   " ROW SET NEW.REG_ID = NEW.REG_ID");
    }
    lab_run(world->production, "CREATE TABLE IDN_OAUTH (id INTEGER)");
    found = findings(world);
    assert_says(found, "warn DB-COPY: not everything is copied, make it by hand: ");
    assert_says(found, "view lint_view");
    if (is_mysql(world)) {
        assert_says(found, "procedure lint_clean");
        assert_says(found, "event lint_event");
        assert_says(found, "trigger lint_trigger");
    }
    assert_says(found, "pass DB-FRESH-LAYOUT: like a fresh database of layout 4.2 but for: extra "
                       "table idn_oauth");
}

static void a_table_above_a_million_rows_is_worth_a_word(void **state)
{
    World *world = *state;

    lab_run(world->production, "%s",
        is_mysql(world) ? "INSERT INTO REG_TAG (REG_TAG_NAME, REG_USER_ID, REG_TAGGED_TIME)"
                          " SELECT 't', 'u', '2014-01-01 00:00:00' FROM seq_1_to_1000001"
                        : "INSERT INTO REG_TAG (REG_TAG_NAME, REG_USER_ID, REG_TAGGED_TIME)"
                          " SELECT 't', 'u', '2014-01-01' FROM generate_series(1, 1000001)");
    assert_found(world, "warn DB-GROWTH: not so that no table of the registry has grown above a "
                        "million rows: REG_TAG: 1000");
}

/* A database that has the new layout keeps what sets it apart, and is told of. */
static void a_new_layout_that_lost_an_index_is_worth_a_word(void **state)
{
    World *world = *state;

    lab_make_layout(world->config, SIDE_PRODUCTION, "4.2", 1);
    database_close(world->production);
    world->production = lab_open(world->config, SIDE_PRODUCTION);
    assert_found(world, "pass DB-FRESH-LAYOUT: ");
    lab_run(world->production, is_mysql(world)
                                   ? "ALTER TABLE REG_PATH DROP INDEX REG_PATH_IND_BY_PATH_VALUE"
                                   : "DROP INDEX REG_PATH_IND_BY_PATH_VALUE");
    assert_found(world, "warn DB-FRESH-LAYOUT: unlike a fresh database of layout 4.2: missing "
                        "index (reg_path_value, reg_tenant_id) of reg_path");
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
        ON_BOTH(good_databases_are_not_spoken_of),
        ON_BOTH(rows_that_stand_in_the_way_are_named),
        ON_BOTH(rows_in_the_way_of_a_key_to_come_are_counted),
        ON_BOTH(tables_that_servers_do_not_find_are_named),
        ON("postgresql", a_sequence_that_fell_behind_is_named),
        ON("mysql", a_table_without_transactions_is_named),
        ON("mysql", text_and_collations_that_new_tables_lack_are_named),
        ON("mysql", settings_of_the_servers_that_differ_are_named),
        ON("mysql", a_value_too_large_for_the_redo_log_is_named),
        ON("postgresql", a_value_that_no_dump_holds_is_named),
        ON("postgresql", a_path_set_for_the_account_is_compared),
        ON_BOTH(what_operators_added_and_no_copy_takes_is_named),
        ON_BOTH(a_table_above_a_million_rows_is_worth_a_word),
        ON_BOTH(a_new_layout_that_lost_an_index_is_worth_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
