/* Checks of what the two homes hold. */

#include <dirent.h>

#include "agent/handlers/node/carbon_xml.h"
#include "agent/handlers/node/node_checks.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"
#include "common/os/process.h"

#define MARK_MAX  (64 * 1024)
#define JAVA_MS   20000
#define NAMES_MAX 400 /* bytes of a list of names in a finding */

/* Java feature numbers that Carbon 4.0 to 4.2 run on; 8 runs and was never supported. */
#define JAVA_FIRST 6
#define JAVA_LAST  7
#define JAVA_RUNS  8

static bool home_is_there(NodeView *view, const Home *home, const char *id)
{
    const char *const files[] = { home->profile->start_script, "repository/conf/carbon.xml" };
    bool is_folder = file_kind(home->path, LINKS_FOLLOWED) == FILE_FOLDER;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        AUTO_TEXT *path = home_file(home, files[i]);

        if (file_kind(path, LINKS_FOLLOWED) == FILE_REGULAR)
            continue;
        view->homes_are_there = false;
        finding_add(view->io->evidence, id, FINDING_FAIL,
            home->side == HOME_OLD ? "correct the node's old home in the agent's configuration"
                                   : "unpack the new release there, or correct the node's new home "
                                     "in the agent's configuration",
            is_folder ? "%s is no Carbon home: %s is not there" : "%s does not exist (no %s)",
            home->path, files[i]);
        return true;
    }
    node_passes(view, id, "%s is a Carbon home", home->path);
    return true;
}

static bool check_old_home(NodeView *view, const char *id, Error *error)
{
    (void)error; /* all it can find is a finding */
    return home_is_there(view, &view->old, id);
}

static bool check_new_home(NodeView *view, const char *id, Error *error)
{
    (void)error;
    return home_is_there(view, &view->new, id);
}

/* NULL when all marks are there; else the first line that is another. */
static char *wrong_mark(const Home *home)
{
    for (size_t i = 0; i < home->profile->mark_count; i++) {
        const ProfileMark *mark = &home->profile->marks[i];
        AUTO_TEXT *path = home_file(home, mark->file);
        AUTO_TEXT *bytes = NULL;
        Error failure = { 0 };
        size_t length;

        if (!file_read(path, MARK_MAX, &bytes, &length, &failure))
            return memory_text(failure.text);
        if (strncmp(bytes, mark->begins, strlen(mark->begins)) == 0)
            continue;
        bytes[strcspn(bytes, "\r\n")] = '\0';
        return memory_format("%s says \"%s\", expected \"%s\"", path, bytes, mark->begins);
    }
    return NULL;
}

static bool check_new_version(NodeView *view, const char *id, Error *error)
{
    AUTO_TEXT *wrong = wrong_mark(&view->new);

    (void)error;
    if (wrong)
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "unpack the release that the profile is for, or choose the profile of this one", "%s",
            wrong);
    else
        node_passes(view, id, "%s is %s %s", view->new.path, view->io->profile->product,
            view->io->profile->version);
    return true;
}

static bool check_old_version(NodeView *view, const char *id, Error *error)
{
    AUTO_TEXT *wrong = wrong_mark(&view->old);

    (void)error;
    if (!wrong && view->io->profile->mark_count > 0)
        finding_add(view->io->evidence, id, FINDING_WARN,
            "correct the node's old home in the agent's configuration, unless only the database is "
            "to be moved",
            "%s is %s %s already", view->old.path, view->io->profile->product,
            view->io->profile->version);
    else
        node_passes(view, id, "%s is another release", view->old.path);
    return true;
}

static bool check_paths(NodeView *view, const char *id, Error *error)
{
    const char *const paths[] = { view->old.path, view->new.path };
    AUTO_TEXT *old = realpath(view->old.path, NULL);
    AUTO_TEXT *new = realpath(view->new.path, NULL);

    (void)error;
    for (size_t i = 0; i < 2; i++)
        if (strpbrk(paths[i], " \t")) {
            finding_add(view->io->evidence, id, FINDING_FAIL,
                "move the home to a path without blanks",
                "the path \"%s\" has a blank: the vendor's script then neither starts nor stops",
                paths[i]);
            return true;
        }
    if (old && new &&strcmp(old, new) == 0)
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "unpack the new release beside the old one", "the old and the new home are both %s",
            old);
    else
        node_passes(view, id, "no blank in the paths of the homes");
    return true;
}

/* 7 for "1.7.0_80", 11 for "11.0.2"; 0 when it is none. */
static unsigned java_feature(const char *version)
{
    char *end = NULL;
    unsigned long first = strtoul(version, &end, 10);

    if (first == 1 && *end == '.')
        first = strtoul(end + 1, NULL, 10);
    return first > 0 && first < 1000 ? (unsigned)first : 0;
}

/* What java says of itself: the words between the first pair of quotes; the caller frees. */
static bool java_version(const Home *home, char **ret, Error *error)
{
    AUTO_TEXT *java = memory_format("%s/bin/java", home->java_home);
    const char *const argv[] = { java, "-version", NULL };
    const ProcessOrder order = { .argv = argv, .timeout = JAVA_MS, .user = home->node->user };
    PROCESS_RESULT_AUTO(result);
    const char *quote;

    if (!process_run(&order, &result, error) || !process_succeeded(&order, &result, error))
        return false;
    quote = strchr(result.messages, '"');
    if (!quote || !strchr(quote + 1, '"'))
        return error_set(error, ERROR_INVALID, "%s does not say its version", java);
    *ret = memory_text_n(quote + 1, strcspn(quote + 1, "\""));
    return true;
}

