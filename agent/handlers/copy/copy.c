/*
 * The goal "the staging database holds an exact copy of production". What is remembered is told in
 * copy_ledger.h.
 */

#include "agent/handlers/copy/copy.h"

#include "agent/handlers/copy/definitions.h"
#include "agent/handlers/copy/ownership.h"
#include "agent/handlers/copy/recheck.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/database/session_list.h"
#include "agent/handlers/database/session_watch.h"
#include "agent/handlers/table.h"
#include "common/model/finding.h"
#include "common/os/digest.h"

typedef struct Copy {
    AgentIo *io;
    const Command *command;
    const AgentDatabase *config;
    DatabaseLimits limits;
    Database *production; /* in one snapshot */
    Database *staging;
    CopyCatalogue *catalogue;
    CopyLedger ledger;
    Copied *copied; /* the tables so far */
} Copy;

/* Limits for a command that works on large tables: only its own deadline ends it. */
static bool copy_of(AgentIo *io, const Command *command, Copy *ret, Error *error)
{
    ret->io = io;
    ret->command = command;
    ret->limits = database_limits_default;
    if (command->deadline_s > ret->limits.statement_s)
        ret->limits.statement_s = command->deadline_s;
    copy_ledger_init(&ret->ledger, io, command->target);
    return target_config(io, command, &ret->config, error);
}

static void copy_done(Copy *copy)
{
    copied_free(copy->copied);
    copy_catalogue_free(copy->catalogue);
    database_close(copy->production);
    database_close(copy->staging);
    copy_ledger_done(&copy->ledger);
}
#define COPY_AUTO(name) __attribute__((cleanup(copy_done))) Copy name = { 0 }

static bool open_side(const Copy *copy, DatabaseSide side, Database **ret, Error *error)
{
    return database_open(copy->config, side, NULL, &copy->limits, ret, error);
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

/* Whoever is connected may rely on what is about to be dropped. */
static bool refuse_company(const Copy *copy, Error *error)
{
    AUTO(SessionList) *list = NULL;

    if (!session_list_read(copy->staging, NULL, &list, error))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        AUTO_TEXT *words = session_words(&list->items[i]);

        if (list->items[i].on_database)
            return error_set(error, ERROR_PRECONDITION,
                "the copy on staging has to be made anew, but somebody uses it: %s: end that "
                "session, or abort the run if staging is in use already",
                words);
    }
    return true;
}

/* What an attempt made from another definition, or a finished copy that no longer holds, goes.
 * *ret_empty: nothing is there. */
static bool clear_outdated(const Copy *copy, bool *ret_empty, Error *error)
{
    char definition[SHA256_HEX_BYTES];
    AUTO_TEXT *known = NULL;
    AUTO_TEXT *complete = NULL;
    uint64_t dropped;

    describe_definition(copy->catalogue, definition);
    *ret_empty = false;
    if (!copy_ledger_recall(&copy->ledger, "definition", &known, error) ||
        !copy_ledger_recall(&copy->ledger, "complete", &complete, error))
        return false;
    if (known && strcmp(known, definition) == 0 && !complete)
        return true;
    *ret_empty = true;
    return (!known || refuse_company(copy, error)) &&
           staging_drop_all(copy->staging, &dropped, error) &&
           staging_forget_content(copy->io, copy->command, error) &&
           copy_ledger_remember(&copy->ledger, "definition", definition, error);
}

