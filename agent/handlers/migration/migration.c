/*
 * The goal "the database has the layout of the new release", reached by the profile's script or by
 * the operator's own. README.md says what happens after a crash at each place.
 */

#include <sys/random.h>

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/invariants.h"
#include "agent/handlers/database/layout.h"
#include "agent/handlers/database/session_watch.h"
#include "agent/handlers/migration/migration_run.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define ID_BYTES 16

/* What is to be done, by the mark in the database, the ledger and the layout together. */
typedef enum Task {
    TASK_NOTHING,  /* it has the target layout, and no migration of ours is unfinished */
    TASK_START,    /* it has a layout that the profile knows a way from */
    TASK_CONTINUE, /* a migration that this agent began is unfinished */
} Task;

typedef struct View {
    const char *side;
    Database *database;
    MigrationLedger ledger;
    Layout layout;
    MigrationPhase phase;
    char *id, *sha256, *run; /* by the ledger, or NULL */
    Task task;
} View;

static void view_done(View *view)
{
    database_close(view->database);
    free(view->id);
    free(view->sha256);
    free(view->run);
}
#define VIEW_AUTO(name) __attribute__((cleanup(view_done))) View name = { 0 }

/*
 * One lock per database on its server, held for as long as the session lives: a statement that a
 * killed worker left running ends before anybody looks.
 */
static bool take_lock_mysql(
    const View *view, const Command *command, unsigned long long wait_s, Error *error)
{
    AUTO_TEXT *sql = memory_format(
        "SELECT GET_LOCK(CONCAT('dss-upgrade-', LEFT(SHA1(DATABASE()), 40)), %llu)", wait_s);
    AUTO_TEXT *given = NULL;

    if (!database_value(view->database, sql, &given, error))
        return false;
    if (!given || strcmp(given, "1") != 0)
        return error_set(error, ERROR_TIMEOUT,
            "a statement of an earlier session of this tool still runs on %s after %llu s",
            command->target, wait_s);
    return true;
}

static bool take_lock_postgresql(
    const View *view, const Command *command, unsigned long long wait_s, Error *error)
{
    unsigned long long lock_s =
        facts_number(&command->args, ARG_LOCK_S, database_limits_default.lock_s);
    AUTO_TEXT *wait = memory_format("SET lock_timeout = '%llus'", wait_s);
    AUTO_TEXT *usual = memory_format("SET lock_timeout = '%llus'", lock_s);

    return database_run(view->database, wait, NULL, error) &&
           database_run(
               view->database, "SELECT pg_advisory_lock(hashtext('dss-upgrade'))", NULL, error) &&
           database_run(view->database, usual, NULL, error);
}

static bool take_lock(const View *view, const Command *command, Error *error)
{
    unsigned long long wait_s =
        facts_number(&command->args, ARG_STATEMENT_S, database_limits_default.statement_s);
    bool taken = database_type(view->database) == DATABASE_MYSQL
                     ? take_lock_mysql(view, command, wait_s, error)
                     : take_lock_postgresql(view, command, wait_s, error);

    return taken || error_prefix(error, "waiting for an earlier session of this tool: ");
}

static bool read_ledger(View *view, Error *error)
{
    return migration_ledger_phase(&view->ledger, &view->phase, error) &&
           migration_ledger_get(&view->ledger, "id", &view->id, error) &&
           migration_ledger_get(&view->ledger, "script-sha256", &view->sha256, error) &&
           migration_ledger_get(&view->ledger, "run", &view->run, error);
}

static bool refuse_layout(const View *view, const Command *command, Error *error)
{
    if (strcmp(view->layout.name, LAYOUT_MIXTURE) == 0)
        return error_set(error, ERROR_PRECONDITION,
            "%s of %s is a mixture of layouts (%s): a migration by somebody else stopped half-way. "
            "Restore the database, or end that migration by its own means",
            view->side, command->target, view->layout.why);
    return error_set(error, ERROR_PRECONDITION,
        "%s of %s has no layout that the profile knows: is this the right database?", view->side,
        command->target);
}

