#pragma once

/* Names of the files in the coordinator's state directory, and an opened journal's inside. */

#include "coordinator/io/audit_head.h"
#include "coordinator/io/journal.h"
#include "coordinator/io/journal_record.h"

#define JOURNAL_FILE    "journal.db"
#define JOURNAL_LOCK    "journal.lock"
#define AUDIT_KEY       "audit.key"
#define AUDIT_PUBLIC    "audit.pub"
#define AUDIT_HEAD_FILE "audit.head"

struct Journal {
    Store *store;
    SignatureKey *key; /* NULL: opened to read */
    int lock;          /* -1: opened to read */
    char *head_path;
    char *host;
    AuditHead head; /* of the newest row; not kept when opened to read */
    bool broken;    /* a row is written that audit.head does not know: only a restart goes on */
};
