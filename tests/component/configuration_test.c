#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/handlers/configuration/configuration.h"
#include "agent/handlers/configuration/xml_tree.h"
#include "agent/handlers/table.h"
#include "agent/profile_xml.h"
#include "common/model/finding.h"
#include "common/os/file.h"
#include "tests/component/carbon_conf.h"
#include "tests/fakes/worker_io.h"

#define MASTER            "repository/conf/datasources/master-datasources.xml"
#define USER_MGT          "repository/conf/user-mgt.xml"
#define REGISTRY          "repository/conf/registry.xml"
#define STAGING_REG       "jdbc:mysql://staging:3306/reg2?useUnicode=true&autoReconnect=true"

#define DRIVER_CLASS_FILE "com/mysql/jdbc/Driver.class"
#define ENTRY_BYTES       46 /* of a zip's central directory, without the name */
#define END_BYTES         22

typedef struct World {
    char folder[64], old_home[80], new_home[80], state[80];
    AgentNode node;
    AgentConfig config;
    Profile *profile;
    WorkerIo worker;
    Command command;
    Error error;
    ResultState result;
} World;

static void write_bytes(const char *home, const char *path, const void *bytes, size_t length)
{
    AUTO_TEXT *full = memory_format("%s/%s", home, path);
    AUTO_TEXT *folder = file_folder_of(full);
    Error error = { 0 };

    if (!file_make_folders(folder, 0755, &error) ||
        !file_replace(full, bytes, length, 0640, &error))
        fail_msg("%s", error.text);
}

/* A zip whose directory names the driver's class; the entry's content is never read. */
static void write_driver_jar(const char *home, const char *path)
{
    unsigned char jar[ENTRY_BYTES + sizeof(DRIVER_CLASS_FILE) - 1 + END_BYTES] = "PK\x01\x02";
    unsigned char *end = jar + sizeof(jar) - END_BYTES;

    jar[28] = sizeof(DRIVER_CLASS_FILE) - 1;
    memcpy(jar + ENTRY_BYTES, DRIVER_CLASS_FILE, sizeof(DRIVER_CLASS_FILE) - 1);
    memcpy(end, "PK\x05\x06", 4);
    end[8] = end[10] = 1; /* one entry; the directory begins at 0 */
    write_bytes(home, path, jar, sizeof(jar));
}

static void write_text(const char *home, const char *path, const char *text)
{
    write_bytes(home, path, text, strlen(text));
}

/* NULL when there is no such file. */
static char *read_text(const char *home, const char *path)
{
    AUTO_TEXT *full = memory_format("%s/%s", home, path);
    char *text = NULL;
    size_t length = 0;
    Error error = { 0 };

    return file_read(full, 1 << 20, &text, &length, &error) ? text : NULL;
}

static void write_home(const char *home, const HomeFile *files)
{
    for (; files->path; files++)
        write_text(home, files->path, files->content);
}

static void add_database(
    World *world, const char *name, const char *holds, const char *production, const char *staging)
{
    facts_add(&world->command.args, ARG_DATABASE, name);
    facts_add(&world->command.args, ARG_HOLDS, holds);
    facts_add(&world->command.args, ARG_PRODUCTION_URL, production);
    facts_add(&world->command.args, ARG_STAGING_URL, staging);
}

static int start(void **state)
{
    World *world = memory_new(sizeof(*world));

    *world = (World){ .folder = "/tmp/configuration-test-XXXXXX" };
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->old_home, sizeof(world->old_home), "%s/old", world->folder);
    (void)snprintf(world->new_home, sizeof(world->new_home), "%s/new", world->folder);
    (void)snprintf(world->state, sizeof(world->state), "%s/state", world->folder);
    write_home(world->old_home, old_home_files);
    write_home(world->new_home, new_home_files);
    write_driver_jar(world->old_home, "repository/components/lib/mysql.jar");
    if (!profile_load(PROFILE_FOLDER, &world->profile, &world->error))
        fail_msg("%s", world->error.text);
    world->node =
        (AgentNode){ .name = "node1", .old_home = world->old_home, .new_home = world->new_home };
    world->config =
        (AgentConfig){ .nodes = &world->node, .node_count = 1, .state_directory = world->state };
    worker_io_init(&world->worker);
    world->worker.io.config = &world->config;
    world->worker.io.profile = world->profile;
    assert_true(text_copy(world->command.target, sizeof(world->command.target), "node1"));
    add_database(world, "regdb", "registry", "jdbc:mysql://db1/reg", STAGING_REG);
    add_database(
        world, "userdb", "users", "jdbc:mysql://db1:3306/users", "jdbc:mysql://staging/users2");
    *state = world;
    return 0;
}

