/* What agents find out about databases, and hold on: on real servers of both types. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/database/session_watch.h"
#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/model/finding.h"
#include "common/os/clock.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "tests/component/database_lab.h"
#include "tests/fakes/worker_io.h"

#define ACCOUNT  "carbon"
#define PASSWORD "carbon-secret"

typedef struct World {
    DatabaseType type;
    Profile *profile;
    const AgentDatabase *config;
    AgentDatabase carbon; /* the same databases by the servers' account */
    char *carbon_logins[SIDE_COUNT];
    AgentConfig agent;
    WorkerIo worker;
    Command command;
    Database *production; /* as administrator */
} World;

static void write_login(const char *path, const char *text)
{
    Error error = { 0 };

    if (!file_replace(path, text, strlen(text), 0600, &error))
        fail_msg("%s", error.text);
}

static unsigned port_of(const AgentDatabase *config, DatabaseSide side)
{
    AUTO(Database) *database = lab_open(config, side);
    AUTO_TEXT *port = lab_value(database,
        config->type == DATABASE_MYSQL ? "SELECT @@port" : "SELECT current_setting('port')");

    return (unsigned)strtoul(port, NULL, 10);
}

/* The servers' account on one side, and a login with it. */
static void make_account(World *world, DatabaseSide side)
{
    AUTO(Database) *server = lab_open(world->config, side);
    unsigned port = port_of(world->config, side);
    DatabaseLogin *login =
        side == SIDE_PRODUCTION ? &world->carbon.production : &world->carbon.staging;
    char *path = lab_file(side == SIDE_PRODUCTION ? "carbon-production" : "carbon-staging");
    AUTO_TEXT *text = memory_format("[%s]\nhost=127.0.0.1\nport=%u\nuser=%s\npassword=%s\n",
        world->type == DATABASE_MYSQL ? "client" : "carbon", port, ACCOUNT, PASSWORD);

    world->carbon_logins[side] = path;
    write_login(path, text);
    if (world->type == DATABASE_MYSQL) {
        lab_run(server, "CREATE OR REPLACE USER '" ACCOUNT "'@'%%' IDENTIFIED BY '" PASSWORD "'");
        lab_run(server, "GRANT ALL ON %s.* TO '" ACCOUNT "'@'%%'", world->config->name);
        login->option_file = path;
    } else {
        AUTO_TEXT *there =
            lab_value(server, "SELECT COUNT(*) FROM pg_roles WHERE rolname = '" ACCOUNT "'");

        if (strcmp(there, "0") == 0)
            lab_run(server, "CREATE ROLE " ACCOUNT " LOGIN PASSWORD '" PASSWORD "'");
        lab_run(server, "ALTER ROLE " ACCOUNT " LOGIN NOSUPERUSER");
        login->service_file = path;
        login->service = "carbon";
        login->option_file = NULL;
    }
}

static void add_url(World *world, DatabaseSide side, const char *name)
{
    facts_format(&world->command.args, name, "jdbc:%s://127.0.0.1:%u/%s?x=1&y=2",
        database_type_name(world->type), port_of(world->config, side), world->config->name);
}

static void begin_command(World *world, CommandKind kind)
{
    worker_io_next_command(&world->worker);
    command_done(&world->command);
    world->command = (Command){ .kind = kind, .id = { .run = "run1", .step = 1 } };
    (void)text_copy(world->command.target, sizeof(world->command.target), world->config->name);
}

static void begin_with_urls(World *world, CommandKind kind)
{
    begin_command(world, kind);
    add_url(world, SIDE_PRODUCTION, ARG_PRODUCTION_URL);
    add_url(world, SIDE_STAGING, ARG_STAGING_URL);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    facts_add(&world->command.args, ARG_NODE_ADDRESS, "127.0.0.1");
}

static int make_world(void **state)
{
    AUTO_TEXT *folder = lab_source("sql/profiles/dss-3.2.0");
    World *world = memory_new(sizeof(*world));
    Error error = { 0 };

    world->type = *(const DatabaseType *)*state;
    world->config = lab_database(world->type, "carbon_all");
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
    world->carbon = *world->config;
    make_account(world, SIDE_PRODUCTION);
    make_account(world, SIDE_STAGING);
    world->production = lab_open(world->config, SIDE_PRODUCTION);
    *state = world;
    return 0;
}

