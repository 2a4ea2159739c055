#include "agent/handlers/node/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent/handlers/node/tree_place.h"
#include "common/os/file.h"

#define BUFFER_BYTES (256 * 1024)
#define READS_MAX    3
#define DEPTH_MAX    200
#define NOTES_MAX    50  /* names of one kind in the evidence; the number is always there */
#define REPORT_EVERY 256 /* entries */

typedef struct Walk {
    const TreeOrder *order;
    Manifest *manifest;
    Digest *digest;
    char *buffer;
    struct stat target_root; /* st_ino 0 when nothing is copied */
    unsigned depth;
    unsigned changed, left_out;
    uint64_t entries, bytes;
} Walk;

/* One entry of the source. `to` is the target's folder, or -1. */
typedef struct Source {
    int from, to;
    const char *name;
    const char *path; /* relative to the root */
    struct stat status;
} Source;

static bool walk_folder(Walk *walk, int from, int to, const char *path, Error *error);

static bool failed(const Walk *walk, const char *path, const char *what, Error *error)
{
    return error_set(error, ERROR_IO, "%s/%s cannot be %s: %s", walk->order->from, path, what,
        strerrordesc_np(errno));
}

ManifestOwners tree_owners(void)
{
    return geteuid() == 0 ? OWNERS_COUNT : OWNERS_DO_NOT;
}

/* Names the path in the evidence, once, however often the tree is walked. */
static void note(const Walk *walk, unsigned *count, const char *what, const char *path)
{
    Facts *evidence = walk->order->io->evidence;
    TEXT_AUTO(text, 1000);
    size_t position = 0;
    const Fact *fact;

    if (++*count > NOTES_MAX)
        return;
    manifest_add_path(&text, path);
    while ((fact = facts_each(evidence, what, &position)))
        if (strcmp(fact->value, text.bytes) == 0)
            return;
    facts_add(evidence, what, text.bytes);
}

/* For the screen, and the place where a cancelled command ends. */
static bool report(Walk *walk, Error *error)
{
    AgentIo *io = walk->order->io;

    if (walk->entries++ % REPORT_EVERY != 0)
        return true;
    io->progress(io->self, walk->order->what, walk->bytes, walk->order->total);
    return io->pause(io->self, 0, error);
}

static void add_entry(Walk *walk, const Source *source, char type, ManifestEntry *entry)
{
    const struct stat *status = &source->status;

    entry->path = source->path;
    entry->type = type;
    entry->mode = status->st_mode & 07777;
    entry->uid = status->st_uid;
    entry->gid = status->st_gid;
    entry->seconds = status->st_mtim.tv_sec;
    entry->nanoseconds = (uint32_t)status->st_mtim.tv_nsec;
    manifest_add(walk->manifest, entry);
}

static TreePlace place_of(const Source *source)
{
    return (TreePlace){ .folder = source->to, .name = source->name, .path = source->path };
}

/* Reads `in` to its end into the digest and, unless negative, into `out`. */
static bool pour(
    Walk *walk, const Source *source, int in, int out, ManifestEntry *entry, Error *error)
{
    ssize_t got;

    entry->size = 0;
    while ((got = read(in, walk->buffer, BUFFER_BYTES)) > 0) {
        digest_add(walk->digest, walk->buffer, (size_t)got);
        entry->size += (uint64_t)got;
        if (out >= 0 && !file_write_all(out, walk->buffer, (size_t)got, source->path, error))
            return false;
    }
    if (got < 0)
        return failed(walk, source->path, "read", error);
    digest_end(walk->digest, entry->sha256);
    return true;
}

