#include "agent/handlers/node/server_run.h"

#include <signal.h>

#include "agent/handlers/node/carbon_process.h"
#include "agent/handlers/node/tcp_port.h"
#include "common/base/memory.h"

#define LOOK_EVERY    200   /* ms */
#define WRAPPER_GRACE 2000  /* ms that a script has to end after its JVM */
#define KILL_GRACE    10000 /* ms until the kernel has ended what was killed */

/* What became of each process while we were stopping it. */
typedef struct Stopping {
    pid_t pid;
    uint64_t started_ticks;
    CarbonRole role;
    int sent; /* the strongest signal so far */
    bool gone;
} Stopping;

typedef struct StopList {
    Stopping *items;
    size_t count;
    Millis began, no_jvm_since; /* -1: there is one */
} StopList;

static void stop_list_done(StopList *list)
{
    free(list->items);
}

static const char *address_of(const AgentNode *node)
{
    return node->address ? node->address : "127.0.0.1";
}

/* The other server of the node may have the port: it is started only after this one stopped. */
static bool port_is_free(const Home *home, bool *ret, Error *error)
{
    const Home sibling = home_sibling(home);
    CARBON_PROCESSES_AUTO(others);
    PortState state;
    unsigned port;

    if (!home_https_port(home, &port, error) ||
        !tcp_port_state(address_of(home->node), port, &state, error))
        return false;
    *ret = state == PORT_CLOSED;
    if (*ret)
        return true;
    if (!carbon_processes_find(&sibling, &others, error))
        return false;
    *ret = others.jvms > 0;
    return true;
}

bool server_is_stopped(AgentIo *io, const Home *home, bool *ret, Error *error)
{
    CARBON_PROCESSES_AUTO(processes);
    bool free_port = false;

    if (!carbon_processes_find(home, &processes, error))
        return false;
    *ret = processes.count == 0;
    if (*ret && !port_is_free(home, &free_port, error))
        return false;
    *ret = *ret && free_port;
    if (*ret)
        facts_format(io->evidence, "jvms", "none of %s, its https port is closed", home->path);
    return true;
}

static Stopping *entry_of(StopList *list, const CarbonProcess *process)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].pid == process->pid &&
            list->items[i].started_ticks == process->started_ticks)
            return &list->items[i];
    list->items = memory_grow(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count] = (Stopping){
        .pid = process->pid, .started_ticks = process->started_ticks, .role = process->role
    };
    return &list->items[list->count++];
}

static bool is_listed(const CarbonProcesses *processes, const Stopping *entry)
{
    for (size_t i = 0; i < processes->count; i++)
        if (processes->items[i].pid == entry->pid &&
            processes->items[i].started_ticks == entry->started_ticks)
            return true;
    return false;
}

static void note_the_gone(AgentIo *io, StopList *list, const CarbonProcesses *now)
{
    Millis took = io->now(io->self) - list->began;

    for (size_t i = 0; i < list->count; i++) {
        Stopping *entry = &list->items[i];
        AUTO_TEXT *name = memory_format("stopped:%d", (int)entry->pid);

        if (entry->gone || is_listed(now, entry))
            continue;
        entry->gone = true;
        if (entry->role != CARBON_JVM)
            continue;
        if (entry->sent == SIGKILL)
            facts_format(io->evidence, name, "killed after %lld s", (long long)took / 1000);
        else
            facts_format(io->evidence, name, "%s in %lld.%lld s",
                entry->sent == SIGTERM ? "by TERM" : "by itself", (long long)took / 1000,
                (long long)took % 1000 / 100);
    }
}

/* A script gets time to see its JVM end; one that stays would start the next. */
static int signal_for(const StopList *list, const Stopping *entry, Millis now, bool late)
{
    if (entry->role == CARBON_WRAPPER &&
        (list->no_jvm_since < 0 || now - list->no_jvm_since < WRAPPER_GRACE))
        return 0;
    return late ? SIGKILL : SIGTERM;
}

static bool signal_all(AgentIo *io, const Home *home, StopList *list, const CarbonProcesses *found,
    bool late, Error *error)
{
    Millis now = io->now(io->self);

    for (size_t i = 0; i < found->count; i++) {
        Stopping *entry = entry_of(list, &found->items[i]);
        int number = signal_for(list, entry, now, late);
        bool sent;

        if (number == 0 || entry->sent == SIGKILL || entry->sent == number)
            continue;
        if (!carbon_process_signal(home, &found->items[i], number, &sent, error))
            return false;
        if (sent)
            entry->sent = number;
    }
    return true;
}

static bool remember_arguments(
    AgentIo *io, const Home *home, const CarbonProcesses *found, Error *error)
{
    AUTO_TEXT *arguments_key = home_key(home, "arguments");
    AUTO_TEXT *log_key = home_key(home, "log");
    const CarbonProcess *jvm = carbon_processes_jvm(found);

    if (jvm && !io->remember(io->self, arguments_key, jvm->arguments, error))
        return false;
    return io->forget(io->self, log_key, error);
}

static bool still_there(const Home *home, const CarbonProcesses *found, Error *error)
{
    unsigned port;

    if (found->count > 0)
        return error_set(error, ERROR_TIMEOUT,
            "process %d of %s is still there after KILL: it hangs in the kernel, look at its disk",
            (int)found->items[0].pid, home->path);
    if (!home_https_port(home, &port, error))
        return false;
    return error_set(error, ERROR_PRECONDITION,
        "no JVM of %s runs, yet something answers on its port %u: find it with ss -ltnp and stop "
        "it",
        home->path, port);
}

bool server_stop(AgentIo *io, const Home *home, unsigned deadline_s, Error *error)
{
    __attribute__((cleanup(stop_list_done)))
    StopList list = { .began = io->now(io->self), .no_jvm_since = -1 };
    Millis late = list.began + (Millis)deadline_s * 1000;
    CARBON_PROCESSES_AUTO(found);
    bool free_port = false;

    if (!carbon_processes_find(home, &found, error) || !remember_arguments(io, home, &found, error))
        return false;
    facts_format(io->evidence, "jvms-found", "%zu", found.jvms);
    for (;;) {
        Millis now = io->now(io->self);

        note_the_gone(io, &list, &found);
        if (found.jvms > 0)
            list.no_jvm_since = -1;
        else if (list.no_jvm_since < 0)
            list.no_jvm_since = now;
        if (found.count == 0 && !port_is_free(home, &free_port, error))
            return false;
        if (found.count == 0 && free_port)
            return true;
        if (now > late + KILL_GRACE || (found.count == 0 && now - list.no_jvm_since > KILL_GRACE))
            return still_there(home, &found, error);
        if (!signal_all(io, home, &list, &found, now >= late, error) ||
            !io->pause(io->self, LOOK_EVERY, error) || !carbon_processes_find(home, &found, error))
            return false;
    }
}
