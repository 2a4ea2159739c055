#include "agent/handlers/backup/dump_manifest.h"

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define HEADER       "dss-dump 1\n"
#define MANIFEST_MAX ((size_t)8 << 20) /* bytes */

void dump_manifest_done(DumpManifest *manifest)
{
    facts_done(&manifest->values);
    copied_free(manifest->tables);
    manifest->tables = NULL;
}

bool dump_manifest_write(const DumpManifest *manifest, const char *path, Error *error)
{
    TEXT_AUTO(text, MANIFEST_MAX);

    text_add(&text, HEADER);
    for (size_t i = 0; i < manifest->values.count; i++)
        text_add(&text, "%s %s\n", manifest->values.items[i].name, manifest->values.items[i].value);
    for (const char *line = manifest->tables ? copied_text(manifest->tables) : ""; *line;) {
        size_t length = strcspn(line, "\n");

        text_add(&text, "table %.*s\n", (int)length, line);
        line += length + 1;
    }
    if (text.overflow)
        return error_set(
            error, ERROR_INVALID, "%s would have more than %zu bytes", path, MANIFEST_MAX);
    return file_replace(path, text.bytes, text.length, 0600, error);
}

static bool read_line(const char *line, DumpManifest *ret)
{
    size_t name_length = strcspn(line, " ");
    AUTO_TEXT *name = memory_text_n(line, name_length);

    if (line[name_length] != ' ')
        return false;
    if (strcmp(name, "table") == 0)
        copied_add_line(ret->tables, line + name_length + 1);
    else
        facts_add(&ret->values, name, line + name_length + 1);
    return true;
}

bool dump_manifest_read(const char *path, DumpManifest *ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    size_t length;

    if (!file_read(path, MANIFEST_MAX, &text, &length, error))
        return false;
    if (strncmp(text, HEADER, strlen(HEADER)) != 0)
        return error_set(error, ERROR_CORRUPT, "%s is not the manifest of a dump", path);
    ret->tables = copied_new();
    for (const char *at = text + strlen(HEADER); *at;) {
        size_t line_length = strcspn(at, "\n");
        AUTO_TEXT *line = memory_text_n(at, line_length);

        if (!read_line(line, ret))
            return error_set(error, ERROR_CORRUPT, "%s: '%.60s' is no line of it", path, line);
        at += line_length + (at[line_length] == '\n');
    }
    return true;
}
