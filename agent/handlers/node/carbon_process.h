#pragma once

/*
 * The processes of one Carbon home, as the kernel knows them: never by the pid file, which names a
 * dead process, another program, or one of two servers.
 *
 * A JVM belongs to the home when its command line has the main class and -Dcarbon.home= a folder
 * that is the home: the same device and inode seen through the process's own root (so a container
 * with the same path is another home), or the same real path where its root may not be looked into.
 * A wrapper is a shell that runs the home's start script: it starts the JVM again on exit code 121.
 *
 * Owns: CarbonProcesses by carbon_processes_done(). Errors: ERROR_IO when /proc cannot be read.
 * Source: behaviour of the vendor's scripts of Carbon 4.0 to 4.2, proc(5).
 */

#include <stdint.h>
#include <sys/types.h>

#include "agent/handlers/node/carbon_home.h"

typedef enum CarbonRole {
    CARBON_JVM,
    CARBON_WRAPPER,
} CarbonRole;

typedef struct CarbonProcess {
    CarbonRole role;
    pid_t pid;
    uid_t user;
    uint64_t started_ticks; /* since boot: with the pid the identity of a process */
    char *arguments;        /* JVM: the words behind the main class, a line each */
} CarbonProcess;

typedef struct CarbonProcesses {
    CarbonProcess *items;
    size_t count, jvms;
} CarbonProcesses;

bool carbon_processes_find(const Home *home, CarbonProcesses *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void carbon_processes_done(CarbonProcesses *processes) __attribute__((nonnull));
/* The first JVM, or NULL. */
const CarbonProcess *carbon_processes_jvm(const CarbonProcesses *processes)
    __attribute__((nonnull));

/*
 * Sends the signal if the process is still the one that was found: looked at again through a
 * handle on the process (pidfd), so that a number that was given to another is never hit.
 * False in *ret_sent: it is gone.
 */
bool carbon_process_signal(const Home *home, const CarbonProcess *process, int number,
    bool *ret_sent, Error *error) __attribute__((nonnull, warn_unused_result));

#define CARBON_PROCESSES_AUTO(name)                                                                \
    __attribute__((cleanup(carbon_processes_done))) CarbonProcesses name = { 0 }
