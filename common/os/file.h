#pragma once

/*
 * Files and folders as this program needs them: read whole, replaced whole, removed without
 * following anything.
 *
 * file_replace() is the only way a file of ours is written: a reader, and a crash, sees the old
 * content or the new one. Owns: what file_read() returns is the caller's.
 * Errors: ERROR_INVALID too large or not a file; ERROR_IO otherwise, with the path and the reason.
 */

#include <stdint.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

typedef enum FileKind {
    FILE_ABSENT,
    FILE_REGULAR,
    FILE_FOLDER,
    FILE_LINK,
    FILE_OTHER,   /* device, socket, pipe */
    FILE_UNKNOWN, /* it could not be examined, e.g. for lack of permission */
} FileKind;

typedef enum FileLinks { LINKS_FOLLOWED, LINKS_THEMSELVES } FileLinks;

FileKind file_kind(const char *path, FileLinks links) __attribute__((nonnull));

/* The whole file, an end mark behind it; refuses more than `max` bytes. */
bool file_read(const char *path, size_t max, char **ret, size_t *ret_length, Error *error)
    __attribute__((nonnull, warn_unused_result));
/*
 * Atomic and durable: a temporary file in the same folder, synced, renamed, the folder synced. Mode
 * and owner of a file that is there are kept, a new one gets `mode`. A link is followed: it stays,
 * and the file that it names is replaced.
 */
bool file_replace(const char *path, const void *bytes, size_t length, mode_t mode, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* A copy of content, mode, owner and times, in the same atomic way; both paths name plain files. */
bool file_copy(const char *from, const char *to, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Makes the folder and those above it that are missing. */
bool file_make_folders(const char *path, mode_t mode, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Removes a file, a link, or a folder with all it holds; absent is fine; links are not followed. */
bool file_remove_tree(const char *path, Error *error) __attribute__((nonnull, warn_unused_result));
/* Makes a file's removal, creation or renaming in this folder durable. */
bool file_sync_folder(const char *path, Error *error) __attribute__((nonnull, warn_unused_result));
/* The folder part: "/" for "/x"; the caller frees. */
char *file_folder_of(const char *path) __attribute__((nonnull, returns_nonnull));
/* What an unprivileged writer finds free on the file system that holds `path`. */
bool file_free_space(const char *path, uint64_t *ret_bytes, uint64_t *ret_inodes, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* write() until all is written. */
bool file_write_all(int fd, const void *bytes, size_t length, const char *path, Error *error)
    __attribute__((nonnull(4, 5), warn_unused_result));
