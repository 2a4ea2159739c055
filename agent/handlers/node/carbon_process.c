#include "agent/handlers/node/carbon_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define COMMAND_LINE_MAX (256 * 1024)
#define STAT_MAX         4096

/* What /proc says of one process. */
typedef struct Seen {
    pid_t pid;
    char state;
    uint64_t started_ticks;
    uid_t user;
    char *words; /* NUL-separated, as in /proc/PID/cmdline */
    size_t length;
} Seen;

static void seen_done(Seen *seen)
{
    free(seen->words);
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder); /* was only read */
}

/* The word behind `word`, or NULL; NULL asks for the first. */
static const char *next_word(const Seen *seen, const char *word)
{
    const char *next = word ? word + strlen(word) + 1 : seen->words;

    return next < seen->words + seen->length ? next : NULL;
}

/* Field 3 and field 22 of /proc/PID/stat; the name in field 2 may hold blanks and brackets. */
static bool parse_stat(const char *text, Seen *ret)
{
    const char *at = strrchr(text, ')');

    if (!at || at[1] != ' ')
        return false;
    ret->state = at[2];
    at += 2;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    ret->started_ticks = strtoull(at, NULL, 10);
    return true;
}

/* False when it is gone, a zombie, or a thread of the kernel. */
static bool look_at(pid_t pid, Seen *ret)
{
    AUTO_TEXT *folder = memory_format("/proc/%d", (int)pid);
    AUTO_TEXT *stat_path = memory_format("%s/stat", folder);
    AUTO_TEXT *line_path = memory_format("%s/cmdline", folder);
    AUTO_TEXT *text = NULL;
    Error gone = { 0 }; /* processes come and go while we look */
    struct stat status;
    size_t length;

    *ret = (Seen){ .pid = pid };
    if (!file_read(stat_path, STAT_MAX, &text, &length, &gone) || !parse_stat(text, ret) ||
        ret->state == 'Z' || ret->state == 'X' || stat(folder, &status) != 0)
        return false;
    ret->user = status.st_uid;
    return file_read(line_path, COMMAND_LINE_MAX, &ret->words, &ret->length, &gone) &&
           ret->length > 0;
}

