#include "common/os/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/text.h"

#define ROUNDS 10 /* a process may fork while it is looked for */

DEFINE_AUTO(DIR, (void)closedir)

/* proc(5): pid (comm) state ppid pgrp session …; comm may hold anything. */
static bool is_alive_in(pid_t process, pid_t session)
{
    char path[64], stat[512];
    AUTO_FD file = -1;
    ssize_t got;
    const char *after;
    char state = '\0';
    int found = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
    file = open(path, O_RDONLY | O_CLOEXEC);
    got = file < 0 ? -1 : read(file, stat, sizeof(stat) - 1);
    if (got <= 0)
        return false;
    stat[got] = '\0';
    after = strrchr(stat, ')');
    return after && sscanf(after + 1, " %c %*d %*d %d", &state, &found) == 2 &&
           found == (int)session && state != 'Z' && state != 'X';
}

/* Looks again after it holds the process by a descriptor: the number may be another's by then. */
static bool kill_one(pid_t process, pid_t session)
{
    AUTO_FD handle = pidfd_open(process, 0);

    return handle >= 0 && is_alive_in(process, session) &&
           pidfd_send_signal(handle, SIGKILL, NULL, 0) == 0;
}

static unsigned kill_all_seen(pid_t session)
{
    AUTO(DIR) *processes = opendir("/proc");
    const struct dirent *entry;
    unsigned ended = 0;

    while (processes && (entry = readdir(processes))) {
        unsigned long long process;

        if (text_to_number(entry->d_name, INT32_MAX, &process) &&
            is_alive_in((pid_t)process, session) && kill_one((pid_t)process, session))
            ended++;
    }
    return ended;
}

unsigned session_kill(pid_t session)
{
    unsigned ended = 0, round_ended = 1;

    for (unsigned round = 0; round < ROUNDS && round_ended > 0; round++) {
        round_ended = kill_all_seen(session);
        ended += round_ended;
    }
    return ended;
}
