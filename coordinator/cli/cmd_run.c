#include <inttypes.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"
#include "coordinator/lead.h"

#define PLAN_MAX (64 * 1024 * 1024)

/* One run with all that is open for it. */
typedef struct Night {
    Journal *journal;
    Fleet *fleet;
    Inventory *inventory;
    Plan *plan;
    char **scripts;
    char run_id[RUN_ID_MAX_BYTES];
} Night;

static void night_done(Night *night)
{
    for (size_t i = 0; night->scripts && i < night->inventory->database_count; i++)
        free(night->scripts[i]);
    free(night->scripts);
    fleet_close(night->fleet);
    journal_close(night->journal);
    plan_free(night->plan);
    inventory_free(night->inventory);
}

#define NIGHT_AUTO(name) __attribute__((cleanup(night_done))) Night name = { 0 }

static void print_ways_on(const Night *night, bool may_abort)
{
    (void)fprintf(stderr,
        "what is safe now:\n"
        "  dss-coordinator status              what was done and what is left\n"
        "  dss-coordinator resume              goes on where it stopped; fails again harmlessly\n");
    if (may_abort)
        (void)fprintf(
            stderr, "  dss-coordinator abort --reason …    brings the old cluster back, healthy\n");
    else
        (void)fprintf(stderr,
            "  (the point of no return of %s is crossed: abort is not possible, "
            "mend and resume)\n",
            night->plan->cluster);
}

static int print_hold(const Night *night, const LeadResult *result, bool may_abort)
{
    AUTO_TEXT *label = plan_step_label(night->plan, result->step);

    (void)fprintf(stderr,
        "HELD at step %" PRIu32 " (%s): %s\n"
        "  dss-coordinator retry %" PRIu32 "             when what it names is mended\n",
        result->step + 1, label, result->error.text, result->step + 1);
    print_ways_on(night, may_abort);
    return cli_exit_code(result->error.kind);
}

/* A host that is gone for good must not keep the others from coming back. */
static void print_way_round_lost_host(const LeadResult *result, bool may_abort)
{
    if (may_abort)
        (void)fprintf(stderr,
            "when that host is gone for good: 'abort', and there\n"
            "  dss-coordinator skip %" PRIu32 " --reason …      leaves it behind\n",
            result->step + 1);
    else
        (void)fprintf(stderr, "when that host is gone for good: put an agent of the same name in "
                              "its place, then resume\n");
}

static int print_unknown(const Night *night, const LeadResult *result, bool may_abort)
{
    AUTO_TEXT *label = plan_step_label(night->plan, result->step);

    (void)fprintf(stderr,
        "UNKNOWN: agent %s, which has step %" PRIu32 " (%s) in hand, has been away for more "
        "than %u s; it finishes what it runs and then holds; on that host: dss-agent status\n",
        night->plan->steps[result->step].agent, result->step + 1, label,
        night->inventory->limits.agent_lost_s);
    print_ways_on(night, may_abort);
    print_way_round_lost_host(result, may_abort);
    return EXIT_UNKNOWN;
}

/* Of an abort: what the operator left behind stands as the upgrade had made it. */
static int print_aborted(const Night *night)
{
    RUN_AUTO(run);
    Error ignored = { 0 };

    (void)printf(
        "ABORTED: cluster %s runs the old release on the old database\n", night->plan->cluster);
    run_init(&run, night->plan);
    if (!lead_replay(night->journal, night->run_id, &run, &ignored))
        return EXIT_ABORTED;
    for (uint32_t i = 0; i < night->plan->step_count; i++) {
        AUTO_TEXT *label = plan_step_label(night->plan, i);

        if (run.steps[i].state == STEP_SKIPPED)
            (void)printf(
                "  but step %" PRIu32 " (%s) was skipped: look after it by hand\n", i + 1, label);
    }
    return EXIT_ABORTED;
}

static int print_end(const Night *night, const LeadResult *result, bool may_abort)
{
    switch (result->end) {
    case LEAD_DONE:
        (void)printf("DONE: cluster %s runs the new release (dss-coordinator report)\n",
            night->plan->cluster);
        return EXIT_DONE;
    case LEAD_ABORTED:
        return print_aborted(night);
    case LEAD_HELD:
        return print_hold(night, result, may_abort);
    case LEAD_UNCONFIRMED:
        (void)fprintf(stderr,
            "HELD at the POINT OF NO RETURN: everything before it is done and verified\n"
            "  dss-coordinator resume --confirm %s\n",
            night->plan->cluster);
        print_ways_on(night, may_abort);
        return EXIT_HELD;
    case LEAD_UNKNOWN:
        return print_unknown(night, result, may_abort);
    case LEAD_INTERRUPTED:
        (void)fprintf(stderr, "STOPPED by signal %d: agents finish what they run and then hold\n",
            result->signal);
        print_ways_on(night, may_abort);
        return EXIT_SIGNAL + result->signal;
    }
    return EXIT_STEP_FAILED;
}

