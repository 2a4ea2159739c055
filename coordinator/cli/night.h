#pragma once

/*
 * One run with all that is open for it: how it is begun, found again and led. For the commands that
 * lead a run.
 *
 * Owns: a Night is released by night_done(). Functions that return int return an exit code,
 * EXIT_DONE to go on; the error says what was wrong.
 */

#include "coordinator/cli/session.h"
#include "coordinator/lead.h"

typedef struct Night {
    Journal *journal;
    Fleet *fleet;
    Inventory *inventory;
    Plan *plan;
    Rehearsal *rehearsal; /* of the plan's inventory; NULL: none is known */
    char **scripts;
    char run_id[RUN_ID_MAX_BYTES];
} Night;

void night_done(Night *night) __attribute__((nonnull));
#define NIGHT_AUTO(name) __attribute__((cleanup(night_done))) Night name = { 0 }

/* The plan file that the command names; the caller frees *ret_text. */
int night_read_plan(const CliCall *call, Night *night, char **ret_text, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* --confirm, where it is given, has to be the cluster's name. */
bool night_confirms(const CliCall *call, const Night *night, Error *error)
    __attribute__((nonnull, warn_unused_result));

typedef struct OpenRun {
    bool there; /* the newest run of the cluster has begun and not ended */
    bool rehearsal;
    JournalRun found;
} OpenRun;

/* Takes the journal, and with it the lead; says what it finds. */
int night_open_journal(const CliCall *call, Night *night, const char *cluster, OpenRun *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Refuses to begin beside a run that has not ended. */
int night_refuse_open_run(const OpenRun *open, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Asks all hosts again; refuses when the world is another one than the plan was made for. */
int night_look_again(const CliCall *call, Night *night, const Bypasses *bypasses, Preflight *ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Writes the run and its first events; `text` is the plan's. */
int night_begin(const CliCall *call, Night *night, const char *text, const Bypasses *bypasses,
    Error *error) __attribute__((nonnull, warn_unused_result));
/* Opens plan, inventory, scripts and agents of a run of the journal, which is open. */
int night_load_run(const CliCall *call, Night *night, const JournalRun *run, Error *error)
    __attribute__((nonnull, warn_unused_result));

LeadSettings night_lead_settings(const CliCall *call, const Night *night) __attribute__((nonnull));

/* Leads the run of a rehearsal: what fails is dropped, and told (cmd_rehearse.c). */
int night_lead_rehearsal(const CliCall *call, const Night *night, const LeadRequests *requests,
    Error *error) __attribute__((nonnull, warn_unused_result));
