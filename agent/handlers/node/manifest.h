#pragma once

/*
 * What a tree of files held: one entry per folder, file, link and named pipe, sorted by path, with
 * mode, owner, size, time and SHA-256. As a file it is text, one line per entry:
 *
 *   TYPE MODE UID GID SIZE SECONDS.NANOSECONDS SHA256|- PATH TARGET|-
 *
 * TYPE is d, f, l or p; MODE is octal; PATH is relative, "." for the root; bytes of PATH and TARGET
 * up to 32, 127 and '%' are written as %XX, so that any name is one word. The first line is
 * MANIFEST_HEADER. Folders and links have size 0.
 *
 * Owns: all texts of its entries; manifest_free(). Errors: ERROR_CORRUPT a file that is no
 * manifest; ERROR_MISMATCH two manifests that differ, with the first difference in words.
 */

#include <stdint.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/digest.h"

#define MANIFEST_HEADER    "dss-manifest 1"
#define MANIFEST_MAX_BYTES ((size_t)1 << 30)

typedef struct ManifestEntry {
    const char *path;
    char type;
    uint32_t mode, uid, gid;
    uint64_t size;
    int64_t seconds;
    uint32_t nanoseconds;
    unsigned char sha256[SHA256_BYTES]; /* of files */
    const char *target;                 /* of links; else NULL */
} ManifestEntry;

typedef struct Manifest {
    ManifestEntry *items;
    size_t count, capacity;
    uint64_t files, bytes; /* of its files */
    Arena *arena;
} Manifest;

typedef enum ManifestOwners { OWNERS_COUNT, OWNERS_DO_NOT } ManifestOwners;

Manifest *manifest_new(void) __attribute__((returns_nonnull));
void manifest_free(Manifest *manifest);
/* Copies the entry and its texts. */
void manifest_add(Manifest *manifest, const ManifestEntry *entry) __attribute__((nonnull));
void manifest_sort(Manifest *manifest) __attribute__((nonnull));
/* In a sorted one; or NULL. */
const ManifestEntry *manifest_find(const Manifest *manifest, const char *path)
    __attribute__((nonnull));

/* The file's content; the caller frees. *ret_length may be NULL. */
char *manifest_text(const Manifest *manifest, size_t *ret_length)
    __attribute__((nonnull(1), returns_nonnull));
void manifest_digest(const Manifest *manifest, char ret[SHA256_HEX_BYTES]) __attribute__((nonnull));
bool manifest_parse(const char *text, Manifest **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool manifest_read(const char *path, Manifest **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Both sorted. */
bool manifest_same(const Manifest *expected, const Manifest *found, ManifestOwners owners,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Every entry of `expected` is in `found` and equal; more may be there. */
bool manifest_holds(const Manifest *expected, const Manifest *found, ManifestOwners owners,
    Error *error) __attribute__((nonnull, warn_unused_result));

/* A path in one printable word, as in the file. */
void manifest_add_path(Text *text, const char *path) __attribute__((nonnull));

DEFINE_AUTO(Manifest, manifest_free)