static bool line_is_crossed_now(const Night *night)
{
    RUN_AUTO(run);
    Error ignored = { 0 };

    run_init(&run, night->plan);
    return !lead_replay(night->journal, night->run_id, &run, &ignored) || run_line_is_crossed(&run);
}

static bool confirm_names_the_cluster(const CliCall *call, const Night *night, Error *error)
{
    const char *confirm = cli_option(call, "confirm");

    if (!confirm || strcmp(confirm, night->plan->cluster) == 0)
        return true;
    return error_set(error, ERROR_INVALID,
        "--confirm %s is not the name of this cluster, which is %s", confirm, night->plan->cluster);
}

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
    const char *confirm = cli_option(call, "confirm");
    LeadSettings settings = { .journal = night->journal,
        .fleet = night->fleet,
        .inventory = night->inventory,
        .plan = night->plan,
        .scripts = (const char *const *)night->scripts,
        .run_id = night->run_id,
        .actor = cli_actor(call),
        .confirm = confirm,
        .lines = stdout };
    LeadResult result;

    for (;;) {
        if (!lead_run(&settings, &now, &result, error))
            return error->kind == ERROR_PRECONDITION ? EXIT_HELD : EXIT_AUDIT;
        if (result.end != LEAD_UNCONFIRMED || !operator_types_name(night->plan->cluster))
            return print_end(night, &result, !line_is_crossed_now(night));
        settings.confirm = night->plan->cluster;
        now.count = 0;
    }
}

static bool all_agents_are_there(const Night *night)
{
    for (size_t i = 0; i < night->inventory->agent_count; i++)
        if (!fleet_member(night->fleet, night->inventory->agents[i].name)->known)
            return false;
    return true;
}

/* Looks again, and refuses when the world is another one than the plan was made for. */
static int look_again(const CliCall *call, Night *night, const Bypasses *bypasses, Error *error)
{
    PREFLIGHT_AUTO(preflight);
    int code;

    if (!preflight_run(night->fleet, night->inventory, PREFLIGHT_INSPECT, &preflight, error))
        return cli_exit_code(error->kind);
    if (all_agents_are_there(night) &&
        (!preflight_read_scripts(night->inventory, &night->scripts, error) ||
            !preflight_matches(&preflight, night->fleet, night->plan, error)))
        return cli_exit_code(error->kind);
    code = session_judge(call, &preflight, bypasses, FINDINGS_NOTABLE, stderr);
    if (code != EXIT_DONE || all_agents_are_there(night))
        return code;
    (void)error_set(error, ERROR_UNREACHABLE,
        "an agent is not there: the plan cannot be compared with its host, and no bypass helps");
    return EXIT_PREFLIGHT;
}

static bool append_first(const CliCall *call, Night *night, Event *event, Error *error)
{
    (void)text_copy(event->actor, sizeof(event->actor), cli_actor(call));
    event->time_ms = wall_now();
    return journal_append(night->journal, night->run_id, event, error);
}

/* The start comes last: a run that has it has all its bypasses, and no other run is resumed. */
static bool write_first_events(
    const CliCall *call, Night *night, const Bypasses *bypasses, const char *digest, Error *error)
{
    EVENT_AUTO(started);

    for (size_t i = 0; i < bypasses->count; i++) {
        EVENT_AUTO(bypass);

        bypass.kind = EVENT_CHECK_BYPASSED;
        bypass.serial = i + 1;
        (void)snprintf(bypass.text, sizeof(bypass.text), "%s: %s", bypasses->ids[i],
            bypasses->reason); /* a longer reason is cut */
        if (!append_first(call, night, &bypass, error))
            return false;
    }
    started.kind = EVENT_RUN_STARTED;
    started.serial = bypasses->count + 1;
    (void)text_copy(started.text, sizeof(started.text), digest);
    return append_first(call, night, &started, error);
}

