#include <inttypes.h>

#include "common/base/memory.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"

static int run_verify(const CliCall *call, Error *error)
{
    AUTO_TEXT *own = session_folder(call, "audit.pub");
    const char *key = cli_option(call, "key");
    uint64_t rows = 0;

    if (!journal_verify(cli_state(call), key ? key : own, &rows, error))
        return EXIT_AUDIT;
    if (cli_json(call))
        (void)printf("{\"verified\":true,\"rows\":%" PRIu64 "}\n", rows);
    else
        (void)printf("verified: %" PRIu64 " records, chain and signatures are whole\n", rows);
    return EXIT_DONE;
}

const CliCommand cmd_audit_verify = {
    .name = "audit verify",
    .arguments = "",
    .summary = "prove that no record of the audit log was changed, removed or inserted",
    .example = "audit verify --key audit.pub",
    .options = { { "key", "FILE", "public key (STATE/audit.pub)", false } },
    .run = run_verify,
};

static int export(const CliCall *call, AuditFormat format, FILE *stream, Error *error)
{
    AUTO(Journal) *journal = NULL;

    if (!journal_open_to_read(cli_state(call), &journal, error) ||
        !journal_export(journal, cli_option(call, "run"), format, stream, error))
        return session_journal_exit(error);
    return EXIT_DONE;
}

static int run_show(const CliCall *call, Error *error)
{
    return export(call, cli_json(call) ? AUDIT_JSON_LINES : AUDIT_TEXT, stdout, error);
}

const CliCommand cmd_audit_show = {
    .name = "audit show",
    .arguments = "",
    .summary = "print the audit log",
    .example = "audit show",
    .options = { SESSION_OPTION_RUN },
    .run = run_show,
};

static const struct {
    const char *name;
    AuditFormat format;
} formats[] = {
    { "text", AUDIT_TEXT },
    { "json", AUDIT_JSON_LINES },
    { "csv", AUDIT_CSV },
    { "syslog", AUDIT_SYSLOG },
};

static int run_export(const CliCall *call, Error *error)
{
    const char *name = cli_option(call, "format");

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(name ? name : "json", formats[i].name) == 0)
            return export(call, formats[i].format, stdout, error);
    (void)error_set(
        error, ERROR_INVALID, "there is no format '%s': text, json, csv or syslog", name);
    return EXIT_USAGE;
}

const CliCommand cmd_audit_export = {
    .name = "audit export",
    .arguments = "",
    .summary = "write the audit log as JSON lines, CSV or RFC 5424 syslog",
    .example = "audit export --format csv > audit.csv",
    .options = { { "format", "FORMAT", "text, json (default), csv or syslog", false },
        SESSION_OPTION_RUN },
    .run = run_export,
};
