/*
 * The goal "the staging database holds an exact copy of production".
 *
 * Keys, below "copy/<database>/": "definition" the digest of what is being copied; "table/<name>"
 * written when that table was verified; "complete" the list of all tables with rows and digest,
 * written last. A table that is not marked is made anew: nothing half-copied is ever continued.
 */

#include "agent/handlers/copy/copied.h"
#include "agent/handlers/copy/definitions.h"
#include "agent/handlers/copy/difference.h"
#include "agent/handlers/copy/ownership.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/database/session_watch.h"
#include "agent/handlers/table.h"
#include "common/base/text.h"
#include "common/model/finding.h"
#include "common/os/digest.h"

#define DIFFERENCE_MAX 600 /* bytes of a message */

typedef struct Copy {
    AgentIo *io;
    const Command *command;
    Database *production; /* in one snapshot */
    Database *staging;
    CopyCatalogue *catalogue;
    Copied *copied; /* the tables so far */
} Copy;

static bool remember(const Copy *copy, const char *name, const char *value, Error *error)
{
    AUTO_TEXT *key = memory_format("copy/%s/%s", copy->command->target, name);

    return copy->io->remember(copy->io->self, key, value, error);
}

static bool recall(const Copy *copy, const char *name, char **ret, Error *error)
{
    AUTO_TEXT *key = memory_format("copy/%s/%s", copy->command->target, name);

    return copy->io->recall(copy->io->self, key, ret, error);
}

/* Limits for a command that works on large tables: only its own deadline ends it. */
static bool open_side(const Copy *copy, DatabaseSide side, Database **ret, Error *error)
{
    const AgentDatabase *config = NULL;
    DatabaseLimits limits = database_limits_default;

    if (!target_config(copy->io, copy->command, &config, error))
        return false;
    if (copy->command->deadline_s > limits.statement_s)
        limits.statement_s = copy->command->deadline_s;
    return database_open(config, side, NULL, &limits, ret, error);
}

static void describe_definition(const CopyCatalogue *catalogue, char ret[SHA256_HEX_BYTES])
{
    AUTO(Digest) *digest = digest_new();

    for (size_t i = 0; i < catalogue->table_count; i++)
        digest_add(digest, catalogue->tables[i].create, strlen(catalogue->tables[i].create) + 1);
    for (size_t i = 0; i < catalogue->step_count; i++)
        digest_add(digest, catalogue->steps[i].sql, strlen(catalogue->steps[i].sql) + 1);
    digest_end_hex(digest, ret);
}

/* What an attempt made from another definition, or a finished copy that no longer holds, goes. */
static bool clear_outdated(const Copy *copy, Error *error)
{
    char definition[SHA256_HEX_BYTES];
    AUTO_TEXT *known = NULL;
    AUTO_TEXT *complete = NULL;
    uint64_t dropped;

    describe_definition(copy->catalogue, definition);
    if (!recall(copy, "definition", &known, error) || !recall(copy, "complete", &complete, error))
        return false;
    if (known && strcmp(known, definition) == 0 && !complete)
        return true;
    return staging_drop_all(copy->staging, &dropped, error) &&
           staging_forget_content(copy->io, copy->command, error) &&
           remember(copy, "definition", definition, error);
}

static bool run_step(const Copy *copy, const CopyStep *step, Error *error)
{
    uint64_t done = 0;

    if (step->done && !query_number(copy->staging, step->done, &done, error))
        return error_prefix(error, "%s: ", step->name);
    if (done > 0)
        return true;
    return database_run(copy->staging, step->sql, NULL, error) ||
           error_prefix(error, "completing %s: ", step->name);
}

/* Rows without a parent cannot come from the copy, whose rows were verified: they are told. */
static bool count_orphans(const Copy *copy, const CopyStep *step, Error *error)
{
    uint64_t orphans = 0;

    if (!query_number(copy->staging, step->sql, &orphans, error))
        return error_prefix(error, "%s: ", step->name);
    if (orphans > 0)
        finding_add(copy->io->evidence, "FOREIGN-KEY-ORPHANS", FINDING_WARN,
            "production has them too: look at these rows when the upgrade is over",
            "%s: %llu row(s) without a parent", step->name, (unsigned long long)orphans);
    return true;
}

