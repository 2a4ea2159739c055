#pragma once

/*
 * Whether two connections lead to the same database server, or to one database, by what the servers
 * say of themselves.
 * Errors: those of database.h.
 */

#include "agent/handlers/database/database.h"

bool same_server(Database *a, Database *b, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool same_database(Database *a, Database *b, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
