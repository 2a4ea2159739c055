#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/handlers/configuration/jar_class.h"
#include "agent/handlers/configuration/secret_mask.h"
#include "agent/handlers/configuration/unified_diff.h"
#include "agent/handlers/database/jdbc_url.h"

static const struct {
    const char *url;
    JdbcKind kind;
    bool embedded;
    const char *host, *database; /* NULL: not for this kind */
} urls[] = {
    { "jdbc:mysql://DB1.Example.com/reg?useUnicode=true", JDBC_MYSQL, false, "db1.example.com:3306",
        "reg" },
    { "jdbc:mysql:loadbalance://a:3307,b/reg", JDBC_MYSQL, false, "a:3307", "reg" },
    { "jdbc:mariadb://10.0.0.1:3310/reg", JDBC_MARIADB, false, "10.0.0.1:3310", "reg" },
    { "jdbc:postgresql://[::1]/reg;x", JDBC_POSTGRESQL, false, "[::1]:5432", "reg" },
    { "jdbc:postgresql:reg", JDBC_POSTGRESQL, false, "127.0.0.1:5432", "reg" },
    { "jdbc:log4jdbc:mysql://localhost/reg", JDBC_MYSQL, false, "127.0.0.1:3306", "reg" },
    { "jdbc:h2:repository/database/X;LOCK_TIMEOUT=60000", JDBC_H2, true, NULL, NULL },
    { "jdbc:h2:tcp://h/x", JDBC_H2, false, NULL, NULL },
    { "jdbc:db2://h2host:50000/d", JDBC_DB2, false, NULL, NULL },
    { "jdbc:oracle:thin:@h:1521:S", JDBC_ORACLE, false, NULL, NULL },
    { "jdbc:jtds:sqlserver://h:1433/d", JDBC_MSSQL, false, NULL, NULL },
    { "jdbc:sqlserver://h;databaseName=d", JDBC_MSSQL, false, NULL, NULL },
    { "jdbc:derby:x;create=true", JDBC_DERBY, true, NULL, NULL },
    { "jdbc:derby://h:1527/x", JDBC_DERBY, false, NULL, NULL },
    { "jdbc:informix-sqli://h:1/d", JDBC_INFORMIX, false, NULL, NULL },
    { "jdbc:something:x", JDBC_UNKNOWN, false, NULL, NULL },
};

static void the_scheme_at_the_beginning_tells_the_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        JdbcUrl url;
        Error error = { 0 };

        if (!jdbc_url_parse(urls[i].url, &url, &error))
            fail_msg("%s: %s", urls[i].url, error.text);
        assert_int_equal(url.kind, urls[i].kind);
        assert_int_equal(url.embedded, urls[i].embedded);
        if (urls[i].host) {
            assert_string_equal(url.hosts[0], urls[i].host);
            assert_string_equal(url.database, urls[i].database);
        }
    }
}

