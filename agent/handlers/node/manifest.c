#include "agent/handlers/node/manifest.h"

#include <inttypes.h>

#include "common/os/file.h"

#define FIELDS 9

Manifest *manifest_new(void)
{
    Manifest *manifest = memory_new(sizeof(*manifest));

    manifest->arena = arena_new();
    return manifest;
}

void manifest_free(Manifest *manifest)
{
    if (!manifest)
        return;
    arena_free(manifest->arena);
    free(manifest->items);
    free(manifest);
}

void manifest_add(Manifest *manifest, const ManifestEntry *entry)
{
    ManifestEntry *added;

    if (manifest->count == manifest->capacity) {
        manifest->capacity = manifest->capacity > 0 ? manifest->capacity * 2 : 256;
        manifest->items =
            memory_grow(manifest->items, manifest->capacity * sizeof(*manifest->items));
    }
    added = &manifest->items[manifest->count++];
    *added = *entry;
    added->path = arena_text(manifest->arena, entry->path);
    added->target = entry->target ? arena_text(manifest->arena, entry->target) : NULL;
    if (entry->type == 'f') {
        manifest->files++;
        manifest->bytes += entry->size;
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const ManifestEntry *)a)->path, ((const ManifestEntry *)b)->path);
}

void manifest_sort(Manifest *manifest)
{
    if (manifest->count > 0)
        qsort(manifest->items, manifest->count, sizeof(*manifest->items), by_path);
}

const ManifestEntry *manifest_find(const Manifest *manifest, const char *path)
{
    const ManifestEntry key = { .path = path };

    return manifest->count == 0
               ? NULL
               : bsearch(&key, manifest->items, manifest->count, sizeof(key), by_path);
}

void manifest_add_path(Text *text, const char *path)
{
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        if (*c <= ' ' || *c == 0x7f || *c == '%')
            text_add(text, "%%%02X", (unsigned)*c);
        else
            text_add_bytes(text, c, 1);
    }
}

static void add_entry(Text *text, const ManifestEntry *entry)
{
    char digest[SHA256_HEX_BYTES] = "-";

    if (entry->type == 'f')
        text_hex(entry->sha256, SHA256_BYTES, digest);
    text_add(text,
        "%c %04" PRIo32 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRId64 ".%09" PRIu32 " %s ",
        entry->type, entry->mode, entry->uid, entry->gid, entry->size, entry->seconds,
        entry->nanoseconds, digest);
    manifest_add_path(text, entry->path);
    text_add(text, " ");
    manifest_add_path(text, entry->target ? entry->target : "-");
    text_add(text, "\n");
}

char *manifest_text(const Manifest *manifest, size_t *ret_length)
{
    TEXT_AUTO(text, MANIFEST_MAX_BYTES);

    text_add(&text, "%s\n", MANIFEST_HEADER);
    for (size_t i = 0; i < manifest->count; i++)
        add_entry(&text, &manifest->items[i]);
    if (ret_length)
        *ret_length = text.length;
    return text_take(&text);
}

void manifest_digest(const Manifest *manifest, char ret[SHA256_HEX_BYTES])
{
    size_t length;
    AUTO_TEXT *text = manifest_text(manifest, &length);

    digest_of(text, length, ret);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Two hex digits; -1 when they are none. */
static int hex_byte(const char *text)
{
    int high = hex_value(text[0]);
    int low = high < 0 ? -1 : hex_value(text[1]);

    return low < 0 ? -1 : high * 16 + low;
}

/* Undoes manifest_add_path() in place. */
static bool decode_path(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        int byte = (unsigned char)*from;

        if (*from == '%') {
            byte = hex_byte(from + 1);
            from += 2;
        }
        if (byte <= 0)
            return false;
        *to++ = (char)byte;
    }
    *to = '\0';
    return true;
}

static bool number_of(const char *text, unsigned base, uint64_t max, uint64_t *ret)
{
    *ret = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        int digit = hex_value(*text);

        if (digit < 0 || (unsigned)digit >= base || *ret > (max - (unsigned)digit) / base)
            return false;
        *ret = *ret * base + (unsigned)digit;
    }
    return true;
}

static bool parse_numbers(char *const fields[FIELDS], ManifestEntry *ret)
{
    uint64_t mode, uid, gid, seconds, nanoseconds;
    bool negative = fields[5][0] == '-'; /* a time before 1970 */
    char *dot = strchr(fields[5], '.');

    if (!dot)
        return false;
    *dot = '\0';
    if (!number_of(fields[1], 8, 07777, &mode) || !number_of(fields[2], 10, UINT32_MAX, &uid) ||
        !number_of(fields[3], 10, UINT32_MAX, &gid) ||
        !number_of(fields[4], 10, INT64_MAX, &ret->size) ||
        !number_of(fields[5] + negative, 10, INT64_MAX, &seconds) ||
        !number_of(dot + 1, 10, 999999999, &nanoseconds))
        return false;
    ret->mode = (uint32_t)mode;
    ret->uid = (uint32_t)uid;
    ret->gid = (uint32_t)gid;
    ret->seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
    ret->nanoseconds = (uint32_t)nanoseconds;
    return true;
}

static bool parse_digest(const char *text, ManifestEntry *ret)
{
    if (ret->type != 'f')
        return strcmp(text, "-") == 0;
    if (strlen(text) != (size_t)SHA256_BYTES * 2)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int byte = hex_byte(text + i * 2);

        if (byte < 0)
            return false;
        ret->sha256[i] = (unsigned char)byte;
    }
    return true;
}

