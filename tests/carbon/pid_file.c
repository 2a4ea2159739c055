#include "tests/carbon/pid_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/memory.h"

#define PID_FILE_BYTES 100

void pid_file_write(const char *home)
{
    AUTO_TEXT *path = memory_format("%s/wso2carbon.pid", home);
    AUTO_TEXT *digits = memory_format("%d\n", getpid());
    AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    char bytes[PID_FILE_BYTES] = { 0 };

    memcpy(bytes, digits, strlen(digits));
    /* the real server goes on without its file too, after a warning that nobody sees */
    if (fd >= 0 && write(fd, bytes, sizeof bytes) < 0)
        (void)fputs("cannot write wso2carbon.pid\n", stderr);
}
