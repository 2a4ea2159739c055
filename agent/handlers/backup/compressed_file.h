#pragma once

/*
 * A file that is compressed (zstd, RFC 8878, with its checksum) and digested while it is written,
 * and streamed when it is read. `zstd -dc FILE` gives the plain bytes by hand.
 *
 *   compressed_writer_open(), compressed_writer_add() …, compressed_writer_end(); or _free(), which
 *   leaves an incomplete file behind
 *
 * Owns: a CompressedWriter is freed by compressed_writer_free(). Errors: ERROR_IO, which for a full
 * disk says how much was written; ERROR_CORRUPT a file that is damaged or ends too early.
 */

#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/os/digest.h"

typedef struct CompressedFile {
    uint64_t bytes;                /* of the file */
    uint64_t plain_bytes;          /* of what is in it */
    char sha256[SHA256_HEX_BYTES]; /* of the file's bytes */
} CompressedFile;

typedef struct CompressedWriter CompressedWriter;

/* A new file, private to its owner; one that is there is overwritten. */
bool compressed_writer_open(const char *path, CompressedWriter **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool compressed_writer_add(CompressedWriter *writer, const void *bytes, size_t length, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Ends and syncs the file; nothing can be added after it. */
bool compressed_writer_end(CompressedWriter *writer, CompressedFile *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void compressed_writer_free(CompressedWriter *writer);

/* Gets the plain bytes, part by part; false (with the error filled) ends the reading. */
typedef bool CompressedSink(void *self, const void *bytes, size_t length, Error *error);

bool compressed_file_read(const char *path, CompressedSink *sink, void *self, Error *error)
    __attribute__((nonnull(1, 2, 4), warn_unused_result));

DEFINE_AUTO(CompressedWriter, compressed_writer_free)
