/* Checks of how large the database and its largest value are. */

#include <assert.h>

#include "agent/handlers/database/query_rows.h"
#include "agent/handlers/inspection/database_checks.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define MEGABYTE    (1024 * 1024)
#define SPACE_PARTS 5  /* free space has to be at least 5/2 of the data */
#define REDO_SHARE  10 /* a value may take a tenth of the redo log */

/* PostgreSQL's tools double a value to write it as text, and have room for a gigabyte. */
#define TEXT_MAX ((uint64_t)1 << 29)

static const char *const blob_queries[] = {
    [DATABASE_MYSQL] =
        "SELECT CONCAT(table_name, '.', column_name), CONCAT('SELECT COALESCE(MAX(OCTET_LENGTH(`',"
        " column_name, '`)), 0) FROM `', table_name, '`')"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND data_type IN ('blob', 'mediumblob', 'longblob', 'mediumtext', 'longtext')"
        " ORDER BY table_name, ordinal_position",
    [DATABASE_POSTGRESQL] =
        "SELECT table_name || '.' || column_name,"
        " format('SELECT COALESCE(MAX(octet_length(%I)), 0) FROM %I', column_name, table_name)"
        " FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA()"
        " AND data_type = 'bytea' ORDER BY table_name, ordinal_position",
};
static_assert(sizeof(blob_queries) / sizeof(blob_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

/* The largest value of all large columns, and whose it is. */
static bool largest_value(Inspection *inspection, uint64_t *ret, char **ret_column, Error *error)
{
    Database *database = inspection->side[SIDE_PRODUCTION];
    AUTO(Arena) *arena = arena_new();
    const char *column = "none";
    QueryRows rows;

    *ret = 0;
    if (!query_rows(database, arena, blob_queries[inspection->config->type], &rows, error))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        uint64_t bytes = 0;

        if (!database_checks_in_time(inspection, error) ||
            !database_checks_number(database, rows.rows[i][1], &bytes, error))
            return false;
        if (bytes <= *ret)
            continue;
        *ret = bytes;
        column = rows.rows[i][0];
    }
    *ret_column = memory_text(column);
    return true;
}

static void judge_text(Inspection *inspection, const DatabaseCheck *check, const char *column)
{
    if (inspection->largest >= TEXT_MAX)
        finding_add(inspection->io->evidence, check->id, FINDING_FAIL,
            "no backup can be made of it: take the value out, or make it smaller",
            "the largest value (%s) has %llu bytes, pg_dump writes fewer than %llu", column,
            (unsigned long long)inspection->largest, (unsigned long long)TEXT_MAX);
    else
        CHECK_PASSES(inspection, check, "the largest value has %llu bytes (%s)",
            (unsigned long long)inspection->largest, column);
}

/* Escaped, a value needs up to twice its bytes, and a packet has a head. */
static bool check_packets(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    AUTO_TEXT *column = NULL;
    uint64_t largest = 0, packet[SIDE_COUNT] = { 0 }, smaller;

    if (!largest_value(inspection, &largest, &column, error))
        return false;
    inspection->largest = largest;
    facts_format(inspection->io->evidence, "~blob-max-bytes", "%llu", (unsigned long long)largest);
    if (inspection->config->type != DATABASE_MYSQL) {
        judge_text(inspection, check, column);
        return true;
    }
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++)
        if (!database_checks_number(
                inspection->side[side], "SELECT @@max_allowed_packet", &packet[side], error))
            return false;
    smaller = packet[SIDE_PRODUCTION] < packet[SIDE_STAGING] ? packet[SIDE_PRODUCTION]
                                                             : packet[SIDE_STAGING];
    if (2 * largest + MEGABYTE > smaller)
        CHECK_FAILS(inspection, check,
            "the largest value (%s) has %llu bytes, max_allowed_packet is %llu on production and "
            "%llu on staging",
            column, (unsigned long long)largest, (unsigned long long)packet[SIDE_PRODUCTION],
            (unsigned long long)packet[SIDE_STAGING]);
    else
        CHECK_PASSES(inspection, check,
            "the largest value (%s) has %llu bytes, packets may have %llu", column,
            (unsigned long long)largest, (unsigned long long)smaller);
    return true;
}

static bool variable_number(Database *database, const char *name, uint64_t *ret, Error *error)
{
    AUTO_TEXT *value = NULL;
    unsigned long long number = 0;

    if (!database_checks_variable(database, name, &value, error))
        return false;
    *ret = value && text_to_number(value, UINT64_MAX, &number) ? number : 0;
    return true;
}

