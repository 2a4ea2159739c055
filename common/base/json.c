#include "common/base/json.h"

#include "common/base/text.h"

#define VALUE_MAX (1024 * 1024)

void json_member(FILE *stream, const char *name, const char *value)
{
    TEXT_AUTO(escaped, VALUE_MAX);

    text_add_json(&escaped, value);
    (void)fprintf(stream, "\"%s\":\"%s\"", name, escaped.bytes); /* main looks at the end */
}
