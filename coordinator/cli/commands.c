#include "coordinator/cli/commands.h"

const CliCommand *const cli_commands[] = {
    &cmd_ca_init,
    &cmd_ca_issue,
    &cmd_ca_revoke,
    &cmd_ca_list,
    &cmd_agents,
    &cmd_check,
    &cmd_config_diff,
    &cmd_plan,
    &cmd_rehearse,
    &cmd_apply,
    &cmd_resume,
    &cmd_abort,
    &cmd_retry,
    &cmd_skip,
    &cmd_status,
    &cmd_report,
    &cmd_audit_verify,
    &cmd_audit_show,
    &cmd_audit_export,
    NULL,
};
