#pragma once

/*
 * Rows of staging_checks: what a run needs late, asked for before anything is stopped.
 */

#include "agent/handlers/inspection/database_checks.h"

/* "DB-COPY": the copy can make all of production on staging; names what it leaves out. */
bool check_copy(Inspection *inspection, const DatabaseCheck *check, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* "DB-STAGING-ACCOUNT": the servers' account is there, open, and may use the database. */
bool check_staging_account(Inspection *inspection, const DatabaseCheck *check, Error *error)
    __attribute__((nonnull, warn_unused_result));
