#include "agent/handlers/database/service_file.h"

#include <ctype.h>
#include <errno.h>

#include "common/base/cleanup.h"
#include "common/base/memory.h"

static void file_close(FILE *file)
{
    if (file)
        (void)fclose(file); /* it was only read */
}
DEFINE_AUTO(FILE, file_close)

static char *trimmed(char *line)
{
    char *end = line + strlen(line);

    while (end > line && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*line))
        line++;
    return line;
}

static bool is_heading_of(const char *line, const char *service)
{
    size_t length = strlen(service);

    return strncmp(line + 1, service, length) == 0 && strcmp(line + 1 + length, "]") == 0;
}

/* A keyword is lower case letters, digits and underscores, as libpq's all are. */
static bool add_setting(char *line, Facts *ret)
{
    char *equals = strchr(line, '=');

    if (!equals || equals == line)
        return false;
    *equals = '\0';
    for (const char *c = line; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            return false;
    facts_add(ret, line, equals + 1);
    return true;
}

bool service_file_read(const char *path, const char *service, Facts *ret, Error *error)
{
    AUTO(FILE) *file = fopen(path, "re");
    AUTO_TEXT *buffer = NULL;
    size_t capacity = 0;
    unsigned number = 0;
    bool inside = false, found = false;

    if (!file)
        return error_set(error, ERROR_IO, "cannot read service file %s: %s", path, strerror(errno));
    while (getline(&buffer, &capacity, file) >= 0) {
        char *line = trimmed(buffer);

        number++;
        if (*line == '\0' || *line == '#')
            continue;
        if (*line == '[') {
            inside = is_heading_of(line, service);
            found = found || inside;
        } else if (inside && !add_setting(line, ret)) {
            return error_set(error, ERROR_INVALID,
                "%s:%u: service %s: the line is not keyword=value", path, number, service);
        }
    }
    if (ferror(file))
        return error_set(error, ERROR_IO, "cannot read service file %s: %s", path, strerror(errno));
    if (!found)
        return error_set(error, ERROR_INVALID, "%s has no service [%s]", path, service);
    return true;
}
