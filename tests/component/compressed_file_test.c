#include "agent/handlers/backup/compressed_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/os/file.h"

#define LARGE ((size_t)20 << 20) /* bytes: several blocks of every buffer that is passed */

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/compressed_file_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/dump.zst", folder);
    return 0;
}

static int remove_folder(void **state)
{
    Error error = { 0 };

    (void)state;
    assert_true(file_remove_tree(folder, &error));
    return 0;
}

/* Bytes of which half can be compressed. */
static unsigned char *make_bytes(size_t length)
{
    unsigned char *bytes = memory_new(length + 1);
    uint32_t number = 1;

    for (size_t i = 0; i < length; i++) {
        number = number * 1103515245u + 12345u;
        bytes[i] = (i >> 12) % 2 ? (unsigned char)(number >> 16) : (unsigned char)(i >> 8);
    }
    return bytes;
}

static void write_file(const unsigned char *bytes, size_t length, CompressedFile *ret)
{
    AUTO(CompressedWriter) *writer = NULL;
    Error error = { 0 };
    size_t part;

    assert_true(compressed_writer_open(path, &writer, &error));
    for (size_t at = 0; at < length; at += part) {
        part = length - at < 100003 ? length - at : 100003;
        assert_true(compressed_writer_add(writer, bytes + at, part, &error));
    }
    assert_true(compressed_writer_end(writer, ret, &error));
}

typedef struct Comparison {
    const unsigned char *bytes;
    size_t length, at;
    bool equal;
} Comparison;

static bool compare(void *self, const void *bytes, size_t length, Error *error)
{
    Comparison *comparison = self;

    (void)error;
    comparison->equal &= comparison->at + length <= comparison->length &&
                         memcmp(comparison->bytes + comparison->at, bytes, length) == 0;
    comparison->at += length;
    return true;
}

static void what_was_written_is_read(void **state)
{
    static const size_t lengths[] = { 0, 1, 256u << 10, (256u << 10) + 1, LARGE };

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        unsigned char *bytes = make_bytes(lengths[i]);
        Comparison comparison = { bytes, lengths[i], 0, true };
        char sha256[SHA256_HEX_BYTES];
        CompressedFile file = { 0 };
        struct stat about;
        Error error = { 0 };

        write_file(bytes, lengths[i], &file);
        assert_true(compressed_file_read(path, compare, &comparison, &error));
        assert_true(comparison.equal);
        assert_int_equal(comparison.at, lengths[i]);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_size, file.bytes);
        assert_int_equal(about.st_mode & 07777, 0600);
        assert_int_equal(file.plain_bytes, lengths[i]);
        assert_true(digest_of_file(path, sha256, &error));
        assert_string_equal(file.sha256, sha256);
        free(bytes);
    }
}

static bool take(void *self, const void *bytes, size_t length, Error *error)
{
    (void)self;
    (void)bytes;
    (void)length;
    (void)error;
    return true;
}

static void flip_bit(off_t at)
{
    AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 16;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void assert_corrupt(void)
{
    Error error = { 0 };

    assert_false(compressed_file_read(path, take, NULL, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_non_null(strstr(error.text, path));
}

static void a_flipped_bit_is_found(void **state)
{
    unsigned char *bytes = make_bytes(LARGE);
    CompressedFile file = { 0 };

    (void)state;
    write_file(bytes, LARGE, &file);
    for (off_t part = 0; part <= 16; part++) {
        off_t at = part * ((off_t)file.bytes - 1) / 16;

        flip_bit(at);
        assert_corrupt();
        flip_bit(at);
    }
    free(bytes);
}

static void a_file_that_ends_too_early_is_found(void **state)
{
    unsigned char *bytes = make_bytes(LARGE);
    CompressedFile file = { 0 };

    (void)state;
    write_file(bytes, LARGE, &file);
    for (off_t less = 1; less <= (off_t)file.bytes; less += (off_t)file.bytes / 7) {
        assert_int_equal(truncate(path, (off_t)file.bytes - less), 0);
        assert_corrupt();
    }
    assert_int_equal(truncate(path, 0), 0);
    assert_corrupt();
    free(bytes);
}

static void a_full_disk_is_told(void **state)
{
    unsigned char *bytes = make_bytes(LARGE);
    AUTO(CompressedWriter) *writer = NULL;
    CompressedFile file = { 0 };
    Error error = { 0 };

    (void)state;
    assert_true(compressed_writer_open("/dev/full", &writer, &error));
    assert_false(compressed_writer_add(writer, bytes, LARGE, &error) &&
                 compressed_writer_end(writer, &file, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_non_null(strstr(error.text, "/dev/full: No space left on device after 0 MiB"));
    assert_non_null(strstr(error.text, "make room there"));
    free(bytes);
}

static bool refuse(void *self, const void *bytes, size_t length, Error *error)
{
    (void)self;
    (void)bytes;
    (void)length;
    return error_set(error, ERROR_COMMAND_FAILED, "enough");
}

static void the_reader_may_stop(void **state)
{
    CompressedFile file = { 0 };
    Error error = { 0 };

    (void)state;
    write_file((const unsigned char *)"some bytes", 10, &file);
    assert_false(compressed_file_read(path, refuse, NULL, &error));
    assert_string_equal(error.text, "enough");
}

static void a_missing_file_is_told(void **state)
{
    Error error = { 0 };

    (void)state;
    (void)unlink(path);
    assert_false(compressed_file_read(path, take, NULL, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_non_null(strstr(error.text, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(a_file_that_ends_too_early_is_found),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(the_reader_may_stop),
        cmocka_unit_test(a_missing_file_is_told),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
