#pragma once

/*
 * A state directory of its own for each test, a journal in it, and what is asked of it again and
 * again. Whatever fails in here fails the test.
 *
 * Owns: texts and journals that are returned are the caller's.
 */

#include "common/base/memory.h"
#include "common/os/file.h"
#include "coordinator/io/journal_files.h"

#define LAB_RUN  "run-1"
#define LAB_PLAN "<plan>\n</plan>\n"

/* *state is the folder. */
int lab_make_folder(void **state);
int lab_remove_folder(void **state);
#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, lab_make_folder, lab_remove_folder)

/* Fails the test with the error's text. */
void lab_must(bool good, const Error *error);
char *lab_path(const char *folder, const char *name);
Journal *lab_open(const char *folder);
void lab_append(Journal *journal, uint64_t serial, const char *text);
/* Six rows: the making of the run and five events. */
void lab_fill(const char *folder);
/* The making of the run, and an event with all that may go wrong in a text. */
void lab_fill_with_evil(const char *folder, Event *event, char head[DIGEST_HEX_BYTES]);
void lab_run_sql(const char *folder, const char *sql);

/* With the public key that lies beside the journal. */
bool lab_verify(const char *folder, uint64_t *ret_rows, Error *error);
void assert_verifies(const char *folder, uint64_t expected);
void assert_found(const char *folder, const char *beginning);
void assert_not_opened(const char *folder, ErrorKind kind, const char *part);

/* For journal_read(): counts, and keeps the last event. */
typedef struct LabSeen {
    uint64_t count;
    Event last;
} LabSeen;
bool lab_see(void *self, const Event *event, Error *error);
