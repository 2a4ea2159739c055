#include "agent/ledger.h"

#include "agent/core/obey.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/digest.h"
#include "common/store/store.h"

extern const char ledger_sql_0001[];

struct Ledger {
    Store *store;
};

static bool open_with(const char *state_directory,
    bool (*open)(const char *path, Store **ret, Error *error), Ledger **ret, Error *error)
{
    AUTO(Ledger) *ledger = memory_new(sizeof(*ledger));
    AUTO_TEXT *path = memory_format("%s/ledger.db", state_directory);

    *ledger = (Ledger){ 0 };
    if (!open(path, &ledger->store, error))
        return error_prefix(error, "ledger: ");
    *ret = TAKE(ledger);
    return true;
}

static bool open_to_write(const char *path, Store **ret, Error *error)
{
    static const char *const migrations[] = { ledger_sql_0001 };

    return store_open(path, migrations, sizeof(migrations) / sizeof(migrations[0]), ret, error);
}

bool ledger_open(const char *state_directory, Ledger **ret, Error *error)
{
    return open_with(state_directory, open_to_write, ret, error);
}

bool ledger_open_to_read(const char *state_directory, Ledger **ret, Error *error)
{
    return open_with(state_directory, store_open_to_read, ret, error);
}

void ledger_close(Ledger *ledger)
{
    if (!ledger)
        return;
    store_close(ledger->store);
    free(ledger);
}

/* What makes two commands the same, besides the id: a zero byte ends each part. */
static void digest_of_command(const Command *command, char ret[SHA256_HEX_BYTES])
{
    AUTO(Digest) *digest = digest_new();
    const char *kind = command_name(command->kind);

    digest_add(digest, kind, strlen(kind) + 1);
    digest_add(digest, command->target, strlen(command->target) + 1);
    for (size_t i = 0; i < command->args.count; i++) {
        const Fact *arg = &command->args.items[i];

        digest_add(digest, arg->name, strlen(arg->name) + 1);
        digest_add(digest, arg->value, strlen(arg->value) + 1);
    }
    digest_end_hex(digest, ret);
}

static bool read_evidence(Ledger *ledger, int64_t number, Facts *ret, Error *error)
{
    AUTO(Statement) *row = NULL;
    RowOutcome outcome;

    if (!store_prepare(ledger->store,
            "SELECT name, value FROM evidence WHERE command = ?1 ORDER BY position", &row, error))
        return false;
    statement_bind_number(row, 1, number);
    while ((outcome = statement_step(row, error)) == ROW_FOUND)
        facts_add(ret, statement_text(row, 0), statement_text(row, 1));
    return outcome == ROW_END;
}

/* `row`: number, state, error_kind, error_text. */
static bool read_result(Ledger *ledger, Statement *row, CommandResult *ret, Error *error)
{
    ret->state = result_state_from_name(statement_text(row, 1));
    ret->error.kind = error_kind_from_name(statement_text(row, 2));
    if (ret->state == RESULT_STATE_COUNT || ret->error.kind == ERROR_KIND_COUNT ||
        !text_copy(ret->error.text, sizeof(ret->error.text), statement_text(row, 3)))
        return error_set(error, ERROR_CORRUPT,
            "ledger: a result cannot be read back (state '%.20s', error '%.20s')",
            statement_text(row, 1), statement_text(row, 2));
    return read_evidence(ledger, statement_number(row, 0), &ret->evidence, error);
}

/* "RUN/STEP/ATTEMPT", as command_key() wrote it. */
static bool read_key(const char *key, const char *run, CommandId *ret, Error *error)
{
    char step[16] = "";
    const char *attempt = strrchr(key, '/');
    const char *from = key + strlen(run) + 1;
    unsigned long long numbers[2];

    *ret = (CommandId){ 0 };
    if (attempt > from && (size_t)(attempt - from) < sizeof(step))
        memcpy(step, from, (size_t)(attempt - from));
    if (!text_copy(ret->run, sizeof(ret->run), run) ||
        !text_to_number(step, UINT32_MAX, &numbers[0]) ||
        !text_to_number(attempt + 1, UINT32_MAX, &numbers[1]))
        return error_set(error, ERROR_CORRUPT, "ledger: '%.60s' is no key of a command", key);
    ret->step = (uint32_t)numbers[0];
    ret->attempt = (uint32_t)numbers[1];
    return true;
}

static bool row_overtakes(Statement *row, const Command *command, bool *ret, Error *error)
{
    CommandId accepted;

    if (!read_key(statement_text(row, 0), command->id.run, &accepted, error))
        return false;
    *ret = obey_overtakes(&accepted, command_from_name(statement_text(row, 1)), command);
    return true;
}

