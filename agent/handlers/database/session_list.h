#pragma once

/*
 * Who is connected to a database, as the server's own catalogue tells it, without ourselves.
 *
 * Ours is a session of this tool's login that says it is this tool (PostgreSQL) or that comes from
 * where this connection comes from (MySQL, which does not show what a client calls itself).
 *
 * Owns: a SessionList is freed by session_list_free(), with all texts.
 */

#include "agent/handlers/database/database.h"
#include "common/base/memory.h"
#include "common/model/command.h"

typedef struct Session {
    const char *id;
    const char *user;
    const char *host; /* as the server writes it, without a port; "localhost" for a local socket */
    const char *program;
    const char *state; /* "Sleep, 12 s" */
    bool on_database;  /* on this database; else on none, or on another of the same server */
} Session;

typedef struct SessionList {
    Session *items;
    size_t count;
    Arena *arena;
} SessionList;

/* All on this database, and those on none of the accounts that the command (may be NULL) locks. */
bool session_list_read(Database *database, const Command *command, SessionList **ret, Error *error)
    __attribute__((nonnull(1, 3, 4), warn_unused_result));
void session_list_free(SessionList *list);

/* Ends it on the server; one that is gone already is no error. */
bool session_end(Database *database, const Session *session, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Says whether the session comes from that address: equal, or the same numeric address. */
bool session_is_from(const Session *session, const char *address) __attribute__((nonnull));
/* "session 12 of carbon from 10.0.0.5 (JDBC, Sleep, 3 s)"; the caller frees. */
char *session_words(const Session *session) __attribute__((nonnull, returns_nonnull));

DEFINE_AUTO(SessionList, session_list_free)