static int stop(void **state)
{
    World *world = *state;
    Error error = { 0 };

    worker_io_done(&world->worker);
    profile_free(world->profile);
    facts_done(&world->command.args);
    assert_true(file_remove_tree(world->folder, &error));
    free(world);
    return 0;
}

static bool run(World *world, const Handler *handler)
{
    worker_io_next_command(&world->worker);
    world->error = (Error){ 0 };
    return handler_run(handler, &world->worker.io, &world->command, &world->result, &world->error);
}

static void must_run(World *world, const Handler *handler, ResultState result)
{
    if (!run(world, handler))
        fail_msg("%s", world->error.text);
    assert_int_equal(world->result, result);
}

static bool has_change(const World *world, const char *text)
{
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(world->worker.io.evidence, "change", &position)))
        if (strstr(fact->value, text))
            return true;
    return false;
}

/* The text at that path of a file of the new home is as given. */
static void new_text_is(World *world, const char *path, const char *xpath, const char *expected)
{
    AUTO_TEXT *full = memory_format("%s/%s", world->new_home, path);
    AUTO(XmlTree) *tree = NULL;
    AUTO_TEXT *text = NULL;

    if (!xml_tree_read(full, &tree, &world->error))
        fail_msg("%s", world->error.text);
    text = xml_text_at(tree, NULL, xpath);
    if (!text)
        fail_msg("%s: there is no %s", path, xpath);
    assert_string_equal(text, expected);
}

