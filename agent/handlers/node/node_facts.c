/*
 * What is on a node. Facts without a tilde are pinned in the plan: one changed byte in a
 * configuration file that the profile names, and apply refuses. Findings are the preflight's.
 */

#include <glob.h>
#include <stdarg.h>

#include "agent/handlers/configuration/configuration.h"
#include "agent/handlers/node/node_checks.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/digest.h"
#include "common/os/file.h"

#define MARK_MAX (64 * 1024)

void node_passes(const NodeView *view, const char *id, const char *format, ...)
{
    AUTO_TEXT *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    finding_add(view->io->evidence, id, FINDING_PASS, "", "%s", text ? text : "");
}

/* The first lines of the files by which a release is known. */
static char *version_of(const Home *home)
{
    TEXT_AUTO(version, 1000);

    for (size_t i = 0; i < home->profile->mark_count; i++) {
        AUTO_TEXT *path = home_file(home, home->profile->marks[i].file);
        AUTO_TEXT *bytes = NULL;
        Error ignored = { 0 }; /* a file that is not there has its own finding */
        size_t length;

        if (!file_read(path, MARK_MAX, &bytes, &length, &ignored))
            continue;
        bytes[strcspn(bytes, "\r\n")] = '\0';
        text_add(&version, "%s%s", version.length > 0 ? ", " : "", bytes);
    }
    return text_take(&version);
}

static bool add_digest(Facts *facts, const Home *home, const char *path, Error *error)
{
    AUTO_TEXT *name =
        memory_format("file:%s@%s", path + strlen(home->path) + 1, home_side_name(home->side));
    char digest[SHA256_HEX_BYTES];

    if (facts_get(facts, name))
        return true;
    if (!digest_of_file(path, digest, error))
        return false;
    facts_add(facts, name, digest);
    return true;
}

/* `pattern` is relative to the home: a file, or a shell pattern for several. */
static bool add_digests(Facts *facts, const Home *home, const char *pattern, Error *error)
{
    AUTO_TEXT *path = home_file(home, pattern);
    AUTO_TEXT *name = memory_format("file:%s@%s", pattern, home_side_name(home->side));
    __attribute__((cleanup(globfree))) glob_t found = { 0 };

    if (file_kind(path, LINKS_FOLLOWED) == FILE_REGULAR)
        return add_digest(facts, home, path, error);
    if (glob(path, 0, NULL, &found) != 0 || found.gl_pathc == 0) {
        if (!facts_get(facts, name))
            facts_add(facts, name, "absent");
        return true;
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (file_kind(found.gl_pathv[i], LINKS_FOLLOWED) == FILE_REGULAR &&
            !add_digest(facts, home, found.gl_pathv[i], error))
            return false;
    return true;
}

static bool pin_files(const NodeView *view, Error *error)
{
    const Profile *profile = view->io->profile;

    for (size_t i = 0; i < profile->setting_count; i++) {
        const ProfileSetting *setting = &profile->settings[i];
        const char *old_file = setting->old_file ? setting->old_file : setting->file;

        if (!setting->file)
            continue;
        if (!add_digests(view->io->evidence, &view->old, old_file, error) ||
            !add_digests(view->io->evidence, &view->new, setting->file, error))
            return false;
    }
    return add_digests(view->io->evidence, &view->old, "repository/conf/carbon.xml", error) &&
           add_digests(view->io->evidence, &view->new, "repository/conf/carbon.xml", error);
}

static void add_load(Facts *facts)
{
    double load = 0;

    if (getloadavg(&load, 1) == 1)
        facts_format(facts, "~load", "%.2f", load);
}

static void run_checks(NodeView *view, const NodeCheck *checks)
{
    for (; checks->id; checks++) {
        Error error = { 0 };

        if (checks->needs_homes && !view->homes_are_there)
            continue;
        if (!checks->check(view, checks->id, &error))
            finding_add(view->io->evidence, checks->id, FINDING_FAIL,
                "remove the cause and check again", "%s", error.text);
    }
}

static bool look(NodeView *view, Error *error)
{
    AUTO_TEXT *old_version = version_of(&view->old);
    AUTO_TEXT *new_version = version_of(&view->new);
    Facts *facts = view->io->evidence;

    facts_add(facts, "old-home", view->old.path);
    facts_add(facts, "new-home", view->new.path);
    facts_add(facts, "old-version", old_version);
    facts_add(facts, "new-version", new_version);
    add_load(facts);
    if (!carbon_processes_find(&view->old, &view->old_running, error) ||
        !carbon_processes_find(&view->new, &view->new_running, error) || !pin_files(view, error))
        return false;
    run_checks(view, node_home_checks);
    run_checks(view, node_host_checks);
    if (view->homes_are_there)
        configuration_findings(view->io, view->old.node, view->command);
    return true;
}

static void view_done(NodeView *view)
{
    carbon_processes_done(&view->old_running);
    carbon_processes_done(&view->new_running);
}

static bool inspect(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    __attribute__((cleanup(view_done)))
    NodeView view = { .io = io, .command = command, .homes_are_there = true };

    *ret_holds = true;
    return home_of(io, command, HOME_OLD, &view.old, error) &&
           home_of(io, command, HOME_NEW, &view.new, error) && look(&view, error);
}

const Handler handler_inspect_node = {
    .goal = "the node was looked at",
    .probe = inspect,
};
