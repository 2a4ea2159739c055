#include "tests/sim/world.h"

#include <assert.h>

void world_init(World *world, size_t nodes, size_t databases, Strategy strategy)
{
    *world = (World){ .node_count = nodes, .database_count = databases, .strategy = strategy };
    for (size_t i = 0; i < nodes; i++)
        world->nodes[i].old_up = PART_ALL;
    for (size_t i = 0; i < databases; i++)
        world->databases[i].production = LAYOUT_OLD;
}

void world_violate(World *world, const char *what, const char *detail)
{
    if (world->violation)
        return;
    world->violation = what;
    (void)snprintf(world->detail, sizeof(world->detail), "%s", detail); /* cut is fine */
}

void world_lose_node(World *world, size_t index)
{
    world->nodes[index] = (WorldNode){ .lost = true };
}

static bool any_old_up(const World *world)
{
    for (size_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].old_up != PART_NONE)
            return true;
    return false;
}

static bool any_new_up(const World *world)
{
    for (size_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].new_up != PART_NONE)
            return true;
    return false;
}

static bool all_staging_new(const World *world)
{
    for (size_t i = 0; i < world->database_count; i++)
        if (world->databases[i].staging != LAYOUT_NEW)
            return false;
    return true;
}

static bool all_backed_up(const World *world)
{
    for (size_t i = 0; i < world->database_count; i++)
        if (world->databases[i].backed_up != PART_ALL)
            return false;
    for (size_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].backed_up != PART_ALL)
            return false;
    return true;
}

static WorldAccess *access_of(AgentIo *io)
{
    return io->self;
}

static WorldNode *node_of(WorldAccess *access)
{
    return &access->world->nodes[access->node];
}

static WorldDatabase *database_of(WorldAccess *access)
{
    return &access->world->databases[access->database];
}

/* A script works on one side; production is the other; a rehearsal's on its own database. */
static WorldLayout *layout_of(WorldAccess *access, const Command *command)
{
    WorldDatabase *database = database_of(access);

    if (command_rehearses(command->kind))
        return &database->scratch;
    return access->staging_side ? &database->staging : &database->production;
}

/* Each change passes here: counted, and noticed where it must never happen. False: it is broken
 * off, and access->half says whether in the middle. */
static bool strike(AgentIo *io, const Command *command, Error *error)
{
    WorldAccess *access = access_of(io);

    if (!access->written)
        world_violate(
            access->world, "an act before it was written down", command_name(command->kind));
    if ((access->world->strategy == STRATEGY_REHEARSAL) != command_rehearses(command->kind))
        world_violate(access->world, "a rehearsal that is none", command_name(command->kind));
    if (access->fault.kind != ERROR_NONE) {
        *error = access->fault;
        return false;
    }
    if (++*access->effects > 1)
        world_violate(
            access->world, "one command had its effect twice", command_name(command->kind));
    return true;
}

static bool set(AgentIo *io, const Command *command, Part *part, Part to, Error *error)
{
    if (*part == to)
        world_violate(access_of(io)->world, "done although it was so", command_name(command->kind));
    if (!strike(io, command, error)) {
        if (access_of(io)->half)
            *part = PART_SOME;
        return false;
    }
    *part = to;
    return true;
}

static bool change_layout(
    AgentIo *io, const Command *command, WorldLayout *layout, WorldLayout to, Error *error)
{
    if (!strike(io, command, error)) {
        if (access_of(io)->half)
            *layout = *layout == LAYOUT_OLD || *layout == LAYOUT_PARTLY_MIGRATED
                          ? LAYOUT_PARTLY_MIGRATED
                          : LAYOUT_PARTLY_COPIED;
        return false;
    }
    *layout = to;
    return true;
}

static bool answer(bool holds, const Command *command, bool *ret, Error *error)
{
    (void)command;
    (void)error;
    *ret = holds;
    return true;
}

static bool probe_always(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    (void)io;
    return answer(true, command, ret, error);
}

static bool probe_quiet(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    if (any_old_up(access_of(io)->world))
        return error_set(error, ERROR_PRECONDITION, "sessions are left");
    return answer(true, command, ret, error);
}