static bool parse_line(char *line, Manifest *manifest)
{
    char *fields[FIELDS];
    ManifestEntry entry = { 0 };
    size_t count = 0;
    char *field;

    while (count < FIELDS && (field = strsep(&line, " ")))
        fields[count++] = field;
    if (count != FIELDS || line || strlen(fields[0]) != 1 || !strchr("dflp", fields[0][0]))
        return false;
    entry.type = fields[0][0];
    if (!parse_numbers(fields, &entry) || !parse_digest(fields[6], &entry) ||
        !decode_path(fields[7]) || !decode_path(fields[8]))
        return false;
    entry.path = fields[7];
    entry.target = entry.type == 'l' ? fields[8] : NULL;
    manifest_add(manifest, &entry);
    return true;
}

bool manifest_parse(const char *text, Manifest **ret, Error *error)
{
    AUTO(Manifest) *manifest = manifest_new();
    AUTO_TEXT *copy = memory_text(text);
    char *rest = copy;
    char *line = strsep(&rest, "\n");

    if (strcmp(line, MANIFEST_HEADER) != 0)
        return error_set(error, ERROR_CORRUPT, "the first line is not \"%s\"", MANIFEST_HEADER);
    for (unsigned number = 2; rest && *rest; number++) {
        if (!strchr(rest, '\n'))
            return error_set(error, ERROR_CORRUPT, "line %u has no end: it was cut off", number);
        line = strsep(&rest, "\n");
        if (!parse_line(line, manifest))
            return error_set(error, ERROR_CORRUPT, "line %u is no entry of a manifest", number);
    }
    manifest_sort(manifest);
    *ret = TAKE(manifest);
    return true;
}

bool manifest_read(const char *path, Manifest **ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    size_t length;

    if (!file_read(path, MANIFEST_MAX_BYTES, &text, &length, error))
        return false;
    if (strlen(text) != length)
        return error_set(error, ERROR_CORRUPT, "%s has a zero byte: it is no manifest", path);
    return manifest_parse(text, ret, error) || error_prefix(error, "%s: ", path);
}

static bool differs(const ManifestEntry *entry, const char *what, const char *values, Error *error)
{
    TEXT_AUTO(path, 400);

    manifest_add_path(&path, entry->path);
    return error_set(error, ERROR_MISMATCH, "%s: %s%s%s", path.bytes, what,
        values[0] ? " differs: " : "", values);
}

static bool number_differs(
    const ManifestEntry *entry, const char *what, uint64_t expected, uint64_t found, Error *error)
{
    AUTO_TEXT *values = memory_format("%" PRIu64 ", expected %" PRIu64, found, expected);

    return differs(entry, what, values, error);
}

static bool content_is_same(const ManifestEntry *a, const ManifestEntry *b, Error *error)
{
    char expected[SHA256_HEX_BYTES], found[SHA256_HEX_BYTES];
    AUTO_TEXT *values = NULL;

    if (a->size != b->size)
        return number_differs(a, "size", a->size, b->size, error);
    if (a->type == 'l' && strcmp(a->target, b->target) != 0)
        return differs(a, "the link points elsewhere", "", error);
    if (a->type != 'f' || memcmp(a->sha256, b->sha256, SHA256_BYTES) == 0)
        return true;
    text_hex(a->sha256, SHA256_BYTES, expected);
    text_hex(b->sha256, SHA256_BYTES, found);
    values = memory_format("sha256 %s, expected %s", found, expected);
    return differs(a, "content", values, error);
}

static bool entry_is_same(
    const ManifestEntry *a, const ManifestEntry *b, ManifestOwners owners, Error *error)
{
    if (a->type != b->type)
        return differs(a, "it is of another type", "", error);
    if (!content_is_same(a, b, error))
        return false;
    if (a->type != 'l' && a->mode != b->mode) {
        AUTO_TEXT *values = memory_format("%04" PRIo32 ", expected %04" PRIo32, b->mode, a->mode);

        return differs(a, "mode", values, error);
    }
    if (owners == OWNERS_COUNT && a->uid != b->uid)
        return number_differs(a, "owner", a->uid, b->uid, error);
    if (owners == OWNERS_COUNT && a->gid != b->gid)
        return number_differs(a, "group", a->gid, b->gid, error);
    if (a->seconds != b->seconds || a->nanoseconds != b->nanoseconds)
        return differs(a, "its time differs", "", error);
    return true;
}

bool manifest_holds(
    const Manifest *expected, const Manifest *found, ManifestOwners owners, Error *error)
{
    for (size_t i = 0; i < expected->count; i++) {
        const ManifestEntry *entry = &expected->items[i];
        const ManifestEntry *other = manifest_find(found, entry->path);

        if (!other)
            return differs(entry, "it is missing", "", error);
        if (!entry_is_same(entry, other, owners, error))
            return false;
    }
    return true;
}

bool manifest_same(
    const Manifest *expected, const Manifest *found, ManifestOwners owners, Error *error)
{
    if (!manifest_holds(expected, found, owners, error))
        return false;
    for (size_t i = 0; i < found->count; i++)
        if (!manifest_find(expected, found->items[i].path))
            return differs(&found->items[i], "it was not there before", "", error);
    return true;
}
