#pragma once

/*
 * The rights with which an account gets at one database, and at no other: on PostgreSQL CONNECT,
 * which most roles have as members of PUBLIC; on MySQL and MariaDB what was granted on the database
 * and on its tables and routines.
 *
 * Rights that reach further (on all databases, by a pattern, through a role, of a superuser) cannot
 * be taken for one database: ERROR_PRECONDITION names them.
 */

#include "agent/handlers/database/account.h"

bool account_rights_are_there(Database *database, const Account *account, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The statements, one a line, that give them back as they are; the caller frees. */
bool account_rights_way_back(Database *database, const Account *account, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool account_rights_take(Database *database, const Account *account, Error *error)
    __attribute__((nonnull, warn_unused_result));
