/*
 * The goal "the production database is backed up, and the backup was restored": a dump by the
 * database's own program in BACKUP/DATABASE/RUN, its manifest "dump-manifest" beside it. The dump
 * is read back, restored into a scratch database on the staging server, and every table's digest
 * and definition there compared with production's. What was not restored so is no backup.
 *
 * For a rehearsal (COMMAND_REHEARSE_BACKUP) the same is done while the servers write: a table that
 * changed meanwhile is named and not compared, and the scratch database stays.
 */

#include "agent/handlers/backup/database_backup.h"

#include "agent/handlers/backup/dump_manifest.h"
#include "agent/handlers/backup/dump_tool.h"
#include "agent/handlers/backup/production_digests.h"
#include "agent/handlers/copy/definitions.h"
#include "agent/handlers/copy/difference.h"
#include "agent/handlers/copy/rows.h"
#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/layout.h"
#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/database/scratch_database.h"
#include "agent/handlers/database/session_watch.h"
#include "agent/handlers/table.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/model/finding.h"
#include "common/os/file.h"

#define DIFFERENCE_MAX 600 /* bytes of a message */

typedef struct Backup {
    AgentIo *io;
    const Command *command;
    const AgentDatabase *config;
    char *folder, *partial, *dump, *manifest_path;
    Database *production; /* in one snapshot, only to read */
    CopyCatalogue *catalogue;
    ProductionDigests *reading; /* owns the digests; it has the connection until they are there */
    const RowDigest *digests;   /* of production's tables, in the order of the catalogue */
    size_t compared_tables;
    uint64_t compared_rows;
    DumpManifest manifest;
} Backup;

char *backup_folder(const AgentIo *io, const Command *command)
{
    return memory_format(
        "%s/%s/%s", io->config->backup_directory, command->target, command->id.run);
}

static bool backup_of(AgentIo *io, const Command *command, Backup *ret, Error *error)
{
    ret->io = io;
    ret->command = command;
    if (!target_config(io, command, &ret->config, error))
        return false;
    ret->folder = backup_folder(io, command);
    ret->dump = memory_format("%s/%s", ret->folder, dump_tool_file_name(ret->config->type));
    ret->partial = memory_format("%s.partial", ret->dump);
    ret->manifest_path = memory_format("%s/dump-manifest", ret->folder);
    return true;
}

static void backup_done(Backup *backup)
{
    production_digests_free(backup->reading);
    database_close(backup->production);
    copy_catalogue_free(backup->catalogue);
    dump_manifest_done(&backup->manifest);
    free(backup->folder);
    free(backup->partial);
    free(backup->dump);
    free(backup->manifest_path);
}
#define BACKUP_AUTO(name) __attribute__((cleanup(backup_done))) Backup name = { 0 }

static bool is_rehearsal(const Backup *backup)
{
    return command_rehearses(backup->command->kind);
}

static Millis time_limit(const Backup *backup)
{
    return (Millis)backup->command->deadline_s * 1000;
}

/* A dump can take as long as the command: only its deadline ends a statement. */
static bool open_long(
    const Backup *backup, DatabaseSide side, const char *name, Database **ret, Error *error)
{
    DatabaseLimits limits = database_limits_default;

    if (backup->command->deadline_s > limits.statement_s)
        limits.statement_s = backup->command->deadline_s;
    return database_open(backup->config, side, name, &limits, ret, error) &&
           (side == SIDE_STAGING || database_only_reads(*ret, error));
}

/* "dump-ms": how long one part of the work took. */
static void note_time(Backup *backup, const char *part, Millis since)
{
    facts_format(&backup->manifest.values, part, "%lld",
        (long long)(backup->io->now(backup->io->self) - since));
}

/* mysqldump prints a FLOAT with six digits: such a column is compared as it is printed. */
static void read_as_printed(const Backup *backup)
{
    for (size_t i = 0; i < backup->catalogue->table_count; i++) {
        CopyTable *table = &backup->catalogue->tables[i];

        if (strcmp(table->reads, table->columns) == 0)
            continue;
        finding_add(backup->io->evidence, "DUMP-FLOAT", FINDING_WARN,
            "do not rely on the dump for these digits",
            "table %s has FLOAT columns, of which the "
            "dump keeps six digits",
            table->name);
        table->reads = table->columns;
    }
}

