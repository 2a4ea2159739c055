/* cluster.xml: what is right is read whole, what is wrong is told with file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "coordinator/io/inventory_xml.h"

#define FILE_NAME "etc/cluster.xml"

static const char good[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                  /* 1 */
    "<cluster xmlns=\"urn:dss-upgrade:cluster:1\" name=\"orders\"\n"                /* 2 */
    "  profile=\"dss-3.2.0\" strategy=\"copy-first\">\n"                            /* 3 */
    "<agents>\n"                                                                    /* 4 */
    "<agent name=\"node1\" address=\"10.0.0.1\"/>\n"                                /* 5 */
    "<agent name=\"node2\" address=\"10.0.0.2\" port=\"9701\"/>\n"                  /* 6 */
    "<agent name=\"db1\" address=\"10.0.0.10\"/>\n"                                 /* 7 */
    "</agents>\n"                                                                   /* 8 */
    "<nodes>\n"                                                                     /* 9 */
    "<node name=\"node1\" agent=\"node1\" role=\"manager\"/>\n"                     /* 10 */
    "<node name=\"node2\" agent=\"node2\" role=\"worker\" address=\"10.0.1.2\"/>\n" /* 11 */
    "</nodes>\n"                                                                    /* 12 */
    "<databases>\n"                                                                 /* 13 */
    "<database name=\"reg\" agent=\"db1\" holds=\"registry\" account=\"carbon\">\n" /* 14 */
    "  <production url=\"jdbc:mysql://10.0.0.10:3306/regdb?a=b&amp;c=d\"/>\n"       /* 15 */
    "  <staging url=\"jdbc:mysql://10.0.0.11:3306/regdb?a=b&amp;c=d\"/>\n"          /* 16 */
    "  <script path=\"scripts/m.sql\" sha256=\"0123456789abcdef0123456789abcdef"    /* 17 */
    "0123456789abcdef0123456789abcdef\"/>\n"                                        /* 17 */
    "</database>\n"                                                                 /* 18 */
    "<database name=\"um\" agent=\"db1\" holds=\"users\" account=\"carbon\">\n"     /* 19 */
    "  <production url=\"jdbc:mysql://10.0.0.10:3306/umdb\"/>\n"                    /* 20 */
    "  <staging url=\"jdbc:mysql://10.0.0.11:3306/umdb\"/>"                         /* 21 */
    "  <account name=\"reports\"/><account name=\"carbon\" barrier=\"watch\"/>\n"   /* 21 */
    "</database>\n"                                                                 /* 22 */
    "</databases>\n"                                                                /* 23 */
    "<limits stop-s=\"7\" sessions-max=\"0\"/>\n"                                   /* 24 */
    "</cluster>\n";                                                                 /* 25 */

