#include "common/os/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/memory.h"

#define LOOSE_MODE (S_IWGRP | S_IROTH | S_IWOTH)

struct Secret {
    size_t length;
    char *bytes;
};

Secret *secret_new(const void *bytes, size_t length)
{
    Secret *secret = memory_new(sizeof(*secret));

    secret->bytes = memory_text_n(bytes, length);
    secret->length = length;
    return secret;
}

static bool check_file(const char *path, int fd, Error *error)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be examined: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s is not a file", path);
    if ((status.st_mode & LOOSE_MODE) != 0)
        return error_set(error, ERROR_INVALID,
            "%s holds a password and has mode %03o: run chmod 600 on it", path,
            (unsigned)(status.st_mode & 0777));
    return true;
}

bool secret_read(const char *path, Secret **ret, Error *error)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char bytes[SECRET_MAX_BYTES + 1];
    size_t length = 0;
    ssize_t got = 0;

    if (fd < 0)
        return error_set(error, ERROR_IO, "%s cannot be opened: %s", path, strerrordesc_np(errno));
    if (!check_file(path, fd, error))
        return false;
    while (length < sizeof(bytes) && (got = read(fd, bytes + length, sizeof(bytes) - length)) > 0)
        length += (size_t)got;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\0')
            length = i;
    if (got >= 0 && length > 0 && length <= SECRET_MAX_BYTES)
        *ret = secret_new(bytes, length);
    explicit_bzero(bytes, sizeof(bytes));
    if (got < 0)
        return error_set(error, ERROR_IO, "%s cannot be read: %s", path, strerrordesc_np(errno));
    if (length == 0 || length > SECRET_MAX_BYTES)
        return error_set(error, ERROR_INVALID, "the first line of %s is %s", path,
            length == 0 ? "empty" : "too long for a password");
    return true;
}

const char *secret_reveal(const Secret *secret)
{
    return secret->bytes;
}

size_t secret_length(const Secret *secret)
{
    return secret->length;
}

void secret_free(Secret *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret->bytes, secret->length);
    free(secret->bytes);
    free(secret);
}
