/* tree.c, home_backup.c and folders.c on a real file system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "agent/handlers/node/carbon_home.h"
#include "agent/handlers/node/tree.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "tests/fakes/worker_io.h"

#define BUSY_BYTES    (100 << 20) /* takes long enough to read that a writer comes between */
#define SERVER_FOLDER "repository/deployment/server"

static const char *const kept[] = { "webapps/STRATOS_ROOT" };
static const ProfileFolder profile_folders[] = {
    { .path = SERVER_FOLDER, .keep = kept, .keep_count = 1 },
    { .path = "repository/tenants", .tenants_only = true },
};

typedef struct Host {
    char *folder, *old_home, *new_home, *state, *backups;
    AgentNode node;
    AgentConfig config;
    Profile profile;
    WorkerIo worker;
    Command command;
} Host;

static void put(const char *folder, const char *name, const char *text)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    AUTO_TEXT *above = file_folder_of(path);
    Error error = { 0 };

    assert_true(file_make_folders(above, 0755, &error));
    assert_true(file_replace(path, text, strlen(text), 0644, &error));
}

static void set_time(const char *folder, const char *name, time_t seconds)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    const struct timespec times[2] = { { .tv_sec = seconds },
        { .tv_sec = seconds, .tv_nsec = 123456789 } };

    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_homes(const Host *host)
{
    put(host->old_home, "bin/version.txt", "WSO2 Data Services Server v3.1.0\n");
    put(host->old_home, "wso2carbon.pid", "1\n");
    put(host->old_home, "repository/logs/wso2carbon.log", "a line\n");
    put(host->old_home, "tmp/scratch", "x");
    put(host->old_home, SERVER_FOLDER "/dataservices/Orders.dbs", "<data name='Orders'/>");
    put(host->old_home, SERVER_FOLDER "/dataservices/.svn/entries", "12\n");
    put(host->old_home, SERVER_FOLDER "/dataservices/samples/Sample.dbs", "<data old='1'/>");
    put(host->old_home, SERVER_FOLDER "/webapps/STRATOS_ROOT/index.jsp", "old");
    put(host->new_home, SERVER_FOLDER "/dataservices/samples/Sample.dbs", "<data new='1'/>");
    put(host->new_home, SERVER_FOLDER "/webapps/STRATOS_ROOT/index.jsp", "new");
    put(host->new_home, SERVER_FOLDER "/pack-only.txt", "of the pack");
    set_time(host->old_home, SERVER_FOLDER "/dataservices/Orders.dbs", 1300000000);
    set_time(host->new_home, SERVER_FOLDER "/pack-only.txt", 1390000000);
    set_time(host->new_home, SERVER_FOLDER, 1390000001);
}

static int set_up(void **state)
{
    Host *host = memory_new(sizeof(*host));

    host->folder = memory_text("/tmp/tree-test-XXXXXX");
    assert_non_null(mkdtemp(host->folder));
    host->old_home = memory_format("%s/old", host->folder);
    host->new_home = memory_format("%s/new", host->folder);
    host->state = memory_format("%s/state", host->folder);
    host->backups = memory_format("%s/backups", host->folder);
    host->node =
        (AgentNode){ .name = "node1", .old_home = host->old_home, .new_home = host->new_home };
    host->config = (AgentConfig){ .name = "agent1",
        .state_directory = host->state,
        .backup_directory = host->backups,
        .nodes = &host->node,
        .node_count = 1 };
    host->profile = (Profile){ .folders = profile_folders,
        .folder_count = 2,
        .log_file = "repository/logs/wso2carbon.log",
        .pid_file = "wso2carbon.pid",
        .start_script = "bin/wso2server.sh",
        .main_class = "org.wso2.carbon.bootstrap.Bootstrap",
        .home_property = "carbon.home" };
    make_homes(host);
    worker_io_init(&host->worker);
    host->worker.io.config = &host->config;
    host->worker.io.profile = &host->profile;
    (void)text_copy(host->command.target, sizeof(host->command.target), "node1");
    (void)text_copy(host->command.id.run, sizeof(host->command.id.run), "run1");
    *state = host;
    return 0;
}

