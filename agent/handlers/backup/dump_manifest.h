#pragma once

/*
 * What a dump holds and whether it was restored, as a text file beside it:
 *
 *   dss-dump 1
 *   NAME VALUE            database, type, server-version, layout, run, taken-at, file, bytes,
 *                         sha256, restored (what came of the restore test), dump-ms, restore-ms,
 *                         compare-ms, not-compared (a table, in a rehearsal; any number of them)
 *   table ROWS\tBYTES\tDIGEST\tQUOTED\tNAME     one per table (copied.h), once it was restored
 *
 * Owns: a DumpManifest is released by dump_manifest_done(). Errors: ERROR_CORRUPT a file that is
 * none.
 */

#include "agent/handlers/copy/copied.h"
#include "common/base/error.h"
#include "common/model/facts.h"

typedef struct DumpManifest {
    Facts values;
    Copied *tables;
} DumpManifest;

void dump_manifest_done(DumpManifest *manifest) __attribute__((nonnull));
bool dump_manifest_write(const DumpManifest *manifest, const char *path, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool dump_manifest_read(const char *path, DumpManifest *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

#define DUMP_MANIFEST_AUTO(name)                                                                   \
    __attribute__((cleanup(dump_manifest_done))) DumpManifest name = { 0 }
