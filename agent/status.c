#include "agent/status.h"

#include <inttypes.h>

#include "agent/instance.h"
#include "agent/ledger.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"

#define ROWS_SHOWN   20
#define ROWS_READ    1000 /* the newest: enough for the last change of every target */
#define TARGETS_MAX  128
#define STATUS_BYTES (64 * 1024)

/* What a person on this host has to know after the last change of a target. */
static const char *const advice[COMMAND_KIND_COUNT] = {
    [COMMAND_STOP_OLD_SERVER] = "the old server was stopped for the upgrade: do not start it by "
                                "hand; 'dss-coordinator abort' brings it back where that is safe",
    [COMMAND_START_OLD_SERVER] = "the old server was started again: the cluster is as it was",
    [COMMAND_CONFIGURE_NODE] =
        "the new home is configured: start neither server by hand, the coordinator does",
    [COMMAND_RESTORE_CONFIGURATION] = "the new home's configuration was put back",
    [COMMAND_COPY_FOLDERS] =
        "the folders are in the new home: start neither server by hand, the coordinator does",
    [COMMAND_REMOVE_FOLDERS] = "the copied folders were taken out of the new home again",
    [COMMAND_START_NEW_SERVER] =
        "the new server runs on the new database: never start the old server any more",
    [COMMAND_STOP_NEW_SERVER] = "the new server was stopped: ask the coordinator before any start",
    [COMMAND_TEST_READINESS] = "the new server was tested: never start the old server any more",
    [COMMAND_LOCK_ACCOUNTS] = "the Carbon account is locked out of the old database: do not unlock "
                              "it by hand; 'dss-coordinator abort' does where that is safe",
    [COMMAND_UNLOCK_ACCOUNTS] = "the Carbon account may use the old database again",
    [COMMAND_MIGRATE_DATABASE] =
        "the database was migrated: no old server may be started against it",
    [COMMAND_COPY_DATABASE] = "the staging database holds the data: do not change it by hand",
    [COMMAND_CLEAR_STAGING] = "the staging database is empty again",
    [COMMAND_REHEARSE_BACKUP] = "a rehearsal works on a scratch database: production is only read",
    [COMMAND_REHEARSE_MIGRATION] =
        "a rehearsal migrated a scratch database: production is only read",
    [COMMAND_END_REHEARSAL] = "the rehearsal is over: production is as it was",
    [COMMAND_DROP_REHEARSAL] = "the rehearsal is over: its scratch database is gone",
};

typedef struct Status {
    const AgentConfig *config;
    InstanceHolder holder;
    unsigned shown, at_work;
    size_t target_count;
    char targets[TARGETS_MAX][NAME_MAX_BYTES + 1]; /* 'n' or 'd', then the name */
    Text rows, safe, work;
} Status;

/* Accepted by an agent that lives: at work, or waiting. By one that died: cut off. */
static bool is_in_hand(const Status *status, const LedgerRow *row)
{
    return row->finished_ms == 0 && status->holder.process != 0 &&
           row->accepted_ms >= status->holder.started_ms;
}

static void add_row(Status *status, const LedgerRow *row)
{
    char when[WALL_TEXT_BYTES];

    wall_text(row->accepted_ms, when);
    text_add(&status->rows, "  %s  %-22s %-16s %-16s ", when, row->kind, row->target, row->key);
    if (row->finished_ms == 0)
        text_add(&status->rows, "%s\n", is_in_hand(status, row) ? "at work" : "cut off");
    else
        text_add(&status->rows, "%s after %.1f s%s%s\n", result_state_name(row->state),
            (double)(row->finished_ms - row->accepted_ms) / 1000,
            row->state == RESULT_FAILED ? ": " : "", row->error_text);
}

/* True the first time that a target is asked for. */
static bool is_news_of(Status *status, TargetKind kind, const char *name)
{
    char target[NAME_MAX_BYTES + 1];

    (void)snprintf(target, sizeof(target), "%c%s", kind == TARGET_NODE ? 'n' : 'd', name);
    for (size_t i = 0; i < status->target_count; i++)
        if (strcmp(status->targets[i], target) == 0)
            return false;
    if (status->target_count == TARGETS_MAX)
        return false;
    (void)memcpy(status->targets[status->target_count++], target, sizeof(target));
    return true;
}

static void add_advice(Status *status, const LedgerRow *row)
{
    CommandKind kind = command_from_name(row->kind);

    if (kind == COMMAND_KIND_COUNT || !advice[kind] || row->finished_ms == 0 ||
        row->state == RESULT_FAILED || !is_news_of(status, command_target(kind), row->target))
        return;
    text_add(&status->safe, "  %s: %s\n", row->target, advice[kind]);
}

static bool take_row(void *self, const LedgerRow *row, Error *error)
{
    Status *status = self;

    (void)error;
    if (status->shown++ < ROWS_SHOWN)
        add_row(status, row);
    if (is_in_hand(status, row)) {
        status->at_work++;
        text_add(&status->work,
            "  %s: %s is at work: leave this host running until it has ended; if the host dies, "
            "the coordinator asks again and nothing is done twice\n",
            row->target, row->kind);
    }
    add_advice(status, row);
    return true;
}

static void print_head(const Status *status, uint64_t epoch, FILE *stream)
{
    char since[WALL_TEXT_BYTES];

    wall_text(status->holder.started_ms, since);
    (void)fprintf(
        stream, "agent %s of cluster %s: ", status->config->name, status->config->cluster);
    if (status->holder.process == 0)
        (void)fprintf(stream, "not running\n");
    else
        (void)fprintf(stream, "runs, pid %d, since %s\n", (int)status->holder.process, since);
    (void)fprintf(stream, "coordinator's epoch: %" PRIu64 "\n", epoch);
}

static void print(const Status *status, uint64_t epoch, FILE *stream)
{
    print_head(status, epoch, stream);
    (void)fprintf(stream, "\ncommands, the newest first%s\n%s",
        status->shown > ROWS_SHOWN ? " (there are more)" : "",
        status->shown > 0 ? status->rows.bytes : "  none: nothing was ever ordered here\n");
    (void)fprintf(stream, "\nsafe\n%s%s", status->work.bytes, status->safe.bytes);
    if (status->at_work == 0)
        (void)fprintf(stream,
            "  nothing is at work: agent and host may be restarted; the agent does nothing by "
            "itself, it waits for its coordinator\n");
}

static bool gather(Status *status, uint64_t *ret_epoch, Error *error)
{
    const char *folder = status->config->state_directory;
    AUTO(Ledger) *ledger = NULL;
    AgentLedgerIo io;

    if (!instance_holder(folder, &status->holder, error))
        return false;
    if (!ledger_open_to_read(folder, &ledger, error))
        return error_prefix(error, "has this agent ever run, and may you read %s? ", folder);
    io = ledger_io(ledger);
    return io.get_epoch(io.self, ret_epoch, error) &&
           ledger_each(ledger, ROWS_READ, take_row, status, error);
}

bool status_print(const AgentConfig *config, FILE *stream, Error *error)
{
    Status status = { .config = config };
    uint64_t epoch = 0;
    bool good;

    text_init(&status.rows, STATUS_BYTES);
    text_init(&status.safe, STATUS_BYTES);
    text_init(&status.work, STATUS_BYTES);
    good = gather(&status, &epoch, error);
    if (good)
        print(&status, epoch, stream);
    text_done(&status.rows);
    text_done(&status.safe);
    text_done(&status.work);
    return good;
}
