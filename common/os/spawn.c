#include "common/os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>

#include "common/base/memory.h"
#include "common/base/text.h"

#define SETPRIV "/usr/bin/setpriv"

static const char *const plain_environment[] = { "PATH=" PROCESS_PATH, "LC_ALL=C.UTF-8", NULL };

static void free_attributes(posix_spawnattr_t *attributes)
{
    (void)posix_spawnattr_destroy(attributes); /* frees nothing that could fail */
}

static void free_actions(posix_spawn_file_actions_t *actions)
{
    (void)posix_spawn_file_actions_destroy(actions); /* only frees memory */
}

static char *look_up(const char *name)
{
    TEXT_AUTO(path, 4096);

    for (const char *at = PROCESS_PATH; *at;) {
        size_t length = strcspn(at, ":");

        text_clear(&path);
        text_add(&path, "%.*s/%s", (int)length, at, name);
        if (access(path.bytes, X_OK) == 0)
            return text_take(&path);
        at += length + (at[length] == ':');
    }
    return NULL;
}

static bool find_program(const char *name, char **ret, Error *error)
{
    if (strchr(name, '/') && name[0] != '/')
        return error_set(
            error, ERROR_INVALID, "%s is neither an absolute path nor the name of a program", name);
    *ret = name[0] == '/' ? memory_text(name) : look_up(name);
    if (!*ret || access(*ret, X_OK) != 0) {
        free(*ret);
        *ret = NULL;
        return error_set(error, ERROR_INVALID, "program %s is not there or may not be run", name);
    }
    return true;
}

/* Ids of `user`; *ret_other says whether it is somebody else than we are. */
static bool find_user(const char *user, struct passwd *ret, bool *ret_other, Error *error)
{
    char buffer[8192];
    struct passwd *found = NULL;

    if (getpwnam_r(user, ret, buffer, sizeof(buffer), &found) != 0 || !found)
        return error_set(error, ERROR_INVALID, "there is no user %s on this host", user);
    ret->pw_name = NULL; /* pointed into the buffer; only the ids are used */
    *ret_other = ret->pw_uid != geteuid();
    if (*ret_other && geteuid() != 0)
        return error_set(error, ERROR_PRECONDITION,
            "running a program as %s needs root, this is uid %u", user, (unsigned)geteuid());
    return true;
}

/* A list as execve() wants it: its own copies, ended by NULL. */
typedef struct Words {
    char **items;
    size_t count;
} Words;

static void words_done(Words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
}

static void add_owned_word(Words *words, char *word)
{
    words->items = memory_grow(words->items, (words->count + 2) * sizeof(*words->items));
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void add_words(Words *words, const char *const *from)
{
    for (size_t i = 0; from[i]; i++)
        add_owned_word(words, memory_text(from[i]));
}

static void add_setpriv(Words *words, const struct passwd *user)
{
    add_owned_word(words, memory_text(SETPRIV));
    add_owned_word(words, memory_format("--reuid=%u", (unsigned)user->pw_uid));
    add_owned_word(words, memory_format("--regid=%u", (unsigned)user->pw_gid));
    add_owned_word(words, memory_text("--init-groups"));
    add_owned_word(words, memory_text("--"));
}

static bool make_words(const ProcessOrder *order, Words *words, Error *error)
{
    AUTO_TEXT *program = NULL;
    struct passwd user;
    bool other = false;

    if (!find_program(order->argv[0], &program, error))
        return false;
    if (order->user && !find_user(order->user, &user, &other, error))
        return false;
    if (other)
        add_setpriv(words, &user);
    add_owned_word(words, TAKE(program));
    add_words(words, order->argv + 1);
    return true;
}

static int set_attributes(posix_spawnattr_t *attributes, SpawnGroup group)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    flags = (short)(flags | (group == SPAWN_SESSION ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP));
    return posix_spawnattr_setsigdefault(attributes, &all) |
           posix_spawnattr_setsigmask(attributes, &none) |
           posix_spawnattr_setpgroup(attributes, 0) | posix_spawnattr_setflags(attributes, flags);
}

static int set_actions(
    posix_spawn_file_actions_t *actions, const int files[3], const char *directory)
{
    int failed = 0;

    for (int fd = 0; fd < 3; fd++)
        failed |= files[fd] < 0 ? posix_spawn_file_actions_addopen(
                                      actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0)
                                : posix_spawn_file_actions_adddup2(actions, files[fd], fd);
    failed |= posix_spawn_file_actions_addclosefrom_np(actions, 3);
    failed |= posix_spawn_file_actions_addchdir_np(actions, directory);
    return failed;
}

bool spawn_program(
    const ProcessOrder *order, const int files[3], SpawnGroup group, pid_t *ret, Error *error)
{
    __attribute__((cleanup(words_done))) Words words = { 0 };
    __attribute__((cleanup(words_done))) Words environment = { 0 };
    __attribute__((cleanup(free_attributes))) posix_spawnattr_t attributes;
    __attribute__((cleanup(free_actions))) posix_spawn_file_actions_t actions;
    const char *directory = order->directory ? order->directory : "/";
    int failure;

    (void)posix_spawnattr_init(&attributes);       /* cannot fail in glibc */
    (void)posix_spawn_file_actions_init(&actions); /* cannot fail in glibc */
    add_words(&environment, order->environment ? order->environment : plain_environment);
    if (!make_words(order, &words, error))
        return false;
    if (access(directory, X_OK) != 0)
        return error_set(error, ERROR_INVALID, "%s cannot be entered for %s: %s", directory,
            order->argv[0], strerrordesc_np(errno));
    if (set_attributes(&attributes, group) != 0 || set_actions(&actions, files, directory) != 0)
        return error_set(error, ERROR_IO, "%s cannot be prepared to run", order->argv[0]);
    failure =
        posix_spawn(ret, words.items[0], &actions, &attributes, words.items, environment.items);
    if (failure != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be started: %s", order->argv[0], strerrordesc_np(failure));
    return true;
}

bool spawn_open(const char *path, int flags, mode_t mode, int *ret, Error *error)
{
    AUTO_FD fd = open(path, flags | O_CLOEXEC, mode);

    *ret = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (*ret < 0)
        return error_set(error, ERROR_IO, "%s cannot be opened: %s", path, strerrordesc_np(errno));
    return true;
}
