/*
 * The goal "the database is upgraded": it has the target layout, every checkpoint of the profile
 * holds, it looks like a fresh one, and the invariants are what they were before the migration.
 *
 * A database that had the target layout before this run keeps what sets it apart from a fresh one.
 *
 * Evidence: "layout"; "checkpoint:<id>" = "ok: <meaning>" or "expected …, found …: <meaning>";
 * "fresh-layout" = "same: <n> things", or what differs; "fresh-layout-tolerated", "invariant:<id>".
 */

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/fresh_layout.h"
#include "agent/handlers/database/invariants.h"
#include "agent/handlers/database/layout.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"

static bool has_target_layout(AgentIo *io, Database *database, const Command *command, Error *error)
{
    Layout layout;

    if (!layout_find(database, io->profile, &layout, error))
        return false;
    facts_add(io->evidence, "layout", layout.name);
    if (strcmp(layout.name, io->profile->target_layout) == 0)
        return true;
    return error_set(error, ERROR_MISMATCH, "the layout of %s is %s, expected %s%s%s",
        command->target, layout.name, io->profile->target_layout, layout.why[0] ? ": " : "",
        layout.why);
}

/* A row that is only for users or registry counts where the command says what is held. */
static bool applies(const ProfileCheckpoint *row, const Database *database, const Command *command)
{
    const char *holds = facts_get(&command->args, ARG_HOLDS);

    return (row->type == PROFILE_ANY_TYPE || row->type == database_type(database)) &&
           (!row->holds || !holds || strstr(holds, row->holds));
}

static bool check_one(AgentIo *io, Database *database, const ProfileCheckpoint *row, Error *error)
{
    AUTO_TEXT *fact = memory_format("checkpoint:%s", row->id);
    AUTO_TEXT *found = NULL;

    if (!database_value(database, row->sql, &found, error))
        return error_prefix(error, "checkpoint %s (%s): ", row->id, row->meaning);
    if (found && strcmp(found, row->expect) == 0) {
        facts_format(io->evidence, fact, "ok: %s", row->meaning);
        return true;
    }
    facts_format(io->evidence, fact, "expected %s, found %s: %s", row->expect,
        found ? found : "nothing", row->meaning);
    return error_set(error, ERROR_MISMATCH, "checkpoint %s: expected %s, found %s: %s", row->id,
        row->expect, found ? found : "nothing", row->meaning);
}

/* All of them, so that the report shows what else is wrong. */
static bool checkpoints_hold(AgentIo *io, Database *database, const Command *command, Error *error)
{
    bool hold = true;

    for (size_t i = 0; i < io->profile->checkpoint_count; i++) {
        const ProfileCheckpoint *row = &io->profile->checkpoints[i];
        Error this_one = { 0 };

        if (!applies(row, database, command) || check_one(io, database, row, &this_one))
            continue;
        if (hold)
            *error = this_one;
        hold = false;
        if (this_one.kind != ERROR_MISMATCH)
            return false; /* the database does not answer: no use in asking on */
    }
    return hold;
}

static bool looks_fresh(AgentIo *io, Database *database, const Command *command, Error *error)
{
    FRESH_DIFFERENCES_AUTO(differences);
    AUTO_TEXT *harmful = NULL;
    AUTO_TEXT *tolerated = NULL;
    bool by_this_run = false;

    if (!fresh_layout_compare(database, io->profile, FRESH_ALL, &differences, error) ||
        !invariants_by_this_run(io, command, &by_this_run, error))
        return false;
    harmful = fresh_differences_words(&differences.harmful);
    tolerated = fresh_differences_words(&differences.tolerated);
    if (differences.tolerated.count > 0)
        facts_add(io->evidence, "fresh-layout-tolerated", tolerated);
    if (differences.harmful.count == 0) {
        facts_format(io->evidence, "fresh-layout", "same: %zu things", differences.compared);
        return true;
    }
    facts_format(
        io->evidence, "fresh-layout", "%s%s", by_this_run ? "" : "was so before: ", harmful);
    if (!by_this_run)
        return true;
    return error_set(error, ERROR_MISMATCH,
        "%s differs from a fresh database of layout %s: %s: mend it by hand, or restore and try "
        "again",
        command->target, io->profile->target_layout, harmful);
}

static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *database = NULL;

    if (!target_open_side(io, command, &database, error) ||
        !has_target_layout(io, database, command, error) ||
        !checkpoints_hold(io, database, command, error) ||
        !looks_fresh(io, database, command, error) ||
        !invariants_compare(io, database, command, error))
        return false;
    *ret_holds = true;
    return true;
}

const Handler handler_checkpoint_database = {
    .goal = "the database has the new layout, its checkpoints hold, nothing that users may do has "
            "changed",
    .probe = probe,
};