static bool run_steps(const Copy *copy, CopyStepKind kind, Error *error)
{
    for (size_t i = 0; i < copy->catalogue->step_count; i++) {
        const CopyStep *step = &copy->catalogue->steps[i];

        if (step->kind != kind)
            continue;
        copy->io->progress(copy->io->self, step->name, i, copy->catalogue->step_count);
        if (kind == COPY_STEP_ORPHANS ? !count_orphans(copy, step, error)
                                      : !run_step(copy, step, error))
            return false;
    }
    return true;
}

/* Makes the table anew, without rows. */
static bool make_table(const Copy *copy, const CopyTable *table, Error *error)
{
    AUTO_TEXT *drop = memory_format("DROP TABLE IF EXISTS %s%s", table->quoted,
        copy->catalogue->type == DATABASE_POSTGRESQL ? " CASCADE" : "");

    return (database_run(copy->staging, drop, NULL, error) &&
               database_run(copy->staging, table->create, NULL, error)) ||
           error_prefix(error, "making %s: ", table->name);
}

static bool fail_mismatch(const Copy *copy, const CopyTable *table, const RowDigest *read,
    const RowDigest *found, Error *error)
{
    TEXT_AUTO(difference, DIFFERENCE_MAX);
    Error unseen = { 0 };

    if (!difference_find(copy->production, copy->staging, table, &difference, &unseen))
        text_add(&difference, "which rows cannot be told: %.200s", unseen.text);
    return error_set(error, ERROR_MISMATCH,
        "table %s: production has %llu row(s), staging %llu; %s", table->name,
        (unsigned long long)read->rows, (unsigned long long)found->rows, difference.bytes);
}

static bool verify_table(
    const Copy *copy, const CopyTable *table, const RowDigest *read, Error *error)
{
    const RowsChunk all = { .table = table };
    RowsMeter meter = { .io = copy->io, .doing = "verifying" };
    RowDigest found;

    if (!rows_digest(copy->staging, &all, &meter, &found, error))
        return false;
    return row_digest_equal(read, &found) || fail_mismatch(copy, table, read, &found, error);
}

/* Reads the table on one side; one that is not there or cannot be read is not the same. */
static bool still_is(const Copy *copy, Database *database, const CopyTable *table,
    const CopiedTable *known, bool *ret, Error *error)
{
    const RowsChunk all = { .table = table };
    RowsMeter meter = { .io = copy->io, .doing = "verifying" };
    char hex[ROW_DIGEST_HEX_BYTES];
    RowDigest found;
    Error failure = { 0 };

    *ret = false;
    if (!rows_digest(database, &all, &meter, &found, &failure)) {
        if (failure.kind == ERROR_DATABASE && database == copy->staging)
            return true;
        *error = failure;
        return false;
    }
    row_digest_hex(&found, hex);
    *ret = found.rows == known->rows && strcmp(hex, known->digest) == 0;
    return true;
}

/*
 * Whether the ledger has the table as verified and both sides still hold these very rows: hours may
 * have passed since, and an equal number of rows tells nothing of an update.
 */
static bool is_verified(
    const Copy *copy, const CopyTable *table, const char *known, bool *ret, Error *error)
{
    CopiedTable one = { 0 };
    bool asked;

    *ret = false;
    if (!known || !copied_parse_line(known, &one))
        return true;
    asked = still_is(copy, copy->staging, table, &one, ret, error) &&
            (!*ret || still_is(copy, copy->production, table, &one, ret, error));
    copied_table_done(&one);
    return asked;
}

static bool copy_table(const Copy *copy, const CopyTable *table, Error *error)
{
    RowsMeter meter = { .io = copy->io, .doing = "copying" };
    const RowsPipe pipe = { copy->production, copy->staging, &meter };
    const RowsChunk all = { .table = table };
    AUTO_TEXT *key = memory_format("table/%s", table->name);
    AUTO_TEXT *known = NULL;
    AUTO_TEXT *line = NULL;
    RowDigest digest;
    bool verified;

    if (!recall(copy, key, &known, error) || !is_verified(copy, table, known, &verified, error))
        return false;
    if (verified) {
        copied_add_line(copy->copied, known);
        return true;
    }
    if (!make_table(copy, table, error) || !rows_copy(&pipe, &all, &digest, error) ||
        !verify_table(copy, table, &digest, error))
        return false;
    line = copied_line(table, &digest);
    copied_add_line(copy->copied, line);
    return remember(copy, key, line, error);
}