static bool decide(View *view, const Profile *profile, const Command *command, Error *error)
{
    AUTO_TEXT *mark = NULL;
    const bool unfinished = view->phase == MIGRATION_RUNNING || view->phase == MIGRATION_FINISHING;

    if (!migration_mark(view->database, &mark, error))
        return false;
    if (mark && !(unfinished && view->id && strcmp(view->id, mark) == 0))
        return error_set(error, ERROR_PRECONDITION,
            "%s of %s has the table " MIGRATION_MARK_TABLE " of a migration that this agent's "
            "ledger does not know (%.40s): continue with the agent that began it, or restore the "
            "database",
            view->side, command->target, mark);
    if (mark)
        view->task = TASK_CONTINUE;
    else if (strcmp(view->layout.name, profile->target_layout) == 0)
        view->task = TASK_NOTHING;
    else if (layout_is_known(&view->layout))
        view->task = TASK_START;
    else
        return refuse_layout(view, command, error);
    return true;
}

static bool look(AgentIo *io, const Command *command, View *ret, Error *error)
{
    if (!target_side(command, &ret->side, error) ||
        !target_open_side(io, command, &ret->database, error))
        return false;
    migration_ledger_init(&ret->ledger, io, command, ret->side);
    return take_lock(ret, command, error) &&
           layout_find(ret->database, io->profile, &ret->layout, error) &&
           read_ledger(ret, error) && decide(ret, io->profile, command, error);
}

static bool tell(const View *view, const Command *command, Facts *evidence, Error *error)
{
    const bool by_this_run =
        view->phase != MIGRATION_NONE && view->run && strcmp(view->run, command->id.run) == 0;

    if (by_this_run && !migration_ledger_tell(&view->ledger, evidence, error))
        return false;
    if (!by_this_run) {
        facts_add(evidence, "script", "already done");
        facts_add(evidence, "layout-before", view->layout.name);
    }
    facts_add(evidence, "layout-after", view->layout.name);
    return true;
}

static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    VIEW_AUTO(view);

    if (!look(io, command, &view, error))
        return false;
    *ret_holds = view.task == TASK_NOTHING;
    return !*ret_holds || tell(&view, command, io->evidence, error);
}

/* The script, its name for the report, its digest. */
typedef struct Chosen {
    const char *name, *text;
    char sha256[SHA256_HEX_BYTES];
} Chosen;

static bool choose_from_profile(
    const View *view, const Profile *profile, const char *from, Chosen *ret, Error *error)
{
    for (size_t i = 0; i < profile->migration_count; i++) {
        const ProfileMigration *one = &profile->migrations[i];

        if (one->type != database_type(view->database) || strcmp(one->from, from) != 0)
            continue;
        ret->name = one->file;
        ret->text = one->script;
        digest_of(one->script, strlen(one->script), ret->sha256);
        return true;
    }
    return error_set(error, ERROR_PRECONDITION,
        "the profile %s has no script from layout %s on %s: give a script of your own",
        profile->name, from, database_type_name(database_type(view->database)));
}

static bool choose_script(
    const View *view, const AgentIo *io, const Command *command, Chosen *ret, Error *error)
{
    const char *own = facts_get(&command->args, ARG_SCRIPT);
    const char *pinned = facts_get(&command->args, ARG_SCRIPT_SHA256);
    AUTO_TEXT *from = NULL;

    if (own) {
        ret->name = "operator's";
        ret->text = own;
        digest_of(own, strlen(own), ret->sha256);
    } else {
        if (view->task == TASK_CONTINUE &&
            !migration_ledger_get(&view->ledger, "layout-before", &from, error))
            return false;
        if (!choose_from_profile(view, io->profile, from ? from : view->layout.name, ret, error))
            return false;
    }
    if (pinned && strcmp(pinned, ret->sha256) != 0)
        return error_set(error, ERROR_OUTDATED,
            "the script (%s) has the digest %s, the plan has %s: make a new plan", ret->name,
            ret->sha256, pinned);
    return true;
}

static bool check_pins(const AgentIo *io, const Command *command, Error *error)
{
    const char *pinned = facts_get(&command->args, ARG_PROFILE_SHA256);

    if (pinned && strcmp(pinned, io->profile->sha256) != 0)
        return error_set(error, ERROR_OUTDATED,
            "the profile on this host has the digest %s, the plan has %s: install the same profile "
            "on all hosts and make a new plan",
            io->profile->sha256, pinned);
    return true;
}

