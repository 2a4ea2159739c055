/* inspect-node: each thing that may be wrong is planted, and found under its id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "agent/core/profile.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/model/finding.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "tests/fakes/worker_io.h"

#define CARBON_XML(inner)                                                                          \
    "<Server xmlns=\"http://wso2.org/projects/carbon/carbon.xml\"><Ports><Offset>0</Offset>"       \
    "</Ports>" inner "</Server>"
#define JAVA(version)                                                                              \
    "#!/bin/sh\necho 'java version \"" version "\"' >&2\necho 'Java(TM) SE Runtime' >&2\n"

static const ProfileMark marks[] = {
    { "bin/version.txt", "WSO2 Data Services Server v3.2.0" },
    { "bin/wso2carbon-version.txt", "WSO2 Carbon Framework v4.2.0" },
};
static const ProfileSetting settings[] = {
    { .file = "repository/conf/datasources/*-datasources.xml" },
    { .file = "repository/conf/user-mgt.xml", .old_file = "repository/conf/tenant-mgt.xml" },
};
static const ProfileFolder folders[] = {
    { .path = "repository/deployment/server" },
    { .path = "repository/tenants", .tenants_only = true },
};

typedef struct Host {
    char *folder, *old_home, *new_home, *old_java, *new_java, *backups;
    AgentNode node;
    AgentConfig config;
    Profile profile;
    WorkerIo worker;
    Command command;
} Host;

static void put(const char *folder, const char *name, const char *text)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    AUTO_TEXT *above = file_folder_of(path);
    Error error = { 0 };

    assert_true(file_make_folders(above, 0755, &error));
    assert_true(file_replace(path, text, strlen(text), 0755, &error));
}

static int listen_somewhere(unsigned *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void make_home(const char *home, const char *product, const char *carbon)
{
    put(home, "bin/version.txt", product);
    put(home, "bin/wso2carbon-version.txt", carbon);
    put(home, "bin/wso2server.sh", "#!/bin/sh\n");
    put(home, "repository/conf/carbon.xml", CARBON_XML(""));
    put(home, "repository/conf/datasources/master-datasources.xml", "<a/>");
    put(home, "repository/conf/datasources/site-datasources.xml", "<b/>");
    put(home, "repository/deployment/server/dataservices/A.dbs", "12345");
}

static int set_up(void **state)
{
    Host *host = memory_new(sizeof(*host));
    unsigned port;
    int fd = listen_somewhere(&port);

    assert_int_equal(close(fd), 0);
    host->folder = memory_text("/tmp/node-facts-test-XXXXXX");
    assert_non_null(mkdtemp(host->folder));
    host->old_home = memory_format("%s/old", host->folder);
    host->new_home = memory_format("%s/new", host->folder);
    host->old_java = memory_format("%s/jdk6", host->folder);
    host->new_java = memory_format("%s/jdk7", host->folder);
    host->backups = memory_format("%s/not/yet/there", host->folder);
    make_home(
        host->old_home, "WSO2 Data Services Server v3.1.0\n", "WSO2 Carbon Framework v4.1.0\n");
    make_home(
        host->new_home, "WSO2 Data Services Server v3.2.0\n", "WSO2 Carbon Framework v4.2.0\n");
    put(host->old_java, "bin/java", JAVA("1.6.0_45"));
    put(host->new_java, "bin/java", JAVA("1.7.0_80"));
    host->node = (AgentNode){ .name = "node1",
        .old_home = host->old_home,
        .new_home = host->new_home,
        .old_java_home = host->old_java,
        .new_java_home = host->new_java };
    host->config = (AgentConfig){
        .name = "agent1", .backup_directory = host->backups, .nodes = &host->node, .node_count = 1
    };
    host->profile = (Profile){ .product = "WSO2 Data Services Server",
        .version = "3.2.0",
        .settings = settings,
        .setting_count = 2,
        .folders = folders,
        .folder_count = 2,
        .marks = marks,
        .mark_count = 2,
        .log_file = "repository/logs/wso2carbon.log",
        .pid_file = "wso2carbon.pid",
        .start_script = "bin/wso2server.sh",
        .main_class = "org.wso2.carbon.bootstrap.Bootstrap",
        .home_property = "carbon.home",
        .https_port = port };
    worker_io_init(&host->worker);
    host->worker.io.config = &host->config;
    host->worker.io.profile = &host->profile;
    (void)text_copy(host->command.target, sizeof(host->command.target), "node1");
    *state = host;
    return 0;
}

static int tear_down(void **state)
{
    Host *host = *state;
    Error error = { 0 };

    assert_true(file_remove_tree(host->folder, &error));
    worker_io_done(&host->worker);
    free(host->folder);
    free(host->old_home);
    free(host->new_home);
    free(host->old_java);
    free(host->new_java);
    free(host->backups);
    free(host);
    return 0;
}

static void inspect(Host *host)
{
    ResultState state;
    Error error = { 0 };
    bool done;

    worker_io_next_command(&host->worker);
    done = handler_run(&handler_inspect_node, &host->worker.io, &host->command, &state, &error);
    if (!done)
        print_error("%s\n", error.text);
    assert_true(done);
    assert_int_equal(state, RESULT_ALREADY);
}

/* The worst finding of that id; its evidence must have `words`. */
static FindingSeverity found(const Host *host, const char *id, const char *words)
{
    FindingSeverity worst = FINDING_SEVERITY_COUNT;
    size_t position = 0;
    bool has_words = false;
    const Fact *fact;

    while ((fact = facts_each(&host->worker.evidence, FINDING_FACT, &position))) {
        Finding finding;

        assert_true(finding_parse(fact->value, &finding));
        if (strcmp(finding.id, id) == 0) {
            if (worst == FINDING_SEVERITY_COUNT || finding.severity > worst)
                worst = finding.severity;
            has_words = has_words || strstr(finding.evidence, words);
            assert_true(finding.severity == FINDING_PASS || finding.remedy[0] != '\0');
        }
        finding_done(&finding);
    }
    if (!has_words)
        print_error("%s has no evidence \"%s\"\n", id, words);
    assert_true(has_words);
    return worst;
}

