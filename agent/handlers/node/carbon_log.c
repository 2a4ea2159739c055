#include "agent/handlers/node/carbon_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "common/base/memory.h"
#include "common/os/file.h"

#define LINE_MAX_BYTES 2000 /* a longer line is cut: what is looked for stands at its beginning */
#define CHUNK_BYTES    (64 * 1024)
#define ROLLED_MAX     64 /* rotated files that may lie between the place and the log of today */

bool log_place_now(const char *path, LogPlace *ret, Error *error)
{
    struct stat status;

    *ret = (LogPlace){ 0 };
    if (stat(path, &status) == 0)
        *ret = (LogPlace){ .inode = status.st_ino, .offset = (uint64_t)status.st_size };
    else if (errno != ENOENT)
        return error_set(
            error, ERROR_IO, "%s cannot be examined: %s", path, strerrordesc_np(errno));
    return true;
}

char *log_place_text(const LogPlace *place)
{
    return memory_format("%" PRIu64 ":%" PRIu64, place->inode, place->offset);
}

bool log_place_from_text(const char *text, LogPlace *ret)
{
    AUTO_TEXT *inode = memory_text(text);
    char *colon = strchr(inode, ':');
    unsigned long long a, b;

    if (!colon)
        return false;
    *colon = '\0';
    if (!text_to_number(inode, UINT64_MAX, &a) || !text_to_number(colon + 1, UINT64_MAX, &b))
        return false;
    *ret = (LogPlace){ .inode = a, .offset = b };
    return true;
}

void carbon_log_init(CarbonLog *log, const Profile *profile, const char *path, LogPlace place)
{
    *log = (CarbonLog){ .profile = profile, .path = path, .place = place };
    text_init(&log->line, LINE_MAX_BYTES);
    text_init(&log->last, LINE_MAX_BYTES);
}

void carbon_log_done(CarbonLog *log)
{
    text_done(&log->line);
    text_done(&log->last);
    free(log->started);
    free(log->failure);
}

static bool is_failure(const Profile *profile, const char *line)
{
    for (size_t i = 0; i < profile->failure_line_count; i++)
        if (strstr(line, profile->failure_lines[i]))
            return true;
    return false;
}

static void end_line(CarbonLog *log)
{
    const char *line = log->line.bytes;

    if (!log->started && strstr(line, log->profile->started_line))
        log->started = memory_text(line);
    if (!log->failure && is_failure(log->profile, line))
        log->failure = memory_text(line);
    if (strstr(line, " ERROR ") || strstr(line, " FATAL ")) {
        text_clear(&log->last);
        text_add_bytes(&log->last, line, log->line.length);
    }
    text_clear(&log->line);
}

void carbon_log_feed(CarbonLog *log, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n')
            end_line(log);
        else if (bytes[i] != '\r' && bytes[i] != '\0')
            text_add_bytes(&log->line, &bytes[i], 1);
    }
}

/* Reads one file from `offset` to its end. */
static bool read_rest(CarbonLog *log, int fd, uint64_t offset, Error *error)
{
    AUTO_TEXT *chunk = memory_new(CHUNK_BYTES);
    ssize_t got;

    while ((got = pread(fd, chunk, CHUNK_BYTES, (off_t)offset)) > 0) {
        carbon_log_feed(log, chunk, (size_t)got);
        offset += (uint64_t)got;
    }
    if (got < 0)
        return error_set(
            error, ERROR_IO, "%s cannot be read: %s", log->path, strerrordesc_np(errno));
    log->place.offset = offset;
    return true;
}

typedef struct Rolled {
    char *path;
    uint64_t inode;
    struct timespec changed;
} Rolled;

typedef struct RolledFiles {
    Rolled items[ROLLED_MAX];
    size_t count;
} RolledFiles;

static void rolled_done(RolledFiles *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder); /* was only read */
}

static int by_time(const void *a, const void *b)
{
    const struct timespec *x = &((const Rolled *)a)->changed;
    const struct timespec *y = &((const Rolled *)b)->changed;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Finds the files beside the log whose names are the log's with a suffix, oldest first. */
static void find_rolled(const char *log_path, RolledFiles *ret)
{
    AUTO_TEXT *folder_path = file_folder_of(log_path);
    __attribute__((cleanup(close_folder))) DIR *folder = opendir(folder_path);
    const char *name = strrchr(log_path, '/') + 1;
    const struct dirent *entry;

    while (folder && ret->count < ROLLED_MAX && (entry = readdir(folder))) {
        AUTO_TEXT *path = memory_format("%s/%s", folder_path, entry->d_name);
        struct stat status;

        if (strncmp(entry->d_name, name, strlen(name)) != 0 || entry->d_name[strlen(name)] != '.' ||
            stat(path, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        ret->items[ret->count++] =
            (Rolled){ .path = TAKE(path), .inode = status.st_ino, .changed = status.st_mtim };
    }
    qsort(ret->items, ret->count, sizeof(ret->items[0]), by_time);
}

/* The log was rotated: reads the file that it was, and those between it and the log of today. */
static bool read_rolled(CarbonLog *log, Error *error)
{
    __attribute__((cleanup(rolled_done))) RolledFiles files = { 0 };
    size_t at = 0;

    find_rolled(log->path, &files);
    while (at < files.count && files.items[at].inode != log->place.inode)
        at++;
    for (uint64_t offset = log->place.offset; at < files.count; at++, offset = 0) {
        AUTO_FD fd = open(files.items[at].path, O_RDONLY | O_CLOEXEC);

        if (fd >= 0 && !read_rest(log, fd, offset, error))
            return false;
    }
    log->place = (LogPlace){ 0 };
    return true;
}

bool carbon_log_read(CarbonLog *log, Error *error)
{
    AUTO_FD fd = open(log->path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 && errno == ENOENT)
        return true; /* between a rotation's two steps, or before the first line ever */
    if (fd < 0 || fstat(fd, &status) != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be opened: %s", log->path, strerrordesc_np(errno));
    if (log->place.inode != 0 && status.st_ino != log->place.inode && !read_rolled(log, error))
        return false;
    if (log->place.inode != status.st_ino || (uint64_t)status.st_size < log->place.offset)
        log->place = (LogPlace){ .inode = status.st_ino };
    return read_rest(log, fd, log->place.offset, error);
}