static int tear_down(void **state)
{
    Host *host = *state;
    Error error = { 0 };

    assert_true(file_remove_tree(host->folder, &error));
    worker_io_done(&host->worker);
    command_done(&host->command);
    free(host->folder);
    free(host->old_home);
    free(host->new_home);
    free(host->state);
    free(host->backups);
    free(host);
    return 0;
}

static bool run(Host *host, const Handler *handler, ResultState *ret, Error *error)
{
    *error = (Error){ 0 };
    worker_io_next_command(&host->worker);
    return handler_run(handler, &host->worker.io, &host->command, ret, error);
}

static void must(Host *host, const Handler *handler, ResultState expected)
{
    ResultState state;
    Error error;
    bool done = run(host, handler, &state, &error);

    if (!done)
        print_error("%s\n", error.text);
    assert_true(done);
    assert_int_equal(state, expected);
}

static void must_fail(Host *host, const Handler *handler, ErrorKind kind, const char *words)
{
    ResultState state;
    Error error;

    assert_false(run(host, handler, &state, &error));
    if (error.kind != kind || !strstr(error.text, words))
        print_error("%s: %s\n", error_kind_name(error.kind), error.text);
    assert_int_equal(error.kind, kind);
    assert_non_null(strstr(error.text, words));
}

static const char *evidence(const Host *host, const char *name)
{
    return facts_get_or(&host->worker.evidence, name, "");
}

static bool has_evidence(const Host *host, const char *name, const char *value)
{
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(&host->worker.evidence, name, &position)))
        if (strcmp(fact->value, value) == 0)
            return true;
    return false;
}

static Manifest *scan(Host *host, const char *from)
{
    const TreeOrder order = { .io = &host->worker.io, .from = from, .what = "test" };
    Manifest *manifest = NULL;
    Error error = { 0 };

    assert_true(tree_scan(&order, &manifest, &error));
    return manifest;
}

static Manifest *copy(Host *host, const char *from, const char *to)
{
    const TreeOrder order = { .io = &host->worker.io, .from = from, .to = to, .what = "test" };
    Manifest *manifest = NULL;
    Error error = { 0 };
    bool copied = tree_copy(&order, &manifest, &error);

    if (!copied)
        print_error("%s\n", error.text);
    assert_true(copied);
    return manifest;
}

static bool same(const Manifest *a, const Manifest *b)
{
    Error error = { 0 };
    bool equal = manifest_same(a, b, tree_owners(), &error);

    if (!equal)
        print_message("%s\n", error.text);
    return equal;
}

static FileKind kind_of(const char *folder, const char *name)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);

    return file_kind(path, LINKS_THEMSELVES);
}

static bool has_text(const char *folder, const char *name, const char *text)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    AUTO_TEXT *found = NULL;
    Error error = { 0 };
    size_t length;

    return file_read(path, 100000, &found, &length, &error) && strcmp(found, text) == 0;
}

static void flip_a_bit(const char *folder, const char *name)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    struct stat status;
    AUTO_FD fd = open(path, O_RDWR);
    char byte;

    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(pread(fd, &byte, 1, 3), 1);
    byte = (char)(byte ^ 1);
    assert_int_equal(pwrite(fd, &byte, 1, 3), 1);
    assert_int_equal(futimens(fd, (struct timespec[2]){ status.st_atim, status.st_mtim }), 0);
}

