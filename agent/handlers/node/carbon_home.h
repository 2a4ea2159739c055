#pragma once

/*
 * One home of a Carbon server (CARBON_HOME): which one, where its files are, what its files say.
 *
 * Names of files here belong to the Carbon platform; what differs between products is the
 * profile's. Source: the layout that the vendor's packs of Carbon 4.0 to 4.2 share.
 */

#include <sys/types.h>

#include "agent/core/agent_io.h"
#include "agent/core/profile.h"
#include "common/model/command.h"

typedef enum HomeSide {
    HOME_OLD,
    HOME_NEW,
    HOME_SIDE_COUNT,
} HomeSide;

typedef struct Home {
    const AgentNode *node;
    const Profile *profile;
    HomeSide side;
    const char *path; /* of the home, as configured */
    const char *java_home;
} Home;

const char *home_side_name(HomeSide side); /* "old", "new": in keys and evidence */

/* Borrows from the io's configuration. ERROR_INVALID when the agent has no such node. */
bool home_of(const AgentIo *io, const Command *command, HomeSide side, Home *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
Home home_sibling(const Home *home) __attribute__((nonnull));

/* The path of `relative` in the home; the caller frees. */
char *home_file(const Home *home, const char *relative) __attribute__((nonnull, returns_nonnull));
/*
 * Whether a path in a Home (`self`, as a TreeOrder wants it) is made anew on every start, or only
 * holds the past: the insides of the log folder and of temporary folders, the pid file.
 */
bool home_is_transient(const void *self, const char *path) __attribute__((nonnull));
/* "server/NODE/old/WHAT": the key of what is remembered about a home; the caller frees. */
char *home_key(const Home *home, const char *what) __attribute__((nonnull, returns_nonnull));

/*
 * The number in a Carbon pid file, or 0. The file has 100 bytes: digits, a line end, zero bytes; it
 * is never removed, so the number may be that of any process by now.
 */
pid_t home_pid_in(const char *bytes, size_t length) __attribute__((nonnull));
pid_t home_pid_file(const Home *home) __attribute__((nonnull));

/* The profile's https port and the home's offset. */
bool home_https_port(const Home *home, unsigned *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

typedef enum VaultState {
    VAULT_OFF,
    VAULT_HAS_PASSWORD, /* a password file for the next start is there */
    VAULT_LACKS_PASSWORD,
} VaultState;

/* Whether secure vault is active: then each start needs the key store's password in a file. */
bool home_vault(const Home *home, VaultState *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
