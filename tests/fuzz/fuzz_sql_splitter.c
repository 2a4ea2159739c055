#include <stdint.h>

#include "agent/handlers/migration/sql_splitter.h"
#include "common/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/*
 * What a statement alone may be read as otherwise: a DELIMITER line in it, "--" at its end (a
 * comment of MySQL there, and none before other characters), what is left out once from a script.
 */
static bool is_read_otherwise(const char *script, const char *text)
{
    return strcasestr(script, "delimiter") || text[strlen(text) - 1] == '-' ||
           strstr(text, "\r\n") || strncmp(text, "\xef\xbb\xbf", 3) == 0;
}

/* Each statement has to be one statement again. */
static void split(const char *script, DatabaseType type)
{
    AUTO(SqlScript) *split = NULL;
    Error error = { 0 }, check_error = { 0 };

    if (sql_script_check(script, type, &check_error) == (check_error.kind != ERROR_NONE))
        abort();
    if (!sql_script_split(script, type, &split, &error))
        return;
    for (size_t i = 0; i < split->count; i++) {
        AUTO(SqlScript) *again = NULL;
        Error again_error = { 0 };
        const char *text = split->items[i].text;

        if (is_read_otherwise(script, text))
            continue;
        if (!sql_script_split(text, type, &again, &again_error) || again->count != 1 ||
            strcmp(again->items[0].text, text) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    AUTO_TEXT *script = memory_text_n((const char *)bytes, length);

    split(script, DATABASE_MYSQL);
    split(script, DATABASE_POSTGRESQL);
    return 0;
}
