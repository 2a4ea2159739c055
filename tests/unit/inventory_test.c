/* What an inventory must be, beyond what a schema can say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/core/inventory.h"

#define ROWS 2

/* A small sound cluster that a test spoils in one place. */
typedef struct Sample {
    InventoryAgent agents[ROWS];
    InventoryNode nodes[ROWS];
    InventoryDatabase databases[ROWS];
    Inventory inventory;
} Sample;

static Sample *sample(void)
{
    Sample *sample = memory_new(sizeof(*sample));

    *sample = (Sample){
        .agents = { { "a1", "10.0.0.1", 9700, 3 }, { "a2", "10.0.0.2", 9700, 4 } },
        .nodes = { { "n1", "a1", "10.0.0.1", NODE_MANAGER, 7 },
            { "n2", "a2", "10.0.0.2", NODE_WORKER, 8 } },
        .databases = { { .name = "reg",
                           .agent = "a1",
                           .holds_registry = true,
                           .account = "carbon",
                           .production_url = "jdbc:postgresql://p/reg?ssl=true",
                           .staging_url = "jdbc:postgresql://s/reg",
                           .line = 11 },
            { .name = "um",
                .agent = "a2",
                .holds_users = true,
                .account = "carbon",
                .production_url = "jdbc:postgresql://p/um",
                .staging_url = "jdbc:postgresql://s/um",
                .line = 12 } },
    };
    sample->inventory = (Inventory){
        .cluster = "orders",
        .profile = "dss-3.2.0",
        .agents = sample->agents,
        .agent_count = ROWS,
        .nodes = sample->nodes,
        .node_count = ROWS,
        .databases = sample->databases,
        .database_count = ROWS,
        .limits = inventory_limits_default,
        .path = "c.xml",
    };
    return sample;
}

static int make(void **state)
{
    *state = sample();
    return 0;
}

static int clear(void **state)
{
    free(*state);
    return 0;
}