static const char *fact(const Host *host, const char *name)
{
    return facts_get_or(&host->worker.evidence, name, "");
}

static void a_good_node_passes_but_for_the_server_that_does_not_run(void **state)
{
    Host *host = *state;
    size_t position = 0;
    const Fact *each;
    size_t count = 0;

    inspect(host);
    while ((each = facts_each(&host->worker.evidence, FINDING_FACT, &position))) {
        Finding finding;

        assert_true(finding_parse(each->value, &finding));
        if (strncmp(finding.id, "NODE-", 5) == 0) { /* the homes have no real configuration */
            count++;
            if (finding.severity != FINDING_PASS)
                assert_string_equal(finding.id, "NODE-RUNNING-OLD");
        }
        finding_done(&finding);
    }
    assert_int_equal(count, 18);
}

static void facts_that_are_pinned_name_versions_and_digests(void **state)
{
    Host *host = *state;
    char digest[SHA256_HEX_BYTES];

    inspect(host);
    assert_string_equal(fact(host, "old-home"), host->old_home);
    assert_string_equal(fact(host, "old-version"),
        "WSO2 Data Services Server v3.1.0, WSO2 Carbon Framework v4.1.0");
    assert_string_equal(fact(host, "new-version"),
        "WSO2 Data Services Server v3.2.0, WSO2 Carbon Framework v4.2.0");
    assert_string_equal(fact(host, "new-java"), "1.7.0_80");
    digest_of("<b/>", 4, digest);
    assert_string_equal(
        fact(host, "file:repository/conf/datasources/site-datasources.xml@old"), digest);
    assert_string_equal(fact(host, "file:repository/conf/tenant-mgt.xml@old"), "absent");
    assert_string_equal(fact(host, "file:repository/conf/user-mgt.xml@new"), "absent");
    assert_string_equal(fact(host, "~folder:repository/deployment/server"), "1 files, 5 bytes");
    assert_string_equal(fact(host, "~folder:repository/tenants"), "absent");
}

static void a_home_that_is_none_is_named_and_the_rest_still_looked_at(void **state)
{
    Host *host = *state;

    host->node.new_home = "/no/such/home";
    inspect(host);
    assert_int_equal(found(host, "NODE-HOME-NEW", "/no/such/home"), FINDING_FAIL);
    assert_int_equal(found(host, "NODE-HOME-OLD", "is a Carbon home"), FINDING_PASS);
    assert_int_equal(found(host, "NODE-JAVA-OLD", "1.6.0"), FINDING_PASS);
}

static void another_release_in_a_home_is_told(void **state)
{
    Host *host = *state;

    put(host->new_home, "bin/version.txt", "WSO2 Data Services Server v3.2.1\n");
    put(host->old_home, "bin/version.txt", "WSO2 Data Services Server v3.2.0\n");
    put(host->old_home, "bin/wso2carbon-version.txt", "WSO2 Carbon Framework v4.2.0\n");
    inspect(host);
    assert_int_equal(found(host, "NODE-VERSION-NEW", "v3.2.1"), FINDING_FAIL);
    assert_int_equal(found(host, "NODE-VERSION-OLD", "already"), FINDING_WARN);
}

static void java_is_asked_for_its_version(void **state)
{
    Host *host = *state;

    put(host->old_java, "bin/java", JAVA("11.0.2"));
    put(host->new_java, "bin/java", JAVA("1.8.0_292"));
    inspect(host);
    assert_int_equal(found(host, "NODE-JAVA-OLD", "11.0.2"), FINDING_WARN);
    assert_int_equal(found(host, "NODE-JAVA-NEW", "1.8.0"), FINDING_WARN);
    put(host->new_java, "bin/java", JAVA("17.0.1"));
    inspect(host);
    assert_int_equal(found(host, "NODE-JAVA-NEW", "17.0.1"), FINDING_FAIL);
    host->node.new_java_home = "/no/such/jdk";
    inspect(host);
    assert_int_equal(found(host, "NODE-JAVA-NEW", "/no/such/jdk"), FINDING_FAIL);
}

