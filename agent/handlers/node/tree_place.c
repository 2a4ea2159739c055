#include "agent/handlers/node/tree_place.h"

#include <errno.h>
#include <fcntl.h>

#include "common/base/memory.h"
#include "common/os/file.h"

static bool failed(const TreePlace *place, const char *what, Error *error)
{
    return error_set(
        error, ERROR_IO, "%s cannot be %s: %s", place->path, what, strerrordesc_np(errno));
}

/* Removes what is in the way, without following it. */
static bool clear(const TreePlace *place, const char *name, Error *error)
{
    AUTO_TEXT *path = NULL;

    if (unlinkat(place->folder, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR)
        return failed(place, "replaced", error);
    path = memory_format("/proc/self/fd/%d/%s", place->folder, name);
    return file_remove_tree(path, error);
}

bool tree_place_begin(const TreePlace *place, int *ret, Error *error)
{
    if (!clear(place, TREE_PART, error))
        return false;
    *ret = openat(
        place->folder, TREE_PART, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret >= 0 || failed(place, "made", error);
}

static bool may_keep_owner(int failure)
{
    return failure != EPERM || geteuid() == 0;
}

bool tree_place_dress(const TreePlace *place, int fd, const struct stat *like, Error *error)
{
    const struct timespec times[2] = { like->st_atim, like->st_mtim };

    if (fchown(fd, like->st_uid, like->st_gid) != 0 && may_keep_owner(errno))
        return failed(place, "given to its owner", error);
    if (fchmod(fd, like->st_mode & 07777) != 0 || futimens(fd, times) != 0)
        return failed(place, "given its mode and time", error);
    return true;
}

bool tree_place_finish(const TreePlace *place, Error *error)
{
    if (renameat(place->folder, TREE_PART, place->folder, place->name) == 0)
        return true;
    if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
        return failed(place, "made", error);
    return clear(place, place->name, error) &&
           (renameat(place->folder, TREE_PART, place->folder, place->name) == 0 ||
               failed(place, "made", error));
}

bool tree_place_folder(const TreePlace *place, int *ret, Error *error)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

    if (mkdirat(place->folder, place->name, 0700) != 0 && errno != EEXIST)
        return failed(place, "made", error);
    *ret = openat(place->folder, place->name, flags);
    if (*ret >= 0)
        return true;
    if (errno != ENOTDIR && errno != ELOOP)
        return failed(place, "opened", error);
    if (!clear(place, place->name, error))
        return false;
    if (mkdirat(place->folder, place->name, 0700) != 0)
        return failed(place, "made", error);
    *ret = openat(place->folder, place->name, flags);
    return *ret >= 0 || failed(place, "opened", error);
}

/* Owner, mode and times of TREE_PART itself, which may be a link. */
static bool dress_part(const TreePlace *place, const struct stat *like, Error *error)
{
    const struct timespec times[2] = { like->st_atim, like->st_mtim };

    if (fchownat(place->folder, TREE_PART, like->st_uid, like->st_gid, AT_SYMLINK_NOFOLLOW) != 0 &&
        may_keep_owner(errno))
        return failed(place, "given to its owner", error);
    if (!S_ISLNK(like->st_mode) &&
        fchmodat(place->folder, TREE_PART, like->st_mode & 07777, 0) != 0)
        return failed(place, "given its mode", error);
    if (utimensat(place->folder, TREE_PART, times, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(place, "given its time", error);
    return true;
}

bool tree_place_link(
    const TreePlace *place, const char *target, const struct stat *like, Error *error)
{
    if (!clear(place, TREE_PART, error))
        return false;
    if (symlinkat(target, place->folder, TREE_PART) != 0)
        return failed(place, "made", error);
    return dress_part(place, like, error) && tree_place_finish(place, error);
}

bool tree_place_pipe(const TreePlace *place, const struct stat *like, Error *error)
{
    if (!clear(place, TREE_PART, error))
        return false;
    if (mkfifoat(place->folder, TREE_PART, 0600) != 0)
        return failed(place, "made", error);
    return dress_part(place, like, error) && tree_place_finish(place, error);
}