static int remove_world(void **state)
{
    World *world = *state;

    database_close(world->production);
    command_done(&world->command);
    worker_io_done(&world->worker);
    profile_free(world->profile);
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++)
        free(world->carbon_logins[side]);
    free(world);
    return 0;
}

static bool run_it(World *world, const Handler *handler, ResultState *ret, Error *error)
{
    return handler_run(handler, &world->worker.io, &world->command, ret, error);
}

static void run_well(World *world, const Handler *handler, ResultState expected)
{
    ResultState result = RESULT_FAILED;
    Error error = { 0 };

    if (!run_it(world, handler, &result, &error))
        fail_msg("%s", error.text);
    assert_int_equal(result, expected);
}

static void run_badly(World *world, const Handler *handler, ErrorKind kind, const char *says)
{
    ResultState result = RESULT_FAILED;
    Error error = { 0 };

    if (run_it(world, handler, &result, &error))
        fail_msg("no failure that says %s", says);
    if (error.kind != kind || !strstr(error.text, says))
        fail_msg("%s: \"%s\" does not say \"%s\"", error_kind_name(error.kind), error.text, says);
}

/* Every FAIL and WARN as "severity id: evidence" lines; and the number of all. The caller frees. */
static char *troubles(const World *world, size_t *ret_all)
{
    TEXT_AUTO(text, 20000);
    size_t position = 0;
    const Fact *fact;

    *ret_all = 0;
    while ((fact = facts_each(&world->worker.evidence, FINDING_FACT, &position))) {
        Finding finding;

        assert_true(finding_parse(fact->value, &finding));
        (*ret_all)++;
        if (finding.severity != FINDING_PASS)
            text_add(&text, "%s %s: %s\n", finding_severity_name(finding.severity), finding.id,
                finding.evidence);
        finding_done(&finding);
    }
    return text_take(&text);
}

static void inspect(World *world)
{
    begin_with_urls(world, COMMAND_INSPECT_DATABASE);
    run_well(world, &handler_inspect_database, RESULT_ALREADY);
}

static void assert_trouble(World *world, const char *says)
{
    size_t all = 0;
    AUTO_TEXT *found = NULL;

    inspect(world);
    found = troubles(world, &all);
    if (!strstr(found, says))
        fail_msg("no \"%s\" in:\n%s", says, found);
}

static void a_good_pair_of_databases_has_no_fault(void **state)
{
    World *world = *state;
    size_t all = 0;
    AUTO_TEXT *found = NULL;

    inspect(world);
    found = troubles(world, &all);
    if (strstr(found, "FAIL"))
        fail_msg("%s", found);
    assert_true(all >= 20);
    assert_string_equal(facts_get(&world->worker.evidence, "layout"), "4.0");
    assert_string_equal(
        facts_get(&world->worker.evidence, "type"), database_type_name(world->type));
    assert_int_equal(strlen(facts_get(&world->worker.evidence, "layout-fingerprint")), 64);
    assert_non_null(facts_get(&world->worker.evidence, "server-version@production"));
    assert_non_null(facts_get(&world->worker.evidence, "server-version@staging"));
    /* the rows that the lab makes are worth a word each */
    assert_non_null(strstr(found, "DB-STORE-NAMES"));
    assert_non_null(strstr(found, "DB-SHARED-ROLE-NAMES"));
}

static void the_fingerprint_tells_a_changed_layout(void **state)
{
    World *world = *state;
    AUTO_TEXT *before = NULL;

    inspect(world);
    before = memory_text(facts_get(&world->worker.evidence, "layout-fingerprint"));
    lab_run(world->production, "DELETE FROM REG_LOG");
    inspect(world);
    assert_string_equal(before, facts_get(&world->worker.evidence, "layout-fingerprint"));
    lab_run(world->production, "ALTER TABLE REG_LOG ADD COLUMN MORE INTEGER");
    inspect(world);
    assert_string_not_equal(before, facts_get(&world->worker.evidence, "layout-fingerprint"));
}

static void a_half_run_migration_is_named(void **state)
{
    World *world = *state;

    lab_run(world->production, "CREATE TABLE UM_DOMAIN (UM_DOMAIN_ID INTEGER)");
    assert_trouble(world, "FAIL DB-LAYOUT-KNOWN: a migration ran half: nearest to layout 4.0, but "
                          "it has UM_DOMAIN and lacks nothing");
}

