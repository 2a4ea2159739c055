#pragma once

/*
 * What the folders of a new home held before anything was copied to them: kept in the agent's state
 * directory until it was put back, whatever runs come and go meanwhile.
 *
 *   STATE/folders/NODE-DIGEST/record     a header with the home; a line per folder of the profile
 *   STATE/folders/NODE-DIGEST/N          the original of folder N, when there was one
 *   STATE/folders/NODE-DIGEST/N.manifest its manifest
 *
 * DIGEST is of the new home's path. The record is complete or absent.
 */

#include "agent/handlers/node/carbon_home.h"

typedef struct FolderRecord {
    char *path;
} FolderRecord;

void folder_record_init(FolderRecord *record, const AgentIo *io, const Home *home)
    __attribute__((nonnull));
void folder_record_done(FolderRecord *record) __attribute__((nonnull));
bool folder_record_exists(const FolderRecord *record) __attribute__((nonnull));

/* Saves the originals, unless they were saved. */
bool folder_record_save(FolderRecord *record, AgentIo *io, const Home *home, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Puts all of them back exactly as they were, and forgets them. */
bool folder_record_restore(FolderRecord *record, AgentIo *io, const Home *home, Error *error)
    __attribute__((nonnull, warn_unused_result));

#define FOLDER_RECORD_AUTO(name)                                                                   \
    __attribute__((cleanup(folder_record_done))) FolderRecord name = { 0 }