/* All that a file system may hold under odd names, owners and modes. */
static void make_odd_tree(const char *tree)
{
    AUTO_TEXT *pipe = memory_format("%s/pipe", tree);
    AUTO_TEXT *inner = memory_format("%s/a/inner", tree);
    AUTO_TEXT *outer = memory_format("%s/a/outer", tree);
    AUTO_TEXT *dead = memory_format("%s/a/dead", tree);
    AUTO_TEXT *tight = memory_format("%s/a/tight", tree);
    AUTO_TEXT *folder = memory_format("%s/locked", tree);

    put(tree, "a/new\nline and %20 blank\t\xff", "odd name");
    put(tree, "a/.hidden/.file", "hidden");
    put(tree, "a/empty", "");
    put(tree, "a/tight", "only mine");
    put(tree, "locked/f", "x");
    assert_int_equal(chmod(tight, 04711), 0);
    assert_int_equal(mkfifo(pipe, 0620), 0);
    assert_int_equal(symlink("empty", inner), 0);
    assert_int_equal(symlink("/etc/passwd", outer), 0);
    assert_int_equal(symlink("no/such/file", dead), 0);
    if (geteuid() == 0)
        assert_int_equal(lchown(dead, 12345, 54321), 0);
    set_time(tree, "a/dead", 1234567890);
    set_time(tree, "a/empty", -86400);
    assert_int_equal(chmod(folder, 0555), 0);
    set_time(tree, "locked", 1000000000);
}

static void a_copy_equals_its_source_in_everything(void **state)
{
    Host *host = *state;
    AUTO_TEXT *from = memory_format("%s/odd", host->folder);
    AUTO_TEXT *to = memory_format("%s/copy", host->folder);
    AUTO(Manifest) *source = NULL;
    AUTO(Manifest) *copied = NULL;
    AUTO(Manifest) *found = NULL;

    make_odd_tree(from);
    source = scan(host, from);
    copied = copy(host, from, to);
    found = scan(host, to);
    assert_true(same(source, copied));
    assert_true(same(source, found));
    assert_int_equal(kind_of(to, "a/outer"), FILE_LINK);
    assert_int_equal(source->count, 13);
    free(TAKE(from));
    from = memory_format("%s/copy/locked", host->folder);
    assert_int_equal(chmod(from, 0755), 0); /* so that anybody can remove it */
    free(TAKE(from));
    from = memory_format("%s/odd/locked", host->folder);
    assert_int_equal(chmod(from, 0755), 0);
}

static void a_manifest_survives_its_file_whatever_the_names(void **state)
{
    Host *host = *state;
    AUTO_TEXT *from = memory_format("%s/odd", host->folder);
    AUTO_TEXT *locked = memory_format("%s/odd/locked", host->folder);
    AUTO_TEXT *text = NULL;
    AUTO_TEXT *again = NULL;
    AUTO(Manifest) *source = NULL;
    AUTO(Manifest) *parsed = NULL;
    Error error = { 0 };

    make_odd_tree(from);
    source = scan(host, from);
    text = manifest_text(source, NULL);
    assert_true(manifest_parse(text, &parsed, &error));
    assert_true(same(source, parsed));
    again = manifest_text(parsed, NULL);
    assert_string_equal(text, again);
    assert_int_equal(chmod(locked, 0755), 0);
}

static void a_cut_or_garbled_manifest_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "other\n",
        MANIFEST_HEADER "\nd 0755 0 0 0 1.000000000 - . -", /* cut off */
        MANIFEST_HEADER "\nx 0755 0 0 0 1.000000000 - . -\n",
        MANIFEST_HEADER "\nd 0955 0 0 0 1.000000000 - . -\n",
        MANIFEST_HEADER "\nd 0755 0 0 0 1.0000000000 - .\n",
        MANIFEST_HEADER "\nf 0644 0 0 0 1.000000000 abcd a -\n",
        MANIFEST_HEADER "\nd 0755 0 0 99999999999999999999 1.000000000 - a -\n",
        MANIFEST_HEADER "\nd 0755 0 0 0 1.000000000 - a%0 -\n",
        MANIFEST_HEADER "\nd 0755 0 0 0 1.000000000 - a%00b -\n",
        MANIFEST_HEADER "\nd 0755 0 0 0 1.000000000 - a - -\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        Manifest *manifest = NULL;
        Error error = { 0 };

        assert_false(manifest_parse(bad[i], &manifest, &error));
        assert_int_equal(error.kind, ERROR_CORRUPT);
    }
}

