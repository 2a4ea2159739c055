#pragma once

/*
 * A table's content as one number that does not depend on the order of its rows: each row is hashed
 * (XXH3, 128 bits) and the hashes are summed modulo 2^128, so equal rows count as often as they
 * occur. Two tables with equal count and sum hold the same rows; the hash guards against accident,
 * not against somebody who makes up rows to collide.
 *
 *   row_hasher_value() for each value in the order of the columns, then row_hasher_end()
 *
 * Encoding of a row: per value its length as 8 bytes, little endian, then its bytes; NULL is the
 * length 2^64 - 1 alone. Owns: a RowHasher is freed by row_hasher_free().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

typedef struct RowDigest {
    uint64_t rows, bytes;
    uint64_t low, high; /* the sum */
} RowDigest;

#define ROW_DIGEST_HEX_BYTES 33

typedef struct RowHasher RowHasher;

RowHasher *row_hasher_new(void) __attribute__((returns_nonnull));
void row_hasher_free(RowHasher *hasher);
/* `bytes` NULL: the value is NULL. */
void row_hasher_value(RowHasher *hasher, const void *bytes, size_t length)
    __attribute__((nonnull(1)));
void row_hasher_end(RowHasher *hasher, RowDigest *digest) __attribute__((nonnull));
/* As end, but gives the one row's hash as well. */
void row_hasher_end_with(RowHasher *hasher, RowDigest *digest, uint64_t ret[2])
    __attribute__((nonnull));

/* The same for a row that is one run of bytes already; its hash is not that of its values. */
void row_digest_add_row(RowDigest *digest, const void *bytes, size_t length)
    __attribute__((nonnull));
/* Adds the rows of another digest. */
void row_digest_add(RowDigest *digest, const RowDigest *more) __attribute__((nonnull));

bool row_digest_equal(const RowDigest *a, const RowDigest *b) __attribute__((nonnull));
void row_digest_hex(const RowDigest *digest, char ret[ROW_DIGEST_HEX_BYTES])
    __attribute__((nonnull));

DEFINE_AUTO(RowHasher, row_hasher_free)