static bool copy_tables(const Copy *copy, Error *error)
{
    for (size_t i = 0; i < copy->catalogue->table_count; i++) {
        const CopyTable *table = &copy->catalogue->tables[i];

        copy->io->progress(copy->io->self, "tables", i, copy->catalogue->table_count);
        if (!copy->io->pause(copy->io->self, 0, error) || !copy_table(copy, table, error))
            return false;
    }
    return true;
}

static void tell_leftovers(const Copy *copy)
{
    const CopyCatalogue *catalogue = copy->catalogue;

    for (size_t i = 0; i < catalogue->leftover_count; i++) {
        const CopyLeftover *leftover = &catalogue->leftovers[i];
        AUTO_TEXT *name = memory_format("not-copied:%s", leftover->kind);

        facts_add(copy->io->evidence, name, leftover->name);
        finding_add(copy->io->evidence, "COPY-LEFT-OUT", FINDING_WARN,
            "make it on staging by hand if it is still needed", "%s %s is not copied",
            leftover->kind, leftover->name);
    }
}

static bool complete(const Copy *copy, Error *error)
{
    const DefinitionsOf definitions = { copy->production, copy->catalogue, copy->staging,
        "staging" };
    static const CopyStepKind after[] = { COPY_STEP_INDEX, COPY_STEP_FOREIGN_KEY, COPY_STEP_ORPHANS,
        COPY_STEP_COUNTER, COPY_STEP_OWNER };

    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++)
        if (!run_steps(copy, after[i], error))
            return false;
    if (!definitions_compare(&definitions, copy->io->evidence, error))
        return false;
    tell_leftovers(copy);
    return remember(copy, "complete", copied_text(copy->copied), error);
}

static bool open_both(Copy *copy, Error *error)
{
    return open_side(copy, SIDE_STAGING, &copy->staging, error) &&
           open_side(copy, SIDE_PRODUCTION, &copy->production, error) &&
           staging_is_apart(copy->command, copy->production, copy->staging, error) &&
           staging_claim(copy->io, copy->command, copy->staging, error) &&
           rows_begin_reading(copy->production, NULL, error) &&
           rows_begin_writing(copy->staging, error) &&
           copy_catalogue_read(copy->production, &copy->catalogue, error);
}

static bool copy_all(AgentIo *io, const Command *command, Error *error)
{
    Copy copy = { .io = io, .command = command, .copied = copied_new() };
    bool done = open_both(&copy, error) && clear_outdated(&copy, error) &&
                run_steps(&copy, COPY_STEP_BEFORE, error) && copy_tables(&copy, error) &&
                complete(&copy, error);

    copied_free(copy.copied);
    copy_catalogue_free(copy.catalogue);
    database_close(copy.production);
    database_close(copy.staging);
    return done;
}

/* The ledger says complete, and staging still has every table with as many rows. */
static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    Copy copy = { .io = io, .command = command };
    AUTO(Database) *staging = NULL;
    AUTO(Copied) *copied = NULL;
    AUTO_TEXT *known = NULL;
    StagingOwner owner;

    *ret_holds = false;
    if (!open_side(&copy, SIDE_STAGING, &staging, error) ||
        !staging_owner(io, command, staging, &owner, error) ||
        !recall(&copy, "complete", &known, error))
        return false;
    if (owner != STAGING_OURS || !known)
        return true;
    copied = copied_parse(known);
    if (!copied_is_there(copied, staging, ret_holds, error))
        return false;
    if (*ret_holds)
        copied_add_evidence(copied, io->evidence);
    return true;
}

static bool apply(AgentIo *io, const Command *command, Error *error)
{
    return session_watched(io, command, copy_all, error);
}

const Handler handler_copy_database = {
    .goal = "the staging database holds an exact copy of production",
    .probe = probe,
    .apply = apply,
};
