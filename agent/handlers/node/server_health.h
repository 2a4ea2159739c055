#pragma once

/*
 * Whether a Carbon server is up: a JVM of the home lives, its log says "started" after the place
 * that was remembered before the start, its https port answers, and an administrator can log in.
 * Alive is not up: a failed boot leaves the JVM alive without that line.
 *
 * Owns: a Health by health_done().
 */

#include "agent/handlers/node/carbon_log.h"
#include "agent/handlers/node/carbon_process.h"

typedef struct Health {
    CarbonProcesses processes;
    CarbonLog log;
    char *log_path;
    bool log_is_ours; /* a place was remembered: the started line counts */
    unsigned port;
    bool up;
    Error missing; /* what is not so yet, when not up */
} Health;

/* Sets up what has to be known before the first look. */
bool health_init(AgentIo *io, const Home *home, Health *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void health_done(Health *health) __attribute__((nonnull));
/* Looks once. Not being up is no error. False: two JVMs, or a log or /proc that cannot be read. */
bool health_look(const Home *home, Health *health, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* "pid", "log-line", "port", "login". */
void health_evidence(const Home *home, const Health *health, Facts *evidence)
    __attribute__((nonnull));

#define HEALTH_AUTO(name) __attribute__((cleanup(health_done))) Health name = { 0 }