static bool digest_table(
    const Backup *backup, Database *database, size_t number, RowDigest *ret, Error *error)
{
    const RowsChunk all = { .table = &backup->catalogue->tables[number] };
    RowsMeter meter = { .io = backup->io, .doing = "verifying" };

    return rows_digest(database, &all, &meter, ret, error);
}

static bool look_at_production(Backup *backup, Error *error)
{
    if (!open_long(backup, SIDE_PRODUCTION, NULL, &backup->production, error) ||
        !dump_tool_check(backup->production, error) ||
        !rows_begin_reading(backup->production, NULL, error) ||
        !copy_catalogue_read(backup->production, &backup->catalogue, error))
        return false;
    read_as_printed(backup);
    return true;
}

static void start_digests(Backup *backup)
{
    backup->reading = production_digests_start(backup->production, backup->catalogue);
}

static bool await_digests(Backup *backup, Error *error)
{
    if (!production_digests_wait(backup->reading, &backup->digests, error))
        return false;
    backup->manifest.tables = copied_new();
    for (size_t i = 0; i < backup->catalogue->table_count; i++) {
        AUTO_TEXT *line = copied_line(&backup->catalogue->tables[i], &backup->digests[i]);

        copied_add_line(backup->manifest.tables, line);
    }
    return true;
}

