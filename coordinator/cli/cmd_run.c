#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/run_end.h"
#include "coordinator/rehearsal.h"

/* At a terminal the operator may type the word at once; anything else leaves the run held. */
static bool operator_types_name(const char *cluster)
{
    char line[NAME_MAX_BYTES + 2] = "";

    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
        return false;
    (void)printf("POINT OF NO RETURN. Everything before it is done and verified.\n"
                 "Type the cluster's name (%s) to go on, anything else to hold: ",
        cluster);
    (void)fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, cluster) == 0;
}

static int lead(const CliCall *call, const Night *night, const LeadRequests *requests, Error *error)
{
    LeadRequests now = *requests;
    LeadSettings settings = night_lead_settings(call, night);
    LeadResult result;

    if (night->plan->strategy == STRATEGY_REHEARSAL)
        return night_lead_rehearsal(call, night, requests, error);
    for (;;) {
        if (!lead_run(&settings, &now, &result, error))
            return error->kind == ERROR_PRECONDITION ? EXIT_HELD : EXIT_AUDIT;
        if (result.end != LEAD_UNCONFIRMED || !operator_types_name(night->plan->cluster))
            return run_end_print(night, &result);
        settings.confirm = night->plan->cluster;
        now.count = 0;
    }
}

static int apply_plan(const CliCall *call, Error *error)
{
    NIGHT_AUTO(night);
    PREFLIGHT_AUTO(preflight);
    AUTO_TEXT *text = NULL;
    Bypasses bypasses = { 0 };
    OpenRun open = { 0 };
    int code;

    if (!session_bypasses(call, &bypasses, error))
        return cli_exit_code(error->kind);
    code = night_read_plan(call, &night, &text, error);
    if (code == EXIT_DONE && !night_confirms(call, &night, error))
        code = cli_exit_code(error->kind);
    /* first of all: what is under way explains most of what a look at the hosts would find */
    if (code == EXIT_DONE)
        code = night_open_journal(call, &night, night.plan->cluster, &open, error);
    if (code == EXIT_DONE)
        code = night_refuse_open_run(&open, error);
    if (code != EXIT_DONE)
        return code;
    if (!session_fleet(call, night.inventory, &night.fleet, error))
        return cli_exit_code(error->kind);
    code = night_look_again(call, &night, &bypasses, &preflight, error);
    if (code == EXIT_DONE)
        code = night_begin(call, &night, text, &bypasses, error);
    if (code != EXIT_DONE)
        return code;
    if (night.rehearsal)
        rehearsal_print_summary(night.rehearsal, night.plan, &preflight, stdout);
    return lead(call, &night, &(LeadRequests){ NULL, 0 }, error);
}

const CliCommand cmd_apply = {
    .name = "apply",
    .arguments = "PLAN",
    .summary = "carry out a plan, up to the point of no return or, with --confirm, to the end",
    .example = "apply night.plan",
    .options = { SESSION_OPTION_CONFIRM, SESSION_OPTION_BYPASS, SESSION_OPTION_REASON },
    .min_args = 1,
    .max_args = 1,
    .run = apply_plan,
};

static int open_run(const CliCall *call, Night *night, Error *error)
{
    JournalRun run;

    if (!journal_open(cli_state(call), &night->journal, error) ||
        !session_find_run(call, night->journal, &run, error))
        return session_journal_exit(error);
    return night_load_run(call, night, &run, error);
}

static void requests_done(LeadRequests *requests)
{
    free(requests->events); /* of events without evidence */
}

/* resume without a word of the operator tries again what has failed: that is what was mended. */
static bool all_that_failed(const Night *night, LeadRequests *ret, Error *error)
{
    RUN_AUTO(run);

    run_init(&run, night->plan);
    if (!lead_replay(night->journal, night->run_id, &run, error))
        return false;
    if (run.state != RUN_FORWARD && run.state != RUN_ABORTING)
        return true; /* an aborted run keeps its failed steps */
    ret->events = memory_new(night->plan->step_count * sizeof(Event));
    for (uint32_t i = 0; i < night->plan->step_count; i++)
        if (run.steps[i].state == (run.state == RUN_ABORTING ? STEP_STUCK : STEP_FAILED))
            ret->events[ret->count++] = (Event){ .kind = EVENT_RETRY_REQUESTED, .step = i };
    return true;
}

