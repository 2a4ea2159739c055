#include "common/os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "common/base/memory.h"

#define COPY_BYTES (256 * 1024)

static bool failed(const char *path, const char *what, Error *error)
{
    return error_set(error, ERROR_IO, "%s cannot be %s: %s", path, what, strerrordesc_np(errno));
}

FileKind file_kind(const char *path, FileLinks links)
{
    struct stat status;

    if ((links == LINKS_FOLLOWED ? stat(path, &status) : lstat(path, &status)) != 0)
        return errno == ENOENT || errno == ENOTDIR ? FILE_ABSENT : FILE_UNKNOWN;
    if (S_ISREG(status.st_mode))
        return FILE_REGULAR;
    if (S_ISDIR(status.st_mode))
        return FILE_FOLDER;
    return S_ISLNK(status.st_mode) ? FILE_LINK : FILE_OTHER;
}

static bool open_plain(const char *path, int *ret, struct stat *ret_status, Error *error)
{
    *ret = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */
    if (*ret < 0)
        return failed(path, "opened", error);
    if (fstat(*ret, ret_status) != 0)
        return failed(path, "examined", error);
    if (!S_ISREG(ret_status->st_mode))
        return error_set(error, ERROR_INVALID, "%s is not a file", path);
    return true;
}

bool file_read(const char *path, size_t max, char **ret, size_t *ret_length, Error *error)
{
    AUTO_FD fd = -1;
    AUTO_TEXT *bytes = NULL;
    struct stat status;
    size_t capacity, length = 0;
    ssize_t got;

    if (!open_plain(path, &fd, &status, error))
        return false;
    capacity = (size_t)status.st_size < max ? (size_t)status.st_size : max;
    for (;;) {
        bytes = memory_grow(bytes, capacity + 2); /* one more than allowed, and the end mark */
        got = read(fd, bytes + length, capacity + 1 - length);
        if (got < 0)
            return failed(path, "read", error);
        length += (size_t)got;
        if (length > max)
            return error_set(
                error, ERROR_INVALID, "%s has more than %zu bytes, the limit for it", path, max);
        if (got == 0)
            break;
        if (length > capacity)
            capacity = length * 2 < max ? length * 2 : max;
    }
    bytes[length] = '\0';
    *ret = TAKE(bytes);
    *ret_length = length;
    return true;
}

bool file_write_all(int fd, const void *bytes, size_t length, const char *path, Error *error)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t written = write(fd, at, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return failed(path, "written", error);
        at += written;
        length -= (size_t)written;
    }
    return true;
}

char *file_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return memory_text(".");
    return slash == path ? memory_text("/") : memory_text_n(path, (size_t)(slash - path));
}

bool file_sync_folder(const char *path, Error *error)
{
    AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return failed(path, "opened", error);
    return fsync(fd) == 0 || failed(path, "made durable", error);
}

/* A file that is not yet there under its name; removed again unless it was renamed. */
typedef struct NewFile {
    char *path;
    int fd;
    bool renamed;
} NewFile;

static void new_file_done(NewFile *file)
{
    if (file->fd >= 0)
        (void)close(file->fd); /* what matters was synced */
    if (file->path && !file->renamed)
        (void)unlink(file->path); /* a leftover does no harm */
    free(file->path);
}

#define NEW_FILE_AUTO(name) __attribute__((cleanup(new_file_done))) NewFile name = { .fd = -1 }

static bool open_new(const char *path, NewFile *ret, Error *error)
{
    ret->path = memory_format("%s.new-XXXXXX", path);
    ret->fd = mkostemp(ret->path, O_CLOEXEC);
    if (ret->fd >= 0)
        return true;
    failed(ret->path, "made", error);
    free(TAKE(ret->path));
    return false;
}

static bool give_owner(const NewFile *file, const struct stat *like, Error *error)
{
    struct stat mine;

    if (fstat(file->fd, &mine) != 0)
        return failed(file->path, "examined", error);
    if ((mine.st_uid != like->st_uid || mine.st_gid != like->st_gid) &&
        fchown(file->fd, like->st_uid, like->st_gid) != 0)
        return failed(file->path, "given to its owner", error);
    return true;
}

