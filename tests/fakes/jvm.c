/*
 * Plays the JVM of a Carbon server: listens, logs, writes the pid file, and misbehaves as the file
 * "behaviour" in its home says:
 *   die (at once, with a JVM's complaint)   hang (ignores TERM)     no-pid (writes no pid file)
 *   fail (logs a failed boot, stays alive)  silent (never starts)   deaf (does not listen)
 *   slow (while the file says so)           old-log (writes nothing to the log)
 * The port is in the file "port". Says "ready" when it has done all that. Ends by itself after two
 * minutes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"
#include "common/os/file.h"

static char *home_text(const char *home, const char *name)
{
    AUTO_TEXT *path = memory_format("%s/%s", home, name);
    char *text = NULL;
    Error absent = { 0 };
    size_t length;

    return file_read(path, 4096, &text, &length, &absent) ? text : memory_text("");
}

static void say(const char *home, const char *line)
{
    AUTO_TEXT *path = memory_format("%s/repository/logs/wso2carbon.log", home);
    AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    (void)dprintf(fd, "TID: [0] [DSS] [2014-03-01 02:00:00,000]  %s\n", line);
}

static void write_pid(const char *home)
{
    AUTO_TEXT *path = memory_format("%s/wso2carbon.pid", home);
    AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    char bytes[100] = { 0 };

    (void)snprintf(bytes, sizeof(bytes), "%d\n", (int)getpid());
    if (write(fd, bytes, sizeof(bytes)) < 0)
        abort();
}

static int listen_on(const char *home)
{
    AUTO_TEXT *text = home_text(home, "port");
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned long long port = 0;
    int yes = 1;

    text[strcspn(text, "\n")] = '\0';
    (void)text_to_number(text, 65535, &port);
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 5) != 0)
        _exit(7);
    return fd;
}

static const char *find_home(char **argv)
{
    static const char start[] = "-Dcarbon.home=";

    for (; *argv; argv++)
        if (strncmp(*argv, start, strlen(start)) == 0)
            return *argv + strlen(start);
    return NULL;
}

static bool is_slow(const char *home)
{
    AUTO_TEXT *behaviour = home_text(home, "behaviour");

    return strstr(behaviour, "slow") != NULL;
}

static void boot(const char *home, const char *behaviour, int *ret_listener)
{
    while (is_slow(home))
        clock_sleep(20);
    if (!strstr(behaviour, "no-pid"))
        write_pid(home);
    if (!strstr(behaviour, "deaf"))
        *ret_listener = listen_on(home);
    if (strstr(behaviour, "old-log"))
        return;
    say(home, "INFO {org.wso2.carbon.core} -  Starting WSO2 Carbon...");
    if (strstr(behaviour, "fail"))
        say(home, "FATAL {org.wso2.carbon.core} -  WSO2 Carbon initialization Failed");
    else if (!strstr(behaviour, "silent"))
        say(home, "INFO {org.wso2.carbon.core} -  WSO2 Carbon started in 1 sec");
}

int main(int argc, char **argv)
{
    const char *home = find_home(argv + 1);
    AUTO_TEXT *behaviour = home ? home_text(home, "behaviour") : NULL;
    int listener = -1;

    (void)argc;
    (void)alarm(120);
    if (!home)
        return 2;
    if (strstr(behaviour, "die")) {
        (void)fputs("Unrecognized VM option 'MaxPermSize=256m'\n", stderr);
        return 1;
    }
    if (strstr(behaviour, "hang"))
        (void)signal(SIGTERM, SIG_IGN);
    boot(home, behaviour, &listener);
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        int peer = listener >= 0 ? accept(listener, NULL, NULL) : -1;

        if (peer >= 0)
            (void)close(peer);
        else
            (void)pause();
    }
}
