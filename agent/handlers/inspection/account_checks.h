#pragma once

/* Whether the accounts of the old servers can be kept from production, and how. */

#include "agent/handlers/inspection/database_checks.h"

bool check_accounts(Inspection *inspection, const DatabaseCheck *check, Error *error)
    __attribute__((nonnull, warn_unused_result));
