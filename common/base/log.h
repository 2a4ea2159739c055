#pragma once

/*
 * Lines for whoever watches a program run, on stderr. Not the audit log: nothing relies on them.
 *
 *   Log log;
 *   log_open(&log, LOG_LEVEL_INFO);
 *   const Log on_link = log_with(&log, "coordinator1");
 *   log_say(&on_link, LOG_LEVEL_WARNING, "cut off: %s", error.text);
 *
 * Under journald (JOURNAL_STREAM names our stderr) a line begins with its priority, "<4>"; else
 * with the time (RFC 3339, UTC) and the level. One line is one write. Control characters in texts
 * of others become '?', so that no peer can forge a line.
 * Only main loops, the worker and command lines log: whoever passes an error on does not.
 */

#include <stdbool.h>

#define LOG_CONTEXT_BYTES 128

typedef enum LogLevel {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_COUNT,
} LogLevel;

typedef struct Log {
    LogLevel least; /* lines less important than this are left out */
    bool journald;
    int file;
    char context[LOG_CONTEXT_BYTES]; /* stands before each line; "" for none */
} Log;

void log_open(Log *ret, LogLevel least) __attribute__((nonnull));
/* The same log with one more word of context; what does not fit is cut off. */
Log log_with(const Log *log, const char *context) __attribute__((nonnull));
void log_say(const Log *log, LogLevel level, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull));
