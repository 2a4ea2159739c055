/* The shipped profile is read whole; a changed byte changes its digest; each wrong one is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/migration/sql_splitter.h"
#include "agent/profile_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

static const char shipped[] = PROFILE_FOLDER;

static Profile *load_shipped(void)
{
    Profile *profile = NULL;
    Error error = { 0 };

    if (!profile_load(shipped, &profile, &error))
        fail_msg("%s", error.text);
    return profile;
}

static char *read_whole(const char *folder, const char *name)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    char *text = NULL;
    size_t length = 0;
    Error error = { 0 };

    if (!file_read(path, 1 << 20, &text, &length, &error))
        fail_msg("%s", error.text);
    return text;
}

static void write_whole(const char *folder, const char *name, const char *text)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    AUTO_TEXT *parent = file_folder_of(path);
    Error error = { 0 };

    if (!file_make_folders(parent, 0755, &error) ||
        !file_replace(path, text, strlen(text), 0644, &error))
        fail_msg("%s", error.text);
}

/* A copy of the shipped profile in a folder of its own. */
static int make_copy(void **state)
{
    static const char *const files[] = { "profile.xml", "mysql/4.0-4.2.sql", "mysql/4.1-4.2.sql",
        "mysql/4.2-layout.txt", "postgresql/4.0-4.2.sql", "postgresql/4.1-4.2.sql",
        "postgresql/4.2-layout.txt" };
    char *folder = memory_text("/tmp/profile_xml_test.XXXXXX");

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        AUTO_TEXT *text = read_whole(shipped, files[i]);

        write_whole(folder, files[i], text);
    }
    *state = folder;
    return 0;
}

static int remove_copy(void **state)
{
    Error error = { 0 };

    assert_true(file_remove_tree(*state, &error));
    free(*state);
    return 0;
}

static void change(const char *folder, const char *name, const char *from, const char *to)
{
    AUTO_TEXT *text = read_whole(folder, name);
    char *place = strstr(text, from);
    TEXT_AUTO(changed, 1 << 20);

    assert_non_null(place);
    text_add_bytes(&changed, text, (size_t)(place - text));
    text_add(&changed, "%s%s", to, place + strlen(from));
    write_whole(folder, name, changed.bytes);
}

static void the_shipped_profile_is_whole(void **state)
{
    AUTO(Profile) *profile = load_shipped();

    (void)state;
    assert_string_equal(profile->name, "dss-3.2.0");
    assert_string_equal(profile->target_layout, "4.2");
    assert_int_equal(profile->layout_count, 4);
    assert_int_equal(profile->migration_count, 4);
    assert_int_equal(profile->changed_table_count, 13);
    assert_true(profile_changes_table(profile, "um_domain"));
    assert_false(profile_changes_table(profile, "REG_LOG"));
    assert_int_equal(profile->fresh_count, DATABASE_TYPE_COUNT);
    assert_int_equal(profile->https_port, 9443);
    assert_string_equal(profile->pid_file, "wso2carbon.pid");
    assert_true(profile->failure_line_count >= 3);
    assert_true(profile->mark_count >= 1);
    assert_true(profile->setting_count >= 1);
    assert_true(profile->folder_count >= 2);
    assert_int_equal(strlen(profile->sha256), 64);
    for (size_t i = 0; i < profile->migration_count; i++) {
        assert_non_null(strstr(profile->migrations[i].script, "CREATE TABLE UM_DOMAIN"));
        assert_int_equal(strlen(profile->migrations[i].sha256), 64);
    }
}

static void each_invariant_is_written_for_each_layout_and_type(void **state)
{
    AUTO(Profile) *profile = load_shipped();
    static const char *const layouts[] = { "4.0", "4.1", "4.2" };

    (void)state;
    for (size_t layout = 0; layout < 3; layout++)
        for (DatabaseType type = 0; type < DATABASE_TYPE_COUNT; type++) {
            unsigned found = 0;

            for (size_t i = 0; i < profile->invariant_count; i++)
                found += strcmp(profile->invariants[i].layout, layouts[layout]) == 0 &&
                         profile->invariants[i].type == type;
            assert_int_equal(found, 2);
        }
}