/* `good` with the first `from` replaced; the caller frees. */
static char *with(const char *from, const char *to)
{
    const char *at = strstr(good, from);

    if (!at)
        fail_msg("'%s' is not in the good file", from);
    return memory_format("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void assert_refused(const char *text, const char *message)
{
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    assert_false(inventory_parse(FILE_NAME, text, &inventory, &error));
    assert_null(inventory);
    assert_string_equal(error.text, message);
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void assert_change_refused(const char *from, const char *to, const char *message)
{
    AUTO_TEXT *text = with(from, to);

    assert_refused(text, message);
}

static void a_good_file_is_read_whole(void **state)
{
    AUTO(Inventory) *inventory = NULL;
    char digest[SHA256_HEX_BYTES];
    Error error = { 0 };

    (void)state;
    if (!inventory_parse(FILE_NAME, good, &inventory, &error))
        fail_msg("%s", error.text);
    assert_string_equal(inventory->cluster, "orders");
    assert_string_equal(inventory->profile, "dss-3.2.0");
    assert_int_equal(inventory->strategy, STRATEGY_COPY_FIRST);
    assert_string_equal(inventory->path, FILE_NAME);
    assert_string_equal(inventory->text, good);
    digest_of(good, strlen(good), digest);
    assert_string_equal(inventory->sha256, digest);

    assert_int_equal(inventory->agent_count, 3);
    assert_string_equal(inventory->agents[1].name, "node2");
    assert_string_equal(inventory->agents[1].address, "10.0.0.2");
    assert_int_equal(inventory->agents[1].port, 9701);
    assert_int_equal(inventory->agents[1].line, 6);
    assert_int_equal(inventory->agents[2].port, 9700);

    assert_int_equal(inventory->node_count, 2);
    assert_string_equal(inventory->nodes[0].agent, "node1");
    assert_string_equal(inventory->nodes[0].address, "10.0.0.1"); /* the agent's */
    assert_int_equal(inventory->nodes[0].role, NODE_MANAGER);
    assert_string_equal(inventory->nodes[1].address, "10.0.1.2");
    assert_int_equal(inventory->nodes[1].role, NODE_WORKER);
    assert_int_equal(inventory->nodes[1].line, 11);
}

static void databases_and_limits_are_read_whole(void **state)
{
    AUTO(Inventory) *inventory = NULL;
    const InventoryDatabase *database;
    Error error = { 0 };

    (void)state;
    assert_true(inventory_parse(FILE_NAME, good, &inventory, &error));
    assert_int_equal(inventory->database_count, 2);
    database = &inventory->databases[0];
    assert_string_equal(database->agent, "db1");
    assert_string_equal(database->account, "carbon");
    assert_true(database->holds_registry);
    assert_false(database->holds_users);
    assert_string_equal(database->production_url, "jdbc:mysql://10.0.0.10:3306/regdb?a=b&c=d");
    assert_string_equal(database->staging_url, "jdbc:mysql://10.0.0.11:3306/regdb?a=b&c=d");
    assert_string_equal(database->script_path, "etc/scripts/m.sql");
    assert_int_equal(strlen(database->script_sha256), 64);
    assert_int_equal(database->line, 14);
    assert_false(inventory->databases[1].holds_registry);
    assert_true(inventory->databases[1].holds_users);
    assert_null(inventory->databases[1].script_path);
    assert_int_equal(inventory->databases[0].account_count, 0);
    assert_int_equal(inventory->databases[1].account_count, 2);
    assert_string_equal(inventory->databases[1].accounts[0].name, "reports");
    assert_false(inventory->databases[1].accounts[0].only_watched);
    assert_true(inventory->databases[1].accounts[1].only_watched);

    assert_int_equal(inventory->limits.stop_s, 7);
    assert_int_equal(inventory->limits.sessions_max, 0);
    assert_int_equal(inventory->limits.start_s, inventory_limits_default.start_s);
}

static void one_database_may_hold_both_and_limits_may_be_left_out(void **state)
{
    AUTO_TEXT *text = with("holds=\"registry\"", "holds=\" users\tregistry\"");
    AUTO_TEXT *shorter = NULL;
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    (void)state;
    shorter = memory_format(
        "%.*s</databases></cluster>", (int)(strstr(text, "<database name=\"um\"") - text), text);
    assert_true(inventory_parse(FILE_NAME, shorter, &inventory, &error));
    assert_true(inventory->databases[0].holds_users);
    assert_true(inventory->databases[0].holds_registry);
    assert_memory_equal(&inventory->limits, &inventory_limits_default, sizeof(InventoryLimits));
}

static void an_absolute_script_path_stays(void **state)
{
    AUTO_TEXT *text = with("scripts/m.sql", "/srv/m.sql");
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    (void)state;
    assert_true(inventory_parse(FILE_NAME, text, &inventory, &error));
    assert_string_equal(inventory->databases[0].script_path, "/srv/m.sql");
}

static void broken_xml_is_told_with_its_line(void **state)
{
    (void)state;
    assert_change_refused("</nodes>", "</node>",
        "etc/cluster.xml:12: opening and ending tag mismatch: nodes line 9 and node");
    assert_refused("", "etc/cluster.xml:1: document is empty");
    assert_refused("port = 9700\n", "etc/cluster.xml:1: start tag expected, '<' not found");
    assert_change_refused(
        "name=\"um\"", "name=um", "etc/cluster.xml:19: attValue: \" or ' expected (and 5 more)");
    assert_change_refused(
        "carbon", "caf\xe9", "etc/cluster.xml:14: input is not proper UTF-8, indicate encoding");
    assert_change_refused("a=b&amp;c=d", "a=b&c=d", "etc/cluster.xml:15: entityRef: expecting ';'");
}

static void what_the_schema_does_not_know_is_told_with_its_line(void **state)
{
    (void)state;
    assert_change_refused("role=\"worker\"", "rol=\"worker\"",
        "etc/cluster.xml:11: element 'node', attribute 'rol': the attribute 'rol' is not allowed: "
        "known are name, agent, role, address (and 1 more)");
    assert_change_refused("<limits ", "<limit ",
        "etc/cluster.xml:24: element 'limit': this element is not expected. Expected is ( limits "
        ")");
    assert_change_refused("role=\"worker\" ", "",
        "etc/cluster.xml:11: element 'node': the attribute 'role' is required but missing");
    assert_change_refused("role=\"worker\"", "role=\"slave\"",
        "etc/cluster.xml:11: element 'node', attribute 'role': the value 'slave' is not an element "
        "of the set {'manager', 'worker'}");
    assert_change_refused("copy-first", "fast",
        "etc/cluster.xml:3: element 'cluster', attribute 'strategy': the value 'fast' is not an "
        "element of the set {'documented', 'copy-first'}");
    assert_change_refused("urn:dss-upgrade:cluster:1", "urn:dss-upgrade:cluster:2",
        "etc/cluster.xml:3: not an inventory: the root is <cluster "
        "xmlns=\"urn:dss-upgrade:cluster:2\">, expected <cluster "
        "xmlns=\"urn:dss-upgrade:cluster:1\">");
    assert_change_refused("holds=\"registry\"", "holds=\"registry user\"",
        "etc/cluster.xml:14: element 'database', attribute 'holds': the value 'user' is not an "
        "element of the set {'registry', 'users'} (and 1 more)");
    assert_change_refused("0123456789abcdef0123456789abcdef\"", "\"",
        "etc/cluster.xml:17: element 'script', attribute 'sha256': the value "
        "'0123456789abcdef0123456789abcdef' is not accepted by the pattern '[0-9a-f]{64}'");
    assert_change_refused("port=\"9701\"", "port=\"0\"",
        "etc/cluster.xml:6: element 'agent', attribute 'port': the value '0' is less than the "
        "minimum value allowed ('1')");
    assert_change_refused("port=\"9701\"", "port=\"+9701\"",
        "etc/cluster.xml:6: element 'agent', attribute 'port': '+9701' is not a valid value of the "
        "atomic type 'port'");
    assert_change_refused("name=\"node2\"", "name=\"node 2\"",
        "etc/cluster.xml:6: element 'agent', attribute 'name': the value 'node 2' is not accepted "
        "by the pattern '[A-Za-z0-9][A-Za-z0-9._\\-]{0,62}'");
    assert_change_refused("<production url=\"jdbc:mysql://10.0.0.10:3306/umdb\"/>",
        "<!-- forgotten -->",
        "etc/cluster.xml:21: element 'staging': this element is not expected. Expected is ( "
        "production )");
    assert_change_refused("account=\"carbon\"", "account=\"carbon\" password=\"sesame\"",
        "etc/cluster.xml:14: element 'database', attribute 'password': the attribute 'password' is "
        "not allowed: known are name, agent, holds, account");
    assert_change_refused("account=\"carbon\"", "account=\"\"",
        "etc/cluster.xml:14: element 'database', attribute 'account': the value '' has a length of "
        "'0'; this underruns the allowed minimum length of '1'");
}

static void what_a_schema_cannot_say_is_told_with_its_line(void **state)
{
    (void)state;
    assert_change_refused("<node name=\"node2\"", "<node name=\"node1\"",
        "etc/cluster.xml:11: node 'node1' stands here and in line 10: each name once");
    assert_change_refused("<agent name=\"node2\"", "<agent name=\"node1\"",
        "etc/cluster.xml:6: agent 'node1' stands here and in line 5: each name once");
    assert_change_refused("10.0.0.2\" port=\"9701\"", "10.0.0.1\"",
        "etc/cluster.xml:6: agent 'node2' has the address 10.0.0.1 port 9700, which is agent "
        "'node1' of line 5");
    assert_change_refused("<database name=\"um\"", "<database name=\"reg\"",
        "etc/cluster.xml:19: database 'reg' stands here and in line 14: each name once");
    assert_change_refused("agent=\"node2\"", "agent=\"node3\"",
        "etc/cluster.xml:11: node 'node2' names agent 'node3', which is not under <agents>");
    assert_change_refused("um\" agent=\"db1\"", "um\" agent=\"db2\"",
        "etc/cluster.xml:19: database 'um' names agent 'db2', which is not under <agents>");
    assert_change_refused("role=\"manager\"", "role=\"worker\"",
        "etc/cluster.xml:10: no node has role=\"manager\", neither this nor another: the manager "
        "starts first and is tested");
    assert_change_refused("holds=\"users\"", "holds=\"registry\"",
        "etc/cluster.xml:14: no database holds users, neither this nor another: exactly one does, "
        "the one that the dataSource of user-mgt.xml names");
    assert_change_refused("holds=\"registry\"", "holds=\"registry users\"",
        "etc/cluster.xml:19: database 'um' holds users, and so does 'reg' of line 14: exactly one "
        "does, the one that the dataSource of user-mgt.xml names");
    assert_change_refused("10.0.0.11:3306/umdb", "10.0.0.10:3306/umdb?ssl=true",
        "etc/cluster.xml:19: database 'um' has the same url for production and staging: "
        "jdbc:mysql://10.0.0.10:3306/umdb?ssl=true");
    assert_change_refused("10.0.0.11:3306/umdb", "10.0.0.11:3306/regdb",
        "etc/cluster.xml:19: database 'um' names a url that database 'reg' of line 14 has: "
        "jdbc:mysql://10.0.0.11:3306/regdb?a=b&c=d; what holds registry and users is one database");
    assert_change_refused("jdbc:mysql://10.0.0.11:3306/umdb", "mysql://10.0.0.11/umdb",
        "etc/cluster.xml:19: database 'um': the staging url does not begin with \"jdbc:\": "
        "mysql://10.0.0.11/umdb");
}

static void a_limit_out_of_its_range_is_told_with_its_line(void **state)
{
    (void)state;
    assert_change_refused("stop-s=\"7\"", "stop-s=\"0\"",
        "etc/cluster.xml:24: element 'limits': stop-s is \"0\", allowed is 1 to 86400");
    assert_change_refused("stop-s=\"7\"", "stop-s=\"86401\"",
        "etc/cluster.xml:24: element 'limits': stop-s is \"86401\", allowed is 1 to 86400");
    assert_change_refused("stop-s=\"7\"", "stop-s=\"-7\"",
        "etc/cluster.xml:24: element 'limits', attribute 'stop-s': '-7' is not a valid value of "
        "the atomic type 'xs:unsignedInt'");
    assert_change_refused("stop-s=\"7\"", "stop-s=\"soon\"",
        "etc/cluster.xml:24: element 'limits', attribute 'stop-s': 'soon' is not a valid value of "
        "the atomic type 'xs:unsignedInt'");
    assert_change_refused("stop-s=\"7\"", "stop-m=\"7\"",
        "etc/cluster.xml:24: element 'limits', attribute 'stop-m': the attribute 'stop-m' is not "
        "allowed: known are stop-s, start-s, quiet-s, statement-s, lock-s, copy-s, backup-s, "
        "agent-lost-s, sessions-max, statements-max, traffic-sample-s");
}

static void a_password_is_refused_and_never_shown(void **state)
{
    static const char *const urls[] = {
        "jdbc:mysql://db/um?user=carbon&amp;password=sesame",
        "jdbc:sqlserver://db;user=carbon;Password = sesame",
        "jdbc:mysql://carbon:sesame@db/um",
        "jdbc:oracle:thin:carbon/sesame@db:1521:X",
        "jdbc:db2://db/um:user=carbon;pwd=sesame",
        "mysql://db/um?password=sesame",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        AUTO_TEXT *text = with("jdbc:mysql://10.0.0.11:3306/umdb", urls[i]);

        assert_refused(text,
            "etc/cluster.xml:19: database 'um': the staging url holds a password: take it out, "
            "each agent and each server has it in files of its own");
    }
}

static void a_long_url_is_refused_and_not_shown(void **state)
{
    TEXT_AUTO(url, 8192);

    (void)state;
    text_add(&url, "jdbc:mysql://db/um?");
    while (url.length < 4001)
        text_add(&url, "x");
    assert_change_refused("jdbc:mysql://10.0.0.11:3306/umdb", url.bytes,
        "etc/cluster.xml:19: database 'um': the staging url has 4001 characters, at most 4000 are "
        "allowed");
}

static void several_problems_are_counted(void **state)
{
    AUTO_TEXT *text = with("role=\"worker\" ", "");

    (void)state;
    memcpy(strstr(text, "stop-s=\"7\""), "stop_s=\"7\"", 10);
    assert_refused(text, "etc/cluster.xml:11: element 'node': the attribute 'role' is required but "
                         "missing (and 1 more)");
}

static void entities_and_doctypes_are_refused(void **state)
{
    static const char bomb[] =
        "<?xml version=\"1.0\"?>\n"
        "<!DOCTYPE cluster [\n<!ENTITY a \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\">\n"
        "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;\">\n"
        "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;\">\n"
        "]>\n<cluster xmlns=\"urn:dss-upgrade:cluster:1\" name=\"&e;&e;&e;\"/>\n";
    static const char outside[] = "<!DOCTYPE cluster SYSTEM \"file:///etc/passwd\">\n"
                                  "<cluster xmlns=\"urn:dss-upgrade:cluster:1\" name=\"x\"/>\n";
    static const char included[] =
        "<!DOCTYPE cluster [<!ENTITY x SYSTEM \"/etc/passwd\">]>\n<cluster>&x;</cluster>\n";

    (void)state;
    assert_refused(
        bomb, "etc/cluster.xml:2: a DOCTYPE is not allowed: take it out, with all its entities");
    assert_refused(
        outside, "etc/cluster.xml:1: a DOCTYPE is not allowed: take it out, with all its entities");
    assert_refused(included,
        "etc/cluster.xml:1: a DOCTYPE is not allowed: take it out, with all its entities");
    assert_change_refused("carbon", "&carbon;", "etc/cluster.xml:14: entity 'carbon' not defined");
}

/* A pipe in the schema hint's place: whoever opens it to read waits for ever. */
static void a_schema_hint_for_editors_is_never_followed(void **state)
{
    char folder[] = "/tmp/inventory-XXXXXX";
    AUTO_TEXT *pipe_path = NULL;
    AUTO_TEXT *hint = NULL;
    AUTO_TEXT *text = NULL;
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    pipe_path = memory_format("%s/hint.xsd", folder);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    hint = memory_format("xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                         "xsi:schemaLocation=\"urn:other %s urn:dss-upgrade:cluster:1 %s\" "
                         "xsi:noNamespaceSchemaLocation=\"%s\" name=\"orders\"",
        pipe_path, pipe_path, pipe_path);
    text = with("name=\"orders\"", hint);
    (void)alarm(20); /* ends this test where the pipe would hold it */
    assert_true(inventory_parse(FILE_NAME, text, &inventory, &error));
    (void)alarm(0);
    assert_true(file_remove_tree(folder, &error));
}

static void a_file_is_read_and_its_size_is_bounded(void **state)
{
    char folder[] = "/tmp/inventory-XXXXXX";
    AUTO_TEXT *path = NULL;
    AUTO_TEXT *expected = NULL;
    AUTO_TEXT *large = memory_new(1024 * 1024 + 2);
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = memory_format("%s/cluster.xml", folder);
    assert_false(inventory_read(path, &inventory, &error));
    assert_int_equal(error.kind, ERROR_IO);
    error = (Error){ 0 };
    assert_true(file_replace(path, good, strlen(good), 0600, &error));
    assert_true(inventory_read(path, &inventory, &error));
    expected = memory_format("%s/scripts/m.sql", folder);
    assert_string_equal(inventory->databases[0].script_path, expected);

    assert_true(file_replace(path, "<\0c\0", 4, 0600, &error));
    assert_false(inventory_read(path, &inventory, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    memset(large, ' ', 1024 * 1024 + 1);
    assert_true(file_replace(path, large, 1024 * 1024 + 1, 0600, &error));
    assert_false(inventory_read(path, &inventory, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_refused(large, "etc/cluster.xml: 1048577 bytes, an inventory has at most 1048576");
    error = (Error){ 0 };
    assert_true(file_remove_tree(folder, &error));
}

/* Lines above 65,535 are beyond the short field that the library keeps them in. */
static void a_line_far_down_is_told_right(void **state)
{
    TEXT_AUTO(lines, 100000);
    AUTO_TEXT *text = NULL;

    (void)state;
    while (lines.length < 69999)
        text_add(&lines, "\n");
    text_add(&lines, "<agents>\n<agent name=\"node1\" adress=\"x\"/>");
    text = with("<agents>\n<agent name=\"node1\" address=\"10.0.0.1\"/>", lines.bytes);
    assert_refused(text,
        "etc/cluster.xml:70005: element 'agent', attribute 'adress': the attribute 'adress' "
        "is not allowed: known are name, address, port (and 1 more)");
}

static void the_example_for_administrators_is_good(void **state)
{
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    (void)state;
    if (!inventory_read(EXAMPLE_FILE, &inventory, &error))
        fail_msg("%s", error.text);
    assert_memory_equal(&inventory->limits, &inventory_limits_default, sizeof(InventoryLimits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read_whole),
        cmocka_unit_test(databases_and_limits_are_read_whole),
        cmocka_unit_test(one_database_may_hold_both_and_limits_may_be_left_out),
        cmocka_unit_test(an_absolute_script_path_stays),
        cmocka_unit_test(broken_xml_is_told_with_its_line),
        cmocka_unit_test(what_the_schema_does_not_know_is_told_with_its_line),
        cmocka_unit_test(what_a_schema_cannot_say_is_told_with_its_line),
        cmocka_unit_test(a_limit_out_of_its_range_is_told_with_its_line),
        cmocka_unit_test(a_password_is_refused_and_never_shown),
        cmocka_unit_test(a_long_url_is_refused_and_not_shown),
        cmocka_unit_test(several_problems_are_counted),
        cmocka_unit_test(entities_and_doctypes_are_refused),
        cmocka_unit_test(a_schema_hint_for_editors_is_never_followed),
        cmocka_unit_test(a_file_is_read_and_its_size_is_bounded),
        cmocka_unit_test(a_line_far_down_is_told_right),
        cmocka_unit_test(the_example_for_administrators_is_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
