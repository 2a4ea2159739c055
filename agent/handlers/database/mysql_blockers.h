#pragma once

/*
 * Who holds what a session of MySQL or MariaDB waits for. No two families of these servers tell it
 * alike, and some tell nothing: then the oldest other transaction, or session, on the database is
 * named.
 *
 * Source: MariaDB 10.11 Knowledge Base (METADATA_LOCK_INFO plugin, INNODB_LOCK_WAITS); MySQL 5.7
 * Reference Manual 24.32.14 (INNODB_LOCK_WAITS), 25.12.12 (metadata_locks); MySQL 8.0 Reference
 * Manual 27.12.13.2 (data_lock_waits).
 */

#include "agent/handlers/database/database_driver.h"

#define MYSQL_QUESTIONS 4

typedef enum MysqlWait {
    MYSQL_WAITS_FOR_TABLE, /* a metadata lock */
    MYSQL_WAITS_FOR_ROW,
    MYSQL_WAIT_COUNT,
} MysqlWait;

/*
 * What to ask a server of that version, the surest first; unused places are NULL. The variables
 * @dss_waiting (connection id), @dss_database and @dss_statement stand in the texts.
 */
void mysql_blocker_questions(const char *version, MysqlWait wait, const char *ret[MYSQL_QUESTIONS])
    __attribute__((nonnull));

bool mysql_find_blockers(Database *asking, const Database *waiting, DatabaseRowFunction *row,
    void *self, Error *error) __attribute__((nonnull, warn_unused_result));
