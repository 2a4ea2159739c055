#pragma once

/*
 * HOME/repository/logs/wso2carbon.log in the pattern of Carbon 4, and the console (stdout).
 * Lines are appended whole with one write, so that threads need no lock. Times are local.
 */

typedef struct ServerLog {
    int fd;
    const char *server_key; /* "DSS" */
} ServerLog;

typedef enum LogLevel {
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_COUNT,
} LogLevel;

/* Opens the file, making its folder; a log that cannot be opened goes to the console alone. */
void server_log_open(ServerLog *log, const char *home, const char *server_key)
    __attribute__((nonnull));
void server_log_close(ServerLog *log) __attribute__((nonnull));
/* `source` is the Java class that says so in the real product. */
void server_log(const ServerLog *log, LogLevel level, const char *source, const char *format, ...)
    __attribute__((format(printf, 4, 5), nonnull));
