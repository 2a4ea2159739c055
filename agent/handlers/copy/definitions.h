#pragma once

/*
 * Whether a database was made as production is defined: columns, keys, indexes, constraints,
 * sequence values, counters. What was made is read as production was read and has to be the same
 * text; who owns things is not compared, because roles may differ between servers.
 *
 * Errors: ERROR_MISMATCH names the first thing that is missing, differs or is too many, with what
 * both sides have. Servers of different versions write definitions differently: then nothing is
 * compared, which a finding of the evidence says.
 */

#include "agent/handlers/copy/catalogue.h"
#include "common/model/facts.h"

typedef struct DefinitionsOf {
    Database *production;
    const CopyCatalogue *catalogue; /* production's */
    Database *made;
    const char *where; /* what `made` is, for people: "staging" */
} DefinitionsOf;

bool definitions_compare(const DefinitionsOf *of, Facts *evidence, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Whether the versions of the two servers allow it. */
bool definitions_are_comparable(const DefinitionsOf *of) __attribute__((nonnull));
/* Whether views, triggers, routines and whatever else a copy leaves out are there, by name. */
bool definitions_compare_leftovers(const DefinitionsOf *of, Error *error)
    __attribute__((nonnull, warn_unused_result));