static bool settle(NewFile *file, const char *path, Error *error)
{
    AUTO_TEXT *folder = file_folder_of(path);

    if (fsync(file->fd) != 0)
        return failed(file->path, "made durable", error);
    if (rename(file->path, path) != 0)
        return failed(path, "replaced", error);
    file->renamed = true;
    return file_sync_folder(folder, error);
}

bool file_replace(const char *path, const void *bytes, size_t length, mode_t mode, Error *error)
{
    AUTO_TEXT *real = realpath(path, NULL);
    const char *target = real ? real : path;
    struct stat before;
    bool exists = stat(target, &before) == 0;
    NEW_FILE_AUTO(file);

    if (exists && !S_ISREG(before.st_mode))
        return error_set(error, ERROR_INVALID, "%s is not a file", path);
    if (!open_new(target, &file, error) ||
        !file_write_all(file.fd, bytes, length, file.path, error) ||
        (exists && !give_owner(&file, &before, error)))
        return false;
    if (fchmod(file.fd, exists ? before.st_mode & 07777 : mode) != 0)
        return failed(file.path, "given its mode", error);
    return settle(&file, target, error);
}

static bool copy_bytes(int from, int to, const char *path, Error *error)
{
    AUTO_TEXT *buffer = memory_new(COPY_BYTES);
    ssize_t got;

    while ((got = read(from, buffer, COPY_BYTES)) > 0)
        if (!file_write_all(to, buffer, (size_t)got, path, error))
            return false;
    return got == 0 || failed(path, "read", error);
}

bool file_copy(const char *from, const char *to, Error *error)
{
    AUTO_FD source = -1;
    struct stat status;
    NEW_FILE_AUTO(file);

    if (!open_plain(from, &source, &status, error) || !open_new(to, &file, error) ||
        !copy_bytes(source, file.fd, from, error) || !give_owner(&file, &status, error))
        return false;
    if (fchmod(file.fd, status.st_mode & 07777) != 0 ||
        futimens(file.fd, (struct timespec[2]){ status.st_atim, status.st_mtim }) != 0)
        return failed(file.path, "given mode and times", error);
    return settle(&file, to, error);
}

bool file_make_folders(const char *path, mode_t mode, Error *error)
{
    AUTO_TEXT *part = memory_text(path);

    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return failed(part, "made", error);
        *at = '/';
    }
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return failed(path, "made", error);
    if (file_kind(path, LINKS_FOLLOWED) != FILE_FOLDER)
        return error_set(error, ERROR_INVALID, "%s is not a folder", path);
    return true;
}

static bool remove_in(int folder, const char *name, const char *path, Error *error);

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder); /* was only read */
}

static bool empty_folder(int folder, const char *name, const char *path, Error *error)
{
    __attribute__((cleanup(close_folder))) DIR *open_folder = NULL;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct dirent *entry;

    if (fd < 0)
        return failed(path, "opened", error);
    open_folder = fdopendir(fd);
    if (!open_folder)
        return (void)close(fd), failed(path, "read", error);
    while ((void)(errno = 0), (entry = readdir(open_folder))) {
        AUTO_TEXT *below = NULL;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        below = memory_format("%s/%s", path, entry->d_name);
        if (!remove_in(dirfd(open_folder), entry->d_name, below, error))
            return false;
    }
    return errno == 0 || failed(path, "read", error);
}

static bool remove_in(int folder, const char *name, const char *path, Error *error)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return failed(path, "removed", error);
    if (!empty_folder(folder, name, path, error))
        return false;
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 || failed(path, "removed", error);
}

bool file_remove_tree(const char *path, Error *error)
{
    return remove_in(AT_FDCWD, path, path, error);
}

bool file_free_space(const char *path, uint64_t *ret_bytes, uint64_t *ret_inodes, Error *error)
{
    struct statvfs status;

    if (statvfs(path, &status) != 0)
        return failed(path, "examined", error);
    *ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    *ret_inodes = status.f_favail;
    return true;
}
