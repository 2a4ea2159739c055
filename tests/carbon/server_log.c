#include "tests/carbon/server_log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "common/base/memory.h"
#include "common/base/text.h"

#define LINE_BYTES_MAX 8192

static const char *const level_names[LOG_LEVEL_COUNT] = {
    [LOG_LEVEL_INFO] = " INFO",
    [LOG_LEVEL_WARN] = " WARN",
    [LOG_LEVEL_ERROR] = "ERROR",
    [LOG_LEVEL_FATAL] = "FATAL",
};

void server_log_open(ServerLog *log, const char *home, const char *server_key)
{
    AUTO_TEXT *folder = memory_format("%s/repository/logs", home);
    AUTO_TEXT *path = memory_format("%s/wso2carbon.log", folder);

    (void)mkdir(folder, 0755); /* an older folder is as good; open() tells of any other trouble */
    log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    log->server_key = server_key;
}

void server_log_close(ServerLog *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
}

static void write_all(int fd, const Text *line)
{
    size_t done = 0;

    while (done < line->length) {
        ssize_t wrote = write(fd, line->bytes + done, line->length - done);

        if (wrote <= 0)
            return; /* nobody reads the console any more, or the disk is full: the server goes on */
        done += (size_t)wrote;
    }
}

void server_log(const ServerLog *log, LogLevel level, const char *source, const char *format, ...)
{
    struct timespec now;
    struct tm local;
    char when[32];
    AUTO_TEXT *message = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&message, format, args) < 0)
        abort();
    va_end(args);
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    if (!localtime_r(&now.tv_sec, &local) || !strftime(when, sizeof when, "%F %T", &local))
        abort();
    TEXT_AUTO(line, LINE_BYTES_MAX);
    text_add(&line, "TID: [0] [%s] [%s,%03ld] %s {%s} -  %s {%s}\n", log->server_key, when,
        now.tv_nsec / 1000000, level_names[level], source, message, source);
    if (log->fd >= 0)
        write_all(log->fd, &line);
    write_all(STDOUT_FILENO, &line);
}
