#include "agent/handlers/copy/row_digest.h"

#include <endian.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/memory.h"

#define GATHERED_BYTES 4096 /* rows up to this size are hashed in one go, the fast way */

struct RowHasher {
    XXH3_state_t *state; /* of a row that was larger; begun at its first spill */
    uint64_t bytes;
    size_t gathered;
    bool spilled;
    unsigned char row[GATHERED_BYTES];
};

RowHasher *row_hasher_new(void)
{
    RowHasher *hasher = memory_new(sizeof(*hasher));

    hasher->state = XXH3_createState();
    if (!hasher->state)
        abort(); /* out of memory */
    return hasher;
}

void row_hasher_free(RowHasher *hasher)
{
    if (!hasher)
        return;
    (void)XXH3_freeState(hasher->state); /* always XXH_OK */
    free(hasher);
}

/* Reset and update fail for a NULL state only. */
static void spill(RowHasher *hasher)
{
    if (!hasher->spilled)
        (void)XXH3_128bits_reset(hasher->state);
    hasher->spilled = true;
    (void)XXH3_128bits_update(hasher->state, hasher->row, hasher->gathered);
    hasher->gathered = 0;
}

static void gather(RowHasher *hasher, const void *bytes, size_t length)
{
    if (length > GATHERED_BYTES - hasher->gathered)
        spill(hasher);
    if (length > GATHERED_BYTES) {
        (void)XXH3_128bits_update(hasher->state, bytes, length);
        return;
    }
    memcpy(hasher->row + hasher->gathered, bytes, length);
    hasher->gathered += length;
}

void row_hasher_value(RowHasher *hasher, const void *bytes, size_t length)
{
    uint64_t head = htole64(bytes ? (uint64_t)length : UINT64_MAX);

    gather(hasher, &head, sizeof(head));
    if (bytes && length > 0)
        gather(hasher, bytes, length);
    hasher->bytes += bytes ? length : 0;
}

static XXH128_hash_t take_hash(RowHasher *hasher)
{
    XXH128_hash_t hash;

    if (hasher->spilled) {
        spill(hasher);
        hash = XXH3_128bits_digest(hasher->state);
    } else {
        hash = XXH3_128bits(hasher->row, hasher->gathered);
    }
    hasher->spilled = false;
    hasher->gathered = 0;
    return hash;
}

/* Modulo 2^128. */
static void add_sum(RowDigest *digest, uint64_t low, uint64_t high)
{
    digest->low += low;
    digest->high += high + (digest->low < low);
}

void row_hasher_end_with(RowHasher *hasher, RowDigest *digest, uint64_t ret[2])
{
    XXH128_hash_t hash = take_hash(hasher);

    ret[0] = hash.low64;
    ret[1] = hash.high64;
    digest->rows++;
    digest->bytes += hasher->bytes;
    add_sum(digest, hash.low64, hash.high64);
    hasher->bytes = 0;
}

void row_hasher_end(RowHasher *hasher, RowDigest *digest)
{
    uint64_t one[2];

    row_hasher_end_with(hasher, digest, one);
}

void row_digest_add_row(RowDigest *digest, const void *bytes, size_t length)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, length);

    digest->rows++;
    digest->bytes += length;
    add_sum(digest, hash.low64, hash.high64);
}

void row_digest_add(RowDigest *digest, const RowDigest *more)
{
    digest->rows += more->rows;
    digest->bytes += more->bytes;
    add_sum(digest, more->low, more->high);
}

bool row_digest_equal(const RowDigest *a, const RowDigest *b)
{
    return a->rows == b->rows && a->low == b->low && a->high == b->high;
}

void row_digest_hex(const RowDigest *digest, char ret[ROW_DIGEST_HEX_BYTES])
{
    (void)snprintf(ret, ROW_DIGEST_HEX_BYTES, "%016llx%016llx", (unsigned long long)digest->high,
        (unsigned long long)digest->low); /* fits: 32 digits and the end */
}
