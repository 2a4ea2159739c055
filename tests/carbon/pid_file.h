#pragma once

/* HOME/wso2carbon.pid: 100 bytes, the digits of the pid, a line end, then NULs; never removed. */

void pid_file_write(const char *home) __attribute__((nonnull));
