#include "agent/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/file.h"

static void read_holder(int file, InstanceHolder *ret)
{
    char line[64];
    ssize_t got = pread(file, line, sizeof(line) - 1, 0);
    unsigned long long process = 0, started = 0;
    char *blank;

    *ret = (InstanceHolder){ .process = -1 }; /* it holds, and has not said yet who it is */
    if (got <= 0)
        return;
    line[got] = '\0';
    blank = strchr(line, ' ');
    if (!blank)
        return;
    *blank = '\0';
    if (text_to_number(line, INT32_MAX, &process) && text_to_number(blank + 1, INT64_MAX, &started))
        *ret = (InstanceHolder){ (pid_t)process, (int64_t)started };
}

bool instance_take(const char *state_directory, int *ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/agent.lock", state_directory);
    AUTO_TEXT *line = memory_format("%d %" PRId64, (int)getpid(), wall_now());
    AUTO_FD file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (file < 0)
        return error_set(error, ERROR_IO, "%s cannot be opened: %m", path);
    if (fcntl(file, F_OFD_SETLK, &lock) != 0) {
        InstanceHolder holder;

        if (errno != EAGAIN && errno != EACCES)
            return error_set(error, ERROR_IO, "%s cannot be locked: %m", path);
        read_holder(file, &holder);
        return error_set(error, ERROR_PRECONDITION,
            "another agent (pid %d) works in %s: stop it first", (int)holder.process,
            state_directory);
    }
    if (ftruncate(file, 0) != 0)
        return error_set(error, ERROR_IO, "%s cannot be written: %m", path);
    if (!file_write_all(file, line, strlen(line), path, error))
        return false;
    *ret = file;
    file = -1;
    return true;
}

bool instance_holder(const char *state_directory, InstanceHolder *ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/agent.lock", state_directory);
    AUTO_FD file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    *ret = (InstanceHolder){ 0 };
    if (file < 0)
        return errno == ENOENT || error_set(error, ERROR_IO, "%s cannot be opened: %m", path);
    if (fcntl(file, F_OFD_GETLK, &lock) != 0)
        return error_set(error, ERROR_IO, "%s cannot be asked for its lock: %m", path);
    if (lock.l_type != F_UNLCK)
        read_holder(file, ret);
    return true;
}
