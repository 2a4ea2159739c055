/*
 * The folders of artefacts, from the old home to the new one, laid over what the new pack brought;
 * and back to what the pack brought.
 *
 * Before the first file is written the folders of the new home are saved whole (folder_record.h).
 * The copy can be repeated at any time; it holds when everything of the old folders (but what the
 * profile keeps of the pack) is in the new ones with equal content, mode, owner and time. The old
 * folder itself may be a link (to a shared disk); links in it stay links.
 */

#include "agent/handlers/node/carbon_process.h"
#include "agent/handlers/node/folder_record.h"
#include "agent/handlers/node/tree.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/os/file.h"

/* One folder on its way. */
typedef struct Transfer {
    const ProfileFolder *folder;
    char *from; /* NULL: the old home has no such folder */
    char *to;
} Transfer;

static void transfer_done(Transfer *transfer)
{
    free(transfer->from);
    free(transfer->to);
}

static bool no_server_runs(const Home *home, Error *error)
{
    CARBON_PROCESSES_AUTO(found);

    if (!carbon_processes_find(home, &found, error))
        return false;
    if (found.count > 0)
        return error_set(error, ERROR_PRECONDITION,
            "process %d of %s runs, and a running server would load half of what is copied: stop "
            "it first",
            (int)found.items[0].pid, home->path);
    return true;
}

static bool is_or_is_inside(const char *path, const char *above)
{
    size_t length = strlen(above);

    return strncmp(path, above, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_kept(const void *self, const char *path)
{
    const Transfer *transfer = self;

    for (size_t i = 0; i < transfer->folder->keep_count; i++)
        if (is_or_is_inside(path, transfer->folder->keep[i]))
            return true;
    return false;
}

static bool transfer_init(
    const Home *old, const Home *new, const ProfileFolder *folder, Transfer *ret, Error *error)
{
    AUTO_TEXT *path = home_file(old, folder->path);
    FileKind kind = file_kind(path, LINKS_FOLLOWED);

    ret->folder = folder;
    ret->to = home_file(new, folder->path);
    if (kind == FILE_ABSENT && folder->tenants_only)
        return true; /* tenants without artefacts have no folder */
    if (kind != FILE_FOLDER)
        return error_set(error, ERROR_PRECONDITION, "%s is not a folder", path);
    ret->from = TAKE(path);
    return true;
}

static TreeOrder order_for(AgentIo *io, const Transfer *transfer)
{
    return (TreeOrder){
        .io = io,
        .from = transfer->from,
        .to = transfer->to,
        .skips = is_kept,
        .self = transfer,
        .changes = TREE_CHANGES_REFUSED,
        .what = transfer->folder->path,
    };
}

static void add_evidence(Facts *evidence, const Transfer *transfer, const Manifest *manifest)
{
    AUTO_TEXT *name = memory_format("folder:%s", transfer->folder->path);
    char digest[SHA256_HEX_BYTES];

    if (!manifest) {
        facts_add(evidence, name, "absent in the old home");
        return;
    }
    manifest_digest(manifest, digest);
    facts_format(evidence, name, "files=%llu bytes=%llu manifest=%s",
        (unsigned long long)manifest->files, (unsigned long long)manifest->bytes, digest);
}

/* Whether everything of one folder is in the new home. */
static bool probe_folder(
    AgentIo *io, const Transfer *transfer, Facts *evidence, bool *ret_holds, Error *error)
{
    TreeOrder order = order_for(io, transfer);
    AUTO(Manifest) *expected = NULL;
    AUTO(Manifest) *found = NULL;
    Error difference = { 0 }; /* not there yet is no failure */

    *ret_holds = file_kind(transfer->to, LINKS_THEMSELVES) == FILE_FOLDER;
    if (!*ret_holds)
        return true;
    if (!tree_scan(&order, &expected, error))
        return false;
    order.from = transfer->to;
    if (!tree_scan(&order, &found, error))
        return false;
    *ret_holds = manifest_holds(expected, found, tree_owners(), &difference);
    if (*ret_holds)
        add_evidence(evidence, transfer, expected);
    return true;
}

static bool both_homes(
    const AgentIo *io, const Command *command, Home *ret_old, Home *ret_new, Error *error)
{
    return home_of(io, command, HOME_OLD, ret_old, error) &&
           home_of(io, command, HOME_NEW, ret_new, error);
}

static bool probe_copied(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    FACTS_AUTO(evidence);
    Home old, new;

    *ret_holds = true;
    if (!both_homes(io, command, &old, &new, error))
        return false;
    for (size_t i = 0; i < io->profile->folder_count && *ret_holds; i++) {
        __attribute__((cleanup(transfer_done))) Transfer transfer = { 0 };

        if (!transfer_init(&old, &new, &io->profile->folders[i], &transfer, error))
            return false;
        if (!transfer.from)
            add_evidence(&evidence, &transfer, NULL);
        else if (!probe_folder(io, &transfer, &evidence, ret_holds, error))
            return false;
    }
    if (*ret_holds)
        facts_copy(io->evidence, &evidence);
    return true;
}

static bool copy(AgentIo *io, const Command *command, Error *error)
{
    FOLDER_RECORD_AUTO(record);
    Home old, new;

    if (!both_homes(io, command, &old, &new, error) || !no_server_runs(&new, error))
        return false;
    folder_record_init(&record, io, &new);
    if (!folder_record_save(&record, io, &new, error))
        return false;
    for (size_t i = 0; i < io->profile->folder_count; i++) {
        __attribute__((cleanup(transfer_done))) Transfer transfer = { 0 };
        AUTO(Manifest) *copied = NULL;
        TreeOrder order;

        if (!transfer_init(&old, &new, &io->profile->folders[i], &transfer, error))
            return false;
        order = order_for(io, &transfer);
        if (transfer.from && !tree_copy(&order, &copied, error))
            return false;
    }
    return true;
}

static bool probe_removed(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    FOLDER_RECORD_AUTO(record);
    Home new;

    if (!home_of(io, command, HOME_NEW, &new, error))
        return false;
    folder_record_init(&record, io, &new);
    *ret_holds = !folder_record_exists(&record);
    if (*ret_holds)
        facts_format(io->evidence, "folders", "those of %s are as its pack brought them", new.path);
    return true;
}

static bool put_back(AgentIo *io, const Command *command, Error *error)
{
    FOLDER_RECORD_AUTO(record);
    Home new;

    if (!home_of(io, command, HOME_NEW, &new, error) || !no_server_runs(&new, error))
        return false;
    folder_record_init(&record, io, &new);
    return folder_record_restore(&record, io, &new, error);
}

const Handler handler_copy_folders = {
    .goal = "the new home has the artefacts of the old one",
    .probe = probe_copied,
    .apply = copy,
};

const Handler handler_remove_folders = {
    .goal = "the folders of the new home are as its pack brought them",
    .probe = probe_removed,
    .apply = put_back,
};
