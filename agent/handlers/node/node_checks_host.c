/* Checks of what runs on the node, and of the room there is. */

#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

#include "agent/handlers/node/node_checks.h"
#include "agent/handlers/node/tcp_port.h"
#include "agent/handlers/node/tree.h"
#include "common/base/memory.h"
#include "common/os/file.h"

#define MIB         ((uint64_t)1 << 20)
#define BLOCK_BYTES 4096 /* what a small file takes */
#define SPARE_BYTES (64 * MIB)

static bool check_running_old(NodeView *view, const char *id, Error *error)
{
    const CarbonProcess *jvm = carbon_processes_jvm(&view->old_running);

    (void)error;
    if (!jvm)
        finding_add(view->io->evidence, id, FINDING_WARN,
            "start it if it should run; the upgrade does not need it",
            "the old server does not run");
    else if (view->old_running.jvms > 1)
        finding_add(view->io->evidence, id, FINDING_WARN,
            "all of them will be stopped; find out why there is more than one",
            "%zu JVMs of the old home run", view->old_running.jvms);
    else
        node_passes(view, id, "the old server runs as process %d", (int)jvm->pid);
    return true;
}

static bool check_running_new(NodeView *view, const char *id, Error *error)
{
    (void)error;
    if (view->new_running.count > 0)
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "stop it: it may have written to its database and to its home already",
            "process %d of the new home runs", (int)view->new_running.items[0].pid);
    else
        node_passes(view, id, "no server of the new home runs");
    return true;
}

static bool port_state(
    const NodeView *view, const Home *home, unsigned *ret_port, PortState *ret_state, Error *error)
{
    const AgentNode *node = view->old.node;

    return home_https_port(home, ret_port, error) &&
           tcp_port_state(node->address ? node->address : "127.0.0.1", *ret_port, ret_state, error);
}

static bool check_ports(NodeView *view, const char *id, Error *error)
{
    unsigned old_port, new_port;
    PortState old_state, new_state;
    bool runs = view->old_running.jvms > 0;

    if (!port_state(view, &view->old, &old_port, &old_state, error) ||
        !port_state(view, &view->new, &new_port, &new_state, error))
        return false;
    if (!runs && old_state == PORT_OPEN)
        finding_add(view->io->evidence, id, FINDING_FAIL, "find its owner with ss -ltnp",
            "port %u is in use, and the old server does not run", old_port);
    else if (new_port != old_port && new_state == PORT_OPEN)
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "find its owner with ss -ltnp, or change Ports/Offset in the new home",
            "port %u of the new server is in use", new_port);
    else if (runs && old_state != PORT_OPEN)
        finding_add(view->io->evidence, id, FINDING_WARN,
            "look at its log: it may be starting or hung, or listen elsewhere",
            "the old server runs, and its port %u does not answer", old_port);
    else
        node_passes(view, id, "https port %u%s", old_port, runs ? " answers" : " is free");
    return true;
}

/* The nearest folder above that exists. */
static char *existing_part(const char *path)
{
    char *part = memory_text(path);

    while (file_kind(part, LINKS_FOLLOWED) == FILE_ABSENT && strlen(part) > 1) {
        char *above = file_folder_of(part);

        free(part);
        part = above;
    }
    return part;
}

static bool outline(const NodeView *view, const char *path, Manifest **ret, Error *error)
{
    TreeOrder order = {
        .io = view->io, .from = path, .depth = TREE_OUTLINE, .what = "sizes of the home"
    };

    if (path == view->old.path) { /* as it is backed up */
        order.skips = home_is_transient;
        order.self = &view->old;
    }
    return tree_scan(&order, ret, error);
}

/* Whether `path`'s file system has room for all of these trees; adds to `ret_text`. */
static bool has_room(const char *path, uint64_t bytes, bool *ret, Text *ret_text, Error *error)
{
    AUTO_TEXT *existing = existing_part(path);
    uint64_t free_bytes, free_inodes;

    if (!file_free_space(existing, &free_bytes, &free_inodes, error))
        return false;
    *ret = *ret && free_bytes >= bytes + SPARE_BYTES;
    text_add(ret_text, "%s%s needs %llu MiB of %llu MiB", ret_text->length > 0 ? ", " : "", path,
        (unsigned long long)((bytes + SPARE_BYTES) / MIB), (unsigned long long)(free_bytes / MIB));
    return true;
}

static uint64_t room_for(const Manifest *manifest)
{
    return manifest->bytes + manifest->count * BLOCK_BYTES;
}

static bool check_disk(NodeView *view, const char *id, Error *error)
{
    AUTO(Manifest) *home = NULL;
    TEXT_AUTO(text, 1000);
    uint64_t folders = 0;
    bool enough = true;

    if (!outline(view, view->old.path, &home, error))
        return false;
    for (size_t i = 0; i < view->io->profile->folder_count; i++) {
        AUTO_TEXT *path = home_file(&view->old, view->io->profile->folders[i].path);
        AUTO(Manifest) *folder = NULL;

        if (file_kind(path, LINKS_FOLLOWED) != FILE_FOLDER)
            continue;
        if (!outline(view, path, &folder, error))
            return false;
        folders += room_for(folder);
    }
    if (!has_room(view->io->config->backup_directory, room_for(home), &enough, &text, error) ||
        !has_room(view->new.path, folders, &enough, &text, error))
        return false;
    facts_add(view->io->evidence, "~room", text.bytes);
    if (enough)
        node_passes(view, id, "%s", text.bytes);
    else
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "make room, or name another folder in the agent's configuration", "%s", text.bytes);
    return true;
}

