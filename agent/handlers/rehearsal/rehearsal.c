/*
 * What a rehearsal does besides a backup, a migration and a checkpoint: it proves that production
 * is as it was, and takes away all that it made (scratch database, dump).
 *
 * Production goes on being written by its servers, so its rows are no proof. What is: every session
 * of the agent's own at production may only read, by the server's own word, and the structure is
 * the same before and after.
 *
 * Key "rehearsal/<database>/structure": "<run> <fingerprint of production's structure before>".
 */

#include "agent/handlers/backup/database_backup.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/layout.h"
#include "agent/handlers/database/scratch_database.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/os/file.h"

static char *structure_key(const Command *command)
{
    return memory_format("rehearsal/%s/structure", command->target);
}

/* "<run> <fingerprint>"; the caller frees. */
static bool structure_now(AgentIo *io, const Command *command, char **ret, Error *error)
{
    AUTO(Database) *production = NULL;
    char fingerprint[SHA256_HEX_BYTES];

    if (!target_open(io, command, SIDE_PRODUCTION, &production, error) ||
        !database_only_reads(production, error) ||
        !layout_fingerprint(production, fingerprint, error))
        return false;
    *ret = memory_format("%s %s", command->id.run, fingerprint);
    return true;
}

static bool remember_structure(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *key = structure_key(command);
    AUTO_TEXT *now = NULL;

    return structure_now(io, command, &now, error) && io->remember(io->self, key, now, error);
}

static bool production_is_as_it_was(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *key = structure_key(command);
    AUTO_TEXT *before = NULL;
    AUTO_TEXT *now = NULL;

    if (!io->recall(io->self, key, &before, error) || !structure_now(io, command, &now, error))
        return false;
    if (!before || strncmp(before, now, strlen(command->id.run) + 1) != 0)
        return error_set(error, ERROR_PRECONDITION,
            "this agent knows nothing of production of %s before the rehearsal: rehearse again",
            command->target);
    if (strcmp(before, now) != 0)
        return error_set(error, ERROR_MISMATCH,
            "the structure of production of %s changed during the rehearsal, which only reads "
            "there: fingerprint %s before, %s now: see who changed it, and make a new plan",
            command->target, strchr(before, ' ') + 1, strchr(now, ' ') + 1);
    facts_format(
        io->evidence, "production", "read only; structure as before: %s", strchr(now, ' ') + 1);
    return true;
}

static bool is_cleared(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    AUTO_TEXT *folder = backup_folder(io, command);
    bool scratch = false;

    if (!scratch_is_known(io, command, &scratch, error))
        return false;
    *ret = !scratch && file_kind(folder, LINKS_THEMSELVES) == FILE_ABSENT;
    return true;
}

static bool clear(AgentIo *io, const Command *command, Error *error)
{
    AUTO_TEXT *folder = backup_folder(io, command);

    return scratch_drop(io, command, error) && file_remove_tree(folder, error);
}

static bool probe_backup(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    bool scratch = false;

    *ret_holds = false;
    if (!scratch_is_known(io, command, &scratch, error))
        return false;
    return !scratch || handler_backup_database.probe(io, command, ret_holds, error);
}

static bool apply_backup(AgentIo *io, const Command *command, Error *error)
{
    return remember_structure(io, command, error) &&
           handler_backup_database.apply(io, command, error);
}

static bool probe_end(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    return is_cleared(io, command, ret_holds, error) &&
           (!*ret_holds || production_is_as_it_was(io, command, error));
}

const Handler handler_rehearse_backup = {
    .goal = "a backup of production was restored into a scratch database",
    .probe = probe_backup,
    .apply = apply_backup,
};
const Handler handler_end_rehearsal = {
    .goal = "nothing is left of the rehearsal, and production is as it was",
    .probe = probe_end,
    .apply = clear,
};
const Handler handler_drop_rehearsal = {
    .goal = "nothing is left of the rehearsal",
    .probe = is_cleared,
    .apply = clear,
};
