#pragma once

/* All commands, each defined beside its function. */

#include "coordinator/cli/cli.h"

extern const CliCommand cmd_ca_init, cmd_ca_issue, cmd_ca_revoke, cmd_ca_list; /* cmd_ca.c */
extern const CliCommand cmd_agents, cmd_check, cmd_config_diff;                /* cmd_check.c */
extern const CliCommand cmd_plan;                                              /* cmd_plan.c */
extern const CliCommand cmd_rehearse;                                          /* cmd_rehearse.c */
extern const CliCommand cmd_apply, cmd_resume, cmd_abort, cmd_retry, cmd_skip; /* cmd_run.c */
extern const CliCommand cmd_status;                                            /* cmd_status.c */
extern const CliCommand cmd_report;                                            /* cmd_report.c */
extern const CliCommand cmd_audit_verify, cmd_audit_show, cmd_audit_export;    /* cmd_audit.c */
