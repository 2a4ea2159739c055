#pragma once

/* What commands open before they can work: inventory, plan, agents, journal. */

#include "coordinator/cli/cli.h"
#include "coordinator/cli/render.h"
#include "coordinator/io/fleet.h"
#include "coordinator/io/inventory_xml.h"
#include "coordinator/io/journal.h"
#include "coordinator/io/plan_xml.h"

/* STATE/tls, STATE/ca …; the caller frees. */
char *session_folder(const CliCall *call, const char *name)
    __attribute__((nonnull, returns_nonnull));
/* An inventory that cannot be read is ERROR_INVALID: the operator named it. */
bool session_inventory(const CliCall *call, Inventory **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool session_fleet(const CliCall *call, const Inventory *inventory, Fleet **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* From --bypass and --reason; ERROR_INVALID when one comes without the other, and for a check that
 * says that nothing could be looked at. */
bool session_bypasses(const CliCall *call, Bypasses *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* A plan's text, the plan, and the inventory in it. `path` is for messages. */
bool session_parse_plan(const char *path, const char *text, Plan **ret_plan,
    Inventory **ret_inventory, Error *error) __attribute__((nonnull, warn_unused_result));
/* A journal error is the audit's (10), another holder is 8. */
int session_journal_exit(const Error *error) __attribute__((nonnull));
/* The run that --run names, else the newest. */
bool session_find_run(const CliCall *call, Journal *journal, JournalRun *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* What was rehearsed of the plan's inventory, as far as the state folder knows; *ret may be NULL.
 */
bool session_rehearsal(const CliCall *call, const Plan *plan, Rehearsal **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Shows the findings; EXIT_DONE, or the exit code that they stand for. */
int session_judge(const CliCall *call, const Preflight *preflight, const Bypasses *bypasses,
    FindingDetail detail, FILE *stream) __attribute__((nonnull));
/* Step by number ("12") or by label ("stop-server node2"); EVENT_NO_STEP when there is none. */
uint32_t session_step(const Plan *plan, const char *name, const char *target)
    __attribute__((nonnull(1, 2)));

#define SESSION_OPTION_BYPASS                                                                      \
    {                                                                                              \
        "bypass", "CHECK", "let this check fail; needs --reason; written into the audit log", true \
    }
#define SESSION_OPTION_REASON                                                                      \
    {                                                                                              \
        "reason", "TEXT", "why; written into the audit log", false                                 \
    }
#define SESSION_OPTION_RUN                                                                         \
    {                                                                                              \
        "run", "ID", "another run than the newest", false                                          \
    }
#define SESSION_OPTION_CONFIRM                                                                     \
    {                                                                                              \
        "confirm", "NAME",                                                                         \
            "the cluster's name: cross the point of no return when all before it "                 \
            "is done",                                                                             \
            false                                                                                  \
    }