static bool no_run_is_open(Journal *journal, const char *cluster, Error *error)
{
    AUTO_TEXT *text = NULL;
    AUTO(Plan) *plan = NULL;
    JournalRun last;
    RUN_AUTO(run);
    Error none = { 0 };

    if (!journal_last_run(journal, cluster, &last, &none))
        return none.kind == ERROR_INVALID || error_set(error, none.kind, "%s", none.text);
    if (!journal_plan(journal, last.id, &text, error) || !plan_parse(last.id, text, &plan, error))
        return false;
    run_init(&run, plan);
    if (!lead_replay(journal, last.id, &run, error))
        return false;
    if (!run.started || run.state == RUN_DONE || run.state == RUN_ABORTED)
        return true;
    return error_set(error, ERROR_OUTDATED,
        "run %s of cluster %s has not ended: 'resume' or 'abort' it first", last.id, cluster);
}

/* "20261123-214501-3f2a": sorts by time, unique enough for one host's journal, a valid name. */
static void make_run_id(char ret[RUN_ID_MAX_BYTES])
{
    char text[WALL_TEXT_BYTES];
    size_t length = 0;

    wall_text(wall_now(), text);
    for (const char *c = text; *c && *c != '.' && length < 15; c++)
        if (*c == 'T')
            ret[length++] = '-';
        else if (*c >= '0' && *c <= '9')
            ret[length++] = *c;
    (void)snprintf(ret + length, RUN_ID_MAX_BYTES - length, "-%04x",
        (unsigned)getpid() & 0xffffU); /* 15 + 5 bytes fit */
}

/* First of all: what is under way explains most of what a look at the hosts would find. */
static int take_the_lead(const CliCall *call, Night *night, Error *error)
{
    if (!journal_open(cli_state(call), &night->journal, error))
        return session_journal_exit(error);
    if (!no_run_is_open(night->journal, night->plan->cluster, error))
        return error->kind == ERROR_OUTDATED ? EXIT_HELD : EXIT_AUDIT;
    return EXIT_DONE;
}

static int begin_run(
    const CliCall *call, Night *night, const char *text, const Bypasses *bypasses, Error *error)
{
    char digest[SHA256_HEX_BYTES];

    digest_of(text, strlen(text), digest);
    make_run_id(night->run_id);
    if (!journal_new_run(night->journal, night->run_id, night->plan->cluster, text, error) ||
        !write_first_events(call, night, bypasses, digest, error))
        return EXIT_AUDIT;
    (void)printf("run %s of cluster %s\n", night->run_id, night->plan->cluster);
    return lead(call, night, &(LeadRequests){ NULL, 0 }, error);
}

static int apply_plan(const CliCall *call, Error *error)
{
    NIGHT_AUTO(night);
    AUTO_TEXT *text = NULL;
    Bypasses bypasses = { 0 };
    size_t length = 0;
    int code;

    if (!session_bypasses(call, &bypasses, error) ||
        !file_read(cli_arg(call, 0), PLAN_MAX, &text, &length, error) ||
        !session_parse_plan(cli_arg(call, 0), text, &night.plan, &night.inventory, error) ||
        !confirm_names_the_cluster(call, &night, error))
        return error->kind == ERROR_IO ? EXIT_USAGE : cli_exit_code(error->kind);
    code = take_the_lead(call, &night, error);
    if (code != EXIT_DONE)
        return code;
    if (!session_fleet(call, night.inventory, &night.fleet, error))
        return cli_exit_code(error->kind);
    code = look_again(call, &night, &bypasses, error);
    return code == EXIT_DONE ? begin_run(call, &night, text, &bypasses, error) : code;
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
    AUTO_TEXT *text = NULL;
    JournalRun run;

    if (!journal_open(cli_state(call), &night->journal, error) ||
        !session_find_run(call, night->journal, &run, error) ||
        !journal_plan(night->journal, run.id, &text, error))
        return session_journal_exit(error);
    (void)text_copy(night->run_id, sizeof(night->run_id), run.id);
    if (!session_parse_plan("the journal's plan", text, &night->plan, &night->inventory, error))
        return EXIT_AUDIT;
    if (!confirm_names_the_cluster(call, night, error) ||
        !preflight_read_scripts(night->inventory, &night->scripts, error) ||
        !session_fleet(call, night->inventory, &night->fleet, error))
        return cli_exit_code(error->kind);
    return EXIT_DONE;
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

static int lead_with_word(const CliCall *call, EventKind kind, Error *error)
{
    NIGHT_AUTO(night);
    EVENT_AUTO(event);
    const char *reason = cli_option(call, "reason");
    int code = open_run(call, &night, error);

    if (code != EXIT_DONE)
        return code;
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