static bool probe_layout(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    if (*layout_of(access_of(io), command) != LAYOUT_NEW)
        return error_set(error, ERROR_MISMATCH, "the layout is not the new one");
    return answer(true, command, ret, error);
}

static bool probe_switched(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    const World *world = access_of(io)->world;

    for (size_t i = 0; i < world->node_count; i++)
        if (world->nodes[i].new_up != PART_ALL || world->nodes[i].old_up != PART_NONE)
            return error_set(error, ERROR_PRECONDITION, "not switched");
    return answer(true, command, ret, error);
}

#define FLAG_PROBE(name, owner, flag, value)                                                       \
    static bool probe_##name(AgentIo *io, const Command *command, bool *ret, Error *error)         \
    {                                                                                              \
        return answer(owner(access_of(io))->flag == (value), command, ret, error);                 \
    }
#define FLAG_HANDLER(name, owner, flag, value)                                                     \
    FLAG_PROBE(name, owner, flag, value)                                                           \
    static bool apply_##name(AgentIo *io, const Command *command, Error *error)                    \
    {                                                                                              \
        return set(io, command, &owner(access_of(io))->flag, value, error);                        \
    }
FLAG_HANDLER(backup_home, node_of, backed_up, PART_ALL)
FLAG_HANDLER(stop_old, node_of, old_up, PART_NONE)
FLAG_HANDLER(configure, node_of, configured, PART_ALL)
FLAG_HANDLER(restore, node_of, configured, PART_NONE)
FLAG_HANDLER(folders, node_of, folders, PART_ALL)
FLAG_HANDLER(no_folders, node_of, folders, PART_NONE)
FLAG_HANDLER(stop_new, node_of, new_up, PART_NONE)
FLAG_HANDLER(lock, database_of, locked, PART_ALL)
FLAG_HANDLER(unlock, database_of, locked, PART_NONE)
FLAG_HANDLER(backup_database, database_of, backed_up, PART_ALL)
FLAG_PROBE(old_up, node_of, old_up, PART_ALL)
FLAG_PROBE(new_up, node_of, new_up, PART_ALL)
FLAG_PROBE(cleared, database_of, staging, LAYOUT_EMPTY)
FLAG_PROBE(dropped, database_of, scratch, LAYOUT_EMPTY)

static bool apply_old_up(AgentIo *io, const Command *command, Error *error)
{
    WorldAccess *access = access_of(io);

    if (access->crossed)
        world_violate(access->world, "an old server started behind the line", "");
    if (any_new_up(access->world))
        world_violate(access->world, "an old server started beside a new one", "");
    for (size_t i = 0; i < access->world->database_count; i++) {
        if (access->world->databases[i].locked != PART_NONE)
            world_violate(access->world, "an old server started while its account is locked", "");
        if (access->world->databases[i].production != LAYOUT_OLD)
            world_violate(access->world, "an old server started on a migrated database", "");
    }
    return set(io, command, &node_of(access)->old_up, PART_ALL, error);
}

static bool apply_new_up(AgentIo *io, const Command *command, Error *error)
{
    WorldAccess *access = access_of(io);

    if (!all_staging_new(access->world))
        world_violate(access->world, "a new server started on a database of the old layout", "");
    if (node_of(access)->configured != PART_ALL || node_of(access)->folders != PART_ALL)
        world_violate(access->world, "a new server started without configuration or folders", "");
    if (any_old_up(access->world))
        world_violate(access->world, "a new server started while an old one runs", "");
    return set(io, command, &node_of(access)->new_up, PART_ALL, error);
}

static bool probe_migrated(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    return answer(*layout_of(access_of(io), command) == LAYOUT_NEW, command, ret, error);
}