static int resume_run(const CliCall *call, Error *error)
{
    NIGHT_AUTO(night);
    __attribute__((cleanup(requests_done))) LeadRequests retries = { 0 };
    int code = open_run(call, &night, error);

    if (code != EXIT_DONE)
        return code;
    return all_that_failed(&night, &retries, error) ? lead(call, &night, &retries, error)
                                                    : EXIT_AUDIT;
}

const CliCommand cmd_resume = {
    .name = "resume",
    .arguments = "",
    .summary = "go on with a run that was held, interrupted or killed",
    .example = "resume --confirm orders",
    .options = { SESSION_OPTION_CONFIRM, SESSION_OPTION_RUN },
    .run = resume_run,
};

/* Said here and not by the fold: a run that has ended gets no new record. */
static bool has_not_ended(const Night *night, Error *error)
{
    RUN_AUTO(run);

    run_init(&run, night->plan);
    if (!lead_replay(night->journal, night->run_id, &run, error))
        return false;
    if (run.state == RUN_FORWARD || run.state == RUN_ABORTING)
        return true;
    return error_set(error, ERROR_INVALID,
        "run %s of cluster %s has ended (%s): it can neither be aborted nor its steps be retried "
        "or "
        "skipped; 'report' says what it did, 'plan' begins a new one",
        night->run_id, night->plan->cluster, run.state == RUN_DONE ? "done" : "aborted");
}

static int lead_with_word(const CliCall *call, EventKind kind, Error *error)
{
    NIGHT_AUTO(night);
    EVENT_AUTO(event);
    const char *reason = cli_option(call, "reason");
    int code = open_run(call, &night, error);

    if (code != EXIT_DONE)
        return code;
    if (!has_not_ended(&night, error))
        return error->kind == ERROR_INVALID ? EXIT_USAGE : EXIT_AUDIT;
    event.kind = kind;
    if (reason && !text_copy(event.text, sizeof(event.text), reason)) {
        (void)error_set(
            error, ERROR_INVALID, "--reason has more than %zu bytes", sizeof(event.text) - 1);
        return EXIT_USAGE;
    }
    if (cli_arg(call, 0)) {
        event.step = session_step(night.plan, cli_arg(call, 0), cli_arg(call, 1));
        if (event.step == EVENT_NO_STEP) {
            (void)error_set(error, ERROR_INVALID, "the plan has no step '%s%s%s': see status",
                cli_arg(call, 0), cli_arg(call, 1) ? " " : "",
                cli_arg(call, 1) ? cli_arg(call, 1) : "");
            return EXIT_USAGE;
        }
    }
    return lead(call, &night, &(LeadRequests){ &event, 1 }, error);
}

static int abort_run(const CliCall *call, Error *error)
{
    return lead_with_word(call, EVENT_ABORT_REQUESTED, error);
}

const CliCommand cmd_abort = {
    .name = "abort",
    .arguments = "",
    .summary = "before the point of no return: bring the old cluster back, healthy",
    .example = "abort --reason 'the window is over'",
    .options = { SESSION_OPTION_REASON, SESSION_OPTION_RUN },
    .run = abort_run,
};

static int retry_step(const CliCall *call, Error *error)
{
    return lead_with_word(call, EVENT_RETRY_REQUESTED, error);
}

const CliCommand cmd_retry = {
    .name = "retry",
    .arguments = "STEP",
    .summary = "try a failed step again (its number or name), and go on",
    .example = "retry stop-server node2",
    .options = { SESSION_OPTION_CONFIRM, SESSION_OPTION_RUN },
    .min_args = 1,
    .max_args = 2,
    .run = retry_step,
};

static int skip_step(const CliCall *call, Error *error)
{
    if (!cli_option(call, "reason")) {
        (void)error_set(error, ERROR_INVALID,
            "skip needs --reason TEXT: it goes into the audit log and the report");
        return EXIT_USAGE;
    }
    return lead_with_word(call, EVENT_SKIP_REQUESTED, error);
}

const CliCommand cmd_skip = {
    .name = "skip",
    .arguments = "STEP",
    .summary = "go on without a failed step; in an abort: leave a lost host behind",
    .example = "skip measure-traffic users --reason 'agreed with the owner'",
    .options = { SESSION_OPTION_REASON, SESSION_OPTION_CONFIRM, SESSION_OPTION_RUN },
    .min_args = 1,
    .max_args = 2,
    .run = skip_step,
};
