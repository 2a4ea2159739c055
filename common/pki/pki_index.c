#include "common/pki/pki_index.h"

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define INDEX_MAX_BYTES (8 * 1024 * 1024) /* 40,000 certificates and more */
#define FIELDS          5
#define TIME_FORMAT     "%Y-%m-%dT%H:%M:%SZ"
#define TIME_BYTES      32
#define NEVER           "-"

void pki_entries_done(PkiEntries *entries)
{
    free(entries->items);
    *entries = (PkiEntries){ 0 };
}

void pki_index_add(PkiEntries *entries, const PkiEntry *entry)
{
    entries->items = memory_grow(entries->items, (entries->count + 1) * sizeof(PkiEntry));
    entries->items[entries->count++] = *entry;
}

static bool time_from(const char *text, time_t *ret)
{
    struct tm parts = { 0 };
    const char *end = strptime(text, TIME_FORMAT, &parts);

    if (!end || *end != '\0')
        return false;
    *ret = timegm(&parts);
    return true;
}

static void add_time(Text *text, time_t moment)
{
    struct tm parts;
    char shown[TIME_BYTES];

    if (moment != 0 && gmtime_r(&moment, &parts) &&
        strftime(shown, sizeof(shown), TIME_FORMAT, &parts) > 0)
        text_add(text, "%s", shown);
    else
        text_add(text, NEVER);
}

static bool entry_from_line(char *line, PkiEntry *ret)
{
    PkiEntry entry = { 0 };
    char *fields[FIELDS];

    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = strsep(&line, "\t");
        if (!fields[i])
            return false;
    }
    entry.role = peer_role_from_name(fields[1]);
    if (line || !text_copy(entry.serial, sizeof(entry.serial), fields[0]) ||
        strlen(entry.serial) != 32 || strspn(entry.serial, "0123456789abcdef") != 32 ||
        entry.role == PEER_ROLE_COUNT || !name_is_valid(fields[2]) ||
        !text_copy(entry.name, sizeof(entry.name), fields[2]) ||
        !time_from(fields[3], &entry.not_after))
        return false;
    if (strcmp(fields[4], NEVER) != 0 && !time_from(fields[4], &entry.revoked))
        return false;
    *ret = entry;
    return true;
}

bool pki_index_read(const char *folder, PkiEntries *ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/index", folder);
    AUTO_TEXT *text = NULL;
    PKI_ENTRIES_AUTO(entries);
    size_t length, number = 0;
    char *line, *rest;

    if (!file_read(path, INDEX_MAX_BYTES, &text, &length, error))
        return false;
    rest = text;
    while ((line = strsep(&rest, "\n")) != NULL && (rest || *line)) {
        PkiEntry entry;

        number++;
        if (!entry_from_line(line, &entry))
            return error_set(error, ERROR_CORRUPT,
                "%s: line %zu is damaged: restore the file, or revoke by issuing a new authority",
                path, number);
        pki_index_add(&entries, &entry);
    }
    *ret = entries;
    entries = (PkiEntries){ 0 };
    return true;
}

bool pki_index_write(const char *folder, const PkiEntries *entries, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/index", folder);
    TEXT_AUTO(text, INDEX_MAX_BYTES);

    for (size_t i = 0; i < entries->count; i++) {
        const PkiEntry *entry = &entries->items[i];

        text_add(&text, "%s\t%s\t%s\t", entry->serial, peer_role_name(entry->role), entry->name);
        add_time(&text, entry->not_after);
        text_add(&text, "\t");
        add_time(&text, entry->revoked);
        text_add(&text, "\n");
    }
    if (text.overflow)
        return error_set(error, ERROR_INVALID, "%s would exceed %d bytes: make a new authority",
            path, INDEX_MAX_BYTES);
    return file_replace(path, text.bytes, text.length, 0600, error);
}
