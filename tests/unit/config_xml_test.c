/* agent.xml: what is read from a good one, and that each bad one is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "agent/config_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"

/* The tests name lines; libxml2 gives an element the line on which its tag ends. */
static const char good[] =
    "<?xml version=\"1.0\"?>\n"                                                          /* 1 */
    "<agent xmlns=\"urn:dss-upgrade:agent:1\" cluster=\"orders\" name=\"node1\">\n"      /* 2 */
    "<listen address=\"0.0.0.0\" port=\"9700\"/>\n"                                      /* 3 */
    "<tls ca=\"tls/ca.crt\" certificate=\"/etc/dss/n1.crt\" key=\"/etc/dss/n1.key\"/>\n" /* 4 */
    "<state directory=\"/var/lib/dss-agent\"/>\n"                                        /* 5 */
    "<backup directory=\"/var/backups/dss-agent\"/>\n"                                   /* 6 */
    "<profile directory=\"/usr/share/profiles/dss-3.2.0\"/>\n"                           /* 7 */
    "<node name=\"node1\" old-home=\"/opt/dss-3.1.0\" new-home=\"/opt/dss-3.2.0\"\n"     /* 8 */
    " old-java-home=\"/opt/jdk6\" new-java-home=\"/opt/jdk7\" user=\"wso2\"\n"
    " admin-user=\"admin\" admin-password-file=\"/etc/dss/admin.password\"/>\n"
    "<database name=\"shared\" type=\"mysql\">\n"                           /* 11 */
    "<production option-file=\"/etc/dss/prod.cnf\" database=\"regdb\"/>\n"  /* 12 */
    "<staging option-file=\"/etc/dss/staging.cnf\" database=\"regdb2\"/>\n" /* 13 */
    "</database>\n"
    "<database name=\"users\" type=\"postgresql\">\n"                                    /* 15 */
    "<production service-file=\"/etc/dss/pg.conf\" service=\"prod\" database=\"um\"/>\n" /* 16 */
    "<staging service-file=\"/etc/dss/pg.conf\" service=\"staging\" database=\"um\"/>\n" /* 17 */
    "</database>\n"
    "</agent>\n";

typedef struct Place {
    char folder[64], path[96];
} Place;