static bool apply_migrated(AgentIo *io, const Command *command, Error *error)
{
    WorldAccess *access = access_of(io);
    WorldLayout *layout = layout_of(access, command);
    bool of_production = layout == &database_of(access)->production;

    if (of_production && !access->crossed)
        world_violate(access->world, "production migrated without the operator's word", "");
    if (of_production && !all_backed_up(access->world))
        world_violate(access->world, "production migrated without verified backups", "");
    if (!command_rehearses(command->kind) && any_old_up(access->world))
        world_violate(access->world, "a database migrated under a running server", "");
    if ((*layout != LAYOUT_OLD && *layout != LAYOUT_PARTLY_MIGRATED) ||
        database_of(access)->migrations > 0)
        world_violate(access->world, "a script run twice, or on nothing", "");
    if (!change_layout(io, command, layout, LAYOUT_NEW, error))
        return false;
    database_of(access)->migrations++;
    return true;
}

static bool probe_copied(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    WorldLayout layout = database_of(access_of(io))->staging;

    return answer(layout != LAYOUT_EMPTY && layout != LAYOUT_PARTLY_COPIED, command, ret, error);
}

static bool apply_copied(AgentIo *io, const Command *command, Error *error)
{
    WorldAccess *access = access_of(io);
    WorldDatabase *database = database_of(access);

    if (any_old_up(access->world) || database->locked != PART_ALL)
        world_violate(access->world, "a database copied while somebody may write", "");
    if (database->staging != LAYOUT_EMPTY && database->staging != LAYOUT_PARTLY_COPIED)
        world_violate(access->world, "a copy into a database that is not empty", "");
    return change_layout(io, command, &database->staging, database->production, error);
}

static bool apply_cleared(AgentIo *io, const Command *command, Error *error)
{
    WorldAccess *access = access_of(io);

    if (any_new_up(access->world) || access->crossed)
        world_violate(access->world, "staging cleared under the new servers", "");
    if (!change_layout(io, command, &database_of(access)->staging, LAYOUT_EMPTY, error))
        return false;
    database_of(access)->migrations = 0;
    return true;
}

static bool probe_restored(AgentIo *io, const Command *command, bool *ret, Error *error)
{
    WorldLayout scratch = database_of(access_of(io))->scratch;

    return answer(scratch != LAYOUT_EMPTY && scratch != LAYOUT_PARTLY_COPIED, command, ret, error);
}

static bool apply_restored(AgentIo *io, const Command *command, Error *error)
{
    WorldDatabase *database = database_of(access_of(io));

    return change_layout(io, command, &database->scratch, database->production, error);
}

static bool apply_dropped(AgentIo *io, const Command *command, Error *error)
{
    WorldDatabase *database = database_of(access_of(io));

    if (!change_layout(io, command, &database->scratch, LAYOUT_EMPTY, error))
        return false;
    database->migrations = 0;
    return true;
}

