#pragma once

/*
 * What a database of one layout looks like, in words, and how another one differs from that. Pure:
 * what a server has comes from layout_describe().
 *
 * The text, a line each; '#' begins a comment:
 *
 *   tolerate extra index        differences of that kind are told and do no harm
 *   table um_user               what follows belongs to it; "optional table": it may be missing
 *       column um_id integer not null
 *       primary key (um_id, um_tenant_id)
 *       unique (um_user_name, um_tenant_id)
 *       foreign key (um_id) references um_role(um_id) on delete cascade
 *       index (um_user_name)
 *       engine innodb
 *   sequence um_user_pk_seq bigint by 1
 *
 * Names are in lower case. Names of keys and indexes, positions of columns and collations are not
 * compared; a key that is there twice is there twice. A difference is "missing KIND", "extra KIND",
 * "changed KIND", or "wider column" for a text column that holds more than it has to.
 */

#include "common/base/error.h"
#include "common/model/facts.h"

/* What follows it in a thing is part of a fingerprint and of no comparison. */
#define LAYOUT_ASIDE " | "

typedef struct LayoutForm {
    Facts things;    /* the table's name, or "" for what belongs to none, and the thing */
    Facts optional;  /* names of tables */
    Facts tolerated; /* names of kinds: "extra index" */
} LayoutForm;

typedef struct LayoutDifference {
    const char *kind;     /* "missing index" */
    const char *table;    /* "" for none */
    const char *expected; /* NULL: it is extra */
    const char *found;    /* NULL: it is missing */
    bool tolerated;
} LayoutDifference;

typedef void LayoutDifferenceFunction(void *self, const LayoutDifference *difference);

/* ERROR_INVALID names the line. */
bool layout_form_parse(const char *text, LayoutForm *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void layout_form_done(LayoutForm *form) __attribute__((nonnull));
/* Calls `take` for each difference, those of a table together. */
void layout_form_compare(const LayoutForm *form, const Facts *found, LayoutDifferenceFunction *take,
    void *self) __attribute__((nonnull(1, 2, 3)));
/* "missing index (a) of t"; "changed column b of t: expected …, found …"; the caller frees. */
char *layout_difference_words(const LayoutDifference *difference)
    __attribute__((nonnull, returns_nonnull));

#define LAYOUT_FORM_AUTO(name) __attribute__((cleanup(layout_form_done))) LayoutForm name = { 0 }
