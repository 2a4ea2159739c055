#include "common/base/memory.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"
#include "coordinator/rehearsal.h"

static int run_report(const CliCall *call, Error *error)
{
    AUTO(Journal) *journal = NULL;
    AUTO(Plan) *plan = NULL;
    AUTO_TEXT *text = NULL;
    JournalRun found;
    AUTO(Rehearsal) *rehearsal = NULL;
    Report report;

    if (!journal_open_to_read(cli_state(call), &journal, error) ||
        !session_find_run(call, journal, &found, error) ||
        !journal_plan(journal, found.id, &text, error))
        return session_journal_exit(error);
    if (!plan_parse("the journal's plan", text, &plan, error) ||
        !rehearsal_find(journal, plan, &rehearsal, error) ||
        !report_make(journal, plan, &found, &report, error))
        return EXIT_AUDIT;
    report.rehearsal = rehearsal;
    if (cli_json(call))
        report_json(&report, stdout);
    else if (plan->strategy == STRATEGY_REHEARSAL)
        rehearsal_text(&report, stdout);
    else
        report_text(&report, stdout);
    report_done(&report);
    return EXIT_DONE;
}

const CliCommand cmd_report = {
    .name = "report",
    .arguments = "",
    .summary = "the verdict of a run: the fourteen lines of the procedure, each with its evidence",
    .example = "report > change-ticket.txt",
    .options = { SESSION_OPTION_RUN },
    .run = run_report,
};