static int make_place(void **state)
{
    Place *place = memory_new(sizeof(*place));

    *place = (Place){ .folder = "/tmp/config_xml_test.XXXXXX" };
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof(place->path), "%s/agent.xml", place->folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    Place *place = *state;

    (void)unlink(place->path); /* not every test wrote it */
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static void write_file(const Place *place, const char *content)
{
    AUTO_FD file = open(place->path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

    assert_int_equal(write(file, content, strlen(content)), strlen(content));
}

/* The good file with the first `from` replaced by `to`. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(good, from);
    TEXT_AUTO(text, 65536);

    assert_non_null(at);
    text_add_bytes(&text, good, (size_t)(at - good));
    text_add(&text, "%s%s", to, at + strlen(from));
    return text_take(&text);
}

static void refused(const Place *place, const char *content, const char *line, const char *words)
{
    AUTO(AgentConfig) *config = NULL;
    AUTO_TEXT *begin = memory_format("%s:%s: ", place->path, line);
    Error error = { 0 };

    write_file(place, content);
    assert_false(agent_config_load(place->path, &config, &error));
    assert_null(config);
    assert_int_equal(error.kind, ERROR_INVALID);
    if (strncmp(error.text, begin, strlen(begin)) != 0 || !strstr(error.text, words))
        fail_msg("'%s' is not '%s … %s'", error.text, begin, words);
}

static void change_is_refused(
    void **state, const char *from, const char *to, const char *line_words)
{
    AUTO_TEXT *content = changed(from, to);
    AUTO_TEXT *line = memory_text(line_words);
    char *words = strchr(line, ' ');

    *words++ = '\0';
    refused(*state, content, line, words);
}

static void a_good_file_is_read_whole(void **state)
{
    Place *place = *state;
    AUTO(AgentConfig) *config = NULL;
    AUTO_TEXT *ca = memory_format("%s/tls/ca.crt", place->folder);
    const AgentNode *node;
    const AgentDatabase *mysql, *postgresql;
    Error error = { 0 };

    write_file(place, good);
    if (!agent_config_load(place->path, &config, &error))
        fail_msg("%s", error.text);
    assert_string_equal(config->cluster, "orders");
    assert_string_equal(config->name, "node1");
    assert_string_equal(config->listen_address, "0.0.0.0");
    assert_int_equal(config->listen_port, 9700);
    assert_string_equal(config->ca_file, ca);
    assert_string_equal(config->key_file, "/etc/dss/n1.key");
    assert_null(config->crl_file);
    assert_string_equal(config->state_directory, "/var/lib/dss-agent");
    assert_string_equal(config->backup_directory, "/var/backups/dss-agent");
    assert_string_equal(config->profile_directory, "/usr/share/profiles/dss-3.2.0");
    node = agent_config_node(config, "node1");
    assert_string_equal(node->old_home, "/opt/dss-3.1.0");
    assert_string_equal(node->new_java_home, "/opt/jdk7");
    assert_string_equal(node->user, "wso2");
    assert_string_equal(node->admin_password_file, "/etc/dss/admin.password");
    assert_string_equal(node->address, "127.0.0.1");
    mysql = agent_config_database(config, "shared");
    assert_int_equal(mysql->type, DATABASE_MYSQL);
    assert_string_equal(mysql->staging.option_file, "/etc/dss/staging.cnf");
    assert_string_equal(mysql->staging.database, "regdb2");
    postgresql = agent_config_database(config, "users");
    assert_int_equal(postgresql->type, DATABASE_POSTGRESQL);
    assert_string_equal(postgresql->production.service, "prod");
    assert_null(postgresql->production.option_file);
}

static void what_is_no_xml_is_refused(void **state)
{
    refused(*state, "", "1", "");
    refused(*state, "hello", "1", "");
    change_is_refused(state, "</agent>", "</agnet>", "19 agent");
}

static void a_document_type_and_its_entities_are_refused(void **state)
{
    change_is_refused(state, "<?xml version=\"1.0\"?>",
        "<!DOCTYPE agent [<!ENTITY x SYSTEM \"/etc/passwd\">]>", "1 a DOCTYPE is not allowed");
}

static void what_the_schema_does_not_know_is_refused(void **state)
{
    change_is_refused(state, "<state ", "<shell command=\"rm\"/><state ", "5 'shell'");
    change_is_refused(state, "<listen ", "<listen backlog=\"5\" ", "3 'backlog'");
    change_is_refused(state, "urn:dss-upgrade:agent:1", "urn:dss-upgrade:agent:2",
        "2 expected <agent xmlns=\"urn:dss-upgrade:agent:1\">");
    change_is_refused(state, "port=\"9700\"", "port=\"0\"", "3 'port'");
    change_is_refused(state, "port=\"9700\"", "port=\"65536\"", "3 'port'");
    change_is_refused(state, "cluster=\"orders\"", "cluster=\"../x\"", "2 'cluster'");
    change_is_refused(state, "type=\"mysql\"", "type=\"oracle\"", "11 'oracle'");
    change_is_refused(state, "<backup directory=\"/var/backups/dss-agent\"/>", "", "7 'profile'");
    change_is_refused(state, " key=\"/etc/dss/n1.key\"", "", "4 'key'");
}

static void an_agent_without_a_target_is_refused(void **state)
{
    AUTO_TEXT *content = changed("<node name", "</agent>\n<!-- <node name");
    TEXT_AUTO(text, 65536);

    text_add(&text, "%s -->", content);
    refused(*state, text.bytes, "2", "'agent'");
}

static void paths_that_are_not_plain_are_refused(void **state)
{
    change_is_refused(state, "/var/lib/dss-agent", "/var/../dss", "5 a part '.' or '..'");
    change_is_refused(state, "/var/lib/dss-agent", "../state", "5 a part '.' or '..'");
    change_is_refused(state, "/var/lib/dss-agent", "/var/lib/..", "5 a part '.' or '..'");
    change_is_refused(state, "/var/lib/dss-agent", "./state", "5 a part '.' or '..'");
    change_is_refused(state, "/var/lib/dss-agent", "/var/lib/dss-agent/", "5 ends with a slash");
    change_is_refused(state, "/var/lib/dss-agent", "/var//lib", "5 has an empty part");
    change_is_refused(state, "/opt/dss-3.1.0", "/", "10 is the root folder");
}

static void a_home_with_a_blank_is_refused_in_words(void **state)
{
    change_is_refused(state, "/opt/dss-3.2.0", "/opt/dss 3.2.0", "10 has a blank in it");
    change_is_refused(state, "/opt/jdk6", "/opt/jdk 6", "10 start script does not work");
}

static void homes_that_lie_in_each_other_are_refused(void **state)
{
    change_is_refused(state, "/opt/dss-3.2.0", "/opt/dss-3.1.0", "10 lie in each other");
    change_is_refused(state, "/opt/dss-3.2.0", "/opt/dss-3.1.0/new", "10 lie in each other");
    change_is_refused(
        state, "/var/backups/dss-agent", "/opt/dss-3.1.0/backup", "10 lies in the home");
}

static void two_targets_of_one_name_are_refused(void **state)
{
    change_is_refused(
        state, "name=\"users\"", "name=\"shared\"", "15 a second database has the name 'shared'");
}

static void a_login_of_the_other_type_is_refused(void **state)
{
    change_is_refused(state, "<production option-file=\"/etc/dss/prod.cnf\"",
        "<production service-file=\"/etc/dss/pg.conf\" service=\"x\"", "12 a mysql login");
    change_is_refused(state, "<staging service-file=\"/etc/dss/pg.conf\" service=\"staging\"",
        "<staging option-file=\"/etc/dss/x.cnf\"", "17 a postgresql login");
}

static void an_address_has_to_be_numeric(void **state)
{
    change_is_refused(state, "\"0.0.0.0\"", "\"localhost\"", "3 is not a numeric address");
    change_is_refused(state, "user=\"wso2\"", "address=\"node1\"", "10 is not a numeric address");
}

static void a_file_that_is_not_there_is_an_io_error(void **state)
{
    Place *place = *state;
    AUTO(AgentConfig) *config = NULL;
    Error absent = { 0 }, folder = { 0 };

    assert_false(agent_config_load(place->path, &config, &absent));
    assert_int_equal(absent.kind, ERROR_IO);
    assert_false(agent_config_load(place->folder, &config, &folder));
    assert_int_equal(folder.kind, ERROR_INVALID);
}

static void the_examples_are_good(void **state)
{
    static const char *const examples[] = { "agent-node.xml", "agent-database.xml" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        AUTO(AgentConfig) *config = NULL;
        AUTO_TEXT *path = memory_format("%s/%s", EXAMPLES_FOLDER, examples[i]);
        Error error = { 0 };

        if (!agent_config_load(path, &config, &error))
            fail_msg("%s", error.text);
        assert_int_equal(config->node_count + config->database_count, 1 + i);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_file_is_read_whole),
        TEST(what_is_no_xml_is_refused),
        TEST(a_document_type_and_its_entities_are_refused),
        TEST(what_the_schema_does_not_know_is_refused),
        TEST(an_agent_without_a_target_is_refused),
        TEST(paths_that_are_not_plain_are_refused),
        TEST(a_home_with_a_blank_is_refused_in_words),
        TEST(homes_that_lie_in_each_other_are_refused),
        TEST(two_targets_of_one_name_are_refused),
        TEST(a_login_of_the_other_type_is_refused),
        TEST(an_address_has_to_be_numeric),
        TEST(a_file_that_is_not_there_is_an_io_error),
        TEST(the_examples_are_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