static LedgerLookup unless_rival(
    Ledger *ledger, const Command *command, LedgerLookup otherwise, Error *error)
{
    AUTO(Statement) *row = NULL;
    AUTO_TEXT *prefix = memory_format("%s/", command->id.run);

    if (command->epoch == 0)
        return otherwise;
    if (!store_prepare(ledger->store,
            "SELECT 1 FROM command WHERE epoch = ?1 AND substr(key, 1, length(?2)) <> ?2 LIMIT 1",
            &row, error))
        return LEDGER_FAILED;
    statement_bind_number(row, 1, (int64_t)command->epoch);
    statement_bind_text(row, 2, prefix);
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        return LEDGER_RIVAL;
    case ROW_END:
        return otherwise;
    case ROW_FAILED:
        break;
    }
    return LEDGER_FAILED;
}

/* What has no result: may it begin, behind all that the ledger has of its run? */
static LedgerLookup unless_overtaken(
    Ledger *ledger, const Command *command, LedgerLookup otherwise, Error *error)
{
    AUTO(Statement) *row = NULL;
    AUTO_TEXT *first = memory_format("%s/", command->id.run);
    AUTO_TEXT *behind = memory_format("%s0", command->id.run); /* 0 comes right after / */
    bool overtaken = false;
    RowOutcome outcome = ROW_END;

    if (!store_prepare(ledger->store, "SELECT key, kind FROM command WHERE key > ?1 AND key < ?2",
            &row, error))
        return LEDGER_FAILED;
    statement_bind_text(row, 1, first);
    statement_bind_text(row, 2, behind);
    while (!overtaken && (outcome = statement_step(row, error)) == ROW_FOUND)
        if (!row_overtakes(row, command, &overtaken, error))
            return LEDGER_FAILED;
    if (outcome == ROW_FAILED)
        return LEDGER_FAILED;
    return overtaken ? LEDGER_OVERTAKEN : unless_rival(ledger, command, otherwise, error);
}

static LedgerLookup read_command(
    Ledger *ledger, const Command *command, Statement *row, CommandResult *ret, Error *error)
{
    char sha256[SHA256_HEX_BYTES];
    COMMAND_RESULT_AUTO(result);

    digest_of_command(command, sha256);
    if (strcmp(statement_text(row, 4), sha256) != 0)
        return LEDGER_OTHER;
    if (statement_is_null(row, 1))
        return unless_overtaken(ledger, command, LEDGER_ACCEPTED, error);
    result.id = command->id;
    if (!read_result(ledger, row, &result, error))
        return LEDGER_FAILED;
    *ret = result;
    result.evidence = (Facts){ 0 };
    return LEDGER_FINISHED;
}

static LedgerLookup find(void *self, const Command *command, CommandResult *ret, Error *error)
{
    Ledger *ledger = self;
    AUTO(Statement) *row = NULL;
    char key[COMMAND_KEY_BYTES];

    command_key(&command->id, key);
    if (!store_prepare(ledger->store,
            "SELECT number, state, error_kind, error_text, sha256 FROM command WHERE key = ?1",
            &row, error))
        return LEDGER_FAILED;
    statement_bind_text(row, 1, key);
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        return read_command(ledger, command, row, ret, error);
    case ROW_END:
        return unless_overtaken(ledger, command, LEDGER_UNKNOWN, error);
    case ROW_FAILED:
        return LEDGER_FAILED;
    }
    return LEDGER_FAILED;
}