static char *time_now(void)
{
    struct tm utc;
    time_t now = time(NULL);
    char text[32];

    if (!gmtime_r(&now, &utc) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return memory_text("unknown");
    return memory_text(text);
}

static bool add_layout(Backup *backup, Facts *values, Error *error)
{
    AUTO(Database) *database = NULL;
    Layout layout;

    if (!backup->io->profile)
        return true;
    /* a session of its own: the other one has an empty search path by now */
    if (!open_long(backup, SIDE_PRODUCTION, NULL, &database, error) ||
        !layout_find(database, backup->io->profile, &layout, error))
        return false;
    facts_add(values, "layout", layout.name);
    return true;
}

static bool fill_manifest(Backup *backup, const CompressedFile *file, Error *error)
{
    Facts *values = &backup->manifest.values;
    AUTO_TEXT *taken = time_now();

    facts_add(values, "database", backup->command->target);
    facts_add(values, "type", database_type_name(backup->config->type));
    facts_add(values, "server-version", database_server_version(backup->production));
    if (!add_layout(backup, values, error))
        return false;
    facts_add(values, "run", backup->command->id.run);
    facts_add(values, "taken-at", taken);
    facts_add(values, "file", dump_tool_file_name(backup->config->type));
    facts_format(values, "bytes", "%llu", (unsigned long long)file->bytes);
    facts_add(values, "sha256", file->sha256);
    return true;
}

/* What the tables take at the server; compressed, the digits of a blob take little more. */
static const char *const size_queries[] = {
    [DATABASE_MYSQL] = "SELECT CAST(COALESCE(SUM(data_length), 0) AS UNSIGNED)"
                       " FROM information_schema.TABLES WHERE table_schema = DATABASE()",
    [DATABASE_POSTGRESQL] = "SELECT COALESCE(sum(pg_catalog.pg_table_size(oid)), 0)::bigint"
                            " FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm')",
};

static bool check_space(const Backup *backup, Error *error)
{
    uint64_t needed = 0, bytes, inodes;

    if (!query_number(backup->production, size_queries[backup->config->type], &needed, error) ||
        !file_free_space(backup->folder, &bytes, &inodes, error))
        return false;
    needed += needed / 8;
    if (bytes < needed)
        return error_set(error, ERROR_PRECONDITION,
            "%s has %llu MiB free, the dump of %s may need %llu MiB: make room there, or set "
            "another backup directory in agent.xml",
            backup->folder, (unsigned long long)bytes >> 20, backup->command->target,
            (unsigned long long)needed >> 20);
    return true;
}

static bool dump_to_file(const Backup *backup, CompressedFile *ret, Error *error)
{
    backup->io->progress(backup->io->self, "dump", 0, 1);
    if (dump_tool_dump(backup->config, backup->partial, time_limit(backup), ret, error)) {
        if (rename(backup->partial, backup->dump) == 0)
            return file_sync_folder(backup->folder, error);
        (void)error_set(error, ERROR_IO, "%s cannot be renamed", backup->partial);
    }
    (void)unlink(backup->partial); /* the room that it takes may be what was missing */
    return false;
}

static bool make_dump(Backup *backup, Error *error)
{
    Millis since = backup->io->now(backup->io->self);
    CompressedFile file;

    if (!check_space(backup, error))
        return false;
    if (is_rehearsal(backup))
        start_digests(backup);
    if (!dump_to_file(backup, &file, error))
        return false;
    note_time(backup, "dump-ms", since);
    return fill_manifest(backup, &file, error) &&
           dump_manifest_write(&backup->manifest, backup->manifest_path, error);
}

/* The bytes on the disk are those that came from the program. */
static bool check_file(const Backup *backup, const DumpManifest *manifest, Error *error)
{
    const char *written = facts_get_or(&manifest->values, "sha256", "none");
    char found[SHA256_HEX_BYTES];

    if (!digest_of_file(backup->dump, found, error))
        return false;
    if (strcmp(written, found) != 0)
        return error_set(error, ERROR_MISMATCH,
            "%s does not hold what was written: sha256 is %s, expected %s: look at the disk, "
            "remove "
            "%s and make the backup again",
            backup->dump, found, written, backup->folder);
    return true;
}

/* Whether production has other rows in that table than at the beginning. */
static bool changed_meanwhile(const Backup *backup, size_t number)
{
    AUTO(Database) *fresh = NULL;
    RowDigest now;
    Error unseen = { 0 };

    return open_long(backup, SIDE_PRODUCTION, NULL, &fresh, &unseen) &&
           rows_begin_reading(fresh, NULL, &unseen) &&
           digest_table(backup, fresh, number, &now, &unseen) &&
           !row_digest_equal(&backup->digests[number], &now);
}

static bool explain_mismatch(
    const Backup *backup, Database *scratch, size_t number, const RowDigest *found, Error *error)
{
    const CopyTable *table = &backup->catalogue->tables[number];
    const RowDigest *before = &backup->digests[number];
    Error unseen = { 0 };
    TEXT_AUTO(difference, DIFFERENCE_MAX);

    if (!difference_find(backup->production, scratch, table, &difference, &unseen))
        text_add(&difference, "which rows cannot be told: %.200s", unseen.text);
    return error_set(error, ERROR_MISMATCH,
        "the restored dump differs in table %s: production has %llu row(s), the restored one %llu; "
        "%s (staging: the scratch database)",
        table->name, (unsigned long long)before->rows, (unsigned long long)found->rows,
        difference.bytes);
}

/* Where production was not stopped, that and not the dump is the reason. */
static bool compare_table(Backup *backup, Database *scratch, size_t number, Error *error)
{
    const CopyTable *table = &backup->catalogue->tables[number];
    RowDigest found;

    if (!digest_table(backup, scratch, number, &found, error))
        return error_prefix(error, "restored dump: ");
    if (row_digest_equal(&found, &backup->digests[number])) {
        backup->compared_tables++;
        backup->compared_rows += found.rows;
        return true;
    }
    if (!changed_meanwhile(backup, number))
        return explain_mismatch(backup, scratch, number, &found, error);
    if (!is_rehearsal(backup))
        return error_set(error, ERROR_PRECONDITION,
            "table %s changed in production while it was backed up: stop everything that writes "
            "there first",
            table->name);
    facts_format(
        &backup->manifest.values, "not-compared", "%s: servers wrote to it meanwhile", table->name);
    return true;
}

/* Definitions, sequence values and counters; in a rehearsal the servers go on moving these. */
static bool compare_definitions(const Backup *backup, Database *scratch, Error *error)
{
    const DefinitionsOf of = { .production = backup->production,
        .catalogue = backup->catalogue,
        .made = scratch,
        .where = "the restored dump" };

    return is_rehearsal(backup) || (definitions_compare(&of, backup->io->evidence, error) &&
                                       definitions_compare_leftovers(&of, error));
}

static bool compare_restored(Backup *backup, const char *name, Error *error)
{
    Millis since = backup->io->now(backup->io->self);
    AUTO(Database) *scratch = NULL;

    if (!open_long(backup, SIDE_STAGING, name, &scratch, error) ||
        !rows_begin_reading(scratch, NULL, error))
        return false;
    for (size_t i = 0; i < backup->catalogue->table_count; i++)
        if (!compare_table(backup, scratch, i, error))
            return false;
    if (!compare_definitions(backup, scratch, error))
        return false;
    note_time(backup, "compare-ms", since);
    return true;
}

static bool restore_and_compare(Backup *backup, const char *name, Error *error)
{
    Millis since = backup->io->now(backup->io->self);

    backup->io->progress(backup->io->self, "restore test", 0, 1);
    if (!is_rehearsal(backup))
        start_digests(backup); /* production has nothing else to do while staging restores */
    if (!dump_tool_restore(backup->config, name, backup->dump, time_limit(backup), error) ||
        (!is_rehearsal(backup) && !await_digests(backup, error)))
        return false;
    note_time(backup, "restore-ms", since);
    return compare_restored(backup, name, error);
}

static bool test_restore(Backup *backup, Error *error)
{
    AUTO_TEXT *name = NULL;
    bool restored = scratch_make(backup->io, backup->command, backup->production, &name, error) &&
                    restore_and_compare(backup, name, error);

    if (!restored) {
        Error left = { 0 };
        bool dropped = scratch_drop(backup->io, backup->command, &left);

        return error_prefix(
            error, "%s", dropped ? "" : "(the next backup drops the scratch database) ");
    }
    facts_format(&backup->manifest.values, "restored",
        "into scratch database %s on staging: %zu tables, %llu rows, digests equal", name,
        backup->compared_tables, (unsigned long long)backup->compared_rows);
    return (is_rehearsal(backup) || scratch_drop(backup->io, backup->command, error)) &&
           dump_manifest_write(&backup->manifest, backup->manifest_path, error);
}

/* A snapshot makes a server keep what its writers replace: under writers it ends with the dump. */
static bool end_snapshot(Backup *backup, Error *error)
{
    return !is_rehearsal(backup) || (await_digests(backup, error) &&
                                        database_run(backup->production, "COMMIT", NULL, error));
}

static bool back_up(AgentIo *io, const Command *command, Error *error)
{
    BACKUP_AUTO(backup);

    return backup_of(io, command, &backup, error) && scratch_drop(io, command, error) &&
           file_make_folders(backup.folder, 0700, error) && look_at_production(&backup, error) &&
           make_dump(&backup, error) && end_snapshot(&backup, error) &&
           check_file(&backup, &backup.manifest, error) && test_restore(&backup, error);
}

/* Values of the manifest that it has any number of times. */
static const struct {
    const char *value, *fact;
} told[] = {
    { "dump-ms", "~dump-ms" },
    { "restore-ms", "~restore-ms" },
    { "compare-ms", "~compare-ms" },
    { "not-compared", "not-compared" },
};

static void tell(const Backup *backup, const DumpManifest *manifest)
{
    Facts *evidence = backup->io->evidence;

    facts_add(evidence, "dump", backup->dump);
    facts_add(evidence, "dump-sha256", facts_get_or(&manifest->values, "sha256", ""));
    facts_add(evidence, "~dump-bytes", facts_get_or(&manifest->values, "bytes", ""));
    facts_add(evidence, "~taken-at", facts_get_or(&manifest->values, "taken-at", ""));
    copied_add_evidence(manifest->tables, evidence);
    facts_add(evidence, "restored", facts_get_or(&manifest->values, "restored", ""));
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        size_t position = 0;
        const Fact *value;

        while ((value = facts_each(&manifest->values, told[i].value, &position)))
            facts_add(evidence, told[i].fact, value->value);
    }
}

/* The manifest of this run says that the dump was restored, and the dump is still that one. */
static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    BACKUP_AUTO(backup);
    DUMP_MANIFEST_AUTO(manifest);

    *ret_holds = false;
    if (!backup_of(io, command, &backup, error))
        return false;
    if (file_kind(backup.manifest_path, LINKS_THEMSELVES) != FILE_REGULAR)
        return true;
    if (!dump_manifest_read(backup.manifest_path, &manifest, error))
        return false;
    if (!facts_get(&manifest.values, "restored"))
        return true;
    if (!check_file(&backup, &manifest, error))
        return false;
    *ret_holds = true;
    tell(&backup, &manifest);
    return true;
}

static bool apply(AgentIo *io, const Command *command, Error *error)
{
    return session_watched(io, command, back_up, error);
}

const Handler handler_backup_database = {
    .goal = "the production database is backed up, and the backup was restored",
    .probe = probe,
    .apply = apply,
};

const Handler handler_verify_dump = {
    .goal = "the backup of the database is as it was made",
    .probe = probe,
};
