#include <inttypes.h>

#include "common/base/json.h"
#include "common/base/memory.h"
#include "common/base/wall_time.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"
#include "coordinator/lead.h"

static const char *state_in_words(const Run *run)
{
    Action action = run_decide(run, wall_now());

    if (run->state == RUN_DONE)
        return "done";
    if (run->state == RUN_ABORTED)
        return "aborted";
    if (action.kind == ACTION_HOLD)
        return "held";
    if (action.kind == ACTION_CONFIRM)
        return "held at the point of no return";
    return run->state == RUN_ABORTING ? "aborting" : "going forward";
}

static bool has_ended(const Run *run)
{
    return run->state == RUN_DONE || run->state == RUN_ABORTED;
}

static const char *line_in_words(const Run *run)
{
    if (run->plan->strategy == STRATEGY_REHEARSAL)
        return "none, this is a rehearsal: production is only read";
    if (run_line_is_crossed(run))
        return "CROSSED";
    return has_ended(run) ? "not crossed" : "not crossed, abort is possible";
}

/* What an operator may do now. */
static void print_next(const Run *run)
{
    Action action = run_decide(run, wall_now());

    if (has_ended(run))
        (void)printf("\n");
    else if (action.kind == ACTION_HOLD)
        (void)printf("next: mend what it names, then: dss-coordinator retry %" PRIu32 "\n\n",
            action.step + 1);
    else if (action.kind == ACTION_CONFIRM)
        (void)printf("next: dss-coordinator resume --confirm %s\n\n", run->plan->cluster);
    else
        (void)printf("next: if no coordinator is at work on it: dss-coordinator resume\n\n");
}

/* How long it took, or has taken by now; REHEARSAL_UNKNOWN: it has not begun. */
static Millis took(const RunStep *step)
{
    bool works = step->state == STEP_RUNNING || step->state == STEP_UNDOING;
    int64_t began = run_step_began_ms(step), end = works ? wall_now() : step->ended_ms;

    return began > 0 && end >= began ? end - began : REHEARSAL_UNKNOWN;
}

static void print_step(const Run *run, const Rehearsal *rehearsal, size_t index)
{
    AUTO_TEXT *label = plan_step_label(run->plan, index);
    const RunStep *step = &run->steps[index];
    Millis ms = took(step);

    (void)printf("%3zu  %-8s %-36s", index + 1, step_state_name(step->state), label);
    if (ms != REHEARSAL_UNKNOWN)
        (void)printf(" %8.1f s", (double)ms / 1000);
    rehearsal_print_beside(rehearsal_step_ms(rehearsal, &run->plan->steps[index]), ms, stdout);
    if (step->state == STEP_FAILED || step->state == STEP_STUCK)
        (void)printf("  %s", error_kind_name(step->error));
    (void)printf("\n");
}

static void print_text(const JournalRun *found, const Run *run, const Rehearsal *rehearsal)
{
    (void)printf("run %s of cluster %s: %s\npoint of no return: %s\n", found->id, found->cluster,
        state_in_words(run), line_in_words(run));
    print_next(run);
    for (size_t i = 0; i < run->plan->step_count; i++)
        print_step(run, rehearsal, i);
}

static void print_json(const JournalRun *found, const Run *run, const Rehearsal *rehearsal)
{
    (void)printf("{");
    json_member(stdout, "run", found->id);
    (void)printf(",");
    json_member(stdout, "cluster", found->cluster);
    (void)printf(",");
    json_member(stdout, "strategy", strategy_name(run->plan->strategy));
    (void)printf(",");
    json_member(stdout, "state", state_in_words(run));
    (void)printf(",\"line_crossed\":%s,", run_line_is_crossed(run) ? "true" : "false");
    rehearsal_print_summary_json(rehearsal, run->plan, NULL, stdout);
    (void)printf(",\"steps\":[");
    for (size_t i = 0; i < run->plan->step_count; i++) {
        const RunStep *step = &run->steps[i];

        (void)printf("%s{\"number\":%zu,", i > 0 ? "," : "", i + 1);
        json_member(stdout, "name", step_spec(run->plan->steps[i].kind)->name);
        (void)printf(",");
        json_member(stdout, "target", run->plan->steps[i].target);
        (void)printf(",");
        json_member(stdout, "agent", run->plan->steps[i].agent);
        (void)printf(",");
        json_member(stdout, "state", step_state_name(step->state));
        (void)printf(",\"attempt\":%" PRIu32 ",\"started_ms\":%" PRId64 ",\"ended_ms\":%" PRId64
                     ",",
            step->attempt, step->started_ms, step->ended_ms);
        rehearsal_print_beside_json(
            rehearsal_step_ms(rehearsal, &run->plan->steps[i]), took(step), stdout);
        (void)printf("}");
    }
    (void)printf("]}\n");
}

static int run_status(const CliCall *call, Error *error)
{
    AUTO(Journal) *journal = NULL;
    AUTO(Plan) *plan = NULL;
    AUTO_TEXT *text = NULL;
    AUTO(Rehearsal) *rehearsal = NULL;
    JournalRun found;
    RUN_AUTO(run);

    if (!journal_open_to_read(cli_state(call), &journal, error) ||
        !session_find_run(call, journal, &found, error) ||
        !journal_plan(journal, found.id, &text, error))
        return session_journal_exit(error);
    if (!plan_parse("the journal's plan", text, &plan, error))
        return EXIT_AUDIT;
    run_init(&run, plan);
    if (!lead_replay(journal, found.id, &run, error) ||
        !rehearsal_find(journal, plan, &rehearsal, error))
        return EXIT_AUDIT;
    if (cli_json(call))
        print_json(&found, &run, rehearsal);
    else
        print_text(&found, &run, rehearsal);
    return EXIT_DONE;
}

const CliCommand cmd_status = {
    .name = "status",
    .arguments = "",
    .summary = "what was done, what is under way, what is left",
    .example = "status --json",
    .options = { SESSION_OPTION_RUN },
    .run = run_status,
};
