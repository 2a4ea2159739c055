#pragma once

/*
 * The closed list of what a coordinator may ask of an agent, and what comes back.
 *
 * A command is a goal that can be probed ("the server of this node is stopped"), never a procedure.
 * It names a node or a database that the agent's own configuration lists; paths, hosts and
 * credentials never travel. Each kind has one row in command.c: its name (in journals and on the
 * wire: never rename), what it is aimed at, which arguments it takes.
 *
 * The identity of a command is (run, step, attempt): the same identity sent again is answered from
 * the agent's ledger and never run twice.
 */

#include <stdint.h>

#include "common/base/error.h"
#include "common/model/facts.h"

#define NAME_MAX_BYTES   64 /* names of clusters, nodes, databases, agents, with the end mark */
#define RUN_ID_MAX_BYTES 40
#define DIGEST_BYTES     32 /* SHA-256 */
#define DIGEST_HEX_BYTES 65

typedef enum CommandKind {
    COMMAND_NONE,
    /* read only */
    COMMAND_INSPECT_NODE,
    COMMAND_INSPECT_DATABASE,
    COMMAND_PREVIEW_CONFIGURATION,
    COMMAND_CHECK_STAGING,
    COMMAND_MEASURE_TRAFFIC,
    COMMAND_PROVE_QUIET,
    COMMAND_CHECKPOINT_DATABASE,
    COMMAND_PROVE_SWITCHED,
    /* on a node */
    COMMAND_BACKUP_HOME,
    COMMAND_VERIFY_HOME,
    COMMAND_STOP_OLD_SERVER,
    COMMAND_START_OLD_SERVER,
    COMMAND_CONFIGURE_NODE,
    COMMAND_RESTORE_CONFIGURATION,
    COMMAND_COPY_FOLDERS,
    COMMAND_REMOVE_FOLDERS,
    COMMAND_START_NEW_SERVER,
    COMMAND_STOP_NEW_SERVER,
    COMMAND_TEST_READINESS,
    /* on a database */
    COMMAND_LOCK_ACCOUNTS,
    COMMAND_UNLOCK_ACCOUNTS,
    COMMAND_BACKUP_DATABASE,
    COMMAND_VERIFY_DUMP,
    COMMAND_MIGRATE_DATABASE,
    COMMAND_COPY_DATABASE,
    COMMAND_CLEAR_STAGING,
    /* on a database, for a rehearsal: production is read, a scratch database is changed */
    COMMAND_REHEARSE_BACKUP,
    COMMAND_REHEARSE_MIGRATION,
    COMMAND_REHEARSE_CHECKPOINT,
    COMMAND_END_REHEARSAL,
    COMMAND_DROP_REHEARSAL,
    COMMAND_KIND_COUNT,
} CommandKind;

typedef enum TargetKind {
    TARGET_NODE,
    TARGET_DATABASE,
} TargetKind;

/* Arguments, by their names on the wire. Units in the names. */
#define ARG_PRODUCTION_URL "production-url" /* jdbc url; repeated, pairs with ARG_STAGING_URL */
#define ARG_STAGING_URL    "staging-url"    /* jdbc url, the exact text for the new files */
#define ARG_DATABASE       "database"       /* name, repeated, pairs with the urls */
#define ARG_HOLDS          "holds"          /* "registry", "users" or both with a blank */
#define ARG_ACCOUNT        "account"      /* the Carbon servers' account on production; repeated */
#define ARG_WATCHED        "watched"      /* of these, one that is not locked out; repeated */
#define ARG_SIDE           "side"         /* "production" or "staging" */
#define ARG_DEADLINE_S     "deadline-s"   /* stop or start must have happened by then */
#define ARG_QUIET_S        "quiet-s"      /* no session for so long */
#define ARG_STATEMENT_S    "statement-s"  /* time limit of one statement */
#define ARG_LOCK_S         "lock-s"       /* how long a statement may wait for a lock */
#define ARG_SESSIONS_MAX   "sessions-max" /* low traffic: sessions of the account */
#define ARG_STATEMENTS_MAX "statements-max" /* low traffic: statements per second */
#define ARG_SAMPLE_S       "sample-s"
#define ARG_SCRIPT         "script"         /* the operator's script, whole */
#define ARG_SCRIPT_SHA256  "script-sha256"  /* pinned digest, hex */
#define ARG_PROFILE_SHA256 "profile-sha256" /* digest of the profile folder, hex */
#define ARG_ROLE           "role"           /* of a node: "manager" or "worker" */
#define ARG_NODE_ADDRESS   "node-address"   /* repeated: hosts from which sessions may come */
#define ARG_TENANTS        "tenants"        /* "yes" when repository/tenants is copied too */

