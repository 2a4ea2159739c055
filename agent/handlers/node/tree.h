#pragma once

/*
 * Walks a tree of files, copies it if asked to, and says what is in it: the one engine for backups
 * and for the folders that go to the new home.
 *
 * Every name is opened relative to its folder and never through a link (openat, O_NOFOLLOW): what
 * lies outside of the tree is neither read nor written, whatever somebody links meanwhile. Only the
 * root may be a link. Links are copied as links; modes, owners (by root), times, hidden files and
 * named pipes are kept; hard links become files of their own; sockets and devices are left out and
 * named in the evidence. Contents are hashed in the same pass. In the target a file appears under
 * its name only when it is complete; what the target has besides stays.
 *
 * A file that changes while it is read is read again; after three times it is named in the evidence
 * ("changed-while-read") or refused. The copy is made durable before tree_copy() returns.
 *
 * Owns: the Manifest is the caller's. Errors: ERROR_IO; ERROR_PRECONDITION the target lies in the
 * source, or a file keeps changing; ERROR_CANCELLED.
 */

#include "agent/core/agent_io.h"
#include "agent/handlers/node/manifest.h"

typedef enum TreeDepth {
    TREE_DIGESTS, /* read all files */
    TREE_OUTLINE, /* sizes only; digests stay zero */
} TreeDepth;

typedef enum TreeChanges {
    TREE_CHANGES_NAMED,
    TREE_CHANGES_REFUSED,
} TreeChanges;

typedef struct TreeOrder {
    AgentIo *io; /* progress, cancelling, evidence */
    const char *from;
    const char *to; /* tree_copy() */
    /* Whether this path is left out, with all below it; NULL: none is. */
    bool (*skips)(const void *self, const char *path);
    const void *self;
    TreeDepth depth; /* tree_scan() */
    TreeChanges changes;
    const char *what; /* for the screen: "home of node1" */
    uint64_t total;   /* bytes, for the screen; 0: unknown */
} TreeOrder;

bool tree_scan(const TreeOrder *order, Manifest **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Makes `to` if it is not there. The manifest is that of what was copied. */
bool tree_copy(const TreeOrder *order, Manifest **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

/* Whether owners can be kept, and so are compared: root alone may give files away. */
ManifestOwners tree_owners(void);