static bool redo_bytes(Database *database, uint64_t *ret, Error *error)
{
    uint64_t capacity = 0, size = 0, files = 0; /* the files are one in MariaDB 10.5 and later */

    if (!variable_number(database, "innodb_redo_log_capacity", &capacity, error) ||
        !variable_number(database, "innodb_log_file_size", &size, error) ||
        !variable_number(database, "innodb_log_files_in_group", &files, error))
        return false;
    *ret = capacity > 0 ? capacity : size * (files > 0 ? files : 1);
    return true;
}

static bool check_redo_log(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    uint64_t bytes = 0;

    if (inspection->config->type != DATABASE_MYSQL)
        return true;
    if (!redo_bytes(inspection->side[SIDE_STAGING], &bytes, error))
        return false;
    if (inspection->largest * REDO_SHARE > bytes)
        CHECK_WARNS(inspection, check,
            "the largest value has %llu bytes, more than a tenth of staging's redo log of %llu: "
            "MySQL from 5.6.20 to 5.7 refuses it",
            (unsigned long long)inspection->largest, (unsigned long long)bytes);
    else
        CHECK_PASSES(inspection, check, "the largest value has %llu bytes, staging's redo log %llu",
            (unsigned long long)inspection->largest, (unsigned long long)bytes);
    return true;
}

static const char *const size_queries[] = {
    [DATABASE_MYSQL] = "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS UNSIGNED)"
                       " FROM information_schema.tables WHERE table_schema = DATABASE()",
    [DATABASE_POSTGRESQL] = "SELECT pg_database_size(current_database())",
};
static_assert(sizeof(size_queries) / sizeof(size_queries[0]) == DATABASE_TYPE_COUNT,
    "every DatabaseType has its question");

/* On PostgreSQL with what the server saves by compressing values: a dump has them whole. */
static bool data_bytes(Inspection *inspection, uint64_t *ret, Error *error)
{
    static const char saved[] =
        "SELECT table_name, format('SELECT GREATEST(COALESCE(SUM(octet_length(%I)"
        " - pg_column_size(%I)), 0), 0) FROM %I', column_name, column_name, table_name)"
        " FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA()"
        " AND data_type = 'bytea'";
    AUTO_TEXT *words = NULL;
    uint64_t more = 0;

    if (!database_checks_number(
            inspection->side[SIDE_PRODUCTION], size_queries[inspection->config->type], ret, error))
        return false;
    if (inspection->config->type != DATABASE_POSTGRESQL)
        return true;
    if (!database_checks_tally(inspection, saved, "bytes", &more, &words, error))
        return false;
    *ret += more;
    return true;
}

/* Where the backup goes is on this host; where the servers keep their data is their own affair. */
static bool check_space(Inspection *inspection, const DatabaseCheck *check, Error *error)
{
    const char *folder = inspection->io->config->backup_directory;
    uint64_t bytes = 0, available = 0, inodes = 0;

    if (!data_bytes(inspection, &bytes, error))
        return false;
    facts_format(inspection->io->evidence, "~data-bytes", "%llu", (unsigned long long)bytes);
    if (!folder || file_kind(folder, LINKS_FOLLOWED) != FILE_FOLDER) {
        CHECK_FAILS(inspection, check, "the backup folder %s is not there",
            folder ? folder : "of agent.xml");
        return true;
    }
    if (!file_free_space(folder, &available, &inodes, error))
        return false;
    if (available < bytes / 2 * SPACE_PARTS)
        CHECK_FAILS(inspection, check,
            "the database has %llu MiB, %s has %llu MiB free: two and a half times the data is "
            "wanted",
            (unsigned long long)bytes / MEGABYTE, folder, (unsigned long long)available / MEGABYTE);
    else
        CHECK_PASSES(inspection, check, "the database has %llu MiB, %s has %llu MiB free",
            (unsigned long long)bytes / MEGABYTE, folder, (unsigned long long)available / MEGABYTE);
    return true;
}

const DatabaseCheck size_checks[] = {
    { "DB-BLOB-PACKET", NEEDS_BOTH,
        "raise max_allowed_packet on both servers above twice the largest value", check_packets },
    { "DB-REDO-LOG", NEEDS_BOTH,
        "raise innodb_log_file_size on staging above ten times the largest value", check_redo_log },
    { "DB-SPACE", NEEDS_PRODUCTION, "free space there, or name another backup folder in agent.xml",
        check_space },
    { .id = NULL },
};
