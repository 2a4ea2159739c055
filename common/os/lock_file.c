#include "common/os/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/file.h"
#include "common/os/host.h"

#define HOLDER_MAX_BYTES 512

static bool failed(const char *path, Error *error)
{
    return error_set(error, ERROR_IO, "%s cannot be locked: %s", path, strerrordesc_np(errno));
}

static bool refuse(const char *path, int fd, Error *error)
{
    char holder[HOLDER_MAX_BYTES];
    ssize_t got = pread(fd, holder, sizeof(holder) - 1, 0);

    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return error_set(error, ERROR_PRECONDITION, "%s is held by %s", path,
        holder[0] ? holder : "a process that is just starting");
}

static bool write_holder(const char *path, int fd, Error *error)
{
    char host[HOST_NAME_BYTES];
    char user[HOST_USER_BYTES];
    char since[WALL_TEXT_BYTES];
    TEXT_AUTO(holder, HOLDER_MAX_BYTES);

    host_name(host);
    host_user(user);
    wall_text(wall_now(), since);
    text_add(&holder, "pid %d on host %s, user %s, since %s\n", getpid(), host, user, since);
    if (ftruncate(fd, 0) != 0)
        return failed(path, error);
    return file_write_all(fd, holder.bytes, holder.length, path, error);
}

static bool claim(const char *path, int fd, Error *error)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? refuse(path, fd, error) : failed(path, error);
    return write_holder(path, fd, error);
}

bool lock_file_take(const char *path, int *ret, Error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return failed(path, error);
    if (!claim(path, fd, error)) {
        (void)close(fd); /* nothing of ours was kept in it */
        return false;
    }
    *ret = fd;
    return true;
}