static void permissions_that_disagree_are_named(void **state)
{
    World *world = *state;

    lab_run(world->production,
        "INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED,"
        " UM_TENANT_ID) SELECT UM_PERMISSION_ID, UM_ROLE_NAME, 0, UM_TENANT_ID"
        " FROM UM_ROLE_PERMISSION WHERE UM_ID = 1");
    assert_trouble(world, "FAIL DB-DUPLICATE-PERMISSIONS: not so that no permission of a role is "
                          "both allowed and denied: permission 1 of role admin in tenant -1234");
}

static void a_missing_administrator_is_named(void **state)
{
    World *world = *state;

    lab_run(world->production, "DELETE FROM UM_USER_ROLE WHERE UM_USER_ID = 1");
    assert_trouble(world, "FAIL DB-ADMIN-USER");
}

static void a_staging_database_with_content_is_refused(void **state)
{
    World *world = *state;
    AUTO(Database) *staging = lab_open(world->config, SIDE_STAGING);

    begin_with_urls(world, COMMAND_CHECK_STAGING);
    run_well(world, &handler_check_staging, RESULT_ALREADY);
    lab_run(staging, "CREATE TABLE left_over (id INTEGER)");
    begin_with_urls(world, COMMAND_CHECK_STAGING);
    run_badly(world, &handler_check_staging, ERROR_PRECONDITION, "left_over");
    assert_trouble(world, "FAIL DB-STAGING-EMPTY");
}

static void a_url_of_another_kind_is_refused_by_name(void **state)
{
    World *world = *state;
    size_t all = 0;
    AUTO_TEXT *found = NULL;

    begin_command(world, COMMAND_INSPECT_DATABASE);
    add_url(world, SIDE_PRODUCTION, ARG_PRODUCTION_URL);
    facts_add(&world->command.args, ARG_STAGING_URL, "jdbc:oracle:thin:@host:1521:SID");
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    run_well(world, &handler_inspect_database, RESULT_ALREADY);
    found = troubles(world, &all);
    assert_non_null(strstr(found, "FAIL DB-TYPE-SUPPORTED: staging: Oracle"));
}

static void urls_that_lead_elsewhere_are_refused(void **state)
{
    World *world = *state;
    size_t all = 0;
    AUTO_TEXT *crossed = NULL, *nobody = NULL;

    begin_command(world, COMMAND_INSPECT_DATABASE);
    add_url(world, SIDE_STAGING, ARG_PRODUCTION_URL);
    add_url(world, SIDE_PRODUCTION, ARG_STAGING_URL);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    run_well(world, &handler_inspect_database, RESULT_ALREADY);
    crossed = troubles(world, &all);
    if (!strstr(crossed, " DB-URL-MATCHES: the production url leads to "))
        fail_msg("%s", crossed);
    if (world->type == DATABASE_MYSQL && !strstr(crossed, "FAIL DB-URL-MATCHES"))
        fail_msg("%s", crossed);

    begin_command(world, COMMAND_INSPECT_DATABASE);
    add_url(world, SIDE_PRODUCTION, ARG_PRODUCTION_URL);
    facts_format(&world->command.args, ARG_STAGING_URL, "jdbc:%s://127.0.0.1:9/%s",
        database_type_name(world->type), world->config->name);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    run_well(world, &handler_inspect_database, RESULT_ALREADY);
    nobody = troubles(world, &all);
    if (!strstr(nobody, "warn DB-URL-MATCHES: the staging url leads to a server not reached"))
        fail_msg("%s", nobody);
}

static void a_script_that_drops_a_table_is_refused(void **state)
{
    World *world = *state;
    size_t all = 0;
    AUTO_TEXT *found = NULL;
    AUTO_TEXT *other = NULL;
    const char *script = "-- makes it anew\nDROP TABLE IF EXISTS UM_USER;\n";
    char digest[65];

    digest_of(script, strlen(script), digest);
    begin_with_urls(world, COMMAND_INSPECT_DATABASE);
    facts_add(&world->command.args, ARG_SCRIPT, script);
    facts_add(&world->command.args, ARG_SCRIPT_SHA256, digest);
    run_well(world, &handler_inspect_database, RESULT_ALREADY);
    found = troubles(world, &all);
    assert_non_null(strstr(found, "FAIL DB-SCRIPT: the script may not run: statement 1"));

    begin_with_urls(world, COMMAND_INSPECT_DATABASE);
    facts_add(&world->command.args, ARG_SCRIPT, "SELECT 1;");
    facts_add(&world->command.args, ARG_SCRIPT_SHA256, digest);
    run_well(world, &handler_inspect_database, RESULT_ALREADY);
    other = troubles(world, &all);
    assert_non_null(strstr(other, "FAIL DB-SCRIPT: the script has the digest"));
}