static const Handler handlers[] = {
    [COMMAND_NONE] = { "nothing", probe_always, NULL },
    [COMMAND_INSPECT_NODE] = { "seen", probe_always, NULL },
    [COMMAND_INSPECT_DATABASE] = { "seen", probe_always, NULL },
    [COMMAND_PREVIEW_CONFIGURATION] = { "seen", probe_always, NULL },
    [COMMAND_CHECK_STAGING] = { "staging fits", probe_always, NULL },
    [COMMAND_MEASURE_TRAFFIC] = { "traffic is low", probe_always, NULL },
    [COMMAND_PROVE_QUIET] = { "quiet", probe_quiet, NULL },
    [COMMAND_CHECKPOINT_DATABASE] = { "layout is new", probe_layout, NULL },
    [COMMAND_PROVE_SWITCHED] = { "switched", probe_switched, NULL },
    [COMMAND_BACKUP_HOME] = { "backed up", probe_backup_home, apply_backup_home },
    [COMMAND_VERIFY_HOME] = { "still backed up", probe_backup_home, NULL },
    [COMMAND_STOP_OLD_SERVER] = { "old stopped", probe_stop_old, apply_stop_old },
    [COMMAND_START_OLD_SERVER] = { "old up", probe_old_up, apply_old_up },
    [COMMAND_CONFIGURE_NODE] = { "configured", probe_configure, apply_configure },
    [COMMAND_RESTORE_CONFIGURATION] = { "not configured", probe_restore, apply_restore },
    [COMMAND_COPY_FOLDERS] = { "folders there", probe_folders, apply_folders },
    [COMMAND_REMOVE_FOLDERS] = { "folders not there", probe_no_folders, apply_no_folders },
    [COMMAND_START_NEW_SERVER] = { "new up", probe_new_up, apply_new_up },
    [COMMAND_STOP_NEW_SERVER] = { "new stopped", probe_stop_new, apply_stop_new },
    [COMMAND_TEST_READINESS] = { "ready", probe_switched, NULL },
    [COMMAND_LOCK_ACCOUNTS] = { "locked", probe_lock, apply_lock },
    [COMMAND_UNLOCK_ACCOUNTS] = { "unlocked", probe_unlock, apply_unlock },
    [COMMAND_BACKUP_DATABASE] = { "backed up", probe_backup_database, apply_backup_database },
    [COMMAND_VERIFY_DUMP] = { "still backed up", probe_backup_database, NULL },
    [COMMAND_MIGRATE_DATABASE] = { "migrated", probe_migrated, apply_migrated },
    [COMMAND_COPY_DATABASE] = { "copied", probe_copied, apply_copied },
    [COMMAND_CLEAR_STAGING] = { "cleared", probe_cleared, apply_cleared },
    [COMMAND_REHEARSE_BACKUP] = { "restored", probe_restored, apply_restored },
    [COMMAND_REHEARSE_MIGRATION] = { "migrated", probe_migrated, apply_migrated },
    [COMMAND_REHEARSE_CHECKPOINT] = { "layout is new", probe_layout, NULL },
    [COMMAND_END_REHEARSAL] = { "dropped", probe_dropped, apply_dropped },
    [COMMAND_DROP_REHEARSAL] = { "dropped", probe_dropped, apply_dropped },
};
static_assert(
    sizeof(handlers) / sizeof(handlers[0]) == COMMAND_KIND_COUNT, "every CommandKind has a row");

const Handler *world_handler(CommandKind kind)
{
    return &handlers[kind];
}

static void violate_node(World *world, const char *what, size_t index)
{
    const WorldNode *node = &world->nodes[index];
    char detail[sizeof(world->detail)];

    (void)snprintf(detail, sizeof(detail), "node %zu: old %u, new %u, configured %u, folders %u",
        index + 1, node->old_up, node->new_up, node->configured, node->folders); /* fits */
    world_violate(world, what, detail);
}

void world_check_done(World *world)
{
    WorldLayout production = world->strategy == STRATEGY_DOCUMENTED ? LAYOUT_NEW : LAYOUT_OLD;

    if (world->strategy == STRATEGY_REHEARSAL) {
        world_check_aborted(world);
        return;
    }
    for (size_t i = 0; i < world->node_count; i++) {
        const WorldNode *node = &world->nodes[i];

        if (node->new_up != PART_ALL || node->old_up != PART_NONE || node->configured != PART_ALL ||
            node->folders != PART_ALL)
            violate_node(world, "done, but a node is not upgraded", i);
    }
    for (size_t i = 0; i < world->database_count; i++) {
        const WorldDatabase *database = &world->databases[i];

        if (database->staging != LAYOUT_NEW || database->production != production ||
            database->locked != PART_ALL || database->backed_up != PART_ALL)
            world_violate(world, "done, but a database is not as it has to be", "");
    }
}

void world_check_aborted(World *world)
{
    for (size_t i = 0; i < world->node_count; i++) {
        const WorldNode *node = &world->nodes[i];

        if (!node->lost && (node->new_up != PART_NONE || node->old_up != PART_ALL ||
                               node->configured != PART_NONE || node->folders != PART_NONE))
            violate_node(world, "not upgraded, but a node is not as it was", i);
    }
    for (size_t i = 0; i < world->database_count; i++) {
        const WorldDatabase *database = &world->databases[i];

        if (database->staging != LAYOUT_EMPTY || database->production != LAYOUT_OLD ||
            database->locked != PART_NONE || database->scratch != LAYOUT_EMPTY)
            world_violate(world, "not upgraded, but a database is not as it was", "");
    }
}