typedef struct CommandId {
    char run[RUN_ID_MAX_BYTES];
    uint32_t step;
    uint32_t attempt;
} CommandId;

typedef struct Command {
    CommandKind kind;
    CommandId id;
    uint64_t epoch; /* of the coordinator that leads; an agent refuses a lower one */
    char cluster[NAME_MAX_BYTES];
    char target[NAME_MAX_BYTES]; /* node or database, by the name in the agent's configuration */
    uint32_t deadline_s;         /* the agent ends the command after this long */
    char audit_head[DIGEST_HEX_BYTES]; /* head of the coordinator's audit chain */
    Facts args;
} Command;

typedef enum ResultState {
    RESULT_DONE,    /* it was not so; now it is, and was probed */
    RESULT_ALREADY, /* it was so already: nothing was changed */
    RESULT_FAILED,
    RESULT_STATE_COUNT,
} ResultState;

typedef struct CommandResult {
    CommandId id;
    ResultState state;
    Error error;    /* when failed */
    Facts evidence; /* what was seen and proved, also on failure */
} CommandResult;

const char *command_name(CommandKind kind);
CommandKind command_from_name(const char *name)
    __attribute__((nonnull)); /* or COMMAND_KIND_COUNT */
TargetKind command_target(CommandKind kind);
bool command_is_read_only(CommandKind kind);
/* An abort's command: after it the run goes forward no more. */
bool command_takes_back(CommandKind kind);
/* It works beside servers that use production, on a database of its own. */
bool command_rehearses(CommandKind kind);
/* Whether commands of the kind may carry the argument. */
bool command_takes(CommandKind kind, const char *argument) __attribute__((nonnull));
const char *result_state_name(ResultState state);
ResultState result_state_from_name(const char *name) __attribute__((nonnull)); /* or the count */

/* "RUN/STEP/ATTEMPT": the key of ledger and wire. */
#define COMMAND_KEY_BYTES (RUN_ID_MAX_BYTES + 24)
void command_key(const CommandId *id, char ret[COMMAND_KEY_BYTES]) __attribute__((nonnull));
bool command_id_equal(const CommandId *a, const CommandId *b) __attribute__((nonnull));

/* Refuses (ERROR_INVALID) a kind out of range, bad names, arguments that the kind does not take. */
bool command_check(const Command *command, Error *error)
    __attribute__((nonnull, warn_unused_result));

void command_done(Command *command) __attribute__((nonnull));
void command_copy(Command *ret, const Command *from) __attribute__((nonnull));
void command_result_done(CommandResult *result) __attribute__((nonnull));
void command_result_copy(CommandResult *ret, const CommandResult *from) __attribute__((nonnull));

/* Letters, digits, dot, dash, underscore; 1 to 63; the first a letter or digit. */
bool name_is_valid(const char *name) __attribute__((nonnull));

#define COMMAND_AUTO(name) __attribute__((cleanup(command_done))) Command name = { 0 }
#define COMMAND_RESULT_AUTO(name)                                                                  \
    __attribute__((cleanup(command_result_done))) CommandResult name = { 0 }