static bool accept(void *self, const Command *command, Error *error)
{
    Ledger *ledger = self;
    AUTO(Statement) *insert = NULL;
    char key[COMMAND_KEY_BYTES], sha256[SHA256_HEX_BYTES];

    command_key(&command->id, key);
    digest_of_command(command, sha256);
    if (!store_prepare(ledger->store,
            "INSERT INTO command (key, kind, target, sha256, epoch, audit_head, accepted_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &insert, error))
        return false;
    statement_bind_text(insert, 1, key);
    statement_bind_text(insert, 2, command_name(command->kind));
    statement_bind_text(insert, 3, command->target);
    statement_bind_text(insert, 4, sha256);
    statement_bind_number(insert, 5, (int64_t)command->epoch);
    statement_bind_text(insert, 6, command->audit_head);
    statement_bind_number(insert, 7, wall_now());
    return statement_run(insert, error);
}

static bool write_evidence(Ledger *ledger, const char *key, const Facts *facts, Error *error)
{
    AUTO(Statement) *insert = NULL;

    if (!store_prepare(ledger->store,
            "INSERT INTO evidence SELECT number, ?2, ?3, ?4 FROM command WHERE key = ?1", &insert,
            error))
        return false;
    for (size_t i = 0; i < facts->count; i++) {
        statement_bind_text(insert, 1, key);
        statement_bind_number(insert, 2, (int64_t)i);
        statement_bind_text(insert, 3, facts->items[i].name);
        statement_bind_text(insert, 4, facts->items[i].value);
        if (!statement_run(insert, error))
            return false;
    }
    return true;
}

/* In an open transaction. */
static bool write_result(Ledger *ledger, const CommandResult *result, Error *error)
{
    AUTO(Statement) *update = NULL;
    char key[COMMAND_KEY_BYTES];

    command_key(&result->id, key);
    if (!store_prepare(ledger->store,
            "UPDATE command SET finished_ms = ?2, state = ?3, error_kind = ?4, error_text = ?5"
            " WHERE key = ?1 AND finished_ms IS NULL",
            &update, error))
        return false;
    statement_bind_text(update, 1, key);
    statement_bind_number(update, 2, wall_now());
    statement_bind_text(update, 3, result_state_name(result->state));
    statement_bind_text(update, 4, error_kind_name(result->error.kind));
    statement_bind_text(update, 5, result->error.text);
    if (!statement_run(update, error))
        return false;
    if (store_changes(ledger->store) != 1)
        return error_set(error, ERROR_CORRUPT,
            "ledger: command %s was not accepted, or has a result already", key);
    return write_evidence(ledger, key, &result->evidence, error);
}

static bool finish(void *self, const CommandResult *result, Error *error)
{
    Ledger *ledger = self;

    if (!store_begin(ledger->store, error))
        return false;
    if (!write_result(ledger, result, error)) {
        store_rollback(ledger->store);
        return false;
    }
    return store_commit(ledger->store, error);
}

static bool get_epoch(void *self, uint64_t *ret, Error *error)
{
    Ledger *ledger = self;
    AUTO(Statement) *row = NULL;

    if (!store_prepare(ledger->store, "SELECT epoch FROM lead", &row, error))
        return false;
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        *ret = (uint64_t)statement_number(row, 0);
        return true;
    case ROW_END:
        return error_set(error, ERROR_CORRUPT, "ledger: the epoch is gone");
    case ROW_FAILED:
        return false;
    }
    return false;
}

static bool set_epoch(void *self, uint64_t epoch, Error *error)
{
    Ledger *ledger = self;
    AUTO(Statement) *update = NULL;

    if (!store_prepare(ledger->store, "UPDATE lead SET epoch = ?1", &update, error))
        return false;
    statement_bind_number(update, 1, (int64_t)epoch);
    return statement_run(update, error);
}

AgentLedgerIo ledger_io(Ledger *ledger)
{
    return (AgentLedgerIo){ ledger, find, accept, finish, get_epoch, set_epoch };
}

bool ledger_remember(Ledger *ledger, const char *key, const char *value, Error *error)
{
    AUTO(Statement) *insert = NULL;

    if (!store_prepare(
            ledger->store, "INSERT OR REPLACE INTO note VALUES (?1, ?2)", &insert, error))
        return false;
    statement_bind_text(insert, 1, key);
    statement_bind_text(insert, 2, value);
    return statement_run(insert, error);
}

bool ledger_recall(Ledger *ledger, const char *key, char **ret, Error *error)
{
    AUTO(Statement) *row = NULL;

    if (!store_prepare(ledger->store, "SELECT value FROM note WHERE key = ?1", &row, error))
        return false;
    statement_bind_text(row, 1, key);
    switch (statement_step(row, error)) {
    case ROW_FOUND:
        *ret = memory_text(statement_text(row, 0));
        return true;
    case ROW_END:
        *ret = NULL;
        return true;
    case ROW_FAILED:
        return false;
    }
    return false;
}

bool ledger_forget(Ledger *ledger, const char *prefix, Error *error)
{
    AUTO(Statement) *gone = NULL;

    if (!store_prepare(
            ledger->store, "DELETE FROM note WHERE substr(key, 1, length(?1)) = ?1", &gone, error))
        return false;
    statement_bind_text(gone, 1, prefix);
    return statement_run(gone, error);
}

static void fill_row(Statement *row, LedgerRow *ret)
{
    *ret = (LedgerRow){
        .key = statement_text(row, 0),
        .kind = statement_text(row, 1),
        .target = statement_text(row, 2),
        .epoch = (uint64_t)statement_number(row, 3),
        .accepted_ms = statement_number(row, 4),
        .finished_ms = statement_number(row, 5),
        .error_text = statement_text(row, 7),
    };
    if (!statement_is_null(row, 6))
        ret->state = result_state_from_name(statement_text(row, 6));
}

bool ledger_each(Ledger *ledger, unsigned limit,
    bool (*take)(void *self, const LedgerRow *row, Error *error), void *self, Error *error)
{
    AUTO(Statement) *row = NULL;
    RowOutcome outcome;

    if (!store_prepare(ledger->store,
            "SELECT key, kind, target, epoch, accepted_ms, finished_ms, state, error_text"
            " FROM command ORDER BY number DESC LIMIT ?1",
            &row, error))
        return false;
    statement_bind_number(row, 1, limit);
    while ((outcome = statement_step(row, error)) == ROW_FOUND) {
        LedgerRow filled;

        fill_row(row, &filled);
        if (!take(self, &filled, error))
            return false;
    }
    return outcome == ROW_END;
}
