/*
 * split_script mysql|postgresql < SCRIPT: each statement as the agent would send it, a zero byte
 * after each; ends with 1 and the reason on stderr when the script is refused.
 */

#include <stdio.h>

#include "agent/handlers/migration/sql_splitter.h"
#include "common/base/memory.h"

#define SCRIPT_MAX (1024 * 1024)

int main(int count, char **words)
{
    AUTO_TEXT *script = memory_new(SCRIPT_MAX + 1);
    AUTO(SqlScript) *split = NULL;
    Error error = { 0 };

    if (count != 2 || fread(script, 1, SCRIPT_MAX, stdin) == SCRIPT_MAX)
        return 2;
    if (!sql_script_split(script,
            strcmp(words[1], "mysql") == 0 ? DATABASE_MYSQL : DATABASE_POSTGRESQL, &split,
            &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    for (size_t i = 0; i < split->count; i++)
        (void)fwrite(split->items[i].text, 1, strlen(split->items[i].text) + 1, stdout);
    return fflush(stdout) == 0 ? 0 : 2;
}
