#pragma once

/*
 * What each kind of step is, as data: the only place to read, or to edit, to know what an upgrade
 * does. A strategy is an order of rows. Adding a kind is adding a row here, a place in the
 * strategies, and a handler on the agent.
 */

#include "common/model/command.h"

typedef enum StepKind {
    STEP_CHECK_STAGING,
    STEP_MEASURE_TRAFFIC,
    STEP_BACKUP_HOME,
    STEP_GATE_READY_TO_STOP, /* all that is done while the servers run */
    STEP_STOP_SERVER,
    STEP_GATE_STOPPED,
    STEP_PROVE_QUIET,
    STEP_LOCK_ACCOUNTS,
    STEP_GATE_QUIET, /* nobody is connected and nobody can be */
    STEP_BACKUP_DATABASE,
    STEP_CONFIGURE_NODE,
    STEP_COPY_FOLDERS,
    STEP_VERIFY_HOME, /* after the operator's word, before it counts */
    STEP_VERIFY_DUMP,
    STEP_CROSS_LINE, /* the operator's word: from here on there is no way back */
    STEP_MIGRATE_PRODUCTION,
    STEP_CHECKPOINT_PRODUCTION,
    STEP_COPY_DATABASE,
    STEP_MIGRATE_STAGING,
    STEP_CHECKPOINT_STAGING,
    STEP_GATE_READY_TO_START,
    STEP_START_SERVER,
    STEP_GATE_STARTED,
    STEP_TEST_READINESS,
    STEP_PROVE_SWITCHED,
    STEP_GATE_PROVEN,
    STEP_REHEARSE_BACKUP, /* from here on: of a rehearsal, while the old servers run */
    STEP_REHEARSE_MIGRATION,
    STEP_REHEARSE_CHECKPOINT,
    STEP_END_REHEARSAL,
    STEP_KIND_COUNT,
} StepKind;

/* What there is one of for each step of the kind. */
typedef enum StepScope {
    SCOPE_CLUSTER,
    SCOPE_NODE,
    SCOPE_MANAGER, /* the first manager */
    SCOPE_DATABASE,
} StepScope;

typedef struct StepSpec {
    const char *name;  /* in journals, plans and on the command line: never rename */
    const char *title; /* for people: "stop the old server" */
    StepScope scope;
    CommandKind command;  /* COMMAND_NONE: a gate or the line, decided by the coordinator alone */
    CommandKind undo;     /* COMMAND_NONE: nothing to take back, or see irreversible */
    const char *harmless; /* why nothing has to be taken back, where undo is none */
    const char *irreversible; /* why it cannot be taken back */
    unsigned procedure_line;  /* 1..14: the line of the vendor's page that it fulfils; 0: none */
    unsigned attempts;        /* on transient errors only */
    bool may_skip;            /* an operator may take the responsibility */
    bool wants_word;          /* does not begin before the operator's word for the line */
    bool cut_short;           /* an abort cancels it: half of it is harmless, or is taken back */
} StepSpec;

const StepSpec *step_spec(StepKind kind) __attribute__((returns_nonnull));
StepKind step_kind_from_name(const char *name) __attribute__((nonnull)); /* or STEP_KIND_COUNT */
bool step_kind_is_gate(StepKind kind);
