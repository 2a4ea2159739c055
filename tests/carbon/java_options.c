#include "tests/carbon/java_options.h"

#include <string.h>

static bool takes_a_value(const char *option)
{
    return strcmp(option, "-classpath") == 0 || strcmp(option, "-cp") == 0;
}

void java_options_read(int argc, char *const *argv, JavaOptions *ret)
{
    int at = 1;

    *ret = (JavaOptions){ .options = argv + 1 };
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "-version") == 0)
            ret->asks_version = true;
        at += takes_a_value(argv[at]) ? 2 : 1;
    }
    ret->option_count = (size_t)((at < argc ? at : argc) - 1);
    if (at < argc)
        ret->main_class = argv[at];
}

const char *java_options_property(const JavaOptions *options, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = options->option_count; i-- > 0;) {
        const char *option = options->options[i];

        if (strncmp(option, "-D", 2) == 0 && strncmp(option + 2, name, length) == 0 &&
            option[2 + length] == '=')
            return option + 3 + length;
    }
    return NULL;
}
