#include "coordinator/cli/run_end.h"

#include <inttypes.h>

#include "common/base/memory.h"

static bool is_rehearsal(const Night *night)
{
    return night->plan->strategy == STRATEGY_REHEARSAL;
}

static void print_ways_on(const Night *night, bool may_abort)
{
    (void)fprintf(stderr,
        "what is safe now:\n"
        "  dss-coordinator status              what was done and what is left\n"
        "  dss-coordinator resume              goes on where it stopped; fails again harmlessly\n");
    if (is_rehearsal(night))
        (void)fprintf(stderr,
            "  dss-coordinator rehearse PLAN       drops what is left of it, and begins anew\n"
            "  dss-coordinator abort               drops its scratch databases and dumps\n"
            "  (the servers run on: a rehearsal only reads production)\n");
    else if (may_abort)
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

static bool line_is_crossed_now(const Night *night)
{
    RUN_AUTO(run);
    Error ignored = { 0 };

    run_init(&run, night->plan);
    return !lead_replay(night->journal, night->run_id, &run, &ignored) || run_line_is_crossed(&run);
}

int run_end_print(const Night *night, const LeadResult *result)
{
    const bool may_abort = !line_is_crossed_now(night);

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