static void assert_wrong(const Sample *sample, const char *message)
{
    Error error = { 0 };

    assert_false(inventory_check(&sample->inventory, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(error.text, message);
}

static void a_sound_cluster_is_accepted(void **state)
{
    Sample *sample = *state;
    Error error = { 0 };

    if (!inventory_check(&sample->inventory, &error))
        fail_msg("%s", error.text);
}

static void names_are_looked_up(void **state)
{
    Sample *sample = *state;

    assert_ptr_equal(inventory_agent(&sample->inventory, "a2"), &sample->agents[1]);
    assert_null(inventory_agent(&sample->inventory, "n2"));
    assert_ptr_equal(inventory_node(&sample->inventory, "n1"), &sample->nodes[0]);
    assert_null(inventory_node(&sample->inventory, "a1"));
    assert_ptr_equal(inventory_database(&sample->inventory, "um"), &sample->databases[1]);
    assert_null(inventory_database(&sample->inventory, ""));
}

static void a_name_is_a_name(void **state)
{
    Sample *sample = *state;

    sample->inventory.cluster = "or ders";
    assert_wrong(sample, "c.xml: 'or ders' is no name for a cluster");
    sample->inventory.cluster = "orders";
    sample->databases[1].name = "";
    assert_wrong(
        sample, "c.xml:12: '' is no name: letters, digits, dot, dash and underscore, at most 63");
    sample->nodes[1].name = "-n";
    assert_wrong(
        sample, "c.xml:8: '-n' is no name: letters, digits, dot, dash and underscore, at most 63");
    sample->agents[1].name = "a/2";
    assert_wrong(
        sample, "c.xml:4: 'a/2' is no name: letters, digits, dot, dash and underscore, at most 63");
}

static void each_name_is_used_once(void **state)
{
    Sample *sample = *state;

    sample->databases[1].name = "reg";
    assert_wrong(sample, "c.xml:12: database 'reg' stands here and in line 11: each name once");
    sample->nodes[1].name = "n1";
    assert_wrong(sample, "c.xml:8: node 'n1' stands here and in line 7: each name once");
    sample->agents[1].name = "a1";
    assert_wrong(sample, "c.xml:4: agent 'a1' stands here and in line 3: each name once");
}

static void an_agent_has_a_port_and_an_address_of_its_own(void **state)
{
    Sample *sample = *state;

    sample->agents[1].port = 0;
    assert_wrong(sample, "c.xml:4: agent 'a2': a port is 1 to 65535, digits only");
    sample->agents[1].port = 65536;
    assert_wrong(sample, "c.xml:4: agent 'a2': a port is 1 to 65535, digits only");
    sample->agents[1].port = 9700;
    sample->agents[1].address = "10.0.0.1";
    assert_wrong(sample,
        "c.xml:4: agent 'a2' has the address 10.0.0.1 port 9700, which is agent 'a1' of line 3");
    sample->agents[1].port = 9701; /* two agents on one host */
    a_sound_cluster_is_accepted(state);
}

static void agents_that_are_named_are_there(void **state)
{
    Sample *sample = *state;

    sample->databases[0].agent = "a3";
    assert_wrong(sample, "c.xml:11: database 'reg' names agent 'a3', which is not under <agents>");
    sample->nodes[0].agent = "a4";
    assert_wrong(sample, "c.xml:7: node 'n1' names agent 'a4', which is not under <agents>");
}

static void a_manager_is_there(void **state)
{
    Sample *sample = *state;

    sample->nodes[0].role = NODE_WORKER;
    assert_wrong(sample,
        "c.xml:7: no node has role=\"manager\", neither this nor another: the manager starts first "
        "and is tested");
    sample->inventory.node_count = 0;
    assert_wrong(sample,
        "c.xml:1: no node has role=\"manager\", neither this nor another: the manager starts first "
        "and is tested");
}

static void users_are_held_exactly_once(void **state)
{
    Sample *sample = *state;

    sample->databases[0].holds_users = true;
    assert_wrong(sample,
        "c.xml:12: database 'um' holds users, and so does 'reg' of line 11: exactly one does, the "
        "one that the dataSource of user-mgt.xml names");
    sample->databases[0].holds_users = false;
    sample->databases[1].holds_users = false;
    assert_wrong(sample,
        "c.xml:11: no database holds users, neither this nor another: exactly one does, the one "
        "that the dataSource of user-mgt.xml names");
    sample->inventory.database_count = 0;
    assert_wrong(sample,
        "c.xml:1: no database holds users, neither this nor another: exactly one does, the one "
        "that the dataSource of user-mgt.xml names");
}

static void no_database_is_named_twice(void **state)
{
    Sample *sample = *state;

    sample->databases[0].staging_url = "jdbc:postgresql://p/reg?other=1";
    assert_wrong(sample, "c.xml:11: database 'reg' has the same url for production and staging: "
                         "jdbc:postgresql://p/reg?other=1");
    sample->databases[0].staging_url = "jdbc:postgresql://p/um";
    assert_wrong(sample, "c.xml:12: database 'um' names a url that database 'reg' of line 11 has: "
                         "jdbc:postgresql://p/um; what holds registry and users is one database");
    sample->databases[0].staging_url = "jdbc:postgresql://s/um;x";
    assert_wrong(sample, "c.xml:12: database 'um' names a url that database 'reg' of line 11 has: "
                         "jdbc:postgresql://s/um;x; what holds registry and users is one database");
    sample->databases[0].staging_url = "jdbc:postgresql://s/reg";
    sample->databases[1].production_url = "jdbc:postgresql://p/reg";
    assert_wrong(sample,
        "c.xml:12: database 'um' names a url that database 'reg' of line 11 has: "
        "jdbc:postgresql://p/reg?ssl=true; what holds registry and users is one database");
    sample->databases[1].production_url = "jdbc:postgresql://p/reg2";
    a_sound_cluster_is_accepted(state);
}

static void an_account_is_named_once(void **state)
{
    static const InventoryAccount accounts[] = { { "carbon", true }, { "b", false },
        { "carbon", false } };
    Sample *sample = *state;

    sample->databases[1].accounts = accounts;
    sample->databases[1].account_count = 3;
    assert_wrong(sample, "c.xml:12: database 'um' names account 'carbon' twice: each once");
    sample->databases[1].account_count = 2;
    a_sound_cluster_is_accepted(state);
}

static void a_url_is_jdbc_and_not_endless(void **state)
{
    static char url[4002] = "jdbc:postgresql://p/";
    Sample *sample = *state;

    sample->databases[1].production_url = "postgresql://p/um";
    assert_wrong(sample,
        "c.xml:12: database 'um': the production url does not begin with \"jdbc:\": "
        "postgresql://p/um");
    memset(url + strlen(url), 'x', 4001 - strlen(url));
    sample->databases[1].production_url = url;
    assert_wrong(sample,
        "c.xml:12: database 'um': the production url has 4001 characters, at most 4000 are "
        "allowed");
    url[4000] = '\0';
    a_sound_cluster_is_accepted(state);
}

static void a_password_in_a_url_is_refused_and_not_shown(void **state)
{
    static const char *const bad[] = {
        "jdbc:mysql://db/um?password=sesame",
        "jdbc:mysql://db/um?a=b&PASSWORD=sesame",
        "jdbc:mysql://db/um?trustCertificateKeyStorePassword=sesame",
        "jdbc:mysql://u:sesame@db/um",
        "jdbc:oracle:thin:u/sesame@db:1521:X",
        "jdbc:db2://db/um:pwd =sesame",
        "no-jdbc?passwd=sesame",
    };
    static const char *const good[] = {
        "jdbc:mysql://db:3306/um?user=me@example.org",
        "jdbc:mysql://a:1,b:2/um?x=y:z@w",
        "jdbc:mysql://user@db/um",
        "jdbc:oracle:thin:@//db:1521/X",
        "jdbc:oracle:thin:@db:1521:X",
        "jdbc:postgresql://[::1]:5432/passwords",
    };
    Sample *sample = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sample->databases[1].staging_url = bad[i];
        assert_wrong(sample,
            "c.xml:12: database 'um': the staging url holds a password: take it out, each agent "
            "and each server has it in files of its own");
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        sample->databases[1].staging_url = good[i];
        a_sound_cluster_is_accepted(state);
    }
}

static void a_database_has_the_time_to_be_quiet(void **state)
{
    Sample *spoilt = *state;
    Error error = { 0 };

    spoilt->inventory.limits.stop_s = spoilt->inventory.limits.quiet_s = 60;
    assert_true(inventory_check(&spoilt->inventory, &error));
    spoilt->inventory.limits.quiet_s = 61;
    assert_wrong(spoilt, "c.xml: limits: quiet-s is 61, stop-s is 60: no database can be quiet for "
                         "so long in that time");
}

static void names_of_strategies_and_roles_lead_back(void **state)
{
    (void)state;
    for (Strategy strategy = STRATEGY_DOCUMENTED; strategy < STRATEGY_COUNT; strategy++)
        assert_int_equal(strategy_from_name(strategy_name(strategy)), strategy);
    for (NodeRole role = NODE_MANAGER; role < NODE_ROLE_COUNT; role++)
        assert_int_equal(node_role_from_name(node_role_name(role)), role);
    assert_int_equal(strategy_from_name("Documented"), STRATEGY_COUNT);
    assert_int_equal(node_role_from_name(""), NODE_ROLE_COUNT);
    assert_string_equal(strategy_name(STRATEGY_COPY_FIRST), "copy-first");
    assert_string_equal(node_role_name(NODE_WORKER), "worker");
}

static void nothing_is_freed_from_nothing(void **state)
{
    Inventory *inventory = memory_new(sizeof(*inventory));

    (void)state;
    inventory_free(NULL);
    inventory_free(inventory); /* half built: no arena */
    inventory = memory_new(sizeof(*inventory));
    inventory->arena = arena_new();
    inventory->cluster = arena_text(inventory->arena, "orders");
    inventory_free(inventory);
}

#define SAMPLE_TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(a_sound_cluster_is_accepted),
        SAMPLE_TEST(names_are_looked_up),
        SAMPLE_TEST(a_name_is_a_name),
        SAMPLE_TEST(each_name_is_used_once),
        SAMPLE_TEST(an_agent_has_a_port_and_an_address_of_its_own),
        SAMPLE_TEST(agents_that_are_named_are_there),
        SAMPLE_TEST(a_manager_is_there),
        SAMPLE_TEST(users_are_held_exactly_once),
        SAMPLE_TEST(no_database_is_named_twice),
        SAMPLE_TEST(a_url_is_jdbc_and_not_endless),
        SAMPLE_TEST(an_account_is_named_once),
        SAMPLE_TEST(a_password_in_a_url_is_refused_and_not_shown),
        SAMPLE_TEST(a_database_has_the_time_to_be_quiet),
        SAMPLE_TEST(names_of_strategies_and_roles_lead_back),
        SAMPLE_TEST(nothing_is_freed_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
