#pragma once

/*
 * One service of a PostgreSQL connection service file (pg_service.conf): "[name]" and lines
 * "keyword=value", "#" begins a comment line. libpq finds such a file only by an environment
 * variable, and an agent's configuration names several.
 *
 * Owns: the facts are the caller's. Errors: ERROR_IO the file cannot be read, ERROR_INVALID no such
 * service or a line that is none.
 * Source: PostgreSQL documentation, libpq, "The Connection Service File".
 */

#include "common/base/error.h"
#include "common/model/facts.h"

bool service_file_read(const char *path, const char *service, Facts *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