static bool make_id(char ret[2 * ID_BYTES + 1], Error *error)
{
    unsigned char bytes[ID_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return error_set(error, ERROR_IO, "no random number can be had");
    text_hex(bytes, sizeof(bytes), ret);
    return true;
}

/* Everything that the ledger has to know before the first statement; the phase comes last. */
static bool begin(
    View *view, const Command *command, const Chosen *chosen, size_t statements, Error *error)
{
    const MigrationLedger *ledger = &view->ledger;
    AUTO_TEXT *count = memory_format("%zu", statements);
    char id[2 * ID_BYTES + 1];

    if (!make_id(id, error) || !migration_ledger_forget(ledger, error) ||
        !migration_ledger_put(ledger, "id", id, error) ||
        !migration_ledger_put(ledger, "run", command->id.run, error) ||
        !migration_ledger_put(ledger, "script", chosen->name, error) ||
        !migration_ledger_put(ledger, "script-sha256", chosen->sha256, error) ||
        !migration_ledger_put(ledger, "layout-before", view->layout.name, error) ||
        !migration_ledger_put(ledger, "statements", count, error) ||
        !migration_ledger_set_phase(ledger, MIGRATION_RUNNING, error))
        return false;
    free(view->id);
    view->id = memory_text(id);
    return true;
}

static bool same_script(const View *view, const Chosen *chosen, Error *error)
{
    if (view->sha256 && strcmp(view->sha256, chosen->sha256) == 0)
        return true;
    return error_set(error, ERROR_PRECONDITION,
        "a migration with the script %s is unfinished, it cannot be continued with %s",
        view->sha256 ? view->sha256 : "(unknown)", chosen->sha256);
}

/* What another run began and this one ends is this one's from here on. */
static bool take_over(AgentIo *io, const Command *command, const View *view, Error *error)
{
    return (view->run && strcmp(view->run, command->id.run) == 0) ||
           (invariants_adopt(io, command, error) &&
               migration_ledger_put(&view->ledger, "run", command->id.run, error));
}

static bool migrate(AgentIo *io, const Command *command, Error *error)
{
    VIEW_AUTO(view);
    AUTO(SqlScript) *script = NULL;
    Chosen chosen = { 0 };
    Migration migration;

    if (!check_pins(io, command, error) || !look(io, command, &view, error))
        return false;
    if (view.task == TASK_NOTHING)
        return true;
    if (!choose_script(&view, io, command, &chosen, error) ||
        !sql_script_check(chosen.text, database_type(view.database), error) ||
        !sql_script_split(chosen.text, database_type(view.database), &script, error))
        return error_prefix(error, "script: ");
    if (view.task == TASK_CONTINUE &&
        (!same_script(&view, &chosen, error) || !take_over(io, command, &view, error)))
        return false;
    if (view.task == TASK_START && (!invariants_record(io, view.database, command, error) ||
                                       !begin(&view, command, &chosen, script->count, error)))
        return false;
    migration = (Migration){ io, command, view.database, view.ledger, script, view.id };
    return database_type(view.database) == DATABASE_MYSQL
               ? migration_run_mysql(&migration, error)
               : migration_run_postgresql(&migration, error);
}

bool migration_check_layout(const Migration *migration, Error *error)
{
    const Profile *profile = migration->io->profile;
    Layout layout;

    if (!layout_find(migration->database, profile, &layout, error))
        return false;
    if (strcmp(layout.name, profile->target_layout) == 0)
        return true;
    return error_set(error, ERROR_MISMATCH,
        "the script ran to its end, but the layout is '%s' and not %s%s%s", layout.name,
        profile->target_layout, layout.why[0] ? ": " : "", layout.why);
}

bool migration_fail_statement(const Migration *migration, size_t number, Error *error)
{
    return error_prefix(error, "statement %zu of %zu (line %u): ", number, migration->script->count,
        migration->script->items[number - 1].line);
}

static bool apply(AgentIo *io, const Command *command, Error *error)
{
    return session_watched(io, command, migrate, error);
}

const Handler handler_migrate_database = {
    .goal = "the database has the layout of the new release",
    .probe = probe,
    .apply = apply,
};
