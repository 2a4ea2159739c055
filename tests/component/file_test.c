/* file.c and secret.c on a real file system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <fcntl.h>

#include "common/base/memory.h"
#include "common/os/file.h"
#include "common/os/secret.h"

static int make_folder(void **state)
{
    char *folder = memory_text("/tmp/test-file-XXXXXX");

    *state = mkdtemp(folder);
    return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
    Error error = { 0 };
    bool gone = file_remove_tree(*state, &error);

    free(*state);
    return gone ? 0 : -1;
}

static char *in(void **state, const char *name)
{
    return memory_format("%s/%s", (const char *)*state, name);
}

static void put(const char *path, const char *text, mode_t mode)
{
    Error error = { 0 };

    assert_true(file_replace(path, text, strlen(text), mode, &error));
}

static void a_replaced_file_keeps_its_mode_and_owner(void **state)
{
    AUTO_TEXT *path = in(state, "f");
    AUTO_TEXT *text = NULL;
    struct stat status;
    Error error = { 0 };
    size_t length;

    put(path, "one", 0640);
    assert_int_equal(chmod(path, 0604), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 1234, 4321), 0);
    put(path, "three", 0600);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0604);
    if (geteuid() == 0)
        assert_int_equal(status.st_uid, 1234);
    assert_true(file_read(path, 5, &text, &length, &error));
    assert_string_equal(text, "three");
    assert_int_equal(length, 5);
}

static void a_link_stays_a_link_when_its_file_is_replaced(void **state)
{
    AUTO_TEXT *path = in(state, "real");
    AUTO_TEXT *link = in(state, "link");

    put(path, "one", 0600);
    assert_int_equal(symlink("real", link), 0);
    put(link, "two", 0600);
    assert_int_equal(file_kind(link, LINKS_THEMSELVES), FILE_LINK);
    assert_int_equal(file_kind(path, LINKS_THEMSELVES), FILE_REGULAR);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    AUTO_TEXT *path = in(state, "f");
    AUTO_TEXT *text = NULL;
    Error error = { 0 };
    size_t length;

    put(path, "123456", 0600);
    assert_false(file_read(path, 5, &text, &length, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    assert_true(file_read("/proc/self/status", 100000, &text, &length, &error)); /* size 0 */
    assert_true(length > 100);
}

static void a_folder_or_a_pipe_is_not_read(void **state)
{
    AUTO_TEXT *pipe = in(state, "pipe");
    AUTO_TEXT *text = NULL;
    Error error = { 0 };
    size_t length;

    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_false(file_read(pipe, 100, &text, &length, &error));
    error = (Error){ 0 };
    assert_false(file_read(*state, 100, &text, &length, &error));
}

static void removing_a_tree_follows_no_link(void **state)
{
    AUTO_TEXT *outside = in(state, "outside/f");
    AUTO_TEXT *outside_folder = in(state, "outside");
    AUTO_TEXT *deep = in(state, "tree/a/b/c");
    AUTO_TEXT *link = in(state, "tree/a/link");
    AUTO_TEXT *tree = in(state, "tree");
    Error error = { 0 };

    assert_true(file_make_folders(outside_folder, 0700, &error));
    put(outside, "x", 0600);
    assert_true(file_make_folders(deep, 0700, &error));
    assert_true(file_make_folders(deep, 0700, &error));
    assert_int_equal(symlink(outside_folder, link), 0);
    assert_true(file_remove_tree(tree, &error));
    assert_int_equal(file_kind(tree, LINKS_THEMSELVES), FILE_ABSENT);
    assert_int_equal(file_kind(outside, LINKS_THEMSELVES), FILE_REGULAR);
    assert_true(file_remove_tree(tree, &error)); /* absent is fine */
}

static void a_copied_file_has_mode_and_times(void **state)
{
    AUTO_TEXT *from = in(state, "from");
    AUTO_TEXT *to = in(state, "to");
    const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5 } };
    struct stat status;
    Error error = { 0 };

    put(from, "text", 0751);
    assert_int_equal(utimensat(AT_FDCWD, from, times, 0), 0);
    assert_true(file_copy(from, to, &error));
    assert_int_equal(stat(to, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0751);
    assert_int_equal(status.st_mtim.tv_sec, 2000);
    assert_int_equal(status.st_mtim.tv_nsec, 5);
}

static void a_password_is_the_first_line_of_a_private_file(void **state)
{
    AUTO_TEXT *path = in(state, "password");
    AUTO(Secret) *secret = NULL;
    Error error = { 0 };

    put(path, "s3cret word\r\nsecond\n", 0600);
    assert_true(secret_read(path, &secret, &error));
    assert_string_equal(secret_reveal(secret), "s3cret word");
    assert_int_equal(secret_length(secret), 11);
}

static void a_password_file_for_everybody_or_without_one_is_refused(void **state)
{
    AUTO_TEXT *path = in(state, "password");
    AUTO(Secret) *secret = NULL;
    Error error = { 0 };

    put(path, "s3cret\n", 0600);
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(secret_read(path, &secret, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_null(strstr(error.text, "s3cret"));
    error = (Error){ 0 };
    assert_int_equal(chmod(path, 0600), 0);
    put(path, "\n", 0600);
    assert_false(secret_read(path, &secret, &error));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_replaced_file_keeps_its_mode_and_owner),
        TEST(a_link_stays_a_link_when_its_file_is_replaced),
        TEST(a_file_that_is_too_large_is_refused),
        TEST(a_folder_or_a_pipe_is_not_read),
        TEST(removing_a_tree_follows_no_link),
        TEST(a_copied_file_has_mode_and_times),
        TEST(a_password_is_the_first_line_of_a_private_file),
        TEST(a_password_file_for_everybody_or_without_one_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
