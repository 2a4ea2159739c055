#pragma once

/* CommandKind -> Handler: every kind of command has its row, asserted at compile time. */

#include "agent/core/handler.h"

const Handler *handler_for(CommandKind kind) __attribute__((returns_nonnull));

/* One variable per handler, each defined in the file of its noun. */
extern const Handler handler_inspect_node;          /* node_facts.c */
extern const Handler handler_inspect_database;      /* database_facts.c */
extern const Handler handler_preview_configuration; /* configuration.c */
extern const Handler handler_check_staging;         /* staging.c */
extern const Handler handler_measure_traffic;       /* sessions.c */
extern const Handler handler_prove_quiet;           /* sessions.c */
extern const Handler handler_checkpoint_database;   /* checkpoint.c */
extern const Handler handler_prove_switched;        /* sessions.c */
extern const Handler handler_backup_home;           /* home_backup.c */
extern const Handler handler_verify_home;           /* home_backup.c */
extern const Handler handler_stop_old_server;       /* server.c */
extern const Handler handler_start_old_server;      /* server.c */
extern const Handler handler_configure_node;        /* configuration.c */
extern const Handler handler_restore_configuration; /* configuration.c */
extern const Handler handler_copy_folders;          /* folders.c */
extern const Handler handler_remove_folders;        /* folders.c */
extern const Handler handler_start_new_server;      /* server.c */
extern const Handler handler_stop_new_server;       /* server.c */
extern const Handler handler_test_readiness;        /* readiness.c */
extern const Handler handler_lock_accounts;         /* accounts.c */
extern const Handler handler_unlock_accounts;       /* accounts.c */
extern const Handler handler_backup_database;       /* database_backup.c */
extern const Handler handler_verify_dump;           /* database_backup.c */
extern const Handler handler_migrate_database;      /* migration.c */
extern const Handler handler_copy_database;         /* copy/copy.c */
extern const Handler handler_clear_staging;         /* staging_clear.c */
extern const Handler handler_rehearse_backup;       /* rehearsal.c */
extern const Handler handler_end_rehearsal;         /* rehearsal.c */
extern const Handler handler_drop_rehearsal;        /* rehearsal.c */
