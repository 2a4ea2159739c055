#include <stdint.h>

#include "agent/handlers/migration/sql_splitter.h"
#include "common/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The first byte chooses the type; each statement has to be one statement again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    DatabaseType type = length > 0 && (bytes[0] & 1) ? DATABASE_POSTGRESQL : DATABASE_MYSQL;
    AUTO_TEXT *script =
        memory_text_n(length > 1 ? (const char *)bytes + 1 : "", length > 1 ? length - 1 : 0);
    AUTO(SqlScript) *split = NULL;
    Error error = { 0 }, check_error = { 0 };
    bool plain = !strcasestr(script, "delimiter");

    if (sql_script_check(script, type, &check_error) == (check_error.kind != ERROR_NONE))
        abort();
    if (!sql_script_split(script, type, &split, &error))
        return 0;
    for (size_t i = 0; i < split->count; i++) {
        AUTO(SqlScript) *again = NULL;
        Error again_error = { 0 };
        const char *text = split->items[i].text;

        /* "--" is a comment of MySQL at the end of a text, and none before other characters */
        if (!plain || text[strlen(text) - 1] == '-')
            continue;
        if ((!sql_script_split(text, type, &again, &again_error) || again->count != 1 ||
                strcmp(again->items[0].text, text) != 0))
            abort();
    }
    return 0;
}