static void an_orphan_is_counted(void **state)
{
    World *world = *state;

    if (world->type != DATABASE_MYSQL)
        return; /* PostgreSQL checks each row always */
    lab_run(world->production, "SET foreign_key_checks = 0");
    lab_run(
        world->production, "DELETE FROM UM_PERMISSION WHERE UM_ID = 1 AND UM_TENANT_ID = -1234");
    assert_trouble(world, "FAIL DB-ORPHANS: rows whose parent is missing: UM_ROLE_PERMISSION "
                          "without UM_PERMISSION");
}

static void a_date_of_zero_is_worth_a_word(void **state)
{
    World *world = *state;

    if (world->type != DATABASE_MYSQL)
        return; /* PostgreSQL has none */
    lab_run(world->production,
        "UPDATE UM_TENANT SET UM_CREATED_DATE = '0000-00-00 00:00:00' WHERE UM_ID = 1");
    assert_trouble(world, "warn DB-ZERO-DATES");
}

static void traffic_above_a_limit_holds(void **state)
{
    World *world = *state;
    AUTO(Database) *session = lab_open(&world->carbon, SIDE_PRODUCTION);

    begin_command(world, COMMAND_MEASURE_TRAFFIC);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    facts_add(&world->command.args, ARG_SESSIONS_MAX, "0");
    facts_add(&world->command.args, ARG_STATEMENTS_MAX, "100000");
    facts_add(&world->command.args, ARG_SAMPLE_S, "1");
    run_badly(
        world, &handler_measure_traffic, ERROR_PRECONDITION, "1 sessions of carbon (at most 0)");
    database_close(TAKE(session));
    worker_io_next_command(&world->worker);
    run_well(world, &handler_measure_traffic, RESULT_ALREADY);
    assert_string_equal(facts_get(&world->worker.evidence, "~sessions"), "0");
    assert_non_null(facts_get(&world->worker.evidence, "~statements-per-s"));
}

static void begin_quiet(World *world, const char *address)
{
    begin_command(world, COMMAND_PROVE_QUIET);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    facts_add(&world->command.args, ARG_QUIET_S, "1");
    facts_add(&world->command.args, ARG_DEADLINE_S, "3");
    facts_add(&world->command.args, ARG_NODE_ADDRESS, address);
}

static void a_session_that_stays_is_named(void **state)
{
    World *world = *state;
    AUTO(Database) *session = lab_open(&world->carbon, SIDE_PRODUCTION);

    begin_quiet(world, "127.0.0.1");
    run_badly(world, &handler_prove_quiet, ERROR_PRECONDITION, "of carbon from 127.0.0.1 (");
    begin_quiet(world, "192.0.2.1");
    run_badly(world, &handler_prove_quiet, ERROR_PRECONDITION, "a host not in the inventory");
    database_close(TAKE(session));
    begin_quiet(world, "127.0.0.1");
    run_well(world, &handler_prove_quiet, RESULT_ALREADY);
    assert_string_equal(facts_get(&world->worker.evidence, "quiet-s"), "1");
}

static bool may_log_in(const World *world, DatabaseSide side)
{
    AUTO(Database) *session = NULL;
    Error error = { 0 };

    return database_open(&world->carbon, side, NULL, &database_limits_default, &session, &error);
}

static void begin_accounts(World *world, CommandKind kind)
{
    begin_command(world, kind);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
}

static void an_account_is_locked_out_and_given_back(void **state)
{
    World *world = *state;

    assert_true(may_log_in(world, SIDE_PRODUCTION));
    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_well(world, &handler_lock_accounts, RESULT_DONE);
    assert_false(may_log_in(world, SIDE_PRODUCTION));
    assert_true(may_log_in(world, SIDE_STAGING));
    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_well(world, &handler_lock_accounts, RESULT_ALREADY);
    assert_non_null(strstr(facts_get(&world->worker.evidence, "locked"), ACCOUNT));
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    run_well(world, &handler_unlock_accounts, RESULT_DONE);
    assert_true(may_log_in(world, SIDE_PRODUCTION));
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    run_well(world, &handler_unlock_accounts, RESULT_ALREADY);
}

