#include "tests/carbon/conduct.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "common/base/cleanup.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define FILE_BYTES_MAX 4096

void conduct_read(const char *home, const JavaOptions *options, Conduct *ret)
{
    AUTO_TEXT *path = memory_format("%s/standin.conf", home);
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    char bytes[FILE_BYTES_MAX];
    ssize_t length = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;

    *ret = (Conduct){ .options = options };
    ret->text = memory_text_n(bytes, length > 0 ? (size_t)length : 0);
}

void conduct_done(Conduct *conduct)
{
    free(conduct->text);
    *conduct = (Conduct){ 0 };
}

bool conduct_value(const Conduct *conduct, const char *key, char ret[CONDUCT_VALUE_MAX])
{
    AUTO_TEXT *property = memory_format("standin.%s", key);
    const char *given = java_options_property(conduct->options, property);
    size_t length = strlen(key);

    if (given)
        return text_copy(ret, CONDUCT_VALUE_MAX, given);
    for (const char *line = conduct->text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            AUTO_TEXT *value = memory_text_n(line + length + 1, strcspn(line + length + 1, "\r\n"));

            return text_copy(ret, CONDUCT_VALUE_MAX, value);
        }
    }
    return false;
}

bool conduct_is(const Conduct *conduct, const char *key)
{
    char value[CONDUCT_VALUE_MAX];

    return conduct_value(conduct, key, value) &&
           (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0);
}

Millis conduct_millis(const Conduct *conduct, const char *key, Millis otherwise)
{
    char value[CONDUCT_VALUE_MAX];
    unsigned long long number;

    if (!conduct_value(conduct, key, value) || !text_to_number(value, INT_MAX, &number))
        return otherwise;
    return (Millis)number;
}
