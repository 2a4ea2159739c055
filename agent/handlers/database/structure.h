#pragma once

/*
 * A fingerprint of everything that a definition can change in a MySQL or MariaDB database, names
 * that the server makes up included: equal before and after means that nothing was defined.
 * Counters (AUTO_INCREMENT=n) are left out: rows move them.
 *
 * Not for comparing two databases: layout.h does that.
 */

#include "agent/handlers/database/database.h"
#include "common/os/digest.h"

bool structure_fingerprint_mysql(Database *database, char ret[SHA256_HEX_BYTES], Error *error)
    __attribute__((nonnull, warn_unused_result));