static bool sees_tables(World *world)
{
    AUTO(Database) *session = NULL;
    Error error = { 0 };
    uint64_t rows;

    return database_open(
               &world->carbon, SIDE_PRODUCTION, NULL, &database_limits_default, &session, &error) &&
           query_number(session, "SELECT COUNT(*) FROM UM_USER", &rows, &error);
}

/* Both sides on one server: the account has to log in there still, for staging. */
static void on_one_server_the_rights_are_taken(void **state)
{
    World *world = *state;
    AgentDatabase config = *world->config;

    lab_run(world->production, world->type == DATABASE_MYSQL
                                   ? "GRANT SELECT ON carbon_all.UM_USER TO '" ACCOUNT "'@'%%'"
                                   : "GRANT SELECT ON ALL TABLES IN SCHEMA public TO " ACCOUNT);
    config.staging = config.production;
    config.staging.database = world->type == DATABASE_MYSQL ? "mysql" : "postgres";
    world->agent.databases = &config;
    assert_true(sees_tables(world));
    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_well(world, &handler_lock_accounts, RESULT_DONE);
    assert_false(sees_tables(world));
    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_well(world, &handler_lock_accounts, RESULT_ALREADY);
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    run_well(world, &handler_unlock_accounts, RESULT_DONE);
    assert_true(sees_tables(world));
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    run_well(world, &handler_unlock_accounts, RESULT_ALREADY);
    world->agent.databases = world->config;
}

static void rights_on_everything_cannot_be_taken_for_one_database(void **state)
{
    World *world = *state;
    AgentDatabase config = *world->config;

    lab_run(world->production, world->type == DATABASE_MYSQL ? "GRANT SELECT ON *.* TO '" ACCOUNT
                                                               "'@'%%'"
                                                             : "ALTER ROLE " ACCOUNT " SUPERUSER");
    config.staging = config.production;
    config.staging.database = world->type == DATABASE_MYSQL ? "mysql" : "postgres";
    world->agent.databases = &config;
    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_badly(world, &handler_lock_accounts, ERROR_PRECONDITION,
        world->type == DATABASE_MYSQL ? "reach beyond this database (GRANT SELECT ON *.*"
                                      : "it may still connect to carbon_all, as a superuser");
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    world->agent.databases = world->config;
    run_well(world, &handler_unlock_accounts,
        world->type == DATABASE_MYSQL ? RESULT_ALREADY : RESULT_DONE);
    assert_true(sees_tables(world));
}

/* A lock does not end sessions: one that began before it is ended, and told. */
static void a_session_that_got_in_before_the_lock_is_ended(void **state)
{
    World *world = *state;
    AUTO(Database) *session = lab_open(&world->carbon, SIDE_PRODUCTION);
    AUTO_TEXT *alive = NULL;
    Error error = { 0 };

    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_well(world, &handler_lock_accounts, RESULT_DONE);
    assert_non_null(strstr(facts_get_or(&world->worker.evidence, "session-ended", ""), ACCOUNT));
    assert_false(database_value(session, "SELECT 1", &alive, &error));
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    run_well(world, &handler_unlock_accounts, RESULT_DONE);
}

static void await_intruder(SessionWatch *watch)
{
    Millis deadline = clock_now() + 20000;

    while (!session_watch_saw(watch) && clock_now() < deadline)
        (void)usleep(20000);
    assert_true(session_watch_saw(watch));
}