static bool user_of(const NodeView *view, uid_t *ret, Error *error)
{
    const char *name = view->old.node->user;
    char buffer[8192];
    struct passwd entry;
    struct passwd *found = NULL;

    *ret = geteuid();
    if (!name)
        return true;
    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return error_set(error, ERROR_INVALID, "there is no user %s on this host", name);
    *ret = entry.pw_uid;
    return true;
}

static bool check_user(NodeView *view, const char *id, Error *error)
{
    const CarbonProcess *jvm = carbon_processes_jvm(&view->old_running);
    const Home *const homes[] = { &view->old, &view->new };
    uid_t user;

    if (!user_of(view, &user, error))
        return false;
    if (geteuid() != 0 && geteuid() != user) {
        finding_add(view->io->evidence, id, FINDING_FAIL, "run the agent as root or as that user",
            "the agent runs as %u, the servers as %u: it can neither stop nor start them",
            (unsigned)geteuid(), (unsigned)user);
        return true;
    }
    if (jvm && jvm->user != user) {
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "name the servers' real user in the agent's configuration",
            "the old server runs as user %u, the configuration says %u", (unsigned)jvm->user,
            (unsigned)user);
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        struct stat status;

        if (stat(homes[i]->path, &status) == 0 && status.st_uid != user) {
            finding_add(view->io->evidence, id, FINDING_WARN,
                "give the home to the servers' user (chown -R), or correct the user in the agent's "
                "configuration",
                "%s belongs to user %u, the servers run as %u", homes[i]->path,
                (unsigned)status.st_uid, (unsigned)user);
            return true;
        }
    }
    node_passes(view, id, "homes and servers are user %u's", (unsigned)user);
    return true;
}

static bool describe_folder(
    NodeView *view, const ProfileFolder *folder, const char *id, bool *ret_good, Error *error)
{
    AUTO_TEXT *from = home_file(&view->old, folder->path);
    AUTO_TEXT *to = home_file(&view->new, folder->path);
    AUTO_TEXT *name = memory_format("~folder:%s", folder->path);
    AUTO(Manifest) *manifest = NULL;
    FileKind target = file_kind(to, LINKS_THEMSELVES);

    if (target != FILE_FOLDER && target != FILE_ABSENT) {
        finding_add(view->io->evidence, id, FINDING_FAIL, "put a real folder there",
            "%s is not a folder but a link or something else", to);
        *ret_good = false;
    }
    if (file_kind(from, LINKS_FOLLOWED) != FILE_FOLDER) {
        facts_add(view->io->evidence, name, "absent");
        if (folder->tenants_only)
            return true;
        *ret_good = false;
        return error_set(error, ERROR_PRECONDITION, "%s is not a folder", from);
    }
    if (file_kind(from, LINKS_THEMSELVES) == FILE_LINK) {
        finding_add(view->io->evidence, id, FINDING_WARN,
            "replace the new folder by a link as well, later, if the disk is to be shared",
            "%s is a link: what it leads to is copied into a folder of the new home", from);
        *ret_good = false;
    }
    if (!outline(view, from, &manifest, error))
        return false;
    facts_format(view->io->evidence, name, "%llu files, %llu bytes",
        (unsigned long long)manifest->files, (unsigned long long)manifest->bytes);
    return true;
}

static bool check_folders(NodeView *view, const char *id, Error *error)
{
    bool good = true;

    for (size_t i = 0; i < view->io->profile->folder_count; i++)
        if (!describe_folder(view, &view->io->profile->folders[i], id, &good, error))
            return false;
    if (good)
        node_passes(view, id, "the folders to be copied are folders in both homes");
    return true;
}

static bool check_stale_pid(NodeView *view, const char *id, Error *error)
{
    const CarbonProcess *jvm = carbon_processes_jvm(&view->old_running);
    pid_t named = home_pid_file(&view->old);
    bool is_alive = named > 0 && kill(named, 0) == 0;

    (void)error;
    if (jvm && named != jvm->pid)
        finding_add(view->io->evidence, id, FINDING_WARN,
            "nothing: the upgrade finds servers by themselves; the vendor's stop would miss this "
            "one",
            "the pid file says %d, the old server is process %d", (int)named, (int)jvm->pid);
    else if (!jvm && is_alive)
        finding_add(view->io->evidence, id, FINDING_WARN,
            "remove the pid file: the vendor's stop would end that process",
            "the pid file of the old home names process %d, which is no server of it", (int)named);
    else
        node_passes(view, id, "the pid file misleads nobody");
    return true;
}

const NodeCheck node_host_checks[] = {
    { "NODE-RUNNING-OLD", false, check_running_old },
    { "NODE-RUNNING-NEW", false, check_running_new },
    { "NODE-PORTS", true, check_ports },
    { "NODE-DISK", true, check_disk },
    { "NODE-USER", false, check_user },
    { "NODE-FOLDERS", true, check_folders },
    { "NODE-STALE-PID", true, check_stale_pid },
    { NULL, false, NULL },
};
