#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <endian.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "agent/handlers/copy/row_digest.h"
#include "common/base/memory.h"

typedef struct Value {
    const char *bytes; /* NULL: the value is NULL */
    size_t length;
} Value;

static char pattern[20000]; /* bytes for values of any length */

static void fill_pattern(void)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)(i * 7 + i / 251);
}

/* As row_digest.h describes the encoding, hashed in one piece. */
static XXH128_hash_t expected(const Value *values, size_t count)
{
    char *encoded = memory_new(count * (sizeof(uint64_t) + sizeof(pattern)));
    size_t at = 0;
    XXH128_hash_t hash;

    for (size_t i = 0; i < count; i++) {
        uint64_t head = htole64(values[i].bytes ? (uint64_t)values[i].length : UINT64_MAX);

        memcpy(encoded + at, &head, sizeof(head));
        at += sizeof(head);
        if (values[i].bytes)
            memcpy(encoded + at, values[i].bytes, values[i].length);
        at += values[i].bytes ? values[i].length : 0;
    }
    hash = XXH3_128bits(encoded, at);
    free(encoded);
    return hash;
}

static void hash_row(RowHasher *hasher, const Value *values, size_t count, uint64_t ret[2])
{
    RowDigest digest = { 0 };

    for (size_t i = 0; i < count; i++)
        row_hasher_value(hasher, values[i].bytes, values[i].length);
    row_hasher_end_with(hasher, &digest, ret);
    assert_int_equal(digest.rows, 1);
    assert_int_equal(digest.low, ret[0]);
    assert_int_equal(digest.high, ret[1]);
}

static void a_row_of_any_size_is_hashed_as_its_encoding(void **state)
{
    static const size_t lengths[] = { 0, 1, 8, 4079, 4080, 4088, 4089, 4096, 4097, 8192, 20000 };
    AUTO(RowHasher) *hasher = row_hasher_new();
    size_t count = sizeof(lengths) / sizeof(lengths[0]);

    (void)state;
    fill_pattern();
    for (size_t i = 0; i < count * count; i++) {
        const Value row[] = { { pattern, lengths[i / count] }, { NULL, 0 }, { "", 0 },
            { pattern, lengths[i % count] } };
        XXH128_hash_t wanted = expected(row, 4);
        uint64_t found[2];

        hash_row(hasher, row, 4, found);
        assert_int_equal(found[0], wanted.low64);
        assert_int_equal(found[1], wanted.high64);
    }
}

static void add(RowHasher *hasher, RowDigest *digest, const char *value)
{
    row_hasher_value(hasher, value, value ? strlen(value) : 0);
    row_hasher_end(hasher, digest);
}

static void the_order_of_rows_does_not_count_their_number_does(void **state)
{
    AUTO(RowHasher) *hasher = row_hasher_new();
    RowDigest there = { 0 }, back = { 0 }, twice = { 0 }, null = { 0 }, empty = { 0 };

    (void)state;
    add(hasher, &there, "a");
    add(hasher, &there, "b");
    add(hasher, &back, "b");
    add(hasher, &back, "a");
    assert_true(row_digest_equal(&there, &back));
    add(hasher, &twice, "a");
    add(hasher, &twice, "a");
    assert_false(row_digest_equal(&there, &twice));
    add(hasher, &null, NULL);
    add(hasher, &empty, "");
    assert_false(row_digest_equal(&null, &empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_any_size_is_hashed_as_its_encoding),
        cmocka_unit_test(the_order_of_rows_does_not_count_their_number_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