static bool is_unchanged(const struct stat *a, const struct stat *b, uint64_t bytes)
{
    return (uint64_t)a->st_size == bytes && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* One reading of an opened file; *ret_same: it did not change meanwhile. */
static bool read_once(
    Walk *walk, Source *source, int in, ManifestEntry *entry, bool *ret_same, Error *error)
{
    const TreePlace place = place_of(source);
    AUTO_FD out = -1;
    struct stat after;

    if (fstat(in, &source->status) != 0 || lseek(in, 0, SEEK_SET) != 0)
        return failed(walk, source->path, "read", error);
    if (source->to >= 0 && !tree_place_begin(&place, &out, error))
        return false;
    if (!pour(walk, source, in, out, entry, error))
        return false;
    if (fstat(in, &after) != 0)
        return failed(walk, source->path, "examined", error);
    *ret_same = is_unchanged(&source->status, &after, entry->size);
    return out < 0 || tree_place_dress(&place, out, &source->status, error);
}

static bool take_file(Walk *walk, Source *source, Error *error)
{
    const TreePlace place = place_of(source);
    AUTO_FD in = -1;
    ManifestEntry entry = { 0 };
    bool same = false;

    if (walk->order->depth == TREE_OUTLINE && source->to < 0) {
        entry.size = (uint64_t)source->status.st_size;
        add_entry(walk, source, 'f', &entry);
        return true;
    }
    in = openat(source->from, source->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (in < 0 && errno == ENOENT)
        return true; /* it went while we looked: then it is not part of the tree */
    if (in < 0)
        return failed(walk, source->path, "opened", error);
    for (int attempt = 0; attempt < READS_MAX && !same; attempt++)
        if (!read_once(walk, source, in, &entry, &same, error))
            return false;
    if (!same && walk->order->changes == TREE_CHANGES_REFUSED)
        return error_set(error, ERROR_PRECONDITION,
            "%s/%s changes while it is read: find who writes to it (fuser) and stop it",
            walk->order->from, source->path);
    if (!same)
        note(walk, &walk->changed, "changed-while-read", source->path);
    if (source->to >= 0 && !tree_place_finish(&place, error))
        return false;
    walk->bytes += entry.size;
    add_entry(walk, source, 'f', &entry);
    return true;
}

static bool take_link(Walk *walk, const Source *source, Error *error)
{
    const TreePlace place = place_of(source);
    char target[4096 + 1]; /* PATH_MAX */
    ManifestEntry entry = { .target = target };
    ssize_t length = readlinkat(source->from, source->name, target, sizeof(target) - 1);

    if (length < 0)
        return errno == ENOENT || failed(walk, source->path, "read", error);
    target[length] = '\0';
    if (source->to >= 0 && !tree_place_link(&place, target, &source->status, error))
        return false;
    add_entry(walk, source, 'l', &entry);
    return true;
}

static bool take_pipe(Walk *walk, const Source *source, Error *error)
{
    const TreePlace place = place_of(source);
    ManifestEntry entry = { 0 };

    if (source->to >= 0 && !tree_place_pipe(&place, &source->status, error))
        return false;
    add_entry(walk, source, 'p', &entry);
    return true;
}

static bool is_target_root(const Walk *walk, const struct stat *status)
{
    return walk->target_root.st_ino != 0 && status->st_dev == walk->target_root.st_dev &&
           status->st_ino == walk->target_root.st_ino;
}

static bool take_folder(Walk *walk, Source *source, Error *error)
{
    const TreePlace place = place_of(source);
    AUTO_FD from = -1;
    AUTO_FD to = -1;
    ManifestEntry entry = { 0 };

    if (is_target_root(walk, &source->status))
        return error_set(error, ERROR_PRECONDITION, "the copy of %s would go into it, to %s",
            walk->order->from, walk->order->to);
    if (walk->depth >= DEPTH_MAX)
        return error_set(error, ERROR_INVALID, "%s has more than %d levels of folders",
            walk->order->from, DEPTH_MAX);
    from = openat(source->from, source->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 && errno == ENOENT)
        return true;
    if (from < 0 || fstat(from, &source->status) != 0)
        return failed(walk, source->path, "opened", error);
    if (source->to >= 0 && !tree_place_folder(&place, &to, error))
        return false;
    add_entry(walk, source, 'd', &entry);
    walk->depth++;
    if (!walk_folder(walk, from, to, source->path, error))
        return false;
    walk->depth--;
    return to < 0 || tree_place_dress(&place, to, &source->status, error);
}

static bool take(Walk *walk, Source *source, Error *error)
{
    if (walk->order->skips && walk->order->skips(walk->order->self, source->path))
        return true;
    if (fstatat(source->from, source->name, &source->status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || failed(walk, source->path, "examined", error);
    if (!report(walk, error))
        return false;
    if (S_ISDIR(source->status.st_mode))
        return take_folder(walk, source, error);
    if (S_ISREG(source->status.st_mode))
        return take_file(walk, source, error);
    if (S_ISLNK(source->status.st_mode))
        return take_link(walk, source, error);
    if (S_ISFIFO(source->status.st_mode))
        return take_pipe(walk, source, error);
    note(walk, &walk->left_out, "left-out", source->path); /* a socket or a device */
    return true;
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder); /* was only read */
}

static bool walk_folder(Walk *walk, int from, int to, const char *path, Error *error)
{
    __attribute__((cleanup(close_folder))) DIR *folder = NULL;
    int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;

    folder = own < 0 ? NULL : fdopendir(own);
    if (!folder)
        return failed(walk, path, "read", error);
    while ((void)(errno = 0), (entry = readdir(folder))) {
        AUTO_TEXT *below = strcmp(path, ".") == 0 ? memory_text(entry->d_name)
                                                  : memory_format("%s/%s", path, entry->d_name);
        Source source = { .from = from, .to = to, .name = entry->d_name, .path = below };

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!take(walk, &source, error))
            return false;
    }
    return errno == 0 || failed(walk, path, "read", error);
}

static bool open_target(Walk *walk, const char *to, int *ret, Error *error)
{
    if (!file_make_folders(to, 0700, error))
        return false;
    *ret = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*ret < 0 || fstat(*ret, &walk->target_root) != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be opened as a folder: %s", to, strerrordesc_np(errno));
    return true;
}

static bool finish_target(Walk *walk, int to, const struct stat *root, Error *error)
{
    const TreePlace place = { .folder = to, .name = ".", .path = walk->order->to };

    if (!tree_place_dress(&place, to, root, error))
        return false;
    return syncfs(to) == 0 || error_set(error, ERROR_IO, "%s cannot be made durable: %s",
                                  walk->order->to, strerrordesc_np(errno));
}

static bool walk_root(Walk *walk, const char *to_path, Error *error)
{
    AUTO_FD from = open(walk->order->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD to = -1;
    Source root = { .name = ".", .path = "." };
    ManifestEntry entry = { 0 };

    if (from < 0 || fstat(from, &root.status) != 0)
        return error_set(error, ERROR_IO, "%s cannot be opened as a folder: %s", walk->order->from,
            strerrordesc_np(errno));
    if (to_path && !open_target(walk, to_path, &to, error))
        return false;
    add_entry(walk, &root, 'd', &entry);
    if (!walk_folder(walk, from, to, ".", error))
        return false;
    if (walk->changed > 0)
        facts_format(walk->order->io->evidence, "changed-while-read-count", "%u", walk->changed);
    return to < 0 || finish_target(walk, to, &root.status, error);
}

static bool walk_tree(const TreeOrder *order, const char *to, Manifest **ret, Error *error)
{
    AUTO(Manifest) *manifest = manifest_new();
    AUTO(Digest) *digest = digest_new();
    AUTO_TEXT *buffer = memory_new(BUFFER_BYTES);
    Walk walk = { .order = order, .manifest = manifest, .digest = digest, .buffer = buffer };

    if (!walk_root(&walk, to, error))
        return false;
    manifest_sort(manifest);
    *ret = TAKE(manifest);
    return true;
}

bool tree_scan(const TreeOrder *order, Manifest **ret, Error *error)
{
    return walk_tree(order, NULL, ret, error);
}

bool tree_copy(const TreeOrder *order, Manifest **ret, Error *error)
{
    return walk_tree(order, order->to, ret, error);
}
