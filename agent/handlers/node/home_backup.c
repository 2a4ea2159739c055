/*
 * A copy of the old home under BACKUP/NODE/RUN/home, with its manifest beside it. The manifest is
 * written last and atomically: where it is, the copy was complete; the probe reads all of it back.
 *
 * What a server makes anew on every start, and what only holds its past, is not copied: the insides
 * of the log folder and of the temporary folders, and the pid file. The server may run meanwhile
 * (its local H2 database then changes under our hands; such files are named): the upgrade never
 * alters the old home, so that it is itself the first way back.
 */

#include "agent/handlers/node/carbon_home.h"
#include "agent/handlers/node/tree.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/os/file.h"

#define SPARE_BYTES ((uint64_t)64 << 20) /* that have to be free after the copy */

typedef struct Backup {
    Home home;
    char *folder, *copy, *partial, *manifest;
} Backup;

static void backup_done(Backup *backup)
{
    free(backup->folder);
    free(backup->copy);
    free(backup->partial);
    free(backup->manifest);
}

static bool backup_of(const AgentIo *io, const Command *command, Backup *ret, Error *error)
{
    if (!home_of(io, command, HOME_OLD, &ret->home, error))
        return false;
    ret->folder =
        memory_format("%s/%s/%s", io->config->backup_directory, command->target, command->id.run);
    ret->copy = memory_format("%s/home", ret->folder);
    ret->partial = memory_format("%s/home.partial", ret->folder);
    ret->manifest = memory_format("%s/manifest", ret->folder);
    return true;
}

static TreeOrder order_for(AgentIo *io, const Backup *backup)
{
    return (TreeOrder){
        .io = io,
        .from = backup->home.path,
        .to = backup->partial,
        .skips = home_is_transient,
        .self = &backup->home,
        .changes = TREE_CHANGES_NAMED,
        .what = "backup of the home",
    };
}

static bool check_space(const TreeOrder *order, const Backup *backup, uint64_t *ret, Error *error)
{
    AUTO(Manifest) *outline = NULL;
    TreeOrder look = *order;
    uint64_t bytes, inodes;

    look.depth = TREE_OUTLINE;
    if (!tree_scan(&look, &outline, error) ||
        !file_free_space(backup->folder, &bytes, &inodes, error))
        return false;
    /* a small file takes a block, so 4 KiB are reckoned for each entry */
    *ret = outline->bytes;
    if (bytes < outline->bytes + outline->count * 4096 + SPARE_BYTES || inodes < outline->count)
        return error_set(error, ERROR_PRECONDITION,
            "%s has %llu MiB and %llu inodes free, the backup of %s needs %llu MiB and %zu inodes",
            backup->folder, (unsigned long long)bytes >> 20, (unsigned long long)inodes,
            backup->home.path,
            (unsigned long long)(outline->bytes + outline->count * 4096 + SPARE_BYTES) >> 20,
            outline->count);
    return true;
}

static bool write_manifest(const Backup *backup, const Manifest *manifest, Error *error)
{
    size_t length;
    AUTO_TEXT *text = manifest_text(manifest, &length);

    return file_replace(backup->manifest, text, length, 0600, error);
}

static bool back_up(AgentIo *io, const Command *command, Error *error)
{
    __attribute__((cleanup(backup_done))) Backup backup = { 0 };
    AUTO(Manifest) *manifest = NULL;
    TreeOrder order;

    if (!backup_of(io, command, &backup, error))
        return false;
    order = order_for(io, &backup);
    if (!file_make_folders(backup.folder, 0700, error) ||
        !file_remove_tree(backup.partial, error) || !file_remove_tree(backup.copy, error) ||
        !check_space(&order, &backup, &order.total, error) || !tree_copy(&order, &manifest, error))
        return false;
    if (rename(backup.partial, backup.copy) != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be renamed to %s", backup.partial, backup.copy);
    return file_sync_folder(backup.folder, error) && write_manifest(&backup, manifest, error);
}

static void add_evidence(AgentIo *io, const Backup *backup, const Manifest *manifest)
{
    char digest[SHA256_HEX_BYTES];

    manifest_digest(manifest, digest);
    facts_add(io->evidence, "manifest-sha256", digest);
    facts_add(io->evidence, "backup", backup->copy);
    facts_format(io->evidence, "files", "%llu", (unsigned long long)manifest->files);
    facts_format(io->evidence, "bytes", "%llu", (unsigned long long)manifest->bytes);
}

static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    __attribute__((cleanup(backup_done))) Backup backup = { 0 };
    AUTO(Manifest) *manifest = NULL;
    AUTO(Manifest) *found = NULL;
    TreeOrder look;

    *ret_holds = false;
    if (!backup_of(io, command, &backup, error))
        return false;
    if (file_kind(backup.manifest, LINKS_THEMSELVES) == FILE_ABSENT)
        return true;
    look = (TreeOrder){ .io = io,
        .from = backup.copy,
        .changes = TREE_CHANGES_REFUSED,
        .what = "reading the backup back" };
    if (!manifest_read(backup.manifest, &manifest, error))
        return false;
    look.total = manifest->bytes;
    if (!tree_scan(&look, &found, error))
        return false;
    if (!manifest_same(manifest, found, tree_owners(), error))
        return error_prefix(
            error, "the backup %s is damaged, move it away and take it again: ", backup.copy);
    add_evidence(io, &backup, manifest);
    *ret_holds = true;
    return true;
}

const Handler handler_backup_home = {
    .goal = "the old home is backed up, and the backup was read back",
    .probe = probe,
    .apply = back_up,
};

const Handler handler_verify_home = {
    .goal = "the backup of the old home is as it was made",
    .probe = probe,
};