/* Steps that take no time, one after the other. */
static bool run_steps(const Copy *copy, CopyStepKind kind, Error *error)
{
    for (size_t i = 0; i < copy->catalogue->step_count; i++) {
        const CopyStep *step = &copy->catalogue->steps[i];
        uint64_t done = 0;

        if (step->kind != kind)
            continue;
        copy->io->progress(copy->io->self, step->name, i, copy->catalogue->step_count);
        if (step->done && !query_number(copy->staging, step->done, &done, error))
            return error_prefix(error, "%s: ", step->name);
        if (done == 0 && !database_run(copy->staging, step->sql, NULL, error))
            return error_prefix(error, "completing %s: ", step->name);
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

/* PostgreSQL: how large values are compressed on staging, which may not be production's way. */
static bool tell_compression(const Copy *copy, Error *error)
{
    AUTO_TEXT *method = NULL;

    if (copy->catalogue->type != DATABASE_POSTGRESQL)
        return true;
    if (!database_value(copy->staging, "SELECT current_setting('default_toast_compression', true)",
            &method, error))
        return false;
    if (method)
        facts_add(copy->io->evidence, "~toast-compression", method);
    return true;
}

/* Everything is on disk at the servers before it is written down as complete. */
static bool complete(const Copy *copy, Error *error)
{
    const DefinitionsOf definitions = { copy->production, copy->catalogue, copy->staging,
        "staging" };

    if (!run_steps(copy, COPY_STEP_COUNTER, error) || !run_steps(copy, COPY_STEP_OWNER, error) ||
        !definitions_compare(&definitions, copy->io->evidence, error) ||
        !rows_make_durable(copy->staging, error) || !tell_compression(copy, error))
        return false;
    tell_leftovers(copy);
    return copy_ledger_remember(&copy->ledger, "complete", copied_text(copy->copied), error);
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

bool copy_apply(AgentIo *io, const Command *command, const CopyTuning *tuning, Error *error)
{
    COPY_AUTO(copy);
    EngineOrder order;
    bool empty;

    copy.copied = copied_new();
    if (!copy_of(io, command, &copy, error) || !open_both(&copy, error) ||
        !clear_outdated(&copy, &empty, error) || !run_steps(&copy, COPY_STEP_BEFORE, error))
        return false;
    order = (EngineOrder){ .io = io,
        .config = copy.config,
        .limits = &copy.limits,
        .tuning = tuning,
        .catalogue = copy.catalogue,
        .production = copy.production,
        .staging = copy.staging,
        .ledger = &copy.ledger,
        .empty = empty };
    return engine_run(&order, copy.copied, error) && complete(&copy, error);
}

static bool read_again(Copy *copy, bool *ret_holds, Error *error)
{
    RecheckOf of;

    if (!open_side(copy, SIDE_PRODUCTION, &copy->production, error) ||
        !staging_is_apart(copy->command, copy->production, copy->staging, error) ||
        !rows_begin_reading(copy->production, NULL, error) ||
        !rows_begin_reading(copy->staging, NULL, error) ||
        !copy_catalogue_read(copy->production, &copy->catalogue, error))
        return false;
    of = (RecheckOf){ copy->io, copy->production, copy->staging, copy->catalogue };
    return recheck(&of, copy->copied, ret_holds, error);
}

/*
 * The ledger says complete. Unless apply() has just proven all, definitions and rows of staging are
 * read and compared with it again.
 */
static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    COPY_AUTO(copy);
    AUTO_TEXT *known = NULL;
    StagingOwner owner;

    *ret_holds = false;
    if (!copy_of(io, command, &copy, error) ||
        !open_side(&copy, SIDE_STAGING, &copy.staging, error) ||
        !staging_owner(io, command, copy.staging, &owner, error) ||
        !copy_ledger_recall(&copy.ledger, "complete", &known, error))
        return false;
    if (owner != STAGING_OURS || !known)
        return true;
    copy.copied = copied_parse(known);
    *ret_holds = facts_get(io->evidence, ENGINE_RAN) != NULL;
    if (!*ret_holds && (!copied_is_there(copy.copied, copy.staging, ret_holds, error) ||
                           !read_again(&copy, ret_holds, error)))
        return false;
    if (*ret_holds)
        copied_add_evidence(copy.copied, io->evidence);
    return true;
}

static bool copy_all(AgentIo *io, const Command *command, Error *error)
{
    return copy_apply(io, command, &copy_tuning_default, error);
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
