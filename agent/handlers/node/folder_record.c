#include "agent/handlers/node/folder_record.h"

#include <errno.h>

#include "agent/handlers/node/tree.h"
#include "common/base/memory.h"
#include "common/os/digest.h"
#include "common/os/file.h"

#define RECORD_HEADER "dss-folders 1"
#define RECORD_MAX    (64 * 1024)
#define DIGEST_CHARS  16 /* enough to tell the homes of one node apart */

void folder_record_init(FolderRecord *record, const AgentIo *io, const Home *home)
{
    char digest[SHA256_HEX_BYTES];

    digest_of(home->path, strlen(home->path), digest);
    record->path = memory_format(
        "%s/folders/%s-%.*s", io->config->state_directory, home->node->name, DIGEST_CHARS, digest);
}

void folder_record_done(FolderRecord *record)
{
    free(record->path);
}

bool folder_record_exists(const FolderRecord *record)
{
    return file_kind(record->path, LINKS_THEMSELVES) != FILE_ABSENT;
}

static bool move(const char *from, const char *to, Error *error)
{
    AUTO_TEXT *folder = file_folder_of(to);

    if (rename(from, to) != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be renamed to %s: %s", from, to, strerrordesc_np(errno));
    return file_sync_folder(folder, error);
}

/* Copies a tree and writes its manifest beside it. */
static bool copy_with_manifest(AgentIo *io, const char *from, const char *to, Error *error)
{
    const TreeOrder order = { .io = io,
        .from = from,
        .to = to,
        .changes = TREE_CHANGES_REFUSED,
        .what = "originals of the new home's folders" };
    AUTO_TEXT *path = memory_format("%s.manifest", to);
    AUTO_TEXT *text = NULL;
    AUTO(Manifest) *manifest = NULL;
    size_t length;

    if (!tree_copy(&order, &manifest, error))
        return false;
    text = manifest_text(manifest, &length);
    return file_replace(path, text, length, 0600, error);
}

static bool save_folder(
    AgentIo *io, const Home *home, const char *into, size_t number, Text *lines, Error *error)
{
    const char *relative = home->profile->folders[number].path;
    AUTO_TEXT *from = home_file(home, relative);
    AUTO_TEXT *to = memory_format("%s/%zu", into, number);
    FileKind kind = file_kind(from, LINKS_THEMSELVES);

    if (kind != FILE_FOLDER && kind != FILE_ABSENT)
        return error_set(error, ERROR_PRECONDITION,
            "%s is not a folder but a link or something else: put a real folder there", from);
    text_add(lines, kind == FILE_FOLDER ? "present " : "absent ");
    manifest_add_path(lines, relative);
    text_add(lines, "\n");
    return kind == FILE_ABSENT || copy_with_manifest(io, from, to, error);
}

bool folder_record_save(FolderRecord *record, AgentIo *io, const Home *home, Error *error)
{
    AUTO_TEXT *partial = memory_format("%s.partial", record->path);
    AUTO_TEXT *list = memory_format("%s/record", partial);
    TEXT_AUTO(lines, RECORD_MAX);

    if (folder_record_exists(record))
        return true;
    if (!file_remove_tree(partial, error) || !file_make_folders(partial, 0700, error))
        return false;
    text_add(&lines, "%s ", RECORD_HEADER);
    manifest_add_path(&lines, home->path);
    text_add(&lines, "\n");
    for (size_t i = 0; i < home->profile->folder_count; i++)
        if (!save_folder(io, home, partial, i, &lines, error))
            return false;
    return file_replace(list, lines.bytes, lines.length, 0600, error) &&
           move(partial, record->path, error);
}

/* What the record's line about a folder says, which has to be about that folder. */
static bool read_record(
    const FolderRecord *record, const Home *home, size_t number, bool *ret_present, Error *error)
{
    AUTO_TEXT *list = memory_format("%s/record", record->path);
    AUTO_TEXT *text = NULL;
    TEXT_AUTO(present, 8192);
    TEXT_AUTO(absent, 8192);
    size_t length;
    char *rest;
    char *line;

    if (!file_read(list, RECORD_MAX, &text, &length, error))
        return false;
    rest = text;
    line = strsep(&rest, "\n"); /* the header */
    for (size_t i = 0; i <= number && rest; i++)
        line = strsep(&rest, "\n");
    text_add(&present, "present ");
    manifest_add_path(&present, home->profile->folders[number].path);
    text_add(&absent, "absent ");
    manifest_add_path(&absent, home->profile->folders[number].path);
    *ret_present = strcmp(line, present.bytes) == 0;
    if (!*ret_present && strcmp(line, absent.bytes) != 0)
        return error_set(error, ERROR_CORRUPT,
            "line %zu of %s says \"%s\", expected \"%s\": was the profile exchanged in mid-run?",
            number + 2, list, line, present.bytes);
    return true;
}

static bool make_original(
    const FolderRecord *record, AgentIo *io, size_t number, const char *to, Error *error)
{
    AUTO_TEXT *from = memory_format("%s/%zu", record->path, number);
    AUTO_TEXT *manifest_path = memory_format("%s.manifest", from);
    const TreeOrder order = { .io = io,
        .from = from,
        .to = to,
        .changes = TREE_CHANGES_REFUSED,
        .what = "putting back the new home's folders" };
    const TreeOrder look = { .io = io,
        .from = to,
        .changes = TREE_CHANGES_REFUSED,
        .what = "reading the new home's folders back" };
    AUTO(Manifest) *expected = NULL;
    AUTO(Manifest) *copied = NULL;
    AUTO(Manifest) *found = NULL;

    return file_remove_tree(to, error) && manifest_read(manifest_path, &expected, error) &&
           tree_copy(&order, &copied, error) && tree_scan(&look, &found, error) &&
           manifest_same(expected, found, tree_owners(), error);
}

/*
 * The original is made beside the folder and swapped in: dying anywhere leaves the folder, or its
 * aside, or the original under its name, and the next try ends the same. What is deleted is deleted
 * last: ext4 makes files several times slower right after a similar tree was removed.
 */
static bool restore_folder(
    const FolderRecord *record, AgentIo *io, const Home *home, size_t number, Error *error)
{
    AUTO_TEXT *path = home_file(home, home->profile->folders[number].path);
    AUTO_TEXT *aside = memory_format("%s.dss-upgrade.aside", path);
    AUTO_TEXT *original = memory_format("%s.dss-upgrade.original", path);
    bool present;

    if (!read_record(record, home, number, &present, error))
        return false;
    if (present && !make_original(record, io, number, original, error))
        return false;
    if (file_kind(path, LINKS_THEMSELVES) != FILE_ABSENT &&
        (!file_remove_tree(aside, error) || !move(path, aside, error)))
        return false;
    return (!present || move(original, path, error)) && file_remove_tree(aside, error);
}

bool folder_record_restore(FolderRecord *record, AgentIo *io, const Home *home, Error *error)
{
    AUTO_TEXT *aside = memory_format("%s.done", record->path);

    for (size_t i = 0; i < home->profile->folder_count; i++)
        if (!restore_folder(record, io, home, i, error))
            return false;
    return file_remove_tree(aside, error) && move(record->path, aside, error) &&
           file_remove_tree(aside, error);
}
