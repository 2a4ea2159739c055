#include "common/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    bool transient;
} kinds[] = {
    [ERROR_NONE] = { "none", false },
    [ERROR_INVALID] = { "invalid", false },
    [ERROR_PRECONDITION] = { "precondition", false },
    [ERROR_UNREACHABLE] = { "unreachable", true },
    [ERROR_TIMEOUT] = { "timeout", true },
    [ERROR_COMMAND_FAILED] = { "command-failed", false },
    [ERROR_DATABASE] = { "database", false },
    [ERROR_IO] = { "io", false },
    [ERROR_CORRUPT] = { "corrupt", false },
    [ERROR_MISMATCH] = { "mismatch", false },
    [ERROR_REFUSED] = { "refused", false },
    [ERROR_OUTDATED] = { "outdated", false },
    [ERROR_CANCELLED] = { "cancelled", false },
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == ERROR_KIND_COUNT, "every ErrorKind has a row");

bool error_set(Error *error, ErrorKind kind, const char *format, ...)
{
    va_list args;

    assert(kind != ERROR_NONE);
    assert(error->kind == ERROR_NONE); /* a failure is described once */

    error->kind = kind;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return false;
}

bool error_prefix(Error *error, const char *format, ...)
{
    char cause[ERROR_TEXT_MAX];
    va_list args;
    int used;

    assert(error->kind != ERROR_NONE);

    (void)snprintf(cause, sizeof(cause), "%s", error->text);
    va_start(args, format);
    used = vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(error->text))
        (void)snprintf(error->text + used, sizeof(error->text) - (size_t)used, "%s", cause);
    return false;
}

bool error_is_transient(const Error *error)
{
    return kinds[error->kind].transient;
}

ErrorKind error_kind_from_name(const char *name)
{
    for (ErrorKind kind = ERROR_NONE; kind < ERROR_KIND_COUNT; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return kind;
    return ERROR_KIND_COUNT;
}

const char *error_kind_name(ErrorKind kind)
{
    return kind < ERROR_KIND_COUNT ? kinds[kind].name : "unknown";
}
