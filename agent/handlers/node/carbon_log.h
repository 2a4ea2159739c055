#pragma once

/*
 * Follows a server's log from a place that was remembered before the server was started, through
 * its rotation: an older "started" line can never be taken for ours.
 *
 * A place is the file's inode and an offset. At midnight the file is renamed (a suffix is added)
 * and a new one begins; the rest of the renamed file is read first, then what came after it.
 *
 * Owns: a CarbonLog by carbon_log_done(). Errors: ERROR_IO; ERROR_INVALID a place that is none.
 * Source: log4j's DailyRollingFileAppender, as the vendor's log4j.properties configures it.
 */

#include <stdint.h>
#include <sys/types.h>

#include "agent/core/profile.h"
#include "common/base/error.h"
#include "common/base/text.h"

typedef struct LogPlace {
    uint64_t inode; /* 0: there was no log */
    uint64_t offset;
} LogPlace;

/* Where the log ends now. */
bool log_place_now(const char *path, LogPlace *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* "INODE:OFFSET", to be remembered. */
char *log_place_text(const LogPlace *place) __attribute__((nonnull, returns_nonnull));
bool log_place_from_text(const char *text, LogPlace *ret) __attribute__((nonnull));

typedef struct CarbonLog {
    const Profile *profile;
    const char *path; /* borrowed */
    LogPlace place;
    Text line;     /* the one that is not complete yet */
    Text last;     /* the last complete line that says ERROR or FATAL */
    char *started; /* the first line with the profile's started text, or NULL */
    char *failure; /* the first line with a failure text, or NULL */
} CarbonLog;

void carbon_log_init(CarbonLog *log, const Profile *profile, const char *path, LogPlace place)
    __attribute__((nonnull));
void carbon_log_done(CarbonLog *log) __attribute__((nonnull));
/* Reads what was added since the last call. */
bool carbon_log_read(CarbonLog *log, Error *error) __attribute__((nonnull, warn_unused_result));
/* The part that knows lines alone. */
void carbon_log_feed(CarbonLog *log, const char *bytes, size_t length) __attribute__((nonnull));