static void texts_have_no_blanks_around_them(void **state)
{
    AUTO(Profile) *profile = load_shipped();

    (void)state;
    for (size_t i = 0; i < profile->checkpoint_count; i++) {
        const ProfileCheckpoint *row = &profile->checkpoints[i];

        assert_true(strncmp(row->sql, "SELECT", 6) == 0);
        assert_null(strchr(row->meaning, '\n'));
        assert_int_not_equal(row->sql[strlen(row->sql) - 1], 10);
    }
}

static void every_script_is_one_that_may_run(void **state)
{
    AUTO(Profile) *profile = load_shipped();

    (void)state;
    for (size_t i = 0; i < profile->migration_count; i++) {
        const ProfileMigration *row = &profile->migrations[i];
        Error error = { 0 };

        if (!sql_script_check(row->script, row->type, &error))
            fail_msg("%s: %s", row->file, error.text);
    }
}

static void a_changed_byte_of_a_script_changes_the_digest(void **state)
{
    AUTO(Profile) *before = load_shipped();
    AUTO(Profile) *same = NULL;
    AUTO(Profile) *after = NULL;
    Error error = { 0 };

    assert_true(profile_load(*state, &same, &error));
    assert_string_equal(before->sha256, same->sha256);
    change(*state, "postgresql/4.1-4.2.sql", "-1234", "-1235");
    assert_true(profile_load(*state, &after, &error));
    assert_string_not_equal(before->sha256, after->sha256);
}

typedef struct Wrong {
    const char *from, *to, *says;
} Wrong;

static const Wrong wrong[] = {
    { "<folders>", "<folders><fridge/>", "fridge" },
    { "target-layout=\"4.2\"", "target-layout=\"5.0\"", "'5.0' is no layout" },
    { "<migration from=\"4.0\"", "<migration from=\"3.9\"", "from=\"3.9\"" },
    { "<migration from=\"4.0\"", "<migration from=\"4.2\"", "from=\"4.2\"" },
    { "file=\"mysql/4.0-4.2.sql\"", "file=\"../mysql/4.0-4.2.sql\"", "file" },
    { "file=\"mysql/4.0-4.2.sql\"", "file=\"/etc/passwd\"", "file" },
    { "file=\"mysql/4.0-4.2.sql\"", "file=\"mysql/no.sql\"", "mysql/no.sql" },
    { "<fresh type=\"postgresql\"", "<fresh type=\"mysql\"", "second layout for one type" },
    { "file=\"mysql/4.2-layout.txt\"", "file=\"mysql/4.0-4.2.sql\"", "not a thing of a layout" },
    { "layouts=\"4.0 4.1\"", "layouts=\"4.0 4.9\"", "'4.9', which is none" },
    { "<layout name=\"4.0\">", "<layout name=\"older\">", "second layout has the name 'older'" },
    { "types=\"mysql\"", "types=\"oracle\"", "oracle" },
    { "kind=\"carry-text\"", "kind=\"carry-tea\"", "carry-tea" },
    { "kind=\"carry-text\"", "kind=\"set-text\"", "has no value" },
    { "https-port=\"9443\"", "https-port=\"0\"", "https-port" },
    { "<profile xmlns=\"urn:dss-upgrade:profile:1\"", "<profile xmlns=\"urn:other\"", "profile" },
};

static void each_wrong_profile_is_refused(void **state)
{
    AUTO_TEXT *good = read_whole(*state, "profile.xml");

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        AUTO(Profile) *profile = NULL;
        Error error = { 0 };

        change(*state, "profile.xml", wrong[i].from, wrong[i].to);
        if (profile_load(*state, &profile, &error))
            fail_msg("%s was not refused", wrong[i].to);
        if (!strstr(error.text, wrong[i].says))
            fail_msg("\"%s\" does not say %s", error.text, wrong[i].says);
        write_whole(*state, "profile.xml", good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_profile_is_whole),
        cmocka_unit_test(each_invariant_is_written_for_each_layout_and_type),
        cmocka_unit_test(every_script_is_one_that_may_run),
        cmocka_unit_test(texts_have_no_blanks_around_them),
        cmocka_unit_test_setup_teardown(
            a_changed_byte_of_a_script_changes_the_digest, make_copy, remove_copy),
        cmocka_unit_test_setup_teardown(each_wrong_profile_is_refused, make_copy, remove_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
