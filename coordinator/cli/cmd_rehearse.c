#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/run_end.h"
#include "coordinator/core/planner.h"
#include "coordinator/rehearsal.h"

/* What it means for the night. */
static bool print_expectation(const Night *night, Error *error)
{
    AUTO(Plan) *upgrade = planner_make_plan(night->inventory);
    AUTO(Rehearsal) *rehearsal = NULL;

    if (!rehearsal_find(night->journal, upgrade, &rehearsal, error))
        return false;
    if (rehearsal && strcmp(rehearsal->found.id, night->run_id) == 0)
        rehearsal_print_summary(rehearsal, upgrade, NULL, stdout);
    return true;
}

/* Also for one that failed: the table says at which step, and why. */
static bool print_table(const CliCall *call, const Night *night, Error *error)
{
    JournalRun found;
    Report report;

    if (!journal_find_run(night->journal, night->run_id, &found, error) ||
        !report_make(night->journal, night->plan, &found, &report, error))
        return false;
    if (cli_json(call)) {
        report_json(&report, stdout);
    } else {
        (void)fputc('\n', stdout);
        rehearsal_text(&report, stdout);
    }
    report_done(&report);
    return cli_json(call) || print_expectation(night, error);
}

/* What is made for a rehearsal does not wait for an operator: it is dropped when a step fails. */
static bool take_back(
    const LeadSettings *settings, const LeadResult *held, LeadResult *ret, Error *error)
{
    EVENT_AUTO(abort);

    abort.kind = EVENT_ABORT_REQUESTED;
    (void)snprintf(abort.text, sizeof(abort.text), "step %u failed", held->step + 1);
    return lead_run(settings, &(LeadRequests){ &abort, 1 }, ret, error);
}

int night_lead_rehearsal(
    const CliCall *call, const Night *night, const LeadRequests *requests, Error *error)
{
    LeadSettings settings = night_lead_settings(call, night);
    LeadResult first, last;

    if (cli_json(call))
        settings.lines = stderr;
    if (!lead_run(&settings, requests, &first, error))
        return error->kind == ERROR_PRECONDITION ? EXIT_HELD : EXIT_AUDIT;
    last = first;
    if (first.end == LEAD_HELD && !take_back(&settings, &first, &last, error))
        return EXIT_AUDIT;
    if (last.end != LEAD_DONE && last.end != LEAD_ABORTED)
        return run_end_print(night, &last);
    if (!print_table(call, night, error))
        return EXIT_AUDIT;
    if (first.end == LEAD_HELD)
        return cli_exit_code(first.error.kind);
    return first.end == LEAD_DONE ? EXIT_DONE : EXIT_ABORTED;
}

/* One that was interrupted has left a scratch database and a dump. */
static int drop_what_is_left(const CliCall *call, const char *cluster, Error *error)
{
    NIGHT_AUTO(night);
    EVENT_AUTO(abort);
    OpenRun open = { 0 };
    LeadSettings settings;
    LeadResult result;
    int code = night_open_journal(call, &night, cluster, &open, error);

    if (code != EXIT_DONE || !open.there)
        return code;
    if (!open.rehearsal)
        return night_refuse_open_run(&open, error);
    code = night_load_run(call, &night, &open.found, error);
    if (code != EXIT_DONE)
        return code;
    abort.kind = EVENT_ABORT_REQUESTED;
    (void)text_copy(abort.text, sizeof(abort.text), "another rehearsal begins");
    settings = night_lead_settings(call, &night);
    settings.lines = stderr;
    if (!lead_run(&settings, &(LeadRequests){ &abort, 1 }, &result, error))
        return EXIT_AUDIT;
    return result.end == LEAD_ABORTED ? EXIT_DONE : run_end_print(&night, &result);
}

/* The plan's own facts, and how large the databases are. */
static void pin_facts(const Night *night, const Preflight *preflight, Plan *rehearsal)
{
    const Inventory *inventory = night->inventory;
    size_t count = night->plan->fact_count;
    PlanFact *facts =
        arena_take(rehearsal->arena, (count + inventory->database_count) * sizeof(*facts));

    if (count > 0)
        memcpy(facts, night->plan->facts, count * sizeof(*facts));
    for (size_t i = 0; i < inventory->database_count; i++) {
        const char *name = inventory->databases[i].name;
        const char *bytes = preflight_value(preflight, name, REHEARSAL_SIZE_FACT);

        if (bytes)
            facts[count++] = (PlanFact){ name, REHEARSAL_SIZE_FACT, bytes };
    }
    rehearsal->facts = facts;
    rehearsal->fact_count = count;
}

/* From here on the night is that of the rehearsal. */
static bool plan_rehearsal(Night *night, const Preflight *preflight, char **ret_text, Error *error)
{
    AUTO(Plan) *rehearsal = planner_make_rehearsal(night->inventory);

    pin_facts(night, preflight, rehearsal);
    *ret_text = plan_write(rehearsal);
    plan_free(night->plan);
    night->plan = NULL;
    return plan_parse("the rehearsal's plan", *ret_text, &night->plan, error);
}

static int rehearse(const CliCall *call, Night *night, const Bypasses *bypasses, Error *error)
{
    PREFLIGHT_AUTO(preflight);
    AUTO_TEXT *text = NULL;
    OpenRun open = { 0 };
    int code = night_open_journal(call, night, night->plan->cluster, &open, error);

    if (code == EXIT_DONE)
        code = night_refuse_open_run(&open, error);
    if (code == EXIT_DONE && !session_fleet(call, night->inventory, &night->fleet, error))
        code = cli_exit_code(error->kind);
    if (code == EXIT_DONE)
        code = night_look_again(call, night, bypasses, &preflight, error);
    if (code != EXIT_DONE)
        return code;
    if (!plan_rehearsal(night, &preflight, &text, error))
        return cli_exit_code(error->kind);
    code = night_begin(call, night, text, bypasses, error);
    return code == EXIT_DONE ? night_lead_rehearsal(call, night, &(LeadRequests){ NULL, 0 }, error)
                             : code;
}

static int run_rehearse(const CliCall *call, Error *error)
{
    NIGHT_AUTO(night);
    AUTO_TEXT *text = NULL;
    Bypasses bypasses = { 0 };
    int code;

    if (!session_bypasses(call, &bypasses, error))
        return cli_exit_code(error->kind);
    code = night_read_plan(call, &night, &text, error);
    if (code == EXIT_DONE)
        code = drop_what_is_left(call, night.plan->cluster, error);
    return code == EXIT_DONE ? rehearse(call, &night, &bypasses, error) : code;
}

const CliCommand cmd_rehearse = {
    .name = "rehearse",
    .arguments = "PLAN",
    .summary = "try the script on a copy of production, beside running servers, and time it",
    .example = "rehearse night.plan",
    .options = { SESSION_OPTION_BYPASS, SESSION_OPTION_REASON },
    .min_args = 1,
    .max_args = 1,
    .run = run_rehearse,
};
