#pragma once

/*
 * One failure, described once.
 *
 * A function that can fail takes `Error *error` last, returns false and fills it exactly once.
 * Callers add where they were with error_prefix(), or handle it. Whoever decides what to do about
 * a failure logs it; whoever only passes it on does not.
 *
 * The size is fixed on purpose: an Error lives on the stack, needs no release, works when memory
 * does not, and goes to the wire and to the journal as it is.
 */

#include <stdbool.h>

#define ERROR_TEXT_MAX 1000

typedef enum ErrorKind {
    ERROR_NONE,
    ERROR_INVALID,        /* the request or the file is wrong: trying again cannot help */
    ERROR_PRECONDITION,   /* a right request at the wrong moment */
    ERROR_UNREACHABLE,    /* no route, no listener, or the peer went away */
    ERROR_TIMEOUT,        /* the deadline passed: the effect is unknown until it is probed */
    ERROR_COMMAND_FAILED, /* a child process ended badly */
    ERROR_DATABASE,
    ERROR_IO,
    ERROR_CORRUPT,  /* a checksum or an invariant does not hold: stop, do not repair */
    ERROR_MISMATCH, /* what was copied or migrated is not what it has to be */
    ERROR_REFUSED,  /* TLS, role or authorisation: the peer may not do this */
    ERROR_OUTDATED, /* the world moved since the plan was made */
    ERROR_CANCELLED,
    ERROR_KIND_COUNT,
} ErrorKind;

typedef struct Error {
    ErrorKind kind;
    char text[ERROR_TEXT_MAX];
} Error;

/* Fills `error` and returns false, so that a failing path is one line: return error_set(...). */
bool error_set(Error *error, ErrorKind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull));

/* Puts text before what `error` already says ("node a: "); returns false. */
bool error_prefix(Error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull));

/* Says whether the same request may succeed later without anyone changing anything. */
bool error_is_transient(const Error *error) __attribute__((nonnull));

const char *error_kind_name(ErrorKind kind);

/* The kind of that name, or ERROR_KIND_COUNT. */
ErrorKind error_kind_from_name(const char *name) __attribute__((nonnull));
