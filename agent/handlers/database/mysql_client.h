#pragma once

/*
 * The C API that MySQL's and MariaDB's client libraries share, and what we make of its errors.
 * Macros in MariaDB's header name strcpy, so it comes before the ban: a file that includes this one
 * is listed in agent/CMakeLists.txt with MYSQL_HEADER_FOLLOWS.
 */

#include <errmsg.h>
#include <mysql.h>

#pragma GCC poison strcpy

#include "agent/handlers/database/database.h"
#include "common/os/clock.h"

/*
 * Tells what the last call on the connection, or on a prepared statement of it, failed with; false.
 * `started`: when.
 */
bool mysql_client_error(Database *database, MYSQL_STMT *statement, Millis started, Error *error)
    __attribute__((nonnull(1, 4)));