static void sockets_are_left_out_and_named(void **state)
{
    Host *host = *state;
    AUTO_TEXT *from = memory_format("%s/odd", host->folder);
    AUTO_TEXT *to = memory_format("%s/copy", host->folder);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM, 0);
    AUTO(Manifest) *copied = NULL;

    put(from, "f", "x");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", from);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    copied = copy(host, from, to);
    assert_true(has_evidence(host, "left-out", "socket"));
    assert_int_equal(kind_of(to, "socket"), FILE_ABSENT);
    assert_int_equal(kind_of(to, "f"), FILE_REGULAR);
}

static void nothing_is_written_through_a_link_in_the_target(void **state)
{
    Host *host = *state;
    AUTO_TEXT *from = memory_format("%s/odd", host->folder);
    AUTO_TEXT *to = memory_format("%s/copy", host->folder);
    AUTO_TEXT *folder_link = memory_format("%s/copy/a", host->folder);
    AUTO_TEXT *file_link = memory_format("%s/copy/f", host->folder);
    AUTO_TEXT *outside = memory_format("%s/outside", host->folder);
    AUTO_TEXT *outside_file = memory_format("%s/outside/f", host->folder);
    AUTO(Manifest) *copied = NULL;

    put(from, "a/f", "from the tree");
    put(from, "f", "from the tree");
    put(outside, "f", "mine");
    put(to, "x", "");
    assert_int_equal(symlink(outside, folder_link), 0);
    assert_int_equal(symlink(outside_file, file_link), 0);
    copied = copy(host, from, to);
    assert_true(has_text(outside, "f", "mine"));
    assert_true(has_text(to, "a/f", "from the tree"));
    assert_int_equal(kind_of(to, "a"), FILE_FOLDER);
    assert_int_equal(kind_of(to, "f"), FILE_REGULAR);
    assert_int_equal(kind_of(to, "x"), FILE_REGULAR);
}

