#include "common/base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/wall_time.h"

#define LINE_BYTES 2048

static const struct {
    const char *name;
    unsigned priority; /* syslog's, as journald reads it: sd-daemon(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", 3 },
    [LOG_LEVEL_WARNING] = { "warning", 4 },
    [LOG_LEVEL_NOTICE] = { "notice", 5 },
    [LOG_LEVEL_INFO] = { "info", 6 },
    [LOG_LEVEL_DEBUG] = { "debug", 7 },
};
static_assert(sizeof(levels) / sizeof(levels[0]) == LOG_LEVEL_COUNT, "every LogLevel has a row");

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream that goes to the journal. */
static bool goes_to_journal(int file)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (!stream || fstat(file, &status) != 0)
        return false;
    (void)snprintf(
        ours, sizeof(ours), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, ours) == 0;
}

void log_open(Log *ret, LogLevel least)
{
    *ret =
        (Log){ .least = least, .file = STDERR_FILENO, .journald = goes_to_journal(STDERR_FILENO) };
}

Log log_with(const Log *log, const char *context)
{
    Log with = *log;
    size_t used = strlen(with.context);

    (void)snprintf(with.context + used, sizeof(with.context) - used, "%s: ", context);
    return with;
}

void log_say(const Log *log, LogLevel level, const char *format, ...)
{
    char line[LINE_BYTES], time[WALL_TEXT_BYTES], said[LINE_BYTES - 256];
    va_list args;
    size_t length;
    int used;

    assert(level < LOG_LEVEL_COUNT);
    if (level > log->least)
        return;
    va_start(args, format);
    (void)vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    wall_text(wall_now(), time);
    if (log->journald)
        used = snprintf(line, sizeof(line), "<%u>%s%s", levels[level].priority, log->context, said);
    else
        used = snprintf(
            line, sizeof(line), "%s %s %s%s", time, levels[level].name, log->context, said);
    assert(used > 0 && (size_t)used < sizeof(line)); /* LOG_CONTEXT_BYTES and a time fit in 256 */
    length = (size_t)used;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[length++] = '\n';
    if (write(log->file, line, length) < 0)
        return; /* nobody reads us: there is nowhere to say so */
}
