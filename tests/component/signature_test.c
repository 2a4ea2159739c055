/* Keys in files, signatures, and a lock that names its holder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/os/file.h"
#include "common/os/host.h"
#include "common/os/lock_file.h"
#include "common/os/signature.h"

static void must(bool good, const Error *error)
{
    if (!good)
        fail_msg("%s", error->text);
}

static int make_folder(void **state)
{
    char folder[] = "/tmp/signature-XXXXXX";

    *state = mkdtemp(folder) ? memory_text(folder) : NULL;
    return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
    Error error = { 0 };
    bool good = file_remove_tree(*state, &error);

    free(*state);
    return good ? 0 : -1;
}

static SignatureKey *made(const char *path)
{
    SignatureKey *key = NULL;
    Error error = { 0 };

    must(signing_key_make(path, &error), &error);
    must(signing_key_load(path, &key, &error), &error);
    return key;
}

static void the_public_half_verifies_what_the_private_half_signed(void **state)
{
    AUTO_TEXT *path = memory_format("%s/key", (char *)*state);
    AUTO_TEXT *public_path = memory_format("%s/key.pub", (char *)*state);
    AUTO_TEXT *other_path = memory_format("%s/other", (char *)*state);
    AUTO(SignatureKey) *key = made(path);
    AUTO(SignatureKey) *other = made(other_path);
    AUTO(SignatureKey) *public_key = NULL;
    unsigned char signature[SIGNATURE_BYTES];
    Error error = { 0 };

    must(verify_key_write(key, public_path, &error), &error);
    must(verify_key_load(public_path, &public_key, &error), &error);
    signature_make(key, "message", 7, signature);
    assert_true(signature_holds(public_key, "message", 7, signature));
    assert_false(signature_holds(public_key, "massage", 7, signature));
    assert_false(signature_holds(public_key, "message", 6, signature));
    assert_false(signature_holds(other, "message", 7, signature));
    signature[0] ^= 1;
    assert_false(signature_holds(public_key, "message", 7, signature));
}

static void a_key_file_is_private_and_never_replaced(void **state)
{
    AUTO_TEXT *path = memory_format("%s/key", (char *)*state);
    AUTO(SignatureKey) *key = made(path);
    AUTO(SignatureKey) *again = NULL;
    struct stat status;
    Error error = { 0 };

    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_false(signing_key_make(path, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    assert_int_equal(chmod(path, 0604), 0);
    error = (Error){ 0 };
    assert_false(signing_key_load(path, &again, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void only_ed25519_keys_are_loaded(void **state)
{
    /* a public key on another curve (NIST P-256), generated for this test */
    static const char p256[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg/pRcTi8t93KTKwEHnwiW2pIoQE2\n"
                               "UzymPsBpSKC31SDvtBUZLfbG8viG0hupyGv8dpmrszy+Fwo6uMZcUrP/6A==\n"
                               "-----END PUBLIC KEY-----\n";
    AUTO_TEXT *path = memory_format("%s/key.pub", (char *)*state);
    AUTO_TEXT *private_path = memory_format("%s/key", (char *)*state);
    AUTO(SignatureKey) *key = made(private_path);
    AUTO(SignatureKey) *loaded = NULL;
    Error error = { 0 };

    must(file_replace(path, p256, strlen(p256), 0644, &error), &error);
    assert_false(verify_key_load(path, &loaded, &error));
    assert_non_null(strstr(error.text, "another kind than Ed25519"));
    error = (Error){ 0 };
    must(file_replace(path, "nothing", 7, 0644, &error), &error);
    assert_false(verify_key_load(path, &loaded, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    assert_false(
        verify_key_load(private_path, &loaded, &error)); /* the private half is no public */
    assert_int_equal(error.kind, ERROR_INVALID);
    error = (Error){ 0 };
    must(file_remove_tree(path, &error), &error);
    assert_false(verify_key_load(path, &loaded, &error));
    assert_int_equal(error.kind, ERROR_IO);
    error = (Error){ 0 };
    assert_false(signing_key_load(path, &loaded, &error));
    assert_int_equal(error.kind, ERROR_IO);
}

static void a_lock_is_held_once_and_names_its_holder(void **state)
{
    AUTO_TEXT *path = memory_format("%s/lock", (char *)*state);
    AUTO_TEXT *holder = NULL;
    char host[HOST_NAME_BYTES], user[HOST_USER_BYTES];
    int first = -1, second = -1;
    Error error = { 0 };

    must(lock_file_take(path, &first, &error), &error);
    assert_false(lock_file_take(path, &second, &error));
    assert_int_equal(second, -1);
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    host_name(host);
    host_user(user);
    holder = memory_format(
        "%s is held by pid %d on host %s, user %s, since 20", path, getpid(), host, user);
    assert_memory_equal(error.text, holder, strlen(holder));
    assert_int_equal(close(first), 0);
    error = (Error){ 0 };
    must(lock_file_take(path, &second, &error), &error);
    assert_true((fcntl(second, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(close(second), 0);
}

static void a_lock_that_cannot_be_made_is_an_error_and_links_are_not_followed(void **state)
{
    AUTO_TEXT *path = memory_format("%s/absent/lock", (char *)*state);
    AUTO_TEXT *link = memory_format("%s/link", (char *)*state);
    AUTO_TEXT *target = memory_format("%s/target", (char *)*state);
    int fd = -1;
    Error error = { 0 };

    assert_false(lock_file_take(path, &fd, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_int_equal(symlink(target, link), 0);
    error = (Error){ 0 };
    assert_false(lock_file_take(link, &fd, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_int_equal(file_kind(target, LINKS_FOLLOWED), FILE_ABSENT);
}

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(the_public_half_verifies_what_the_private_half_signed),
        FOLDER_TEST(a_key_file_is_private_and_never_replaced),
        FOLDER_TEST(only_ed25519_keys_are_loaded),
        FOLDER_TEST(a_lock_is_held_once_and_names_its_holder),
        FOLDER_TEST(a_lock_that_cannot_be_made_is_an_error_and_links_are_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