static void a_copy_into_itself_is_refused(void **state)
{
    Host *host = *state;
    AUTO_TEXT *to = memory_format("%s/repository/backup", host->old_home);
    const TreeOrder order = {
        .io = &host->worker.io, .from = host->old_home, .to = to, .what = "test"
    };
    AUTO(Manifest) *copied = NULL;
    Error error = { 0 };

    assert_false(tree_copy(&order, &copied, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
}

/* Appends to a file until it is killed. */
static pid_t start_writer(const char *path)
{
    pid_t writer = fork();

    if (writer != 0)
        return writer;
    (void)alarm(60);
    for (;;) {
        AUTO_FD fd = open(path, O_WRONLY | O_APPEND);

        if (write(fd, "more", 4) < 0)
            _exit(EXIT_FAILURE);
    }
}

static off_t size_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void a_file_that_keeps_changing_is_named_and_the_copy_verifies(void **state)
{
    Host *host = *state;
    AUTO_TEXT *path = memory_format("%s/busy", host->old_home);
    pid_t writer;

    put(host->old_home, "busy", "");
    assert_int_equal(truncate(path, BUSY_BYTES), 0);
    writer = start_writer(path);
    while (size_of(path) == BUSY_BYTES)
        clock_sleep(1);
    must(host, &handler_backup_home, RESULT_DONE);
    assert_int_equal(kill(writer, SIGKILL), 0);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_true(has_evidence(host, "changed-while-read", "busy"));
}

static void a_backup_leaves_out_what_a_server_makes_anew(void **state)
{
    Host *host = *state;
    AUTO_TEXT *copied = memory_format("%s/node1/run1/home", host->backups);
    AUTO_TEXT *manifest = memory_format("%s/node1/run1/manifest", host->backups);
    char digest[SHA256_HEX_BYTES];
    Error error = { 0 };

    must(host, &handler_backup_home, RESULT_DONE);
    assert_int_equal(kind_of(copied, "bin/version.txt"), FILE_REGULAR);
    assert_int_equal(kind_of(copied, SERVER_FOLDER "/dataservices/.svn/entries"), FILE_REGULAR);
    assert_int_equal(kind_of(copied, "repository/logs"), FILE_FOLDER);
    assert_int_equal(kind_of(copied, "repository/logs/wso2carbon.log"), FILE_ABSENT);
    assert_int_equal(kind_of(copied, "tmp/scratch"), FILE_ABSENT);
    assert_int_equal(kind_of(copied, "wso2carbon.pid"), FILE_ABSENT);
    assert_true(digest_of_file(manifest, digest, &error));
    assert_string_equal(evidence(host, "manifest-sha256"), digest);
    assert_string_equal(evidence(host, "files"), "5");
    must(host, &handler_backup_home, RESULT_ALREADY);
}

static void one_flipped_bit_in_a_backup_is_found_and_named(void **state)
{
    Host *host = *state;
    AUTO_TEXT *copied = memory_format("%s/node1/run1/home", host->backups);

    must(host, &handler_backup_home, RESULT_DONE);
    flip_a_bit(copied, SERVER_FOLDER "/dataservices/Orders.dbs");
    must_fail(host, &handler_backup_home, ERROR_MISMATCH, "Orders.dbs: content differs");
}

static void a_backup_with_a_file_more_or_less_is_found(void **state)
{
    Host *host = *state;
    AUTO_TEXT *copied = memory_format("%s/node1/run1/home", host->backups);
    AUTO_TEXT *file = memory_format("%s/bin/version.txt", copied);
    AUTO_TEXT *folder = memory_format("%s/bin", copied);
    struct stat status;

    must(host, &handler_backup_home, RESULT_DONE);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(
        utimensat(AT_FDCWD, folder, (struct timespec[2]){ status.st_atim, status.st_mtim }, 0), 0);
    must_fail(host, &handler_backup_home, ERROR_MISMATCH, "version.txt: it is missing");
}

/* `total` is 0 while the files are only counted. */
static void die_half_way(void *self, const char *what, uint64_t done, uint64_t total)
{
    (void)self;
    (void)what;
    if (done > total / 2 && total > 0)
        (void)raise(SIGKILL);
}

static void a_backup_that_was_killed_half_way_is_taken_again(void **state)
{
    Host *host = *state;
    AUTO_TEXT *manifest = memory_format("%s/node1/run1/manifest", host->backups);
    AUTO_TEXT *partial = memory_format("%s/node1/run1/home.partial", host->backups);
    pid_t worker;
    int status = 0;

    for (int i = 0; i < 1000; i++) {
        AUTO_TEXT *name = memory_format("repository/tenants/1/f%d", i);

        put(host->old_home, name, "x");
    }
    worker = fork();
    if (worker == 0) {
        ResultState ignored;
        Error error;

        host->worker.io.progress = die_half_way;
        _exit(run(host, &handler_backup_home, &ignored, &error) ? 0 : 1);
    }
    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(file_kind(partial, LINKS_THEMSELVES), FILE_FOLDER);
    assert_int_equal(file_kind(manifest, LINKS_THEMSELVES), FILE_ABSENT);
    must(host, &handler_backup_home, RESULT_DONE);
    assert_string_equal(evidence(host, "files"), "1005");
    assert_int_equal(file_kind(partial, LINKS_THEMSELVES), FILE_ABSENT);
}

static void a_cancelled_backup_ends(void **state)
{
    Host *host = *state;

    host->worker.cancel_after = 1;
    must_fail(host, &handler_backup_home, ERROR_CANCELLED, "cancelled");
}

static void folders_are_laid_over_the_pack_and_taken_back_exactly(void **state)
{
    Host *host = *state;
    AUTO(Manifest) *before = scan(host, host->new_home);
    AUTO(Manifest) *old_before = scan(host, host->old_home);
    AUTO(Manifest) *after = NULL;
    AUTO(Manifest) *old_after = NULL;
    AUTO_TEXT *deployment = memory_format("%s/repository/deployment", host->new_home);
    AUTO_TEXT *repository = memory_format("%s/repository", host->new_home);
    struct stat above, higher;

    put(host->old_home, "repository/tenants/1/dataservices/T.dbs", "tenant");
    assert_int_equal(stat(deployment, &above), 0);
    assert_int_equal(stat(repository, &higher), 0);
    must(host, &handler_copy_folders, RESULT_DONE);
    assert_memory_equal(evidence(host, "folder:" SERVER_FOLDER), "files=3 bytes=", 14);
    assert_memory_equal(evidence(host, "folder:repository/tenants"), "files=1 bytes=6 ", 16);
    assert_true(has_text(
        host->new_home, SERVER_FOLDER "/dataservices/samples/Sample.dbs", "<data old='1'/>"));
    assert_true(has_text(host->new_home, SERVER_FOLDER "/webapps/STRATOS_ROOT/index.jsp", "new"));
    assert_true(has_text(host->new_home, SERVER_FOLDER "/pack-only.txt", "of the pack"));
    must(host, &handler_copy_folders, RESULT_ALREADY);
    must(host, &handler_remove_folders, RESULT_DONE);
    must(host, &handler_remove_folders, RESULT_ALREADY);
    /* the folders above are not part of what was copied */
    assert_int_equal(
        utimensat(AT_FDCWD, deployment, (struct timespec[2]){ above.st_atim, above.st_mtim }, 0),
        0);
    assert_int_equal(
        utimensat(AT_FDCWD, repository, (struct timespec[2]){ higher.st_atim, higher.st_mtim }, 0),
        0);
    after = scan(host, host->new_home);
    assert_true(same(before, after));
    old_after = scan(host, host->old_home);
    assert_non_null(manifest_find(old_after, "repository/tenants/1/dataservices/T.dbs"));
    assert_true(old_after->files == old_before->files + 1);
}

static void folders_without_tenants_say_so(void **state)
{
    Host *host = *state;

    must(host, &handler_copy_folders, RESULT_DONE);
    assert_string_equal(evidence(host, "folder:repository/tenants"), "absent in the old home");
}

static void a_file_damaged_after_the_copy_is_copied_again(void **state)
{
    Host *host = *state;

    must(host, &handler_copy_folders, RESULT_DONE);
    flip_a_bit(host->new_home, SERVER_FOLDER "/dataservices/Orders.dbs");
    must(host, &handler_copy_folders, RESULT_DONE);
    assert_true(has_text(
        host->new_home, SERVER_FOLDER "/dataservices/Orders.dbs", "<data name='Orders'/>"));
}

static void originals_are_those_before_the_first_copy_whatever_happens_later(void **state)
{
    Host *host = *state;

    must(host, &handler_copy_folders, RESULT_DONE);
    put(host->old_home, SERVER_FOLDER "/dataservices/New.dbs", "later");
    (void)text_copy(host->command.id.run, sizeof(host->command.id.run), "run2");
    must(host, &handler_copy_folders, RESULT_DONE);
    put(host->new_home, SERVER_FOLDER "/made-by-a-server", "x");
    must(host, &handler_remove_folders, RESULT_DONE);
    assert_int_equal(kind_of(host->new_home, SERVER_FOLDER "/made-by-a-server"), FILE_ABSENT);
    assert_int_equal(kind_of(host->new_home, SERVER_FOLDER "/dataservices/New.dbs"), FILE_ABSENT);
    assert_true(has_text(
        host->new_home, SERVER_FOLDER "/dataservices/samples/Sample.dbs", "<data new='1'/>"));
}

static void a_link_where_the_new_folder_should_be_is_refused(void **state)
{
    Host *host = *state;
    AUTO_TEXT *path = memory_format("%s/repository/tenants", host->new_home);
    AUTO_TEXT *outside = memory_format("%s/outside", host->folder);

    put(outside, "f", "mine");
    put(host->old_home, "repository/tenants/1/f", "x");
    assert_int_equal(symlink(outside, path), 0);
    must_fail(host, &handler_copy_folders, ERROR_PRECONDITION, "not a folder but a link");
    assert_int_equal(kind_of(outside, "1"), FILE_ABSENT);
}

static void an_old_folder_that_is_a_link_is_copied_as_a_folder(void **state)
{
    Host *host = *state;
    AUTO_TEXT *path = memory_format("%s/repository/tenants", host->old_home);
    AUTO_TEXT *shared = memory_format("%s/shared", host->folder);

    put(shared, "1/f", "on a shared disk");
    assert_int_equal(symlink(shared, path), 0);
    must(host, &handler_copy_folders, RESULT_DONE);
    assert_int_equal(kind_of(host->new_home, "repository/tenants"), FILE_FOLDER);
    assert_true(has_text(host->new_home, "repository/tenants/1/f", "on a shared disk"));
}

/* Runs the handler in a child that is killed after `patience`; true when it was faster. */
static bool run_and_kill(Host *host, const Handler *handler, Millis patience)
{
    pid_t worker = fork();
    int status;

    if (worker == 0) {
        ResultState ignored;
        Error error;

        _exit(run(host, handler, &ignored, &error) ? 0 : 1);
    }
    clock_sleep(patience);
    (void)kill(worker, SIGKILL);
    assert_int_equal(waitpid(worker, &status, 0), worker);
    return WIFEXITED(status);
}

static void run_again(Host *host, const Handler *handler)
{
    ResultState state;
    Error error;
    bool done = run(host, handler, &state, &error);

    if (!done)
        print_error("%s\n", error.text);
    assert_true(done);
}

static void copying_and_taking_back_may_die_anywhere(void **state)
{
    Host *host = *state;
    AUTO_TEXT *server = memory_format("%s/" SERVER_FOLDER, host->new_home);
    AUTO(Manifest) *before = scan(host, server);
    AUTO(Manifest) *copied = NULL;
    bool done = false;

    must(host, &handler_copy_folders, RESULT_DONE);
    copied = scan(host, server);
    must(host, &handler_remove_folders, RESULT_DONE);
    for (Millis patience = 0; !done; patience += 1 + patience / 8) {
        AUTO(Manifest) *after_copy = NULL;
        AUTO(Manifest) *after = NULL;

        done = run_and_kill(host, &handler_copy_folders, patience);
        run_again(host, &handler_copy_folders);
        after_copy = scan(host, server);
        assert_true(same(copied, after_copy));
        done = run_and_kill(host, &handler_remove_folders, patience) && done;
        run_again(host, &handler_remove_folders);
        after = scan(host, server);
        assert_true(same(before, after));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_equals_its_source_in_everything),
        TEST(a_manifest_survives_its_file_whatever_the_names),
        TEST(a_cut_or_garbled_manifest_is_refused),
        TEST(sockets_are_left_out_and_named),
        TEST(nothing_is_written_through_a_link_in_the_target),
        TEST(a_copy_into_itself_is_refused),
        TEST(a_file_that_keeps_changing_is_named_and_the_copy_verifies),
        TEST(a_backup_leaves_out_what_a_server_makes_anew),
        TEST(one_flipped_bit_in_a_backup_is_found_and_named),
        TEST(a_backup_with_a_file_more_or_less_is_found),
        TEST(a_backup_that_was_killed_half_way_is_taken_again),
        TEST(a_cancelled_backup_ends),
        TEST(folders_are_laid_over_the_pack_and_taken_back_exactly),
        TEST(folders_without_tenants_say_so),
        TEST(a_file_damaged_after_the_copy_is_copied_again),
        TEST(originals_are_those_before_the_first_copy_whatever_happens_later),
        TEST(a_link_where_the_new_folder_should_be_is_refused),
        TEST(an_old_folder_that_is_a_link_is_copied_as_a_folder),
        TEST(copying_and_taking_back_may_die_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