static void a_url_that_leads_nowhere_is_invalid(void **state)
{
    static const char *const wrong[] = { "", "mysql://h/d", "jdbc:mysql://h", "jdbc:mysql://h/",
        "jdbc:mysql:///d", "jdbc:mysql://address=(host=x)/d", "jdbc:postgresql:" };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        JdbcUrl url;
        Error error = { 0 };

        assert_false(jdbc_url_parse(wrong[i], &url, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
    }
}

static void urls_are_compared_by_where_they_lead(void **state)
{
    (void)state;
    assert_true(jdbc_urls_lead_to_same("jdbc:mysql://DB/x?a=1", "jdbc:mysql://db:3306/x"));
    assert_true(jdbc_urls_lead_to_same("jdbc:mysql://a,b/x", "jdbc:mariadb://B/x"));
    assert_false(jdbc_urls_lead_to_same("jdbc:mysql://db/x", "jdbc:mysql://db/X"));
    assert_false(jdbc_urls_lead_to_same("jdbc:mysql://db/x", "jdbc:mysql://db:3307/x"));
    assert_false(jdbc_urls_lead_to_same("jdbc:mysql://db/x", "jdbc:postgresql://db/x"));
    assert_false(jdbc_urls_lead_to_same("jdbc:h2:x", "jdbc:h2:x"));
}

static void masked_as(const char *text, const char *expected)
{
    Error error = { 0 };
    AUTO(XmlTree) *tree = NULL;
    AUTO_TEXT *masked = NULL;

    assert_true(xml_tree_parse("a.xml", text, strlen(text), &tree, &error));
    masked = secret_mask_file(tree);
    assert_string_equal(masked, expected);
}

static void secrets_are_masked_wherever_they_stand(void **state)
{
    (void)state;
    masked_as(
        "<a><password>p1</password> <b>x</b></a>", "<a><password>***</password> <b>x</b></a>");
    masked_as("<a><Password>\np2\n</Password>\n<b/></a>", "<a><Password>***</Password>\n<b/></a>");
    masked_as("<a><!--password>p3</password--></a>", "<a><!--password>***</password--></a>");
    masked_as("<a><P name=\"ConnectionPassword\">p4</P></a>",
        "<a><P name=\"ConnectionPassword\">***</P></a>");
    masked_as("<a keystorePass=\"p5\" b='1'/>", "<a keystorePass=\"***\" b='1'/>");
    masked_as("<a><u>jdbc:mysql://h/d?user=u&amp;password=p6&amp;x=1</u></a>",
        "<a><u>jdbc:mysql://h/d?user=u&amp;password=***&amp;x=1</u></a>");
    masked_as("<a><KeyPassword>p7</KeyPassword></a>", "<a><KeyPassword>***</KeyPassword></a>");
}

static void what_only_begins_like_a_secret_is_shown(void **state)
{
    (void)state;
    masked_as("<a><P name='PasswordDigest'>SHA-256</P></a>",
        "<a><P name='PasswordDigest'>SHA-256</P></a>");
    masked_as("<a><password></password><driver>d</driver></a>",
        "<a><password></password><driver>d</driver></a>");
    assert_false(name_is_secret("PasswordJavaRegEx"));
    assert_true(name_is_secret("registry key store: key password"));
}

static void diff_is(const char *before, const char *after, const char *expected)
{
    TEXT_AUTO(out, 4096);

    unified_diff("f", before, after, &out);
    assert_string_equal(out.bytes, expected);
}

static void a_difference_has_three_lines_around_it(void **state)
{
    (void)state;
    diff_is("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
        "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
    diff_is("a\n", "a\n", "");
    diff_is("", "a\n", "--- f\n+++ f\n@@ -1,0 +1,1 @@\n+a\n");
    diff_is("a", "b",
        "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n"
        "+b\n\\ No newline at end of file\n");
}

static void far_differences_are_apart(void **state)
{
    (void)state;
    diff_is("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
        "--- f\n+++ f\n@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n");
    diff_is(
        "a\n1\n2\nb\n", "x\n1\n2\ny\n", "--- f\n+++ f\n@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n-b\n+y\n");
}

/* A zip with two stored entries, as the format's specification lays it out. */
static const unsigned char zip[] =
    "PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0"
    "a"
    "PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "a"
    "PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "b/C$D.class"
    "PK\x05\x06\0\0\0\0\x02\0\x02\0\x68\0\0\0\x1f\0\0\0\0";

static void write_bytes(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void a_class_is_found_in_a_jar_and_nothing_else(void **state)
{
    char folder[] = "/tmp/jar-test-XXXXXX", path[64], other[64];
    AUTO_TEXT *found = NULL;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/x.jar", folder);
    (void)snprintf(other, sizeof(other), "%s/a.jar", folder);
    write_bytes(path, zip, sizeof(zip));
    write_bytes(other, "no zip", 6);
    assert_true(jar_has_class(path, "b.C$D"));
    assert_false(jar_has_class(path, "b.C"));
    assert_false(jar_has_class(other, "b.C$D"));
    assert_false(jar_has_class(folder, "b.C$D"));
    found = jar_folder_find(folder, "b.C$D");
    assert_string_equal(found, "x.jar");
    assert_null(jar_folder_find(folder, "b.E"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_jar_cut_off_anywhere_has_no_class_and_does_no_harm(void **state)
{
    char path[] = "/tmp/jar-test-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    for (size_t length = 0; length < sizeof(zip) - 1; length++) {
        write_bytes(path, zip, length);
        assert_false(jar_has_class(path, "b.C$D"));
    }
    for (size_t i = 0; i < sizeof(zip); i++) {
        unsigned char broken[sizeof(zip)];

        memcpy(broken, zip, sizeof(zip));
        broken[i] = 0xFF;
        write_bytes(path, broken, sizeof(zip));
        (void)jar_has_class(path, "b.C$D"); /* either answer is fine, a crash is not */
    }
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scheme_at_the_beginning_tells_the_kind),
        cmocka_unit_test(a_url_that_leads_nowhere_is_invalid),
        cmocka_unit_test(urls_are_compared_by_where_they_lead),
        cmocka_unit_test(secrets_are_masked_wherever_they_stand),
        cmocka_unit_test(what_only_begins_like_a_secret_is_shown),
        cmocka_unit_test(a_difference_has_three_lines_around_it),
        cmocka_unit_test(far_differences_are_apart),
        cmocka_unit_test(a_class_is_found_in_a_jar_and_nothing_else),
        cmocka_unit_test(a_jar_cut_off_anywhere_has_no_class_and_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