static bool is_same_place(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* open(O_PATH) as the process itself would: absolute links in a container stay in the container. */
static int open_as(pid_t pid, const char *path)
{
    const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
    AUTO_TEXT *root_path = memory_format("/proc/%d/%s", (int)pid, path[0] == '/' ? "root" : "cwd");
    AUTO_FD root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return -1;
    if (path[0] != '/')
        return openat(root, path, O_PATH | O_CLOEXEC);
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Whether `path`, as the process sees it, is `ours`. */
static bool names_our(const char *path, pid_t pid, const char *ours)
{
    AUTO_FD opened = open_as(pid, path);
    AUTO_TEXT *real = NULL;
    AUTO_TEXT *our_real = NULL;
    struct stat theirs, mine;

    if (opened >= 0 && fstat(opened, &theirs) == 0)
        return stat(ours, &mine) == 0 && is_same_place(&theirs, &mine);
    if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
        return strcmp(path, ours) == 0 && file_kind(ours, LINKS_FOLLOWED) == FILE_ABSENT;
    real = realpath(path, NULL);
    our_real = realpath(ours, NULL);
    return strcmp(real ? real : path, our_real ? our_real : ours) == 0;
}

static const char *find_main_class(const Seen *seen, const char *main_class)
{
    const char *word = NULL;

    while ((word = next_word(seen, word)))
        if (strcmp(word, main_class) == 0)
            return word;
    return NULL;
}

static bool has_home_property(const Seen *seen, const Home *home)
{
    AUTO_TEXT *start = memory_format("-D%s=", home->profile->home_property);
    const char *word = NULL;

    while ((word = next_word(seen, word)))
        if (strncmp(word, start, strlen(start)) == 0 &&
            names_our(word + strlen(start), seen->pid, home->path))
            return true;
    return false;
}

static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_shell(const char *word)
{
    static const char *const shells[] = { "sh", "bash", "dash", "ksh", "busybox" };

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(name_in(word), shells[i]) == 0)
            return true;
    return false;
}

/* The first word behind `word` that is not an option. */
static const char *skip_options(const Seen *seen, const char *word)
{
    do
        word = next_word(seen, word);
    while (word && word[0] == '-');
    return word;
}

static bool is_wrapper(const Seen *seen, const Home *home)
{
    AUTO_TEXT *script = home_file(home, home->profile->start_script);
    const char *word = next_word(seen, NULL);

    if (word && strcmp(name_in(word), "setpriv") == 0)
        word = skip_options(seen, word); /* it is about to become the shell */
    if (!word || !is_shell(word))
        return false;
    word = skip_options(seen, word);
    return word && names_our(word, seen->pid, script);
}

/* The words behind the main class, a line each: how this server was started. */
static char *arguments_behind(const Seen *seen, const char *main_class)
{
    TEXT_AUTO(arguments, COMMAND_LINE_MAX);
    const char *word = main_class;

    while ((word = next_word(seen, word)))
        text_add(&arguments, "%s\n", word);
    return text_take(&arguments);
}

static bool belongs_to(const Seen *seen, const Home *home, CarbonProcess *ret)
{
    const char *main_class = find_main_class(seen, home->profile->main_class);

    *ret = (CarbonProcess){ .role = CARBON_JVM,
        .pid = seen->pid,
        .user = seen->user,
        .started_ticks = seen->started_ticks };
    if (main_class && has_home_property(seen, home)) {
        ret->arguments = arguments_behind(seen, main_class);
        return true;
    }
    ret->role = CARBON_WRAPPER;
    return !main_class && is_wrapper(seen, home);
}

static void add_process(CarbonProcesses *processes, CarbonProcess process)
{
    processes->items =
        memory_grow(processes->items, (processes->count + 1) * sizeof(*processes->items));
    processes->items[processes->count++] = process;
    processes->jvms += process.role == CARBON_JVM;
}

bool carbon_processes_find(const Home *home, CarbonProcesses *ret, Error *error)
{
    __attribute__((cleanup(close_folder))) DIR *proc = opendir("/proc");
    const struct dirent *entry;

    carbon_processes_done(ret);
    if (!proc)
        return error_set(error, ERROR_IO, "/proc cannot be read: %s", strerrordesc_np(errno));
    while ((void)(errno = 0), (entry = readdir(proc))) {
        __attribute__((cleanup(seen_done))) Seen seen = { 0 };
        unsigned long long pid;
        CarbonProcess process;

        if (text_to_number(entry->d_name, INT32_MAX, &pid) && look_at((pid_t)pid, &seen) &&
            belongs_to(&seen, home, &process))
            add_process(ret, process);
    }
    if (errno != 0)
        return error_set(error, ERROR_IO, "/proc cannot be read: %s", strerrordesc_np(errno));
    return true;
}

void carbon_processes_done(CarbonProcesses *processes)
{
    for (size_t i = 0; i < processes->count; i++)
        free(processes->items[i].arguments);
    free(processes->items);
    *processes = (CarbonProcesses){ 0 };
}

const CarbonProcess *carbon_processes_jvm(const CarbonProcesses *processes)
{
    for (size_t i = 0; i < processes->count; i++)
        if (processes->items[i].role == CARBON_JVM)
            return &processes->items[i];
    return NULL;
}

/* The process of that number is the one that was found, and still what it was. */
static bool is_still(const Home *home, const CarbonProcess *process)
{
    __attribute__((cleanup(seen_done))) Seen seen = { 0 };
    CarbonProcess now = { 0 };
    bool same;

    if (!look_at(process->pid, &seen) || !belongs_to(&seen, home, &now))
        return false;
    same = now.started_ticks == process->started_ticks && now.role == process->role;
    free(now.arguments);
    return same;
}

bool carbon_process_signal(
    const Home *home, const CarbonProcess *process, int number, bool *ret_sent, Error *error)
{
    AUTO_FD handle = pidfd_open(process->pid, 0);
    bool has_handle = handle >= 0 || errno != ENOSYS;
    int failed;

    *ret_sent = false;
    if ((has_handle && handle < 0) || !is_still(home, process))
        return true;
    failed = handle >= 0 ? pidfd_send_signal(handle, number, NULL, 0) : kill(process->pid, number);
    if (failed != 0 && errno == EPERM)
        return error_set(error, ERROR_PRECONDITION,
            "process %d of user %u may not be signalled by the agent, which runs as %u: run it as "
            "root or as that user",
            (int)process->pid, (unsigned)process->user, (unsigned)geteuid());
    if (failed != 0 && errno != ESRCH)
        return error_set(error, ERROR_IO, "process %d cannot be signalled: %s", (int)process->pid,
            strerrordesc_np(errno));
    *ret_sent = failed == 0;
    return true;
}