static bool check_java(NodeView *view, const Home *home, const char *id, Error *error)
{
    AUTO_TEXT *version = NULL;
    AUTO_TEXT *fact = memory_format("%s-java", home_side_name(home->side));
    unsigned feature;

    if (!java_version(home, &version, error))
        return false;
    facts_add(view->io->evidence, fact, version);
    feature = java_feature(version);
    if (feature >= JAVA_FIRST && feature <= JAVA_LAST)
        node_passes(view, id, "%s is Java %s", home->java_home, version);
    else
        finding_add(view->io->evidence, id,
            feature == JAVA_RUNS || home->side == HOME_OLD ? FINDING_WARN : FINDING_FAIL,
            "install a JDK 7 (or 6) and name it in the agent's configuration",
            "%s is Java %s; the servers want 1.6 or 1.7%s", home->java_home, version,
            feature > JAVA_RUNS ? ", and later ones reject their options and end at once" : "");
    return true;
}

static bool check_old_java(NodeView *view, const char *id, Error *error)
{
    return check_java(view, &view->old, id, error);
}

static bool check_new_java(NodeView *view, const char *id, Error *error)
{
    return check_java(view, &view->new, id, error);
}

static bool check_synchroniser(NodeView *view, const char *id, Error *error)
{
    const Home *const homes[] = { &view->old, &view->new };

    for (size_t i = 0; i < 2; i++) {
        CarbonXml xml;

        if (!carbon_xml_read(homes[i]->path, &xml, error))
            return false;
        if (!xml.synchroniser_enabled)
            continue;
        finding_add(view->io->evidence, id, FINDING_FAIL,
            "switch DeploymentSynchronizer off in carbon.xml for the upgrade, and give the new "
            "cluster a repository of its own",
            "the deployment synchroniser is on in %s: it would write what is copied into the old "
            "cluster's repository, or overwrite it from there",
            homes[i]->path);
        return true;
    }
    node_passes(view, id, "no deployment synchroniser");
    return true;
}

static bool check_vault(NodeView *view, const char *id, Error *error)
{
    VaultState old, new;

    if (!home_vault(&view->old, &old, error) || !home_vault(&view->new, &new, error))
        return false;
    if (old == VAULT_OFF && new == VAULT_OFF)
        node_passes(view, id, "secure vault is off");
    else
        finding_add(view->io->evidence, id, FINDING_WARN,
            "carry cipher texts and key store to the new home, and put the key store's password "
            "into the file password-tmp (mode 600) of a home before each start",
            "secure vault is on in the %s home", old != VAULT_OFF ? "old" : "new");
    return true;
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder); /* was only read */
}

/* Adds the names in a folder of the home that end so; hidden ones are the server's own records. */
static size_t list_names(const Home *home, const char *relative, const char *ending, Text *names)
{
    AUTO_TEXT *path = home_file(home, relative);
    __attribute__((cleanup(close_folder))) DIR *folder = opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    while (folder && (entry = readdir(folder))) {
        size_t length = strlen(entry->d_name);

        if (entry->d_name[0] == '.' || length < strlen(ending) ||
            strcmp(entry->d_name + length - strlen(ending), ending) != 0)
            continue;
        text_add(names, "%s%s", count++ > 0 || names->length > 0 ? ", " : "", entry->d_name);
    }
    return count;
}

static bool check_patches(NodeView *view, const char *id, Error *error)
{
    TEXT_AUTO(names, NAMES_MAX);
    size_t count = list_names(&view->old, "repository/components/patches", "", &names) +
                   list_names(&view->old, "repository/components/servicepacks", "", &names);

    (void)error;
    if (count == 0)
        node_passes(view, id, "no patches in the old home");
    else
        finding_add(view->io->evidence, id, FINDING_WARN,
            "make sure that the new release contains what they mend: they are never copied",
            "%zu patches or service packs in the old home: %s", count, names.bytes);
    return true;
}

static bool check_old_carbonapps(NodeView *view, const char *id, Error *error)
{
    TEXT_AUTO(names, NAMES_MAX);
    size_t count = list_names(&view->old, "repository/carbonapps", ".car", &names);

    (void)error;
    if (count == 0)
        node_passes(view, id, "no applications in the folder of older releases");
    else
        finding_add(view->io->evidence, id, FINDING_WARN,
            "put them into repository/deployment/server/carbonapps of the old home if the new "
            "server is to have them",
            "%zu applications in repository/carbonapps, which the new release does not read: %s",
            count, names.bytes);
    return true;
}

const NodeCheck node_home_checks[] = {
    { "NODE-HOME-OLD", false, check_old_home },
    { "NODE-HOME-NEW", false, check_new_home },
    { "NODE-SPACE-PATH", false, check_paths },
    { "NODE-VERSION-OLD", true, check_old_version },
    { "NODE-VERSION-NEW", true, check_new_version },
    { "NODE-JAVA-OLD", false, check_old_java },
    { "NODE-JAVA-NEW", false, check_new_java },
    { "NODE-SVN", true, check_synchroniser },
    { "NODE-VAULT", true, check_vault },
    { "NODE-PATCHES", true, check_patches },
    { "NODE-OLD-CARBONAPPS", true, check_old_carbonapps },
    { NULL, false, NULL },
};
