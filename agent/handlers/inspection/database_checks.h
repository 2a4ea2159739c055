#pragma once

/*
 * The checks of databases before an upgrade, as rows. A check adds findings to the evidence; one
 * that cannot be carried out is a FAIL that says why, never a silence; one that takes too long is a
 * WARN. Nothing is written: the sessions are read-only.
 *
 * Who adds one: a function, and a row in a table: staging_checks.c what staging has to be,
 * server_checks.c what servers are set to, production_checks.c what we may do and who is there,
 * data_checks.c what rows and names are like, size_checks.c how large it all is.
 */

#include "agent/core/profile.h"
#include "agent/handlers/database/database.h"
#include "agent/handlers/database/layout.h"
#include "common/base/millis.h"
#include "common/model/finding.h"

/* What the checks look at; a side without a connection is NULL, and checks that need it are left
   out: that it cannot be reached is a finding of its own. */
typedef struct Inspection {
    AgentIo *io;
    const Command *command;
    const AgentDatabase *config;
    Database *side[SIDE_COUNT];
    Layout layout;    /* of production */
    Millis until;     /* by clock_now(): what is not looked at by then is a WARN; 0: no end */
    uint64_t largest; /* bytes of the largest value, when DB-BLOB-PACKET has looked */
} Inspection;

typedef enum CheckNeed {
    NEEDS_NOTHING,
    NEEDS_PRODUCTION,
    NEEDS_STAGING,
    NEEDS_BOTH,
} CheckNeed;

typedef struct DatabaseCheck {
    const char *id;
    CheckNeed need;
    const char *remedy; /* when it fails */
    bool (*run)(Inspection *inspection, const struct DatabaseCheck *check, Error *error);
} DatabaseCheck;

/* Each table ends with a row without an id. */
extern const DatabaseCheck production_checks[];
extern const DatabaseCheck staging_checks[];
extern const DatabaseCheck server_checks[];
extern const DatabaseCheck data_checks[];
extern const DatabaseCheck size_checks[];

#define DATABASE_CHECKS_SHOWN  6  /* things that a finding names */
#define INSPECTION_S           90 /* then no further check begins */
#define INSPECTION_STATEMENT_S 30

/* The checks only read, and the server is told so. */
bool database_checks_open(Inspection *inspection, DatabaseSide side, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Adds "DB-CONNECT-PRODUCTION" or "DB-CONNECT-STAGING"; true when the side is connected. */
bool database_checks_connect(Inspection *inspection, DatabaseSide side) __attribute__((nonnull));
void database_checks_run(Inspection *inspection, const DatabaseCheck *checks)
    __attribute__((nonnull));
void database_checks_done(Inspection *inspection) __attribute__((nonnull));

/* For the checks: findings of their own id. The evidence is a format. */
#define CHECK_PASSES(inspection, check, ...)                                                       \
    finding_add((inspection)->io->evidence, (check)->id, FINDING_PASS, "", __VA_ARGS__)
#define CHECK_WARNS(inspection, check, ...)                                                        \
    finding_add((inspection)->io->evidence, (check)->id, FINDING_WARN, (check)->remedy, __VA_ARGS__)
#define CHECK_FAILS(inspection, check, ...)                                                        \
    finding_add((inspection)->io->evidence, (check)->id, FINDING_FAIL, (check)->remedy, __VA_ARGS__)

const char *database_side_name(DatabaseSide side); /* "production" */

/* The first values of all rows, at most `shown` of them, with "; " between, and how many there are.
 */
bool database_checks_list(Database *database, const char *sql, size_t shown, char **ret,
    size_t *ret_count, Error *error) __attribute__((nonnull, warn_unused_result));
/*
 * Runs each query that `queries` gives on production, in rows of what it is about and the query,
 * and adds up their numbers. *ret_words names those above 0, with `unit` after the number.
 */
bool database_checks_tally(Inspection *inspection, const char *queries, const char *unit,
    uint64_t *ret_sum, char **ret_words, Error *error) __attribute__((nonnull, warn_unused_result));
/* A variable of a MySQL server; *ret NULL when it has none of that name; the caller frees. */
bool database_checks_variable(Database *database, const char *name, char **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* ERROR_TIMEOUT when the inspection has taken its time. */
bool database_checks_in_time(const Inspection *inspection, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The first value as a number; NULL or none is 0. */
bool database_checks_number(Database *database, const char *sql, uint64_t *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
