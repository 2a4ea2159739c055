#include "agent/handlers/node/carbon_home.h"

#include <assert.h>
#include <limits.h>

#include "agent/handlers/node/carbon_xml.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define PID_FILE_MAX 4096
#define SECRETS_MAX  (256 * 1024)

static const char *const side_names[] = { [HOME_OLD] = "old", [HOME_NEW] = "new" };
static_assert(sizeof(side_names) / sizeof(side_names[0]) == HOME_SIDE_COUNT, "sides have names");

/* In the order in which Carbon looks for them. */
static const char *const password_files[] = { "password", "password-tmp", "password-persist" };

/* Folders whose insides are state of a running server. */
static const char *const transient[] = { "tmp", "lib/tomcat/work" };

const char *home_side_name(HomeSide side)
{
    assert(side < HOME_SIDE_COUNT);
    return side_names[side];
}

static Home make_home(const AgentNode *node, const Profile *profile, HomeSide side)
{
    return (Home){
        .node = node,
        .profile = profile,
        .side = side,
        .path = side == HOME_OLD ? node->old_home : node->new_home,
        .java_home = side == HOME_OLD ? node->old_java_home : node->new_java_home,
    };
}

bool home_of(const AgentIo *io, const Command *command, HomeSide side, Home *ret, Error *error)
{
    const AgentNode *node = agent_config_node(io->config, command->target);

    if (!node)
        return error_set(error, ERROR_INVALID, "agent %s has no node %s in its configuration",
            io->config->name, command->target);
    *ret = make_home(node, io->profile, side);
    return true;
}

Home home_sibling(const Home *home)
{
    return make_home(home->node, home->profile, home->side == HOME_OLD ? HOME_NEW : HOME_OLD);
}

char *home_file(const Home *home, const char *relative)
{
    return memory_format("%s/%s", home->path, relative);
}

char *home_key(const Home *home, const char *what)
{
    return memory_format("server/%s/%s/%s", home->node->name, home_side_name(home->side), what);
}

pid_t home_pid_in(const char *bytes, size_t length)
{
    long long number = 0;
    size_t at = 0;

    while (at < length && (bytes[at] == ' ' || bytes[at] == '\n'))
        at++;
    for (; at < length && bytes[at] >= '0' && bytes[at] <= '9'; at++) {
        number = number * 10 + (bytes[at] - '0');
        if (number > INT_MAX)
            return 0;
    }
    return (pid_t)number;
}

pid_t home_pid_file(const Home *home)
{
    AUTO_TEXT *path = home_file(home, home->profile->pid_file);
    AUTO_TEXT *bytes = NULL;
    Error ignored = { 0 }; /* a pid file proves nothing, and neither does its absence */
    size_t length;

    return file_read(path, PID_FILE_MAX, &bytes, &length, &ignored) ? home_pid_in(bytes, length)
                                                                    : 0;
}

bool home_https_port(const Home *home, unsigned *ret, Error *error)
{
    unsigned offset;

    if (!carbon_xml_offset(home->path, &offset, error))
        return false;
    *ret = home->profile->https_port + offset;
    return true;
}

/* Whether a properties file has a line that is neither blank nor a comment. */
static bool has_active_line(const char *text)
{
    while (*text) {
        text += strspn(text, " \t\r\n\f");
        if (*text != '\0' && *text != '#' && *text != '!')
            return true;
        text += strcspn(text, "\n");
    }
    return false;
}

static bool password_is_there(const Home *home)
{
    for (size_t i = 0; i < sizeof(password_files) / sizeof(password_files[0]); i++) {
        AUTO_TEXT *path = home_file(home, password_files[i]);

        if (file_kind(path, LINKS_FOLLOWED) == FILE_REGULAR)
            return true;
    }
    return false;
}

bool home_vault(const Home *home, VaultState *ret, Error *error)
{
    AUTO_TEXT *path = home_file(home, "repository/conf/security/secret-conf.properties");
    AUTO_TEXT *text = NULL;
    size_t length;

    *ret = VAULT_OFF;
    if (file_kind(path, LINKS_FOLLOWED) == FILE_ABSENT)
        return true;
    if (!file_read(path, SECRETS_MAX, &text, &length, error))
        return false;
    if (has_active_line(text))
        *ret = password_is_there(home) ? VAULT_HAS_PASSWORD : VAULT_LACKS_PASSWORD;
    return true;
}

static bool is_inside(const char *path, const char *folder, size_t length)
{
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

bool home_is_transient(const void *self, const char *path)
{
    const Home *home = self;
    const char *log = home->profile->log_file;
    const char *slash = strrchr(log, '/');

    if (strcmp(path, home->profile->pid_file) == 0)
        return true;
    for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++)
        if (is_inside(path, transient[i], strlen(transient[i])))
            return true;
    return slash && is_inside(path, log, (size_t)(slash - log));
}