static void replace_in(const char *home, const char *path, const char *what, const char *with)
{
    AUTO_TEXT *text = read_text(home, path);
    char *at = strstr(text, what);
    AUTO_TEXT *changed = NULL;

    if (!at)
        fail_msg("%s has no %s", path, what);
    changed = memory_format("%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
    write_text(home, path, changed);
}

static void the_three_files_lead_to_staging(void **state)
{
    World *world = *state;

    must_run(world, &handler_configure_node, RESULT_DONE);
    new_text_is(world, MASTER,
        "datasources-configuration/datasources/datasource[name='WSO2_REG_DB']/definition/"
        "configuration/url",
        STAGING_REG);
    new_text_is(world, MASTER,
        "datasources-configuration/datasources/datasource[name='WSO2_USER_DB']/definition/"
        "configuration/url",
        "jdbc:mysql://staging/users2");
    new_text_is(world, USER_MGT, "UserManager/Realm/Configuration/Property[@name='dataSource']",
        "jdbc/WSO2UMDB");
    new_text_is(world, REGISTRY, "wso2registry/remoteInstance/cacheId", "reg@" STAGING_REG);
    new_text_is(
        world, REGISTRY, "wso2registry/mount[@path='/_system/config']/instanceId", "shared-1");
}

static void the_new_homes_own_database_stays_its_own(void **state)
{
    World *world = *state;

    must_run(world, &handler_configure_node, RESULT_DONE);
    new_text_is(world, MASTER,
        "datasources-configuration/datasources/datasource[name='WSO2_CARBON_DB']/definition/"
        "configuration/url",
        "jdbc:h2:repository/database/WSO2CARBON_DB;LOCK_TIMEOUT=60000");
}

static void what_the_new_release_needs_stays_in_the_file(void **state)
{
    World *world = *state;

    must_run(world, &handler_configure_node, RESULT_DONE);
    new_text_is(world, USER_MGT, "UserManager/Realm/Configuration/AddAdmin", "true");
    new_text_is(world, USER_MGT,
        "UserManager/Realm/UserStoreManager/Property[@name='TenantManager']",
        "org.example.OwnTenantManager");
    new_text_is(world, "repository/conf/carbon.xml", "Server/Version", "4.2.0");
}

static void values_of_the_old_home_are_carried(void **state)
{
    World *world = *state;

    must_run(world, &handler_configure_node, RESULT_DONE);
    new_text_is(world, USER_MGT, "UserManager/Realm/Configuration/AdminUser/UserName", "root");
    new_text_is(world, USER_MGT, "UserManager/Realm/Configuration/EveryOneRoleName", "everybody");
    new_text_is(world, USER_MGT,
        "UserManager/Realm/UserStoreManager/Property[@name='StoreSaltedPassword']", "false");
    new_text_is(world, USER_MGT, "UserManager/Realm/UserStoreManager/Property[@name='ReadGroups']",
        "false");
    new_text_is(world, "repository/conf/carbon.xml", "Server/Ports/Offset", "2");
    new_text_is(world, "repository/conf/carbon.xml", "Server/HostName", "dss.example.com");
    new_text_is(world, "repository/conf/carbon.xml", "Server/Security/RegistryKeyStore/Location",
        "site.jks");
    new_text_is(world, REGISTRY, "wso2registry/readOnly", "true");
    new_text_is(world, "repository/conf/datasources/sales-datasources.xml",
        "datasources-configuration/datasources/datasource/definition/configuration/url",
        "jdbc:mysql://sales/sales");
}

static void key_stores_and_drivers_go_along(void **state)
{
    World *world = *state;
    AUTO_TEXT *key = NULL;
    AUTO_TEXT *jar = NULL;

    must_run(world, &handler_configure_node, RESULT_DONE);
    key = read_text(world->new_home, "repository/resources/security/site.jks");
    jar = read_text(world->new_home, "repository/components/lib/mysql.jar");
    assert_string_equal(key, "the site's own key");
    assert_non_null(jar);
}

static void bytes_around_the_values_stay(void **state)
{
    World *world = *state;
    AUTO_TEXT *registry = NULL;

    must_run(world, &handler_configure_node, RESULT_DONE);
    registry = read_text(world->new_home, REGISTRY);
    assert_non_null(strstr(registry, "\r\n<wso2registry>\r\n"
                                     "  <!-- <mount path=\"/x\"/> k\xE4se -->\n"
                                     "  <currentDBConfig>local</currentDBConfig>\r\n"));
    assert_string_equal(strstr(registry, "</wso2registry>"), "</wso2registry>");
}

static void a_second_run_changes_nothing(void **state)
{
    World *world = *state;
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *after = NULL;

    must_run(world, &handler_configure_node, RESULT_DONE);
    before = read_text(world->new_home, REGISTRY);
    must_run(world, &handler_configure_node, RESULT_ALREADY);
    after = read_text(world->new_home, REGISTRY);
    assert_string_equal(before, after);
    assert_string_equal(facts_get(world->worker.io.evidence, "changes"), "0");
}

static void blanks_around_a_value_are_no_change(void **state)
{
    World *world = *state;

    replace_in(world->old_home, "repository/conf/carbon.xml", "<HostName>", "<HostName> ");
    must_run(world, &handler_configure_node, RESULT_DONE);
    must_run(world, &handler_configure_node, RESULT_ALREADY);
    assert_string_equal(facts_get(world->worker.io.evidence, "changes"), "0");
}

static void a_preview_tells_all_and_writes_nothing(void **state)
{
    World *world = *state;
    AUTO_TEXT *after = NULL;

    must_run(world, &handler_preview_configuration, RESULT_ALREADY);
    assert_true(has_change(world, "WSO2_REG_DB url: jdbc:mysql://db1/reg -> " STAGING_REG));
    assert_true(has_change(world, "host name in endpoints: (none) -> dss.example.com"));
    assert_non_null(strstr(facts_get_or(world->worker.io.evidence, "~diff:" REGISTRY, ""),
        "+  <mount path=\"/_system/config\" overwrite=\"true\">"));
    after = read_text(world->new_home, REGISTRY);
    assert_non_null(strstr(after, "<currentDBConfig>wso2registry<"));
    assert_null(read_text(world->new_home, "repository/components/lib/mysql.jar"));
}

static void no_secret_is_in_the_evidence(void **state)
{
    World *world = *state;

    must_run(world, &handler_preview_configuration, RESULT_ALREADY);
    for (size_t i = 0; i < world->worker.io.evidence->count; i++)
        assert_null(strstr(world->worker.io.evidence->items[i].value, "planted-secret"));
    must_run(world, &handler_configure_node, RESULT_DONE);
    for (size_t i = 0; i < world->worker.io.evidence->count; i++)
        assert_null(strstr(world->worker.io.evidence->items[i].value, "planted-secret"));
}

static void restoring_puts_every_byte_back(void **state)
{
    World *world = *state;

    must_run(world, &handler_configure_node, RESULT_DONE);
    must_run(world, &handler_restore_configuration, RESULT_DONE);
    for (const HomeFile *file = new_home_files; file->path; file++) {
        AUTO_TEXT *now = read_text(world->new_home, file->path);

        assert_string_equal(now, file->content);
    }
    assert_null(read_text(world->new_home, "repository/components/lib/mysql.jar"));
    assert_null(read_text(world->new_home, "repository/resources/security/site.jks"));
    assert_null(read_text(world->new_home, "repository/conf/datasources/sales-datasources.xml"));
    must_run(world, &handler_restore_configuration, RESULT_ALREADY);
    assert_int_equal(world->worker.remembered.count, 0);
}

static void originals_are_those_before_the_first_try(void **state)
{
    World *world = *state;
    AUTO_TEXT *now = NULL;

    must_run(world, &handler_configure_node, RESULT_DONE);
    write_text(world->old_home, "repository/conf/tenant-mgt.xml", "<TenantManager class='y'/>");
    must_run(world, &handler_configure_node, RESULT_DONE);
    must_run(world, &handler_restore_configuration, RESULT_DONE);
    now = read_text(world->new_home, USER_MGT);
    assert_non_null(strstr(now, "org.example.TenantManager"));
}

/* A later upgrade of the same node goes to another home, whose files are its own. */
static void originals_of_one_home_never_get_into_another(void **state)
{
    World *world = *state;
    AUTO_TEXT *now = NULL;
    char first[sizeof(world->new_home)];

    must_run(world, &handler_configure_node, RESULT_DONE);
    (void)memcpy(first, world->new_home, sizeof(first));
    (void)snprintf(world->new_home, sizeof(world->new_home), "%s/newer", world->folder);
    write_home(world->new_home, new_home_files);
    replace_in(world->new_home, USER_MGT, "<AddAdmin>true</AddAdmin>",
        "<AddAdmin>true</AddAdmin><!-- newer -->");
    must_run(world, &handler_configure_node, RESULT_DONE);
    must_run(world, &handler_restore_configuration, RESULT_DONE);
    now = read_text(world->new_home, USER_MGT);
    assert_non_null(strstr(now, "<!-- newer -->"));
    must_run(world, &handler_restore_configuration, RESULT_ALREADY);
    (void)memcpy(world->new_home, first, sizeof(first));
}

static void a_server_may_start_only_with_the_files_that_were_checked(void **state)
{
    World *world = *state;
    Error error = { 0 };

    assert_false(configuration_is_in_place(&world->worker.io, &world->node, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    must_run(world, &handler_configure_node, RESULT_DONE);
    error = (Error){ 0 };
    assert_true(configuration_is_in_place(&world->worker.io, &world->node, &error));
    write_text(world->new_home, REGISTRY, "<wso2registry/>");
    assert_false(configuration_is_in_place(&world->worker.io, &world->node, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
}

/* The first occurrence of `what` in the file becomes `with`. */
/* Nothing may be configured, the reason names `words`, and not a byte was changed. */
static void is_held(World *world, ErrorKind kind, const char *words)
{
    AUTO_TEXT *before = read_text(world->new_home, USER_MGT);
    AUTO_TEXT *after = NULL;

    assert_false(run(world, &handler_configure_node));
    if (world->error.kind != kind || !strstr(world->error.text, words))
        fail_msg("%s: %s", error_kind_name(world->error.kind), world->error.text);
    after = read_text(world->new_home, USER_MGT);
    assert_string_equal(before, after);
    assert_int_equal(world->worker.remembered.count, 0);
}

static void a_missing_driver_holds(void **state)
{
    World *world = *state;

    write_text(world->old_home, "repository/components/lib/mysql.jar", "no zip");
    is_held(world, ERROR_PRECONDITION, "com.mysql.jdbc.Driver");
}

static void a_name_that_does_not_resolve_holds(void **state)
{
    World *world = *state;

    replace_in(world->old_home, USER_MGT, "jdbc/WSO2UMDB", "jdbc/Other");
    is_held(world, ERROR_PRECONDITION, "jdbc/Other");
}

static void a_mount_without_its_instance_holds(void **state)
{
    World *world = *state;

    replace_in(world->old_home, REGISTRY, "<instanceId>shared-1", "<instanceId>shared-2");
    is_held(world, ERROR_PRECONDITION, "shared-2");
}

static void a_database_of_another_kind_holds_by_name(void **state)
{
    World *world = *state;

    replace_in(world->old_home, MASTER, "jdbc:mysql://DB1/users", "jdbc:oracle:thin:@db1:1521:X");
    is_held(world, ERROR_PRECONDITION, "Oracle");
}

static void users_in_the_wrong_database_hold(void **state)
{
    World *world = *state;

    replace_in(world->old_home, USER_MGT, "jdbc/WSO2UMDB", "jdbc/WSO2RegDB");
    is_held(world, ERROR_PRECONDITION, "does not hold that");
}

static void a_file_that_is_not_xml_is_named_with_its_line(void **state)
{
    World *world = *state;

    write_text(world->new_home, REGISTRY, "<wso2registry>\n<a></b>\n</wso2registry>");
    is_held(world, ERROR_INVALID, "registry.xml:2");
}

static void a_new_home_of_the_old_release_is_refused(void **state)
{
    World *world = *state;

    replace_in(world->new_home, USER_MGT, "<AddAdmin>true</AddAdmin>", "");
    is_held(world, ERROR_PRECONDITION, "AddAdmin");
}

static void production_in_the_new_home_is_repointed(void **state)
{
    World *world = *state;

    write_text(world->new_home, "repository/conf/datasources/left-datasources.xml",
        "<datasources-configuration><datasources><datasource><name>L</name>"
        "<definition type='RDBMS'><configuration><url>jdbc:mysql://db1/reg</url>"
        "<driverClassName>com.mysql.jdbc.Driver</driverClassName>"
        "</configuration></definition></datasource></datasources></datasources-configuration>");
    must_run(world, &handler_configure_node, RESULT_DONE);
    new_text_is(world, "repository/conf/datasources/left-datasources.xml",
        "datasources-configuration/datasources/datasource/definition/configuration/url",
        STAGING_REG);
}

static void all_in_one_is_repointed_too(void **state)
{
    World *world = *state;

    replace_in(world->old_home, MASTER,
        "jdbc:h2:repository/database/WSO2CARBON_DB;LOCK_TIMEOUT=60000", "jdbc:mysql://db1/reg");
    replace_in(world->old_home, MASTER, "org.h2.Driver", "com.mysql.jdbc.Driver");
    must_run(world, &handler_configure_node, RESULT_DONE);
    new_text_is(world, MASTER,
        "datasources-configuration/datasources/datasource[name='WSO2_CARBON_DB']/definition/"
        "configuration/url",
        STAGING_REG);
}

static void secure_vault_goes_along_where_it_is_active(void **state)
{
    World *world = *state;

    must_run(world, &handler_configure_node, RESULT_DONE);
    assert_null(read_text(world->new_home, "repository/conf/security/cipher-text.properties"));
    write_text(world->old_home, "repository/conf/security/secret-conf.properties",
        "# x\n secretRepositories=file\n");
    replace_in(
        world->old_home, MASTER, "<password>", "<password svns:secretAlias=\"Datasources.X\">");
    must_run(world, &handler_configure_node, RESULT_DONE);
    {
        AUTO_TEXT *cipher =
            read_text(world->new_home, "repository/conf/security/cipher-text.properties");

        assert_string_equal(cipher, "alias=text\n");
    }
}

/* How severe the worst finding of that id is, or the count when there is none. */
static FindingSeverity worst(const World *world, const char *id)
{
    FindingSeverity severity = FINDING_SEVERITY_COUNT;
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(world->worker.io.evidence, FINDING_FACT, &position))) {
        Finding finding = { 0 };

        assert_true(finding_parse(fact->value, &finding));
        if (strcmp(finding.id, id) == 0 &&
            (severity == FINDING_SEVERITY_COUNT || finding.severity > severity))
            severity = finding.severity;
        finding_done(&finding);
    }
    return severity;
}

static void an_inspection_of_sound_homes_has_no_failure(void **state)
{
    World *world = *state;
    static const char *const ids[] = { "CONF-PARSES", "CONF-DATASOURCE-TYPE", "CONF-REFERENCES",
        "CONF-USERS-DATASOURCE", "CONF-PRODUCTION-LEFT", "CONF-DRIVER-JAR", "CONF-LOCAL-REGISTRY",
        "CONF-DATASOURCE-MATCHES", "CONF-ACCOUNT", "CONF-AUTOCOMMIT", "CONF-KEYSTORE",
        "CONF-SECURE-VAULT" };

    configuration_findings(&world->worker.io, &world->node, &world->command);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (worst(world, ids[i]) != FINDING_PASS)
            fail_msg("%s is not a pass", ids[i]);
    assert_string_equal(facts_get(world->worker.io.evidence, "account:userdb"), "um");
    assert_non_null(facts_get(world->worker.io.evidence, "conf:old:" REGISTRY));
}

static void an_inspection_names_what_is_wrong(void **state)
{
    World *world = *state;

    replace_in(world->old_home, MASTER, "jdbc:mysql://DB1/users", "jdbc:db2://h2host:50000/x");
    configuration_findings(&world->worker.io, &world->node, &world->command);
    assert_int_equal(worst(world, "CONF-DATASOURCE-TYPE"), FINDING_FAIL);
    assert_int_equal(worst(world, "CONF-DATASOURCE-MATCHES"), FINDING_FAIL);
    worker_io_next_command(&world->worker);
    write_text(world->old_home, MASTER, "<a");
    configuration_findings(&world->worker.io, &world->node, &world->command);
    assert_int_equal(worst(world, "CONF-PARSES"), FINDING_FAIL);
}

static void exchanged_urls_are_found(void **state)
{
    World *world = *state;

    facts_done(&world->command.args);
    add_database(world, "regdb", "registry", STAGING_REG, "jdbc:mysql://db1/reg");
    add_database(
        world, "userdb", "users", "jdbc:mysql://db1:3306/users", "jdbc:mysql://staging/users2");
    configuration_findings(&world->worker.io, &world->node, &world->command);
    assert_int_equal(worst(world, "CONF-DATASOURCE-MATCHES"), FINDING_FAIL);
}

static void a_shared_local_registry_is_a_warning(void **state)
{
    World *world = *state;

    replace_in(world->old_home, REGISTRY, "<currentDBConfig>local", "<currentDBConfig>shared");
    configuration_findings(&world->worker.io, &world->node, &world->command);
    assert_int_equal(worst(world, "CONF-LOCAL-REGISTRY"), FINDING_WARN);
}

static void a_datasource_that_commits_by_itself_is_a_warning(void **state)
{
    World *world = *state;

    replace_in(world->old_home, MASTER,
        "          <driverClassName>com.mysql.jdbc.Driver</driverClassName>\n"
        "          <defaultAutoCommit>false</defaultAutoCommit>\n",
        "          <driverClassName>com.mysql.jdbc.Driver</driverClassName>\n");
    configuration_findings(&world->worker.io, &world->node, &world->command);
    assert_int_equal(worst(world, "CONF-AUTOCOMMIT"), FINDING_WARN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(the_three_files_lead_to_staging),
        TEST(the_new_homes_own_database_stays_its_own),
        TEST(what_the_new_release_needs_stays_in_the_file),
        TEST(values_of_the_old_home_are_carried),
        TEST(key_stores_and_drivers_go_along),
        TEST(bytes_around_the_values_stay),
        TEST(a_second_run_changes_nothing),
        TEST(blanks_around_a_value_are_no_change),
        TEST(a_preview_tells_all_and_writes_nothing),
        TEST(no_secret_is_in_the_evidence),
        TEST(restoring_puts_every_byte_back),
        TEST(originals_are_those_before_the_first_try),
        TEST(originals_of_one_home_never_get_into_another),
        TEST(a_server_may_start_only_with_the_files_that_were_checked),
        TEST(a_missing_driver_holds),
        TEST(a_name_that_does_not_resolve_holds),
        TEST(a_mount_without_its_instance_holds),
        TEST(a_database_of_another_kind_holds_by_name),
        TEST(users_in_the_wrong_database_hold),
        TEST(a_file_that_is_not_xml_is_named_with_its_line),
        TEST(a_new_home_of_the_old_release_is_refused),
        TEST(production_in_the_new_home_is_repointed),
        TEST(all_in_one_is_repointed_too),
        TEST(secure_vault_goes_along_where_it_is_active),
        TEST(an_inspection_of_sound_homes_has_no_failure),
        TEST(an_inspection_names_what_is_wrong),
        TEST(exchanged_urls_are_found),
        TEST(a_shared_local_registry_is_a_warning),
        TEST(a_datasource_that_commits_by_itself_is_a_warning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