static void synchroniser_vault_patches_and_old_applications_are_told(void **state)
{
    Host *host = *state;

    put(host->old_home, "repository/conf/carbon.xml",
        CARBON_XML("<DeploymentSynchronizer><Enabled>true</Enabled></DeploymentSynchronizer>"));
    put(host->old_home, "repository/conf/security/secret-conf.properties", "keystore.x=y\n");
    put(host->old_home, "repository/components/patches/patch0003/a.jar", "x");
    put(host->old_home, "repository/components/patches/.metadata/x", "x");
    put(host->old_home, "repository/carbonapps/site_1.0.car", "x");
    inspect(host);
    assert_int_equal(found(host, "NODE-SVN", "synchroniser is on"), FINDING_FAIL);
    assert_int_equal(found(host, "NODE-VAULT", "on in the old home"), FINDING_WARN);
    assert_int_equal(found(host, "NODE-PATCHES", "1 patches or service packs"), FINDING_WARN);
    assert_int_equal(found(host, "NODE-OLD-CARBONAPPS", "site_1.0.car"), FINDING_WARN);
}

static void a_carbon_xml_that_is_broken_fails_with_its_path(void **state)
{
    Host *host = *state;

    put(host->new_home, "repository/conf/carbon.xml", "<Server><Ports></Server>");
    inspect(host);
    assert_int_equal(found(host, "NODE-PORTS", "new/repository/conf/carbon.xml"), FINDING_FAIL);
}

static void a_port_in_use_fails(void **state)
{
    Host *host = *state;
    AUTO_FD fd = listen_somewhere(&host->profile.https_port);

    assert_true(fd >= 0);
    inspect(host);
    assert_int_equal(found(host, "NODE-PORTS", "in use"), FINDING_FAIL);
}

static void a_pid_file_that_names_another_process_warns(void **state)
{
    Host *host = *state;
    AUTO_TEXT *pid = memory_format("%d\n", (int)getpid());

    put(host->old_home, "wso2carbon.pid", pid);
    inspect(host);
    assert_int_equal(found(host, "NODE-STALE-PID", "no server of it"), FINDING_WARN);
}

static void folders_that_are_links_are_told(void **state)
{
    Host *host = *state;
    AUTO_TEXT *from = memory_format("%s/repository/tenants", host->old_home);
    AUTO_TEXT *to = memory_format("%s/repository/tenants", host->new_home);
    AUTO_TEXT *elsewhere = memory_format("%s/repository/conf", host->old_home);

    assert_int_equal(symlink(elsewhere, from), 0);
    inspect(host);
    assert_int_equal(found(host, "NODE-FOLDERS", "is a link"), FINDING_WARN);
    assert_int_equal(symlink(elsewhere, to), 0);
    inspect(host);
    assert_int_equal(found(host, "NODE-FOLDERS", "not a folder"), FINDING_FAIL);
}

static void a_blank_in_a_path_or_one_home_for_both_fails(void **state)
{
    Host *host = *state;

    host->node.new_home = host->old_home;
    inspect(host);
    assert_int_equal(found(host, "NODE-SPACE-PATH", "both"), FINDING_FAIL);
    host->node.new_home = "/opt/new home";
    inspect(host);
    assert_int_equal(found(host, "NODE-SPACE-PATH", "blank"), FINDING_FAIL);
}

static void a_user_who_does_not_exist_or_own_the_homes_is_told(void **state)
{
    Host *host = *state;

    host->node.user = "no-such-user";
    inspect(host);
    assert_int_equal(found(host, "NODE-USER", "no-such-user"), FINDING_FAIL);
    host->node.user = "nobody";
    inspect(host);
    assert_int_equal(
        found(host, "NODE-USER", "user"), geteuid() == 0 ? FINDING_WARN : FINDING_FAIL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_node_passes_but_for_the_server_that_does_not_run),
        TEST(facts_that_are_pinned_name_versions_and_digests),
        TEST(a_home_that_is_none_is_named_and_the_rest_still_looked_at),
        TEST(another_release_in_a_home_is_told),
        TEST(java_is_asked_for_its_version),
        TEST(synchroniser_vault_patches_and_old_applications_are_told),
        TEST(a_carbon_xml_that_is_broken_fails_with_its_path),
        TEST(a_port_in_use_fails),
        TEST(a_pid_file_that_names_another_process_warns),
        TEST(folders_that_are_links_are_told),
        TEST(a_blank_in_a_path_or_one_home_for_both_fails),
        TEST(a_user_who_does_not_exist_or_own_the_homes_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
