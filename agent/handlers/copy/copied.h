#pragma once

/*
 * The list of tables that were copied and verified, one per line: quoted name, rows, bytes, digest
 * and name, with blanks between. What the ledger keeps, and what the evidence says.
 *
 * Owns: a Copied is freed by copied_free(); a CopiedTable's texts by copied_table_done().
 */

#include "agent/handlers/copy/catalogue.h"
#include "agent/handlers/copy/row_digest.h"
#include "common/model/facts.h"

typedef struct CopiedTable {
    char *quoted, *name;
    uint64_t rows, bytes;
    char digest[ROW_DIGEST_HEX_BYTES];
} CopiedTable;

typedef struct Copied Copied;

Copied *copied_new(void) __attribute__((returns_nonnull));
void copied_free(Copied *copied);
/* One line, without its end; the caller frees. */
char *copied_line(const CopyTable *table, const RowDigest *digest)
    __attribute__((nonnull, returns_nonnull));
void copied_add_line(Copied *copied, const char *line) __attribute__((nonnull));
/* All lines, in the order in which they were added. */
const char *copied_text(const Copied *copied) __attribute__((nonnull, returns_nonnull));
Copied *copied_parse(const char *text) __attribute__((nonnull, returns_nonnull));

bool copied_parse_line(const char *line, CopiedTable *ret) __attribute__((nonnull));
void copied_table_done(CopiedTable *table) __attribute__((nonnull));

typedef bool CopiedFunction(void *self, const CopiedTable *table, Error *error);

/* In the order of the list, until the function fails. Errors: its own; ERROR_CORRUPT. */
bool copied_each(const Copied *copied, CopiedFunction *function, void *self, Error *error)
    __attribute__((nonnull(1, 2, 4), warn_unused_result));
/* Says whether the database has every table with as many rows. */
bool copied_is_there(const Copied *copied, Database *database, bool *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* "tables", "rows", "~bytes", "digest" of all, and "table:<name>" = "rows=<n> digest=<hex>". */
void copied_add_evidence(const Copied *copied, Facts *evidence) __attribute__((nonnull));

DEFINE_AUTO(Copied, copied_free)
