#pragma once

/*
 * A file that one process holds at a time, and that says who: pid, host, user and since when.
 *
 * The lock goes when its descriptor is closed, by whatever end of the process; what the file says
 * is then of no meaning.
 * Errors: ERROR_PRECONDITION another process holds it (the text names it); ERROR_IO.
 */

#include "common/base/error.h"

/* Makes the file (mode 600) when it is not there. *ret: to be kept open, and closed to let go. */
bool lock_file_take(const char *path, int *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