/* An account that others need stays open; who uses it meanwhile is named. */
static void a_watched_account_stays_open_and_an_intruder_is_named(void **state)
{
    World *world = *state;
    AUTO(Database) *session = NULL;
    SessionWatch *watch = NULL;
    Error error = { 0 };

    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    facts_add(&world->command.args, ARG_WATCHED, ACCOUNT);
    run_well(world, &handler_lock_accounts, RESULT_ALREADY);
    assert_string_equal(facts_get(&world->worker.evidence, "watched"), ACCOUNT);
    assert_null(facts_get(&world->worker.evidence, "locked"));
    assert_true(may_log_in(world, SIDE_PRODUCTION));

    assert_true(session_watch_start(&world->worker.io, &world->command, &watch, &error));
    assert_true(session_watch_end(watch, true, &error));

    assert_true(session_watch_start(&world->worker.io, &world->command, &watch, &error));
    session = lab_open(&world->carbon, SIDE_PRODUCTION);
    await_intruder(watch);
    assert_false(session_watch_end(watch, true, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    assert_non_null(strstr(error.text, "of " ACCOUNT " from "));

    error = (Error){ 0 };
    assert_false(session_watch_start(&world->worker.io, &world->command, &watch, &error));
    assert_non_null(strstr(error.text, "is at production of carbon_all"));
}

/* The end looks once more, however short the work was. */
static void who_comes_last_is_named(void **state)
{
    World *world = *state;
    AUTO(Database) *session = NULL;
    SessionWatch *watch = NULL;
    Error error = { 0 };

    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    assert_true(session_watch_start(&world->worker.io, &world->command, &watch, &error));
    session = lab_open(&world->carbon, SIDE_PRODUCTION);
    assert_false(session_watch_end(watch, true, &error));
    assert_non_null(strstr(error.text, "of " ACCOUNT " from "));
}

static void what_somebody_else_locked_is_not_given_back(void **state)
{
    World *world = *state;

    lab_run(world->production, "%s",
        world->type == DATABASE_MYSQL ? "ALTER USER '" ACCOUNT "'@'%' ACCOUNT LOCK"
                                      : "ALTER ROLE " ACCOUNT " NOLOGIN");
    begin_accounts(world, COMMAND_LOCK_ACCOUNTS);
    run_well(world, &handler_lock_accounts, RESULT_ALREADY);
    begin_accounts(world, COMMAND_UNLOCK_ACCOUNTS);
    run_well(world, &handler_unlock_accounts, RESULT_ALREADY);
    assert_false(may_log_in(world, SIDE_PRODUCTION));
}

static void an_account_that_is_not_there_holds(void **state)
{
    World *world = *state;

    begin_command(world, COMMAND_LOCK_ACCOUNTS);
    facts_add(&world->command.args, ARG_ACCOUNT, "nobody-of-that-name");
    run_badly(world, &handler_lock_accounts, ERROR_PRECONDITION, "nobody-of-that-name");
    begin_command(world, COMMAND_LOCK_ACCOUNTS);
    facts_add(&world->command.args, ARG_ACCOUNT, "dss_upgrade");
    run_badly(world, &handler_lock_accounts, ERROR_PRECONDITION, "own login");
}

static void begin_switched(World *world)
{
    begin_command(world, COMMAND_PROVE_SWITCHED);
    facts_add(&world->command.args, ARG_ACCOUNT, ACCOUNT);
    facts_add(&world->command.args, ARG_NODE_ADDRESS, "127.0.0.1");
    facts_add(&world->command.args, ARG_DEADLINE_S, "1");
}

static void servers_have_to_be_on_staging_alone(void **state)
{
    World *world = *state;
    AUTO(Database) *old = lab_open(&world->carbon, SIDE_PRODUCTION);
    AUTO(Database) *new = NULL;

    begin_switched(world);
    run_badly(world, &handler_prove_switched, ERROR_PRECONDITION, "production of carbon_all still");
    database_close(TAKE(old));
    begin_switched(world);
    run_badly(world, &handler_prove_switched, ERROR_PRECONDITION, "no session from 127.0.0.1");
    new = lab_open(&world->carbon, SIDE_STAGING);
    begin_switched(world);
    run_well(world, &handler_prove_switched, RESULT_ALREADY);
    assert_string_equal(facts_get(&world->worker.evidence, "sessions-from:127.0.0.1"), "1");
    assert_string_equal(facts_get(&world->worker.evidence, "production-sessions"), "0");
}

static void begin_checkpoint(World *world)
{
    begin_command(world, COMMAND_CHECKPOINT_DATABASE);
    facts_add(&world->command.args, ARG_SIDE, "production");
}

static void a_database_of_the_old_layout_is_no_upgraded_one(void **state)
{
    World *world = *state;

    begin_checkpoint(world);
    run_badly(world, &handler_checkpoint_database, ERROR_MISMATCH, "is 4.0, expected 4.2");
}

static void a_new_database_passes_until_a_permission_has_no_domain(void **state)
{
    World *world = *state;

    lab_make_layout(world->config, SIDE_PRODUCTION, "4.2", 1);
    begin_checkpoint(world);
    run_well(world, &handler_checkpoint_database, RESULT_ALREADY);
    assert_non_null(strstr(
        facts_get(&world->worker.evidence, "invariant:permissions-of-users"), "recorded now"));
    database_close(world->production);
    world->production = lab_open(world->config, SIDE_PRODUCTION);
    lab_run(world->production,
        "UPDATE UM_ROLE_PERMISSION SET UM_IS_ALLOWED = 0 WHERE UM_ROLE_NAME = 'developer'");
    begin_checkpoint(world);
    run_badly(world, &handler_checkpoint_database, ERROR_MISMATCH, "permissions-of-users");
    lab_run(world->production, "UPDATE UM_ROLE_PERMISSION SET UM_DOMAIN_ID = NULL WHERE UM_ID = 1");
    begin_checkpoint(world);
    run_badly(world, &handler_checkpoint_database, ERROR_MISMATCH,
        "role-permissions-have-domains: expected 0, found 1");
}

static void drop_account(World *world)
{
    AUTO(Database) *staging = lab_open(world->config, SIDE_STAGING);

    if (world->type == DATABASE_MYSQL)
        lab_run(staging, "DROP USER '" ACCOUNT "'@'%%'");
    else
        lab_run(staging, "DROP ROLE " ACCOUNT);
}

static void staging_has_to_know_the_servers_account(void **state)
{
    World *world = *state;
    AUTO(Database) *staging = lab_open(world->config, SIDE_STAGING);

    if (world->type == DATABASE_MYSQL)
        lab_run(staging, "REVOKE INSERT ON %s.* FROM '" ACCOUNT "'@'%%'", world->config->name);
    else
        lab_run(staging, "ALTER ROLE " ACCOUNT " NOLOGIN");
    assert_trouble(world, world->type == DATABASE_MYSQL
                              ? "FAIL DB-STAGING-ACCOUNT: account carbon lacks on staging: INSERT"
                              : "FAIL DB-STAGING-ACCOUNT: account carbon is locked on staging");
    drop_account(world);
    assert_trouble(world, "FAIL DB-STAGING-ACCOUNT: staging has no account 'carbon'");
}

/* What the run needs late has to be told early: a login that may use its own database alone. */
static void rights_that_are_needed_late_are_asked_for_early(void **state)
{
    World *world = *state;
    AgentDatabase narrow = *world->config;

    narrow.staging = world->carbon.staging;
    world->agent.databases = &narrow;
    assert_trouble(
        world, world->type == DATABASE_MYSQL ? "on dss_scratch_%" : "CREATEDB, for the restore");
    assert_trouble(world, world->type == DATABASE_MYSQL ? "PROCESS" : "pg_read_all_stats");
    world->agent.databases = world->config;
}

static void rights_that_a_migration_needs_are_asked_for(void **state)
{
    World *world = *state;
    AgentDatabase narrow = *world->config;

    if (world->type == DATABASE_MYSQL)
        lab_run(world->production,
            "REVOKE CREATE, ALTER, INDEX, REFERENCES, DROP ON %s.* FROM '" ACCOUNT "'@'%%'",
            world->config->name);
    narrow.production = world->carbon.production;
    world->agent.databases = &narrow;
    assert_trouble(
        world, world->type == DATABASE_MYSQL
                   ? "FAIL DB-PRODUCTION-RIGHTS: the agent's login lacks: CREATE; ALTER; INDEX; "
                     "REFERENCES; DROP; and "
                   : "FAIL DB-PRODUCTION-RIGHTS: the agent's login lacks: CREATE on schema public; "
                     "ownership of reg_");
    world->agent.databases = world->config;
}

static void names_have_to_be_looked_up_alike(void **state)
{
    World *world = *state;

    lab_run(world->production, "ALTER DATABASE %s SET search_path = carbon_s, public",
        world->config->name);
    assert_trouble(world, "FAIL DB-SEARCH-PATH: production has carbon_s, public, staging has ");
}

static void what_cannot_be_copied_is_told_before_anything_stops(void **state)
{
    World *world = *state;

    lab_run(world->production, "%s",
        world->type == DATABASE_MYSQL ? "CREATE SEQUENCE other_products"
                                      : "CREATE TYPE other_products AS ENUM ('a')");
    if (world->type == DATABASE_POSTGRESQL)
        lab_run(world->production, "CREATE TABLE others (a other_products)");
    assert_trouble(world, "FAIL DB-COPY: ");
    assert_trouble(world, "other_products");
    if (world->type == DATABASE_POSTGRESQL) {
        AUTO(Database) *staging = lab_open(world->config, SIDE_STAGING);
        size_t all = 0;
        AUTO_TEXT *found = NULL;

        lab_run(staging, "CREATE TYPE other_products AS ENUM ('a')");
        inspect(world);
        found = troubles(world, &all);
        assert_null(strstr(found, "FAIL DB-COPY: "));
    }
}

/* A run was given up, the old servers worked on for a week, and the upgrade is tried again. */
static void what_an_earlier_run_recorded_is_not_compared(void **state)
{
    World *world = *state;

    lab_make_layout(world->config, SIDE_PRODUCTION, "4.2", 1);
    begin_checkpoint(world);
    run_well(world, &handler_checkpoint_database, RESULT_ALREADY);
    database_close(world->production);
    world->production = lab_open(world->config, SIDE_PRODUCTION);
    lab_run(world->production,
        "UPDATE UM_ROLE_PERMISSION SET UM_IS_ALLOWED = 0 WHERE UM_ROLE_NAME = 'developer'");
    begin_checkpoint(world);
    (void)text_copy(world->command.id.run, sizeof(world->command.id.run), "run2");
    run_well(world, &handler_checkpoint_database, RESULT_ALREADY);
    assert_non_null(strstr(
        facts_get(&world->worker.evidence, "invariant:permissions-of-users"), "recorded now"));
    lab_run(world->production, "UPDATE UM_ROLE_PERMISSION SET UM_IS_ALLOWED = 1");
    begin_checkpoint(world);
    (void)text_copy(world->command.id.run, sizeof(world->command.id.run), "run2");
    run_badly(world, &handler_checkpoint_database, ERROR_MISMATCH, "permissions-of-users");
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
        ON_BOTH(a_good_pair_of_databases_has_no_fault),
        ON_BOTH(the_fingerprint_tells_a_changed_layout),
        ON_BOTH(a_half_run_migration_is_named),
        ON_BOTH(permissions_that_disagree_are_named),
        ON_BOTH(a_missing_administrator_is_named),
        ON_BOTH(a_staging_database_with_content_is_refused),
        ON_BOTH(a_url_of_another_kind_is_refused_by_name),
        ON_BOTH(urls_that_lead_elsewhere_are_refused),
        ON_BOTH(a_script_that_drops_a_table_is_refused),
        ON_BOTH(an_orphan_is_counted),
        ON_BOTH(a_date_of_zero_is_worth_a_word),
        ON_BOTH(traffic_above_a_limit_holds),
        ON_BOTH(a_session_that_stays_is_named),
        ON_BOTH(an_account_is_locked_out_and_given_back),
        ON_BOTH(what_somebody_else_locked_is_not_given_back),
        ON_BOTH(on_one_server_the_rights_are_taken),
        ON_BOTH(rights_on_everything_cannot_be_taken_for_one_database),
        ON_BOTH(a_session_that_got_in_before_the_lock_is_ended),
        ON_BOTH(a_watched_account_stays_open_and_an_intruder_is_named),
        ON_BOTH(who_comes_last_is_named),
        ON_BOTH(an_account_that_is_not_there_holds),
        ON_BOTH(servers_have_to_be_on_staging_alone),
        ON_BOTH(a_database_of_the_old_layout_is_no_upgraded_one),
        ON_BOTH(a_new_database_passes_until_a_permission_has_no_domain),
        ON_BOTH(what_an_earlier_run_recorded_is_not_compared),
        ON_BOTH(staging_has_to_know_the_servers_account),
        ON_BOTH(rights_that_are_needed_late_are_asked_for_early),
        ON_BOTH(rights_that_a_migration_needs_are_asked_for),
        ON("postgresql", names_have_to_be_looked_up_alike),
        ON_BOTH(what_cannot_be_copied_is_told_before_anything_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
