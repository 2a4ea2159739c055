#include "coordinator/rehearsal.h"

#include <inttypes.h>

#include "common/base/json.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "coordinator/io/plan_xml.h"

#define EXCEEDED_BY_MS 10000
#define GROWN_BY       4 /* a quarter */
#define MIB            1048576.0

/* Which step of an upgrade a step of a rehearsal stands for. */
static const struct {
    StepKind live, rehearsed;
} pairs[] = {
    { STEP_CHECK_STAGING, STEP_CHECK_STAGING },
    { STEP_BACKUP_DATABASE, STEP_REHEARSE_BACKUP },
    { STEP_MIGRATE_PRODUCTION, STEP_REHEARSE_MIGRATION },
    { STEP_MIGRATE_STAGING, STEP_REHEARSE_MIGRATION },
    { STEP_CHECKPOINT_PRODUCTION, STEP_REHEARSE_CHECKPOINT },
    { STEP_CHECKPOINT_STAGING, STEP_REHEARSE_CHECKPOINT },
};

void rehearsal_free(Rehearsal *rehearsal)
{
    if (!rehearsal)
        return;
    report_done(&rehearsal->report);
    plan_free(rehearsal->plan);
    free(rehearsal);
}

/* *ret stays NULL when the run is no rehearsal of that inventory. */
static bool read_one(
    Journal *journal, const JournalRun *found, const Plan *plan, Rehearsal **ret, Error *error)
{
    AUTO(Rehearsal) *rehearsal = memory_new(sizeof(*rehearsal));
    AUTO_TEXT *text = NULL;

    rehearsal->found = *found;
    if (!journal_plan(journal, found->id, &text, error) ||
        !plan_parse(found->id, text, &rehearsal->plan, error))
        return false;
    if (rehearsal->plan->strategy != STRATEGY_REHEARSAL ||
        strcmp(rehearsal->plan->inventory_sha256, plan->inventory_sha256) != 0)
        return true;
    if (!report_make(journal, rehearsal->plan, &rehearsal->found, &rehearsal->report, error))
        return false;
    *ret = TAKE(rehearsal);
    return true;
}

/* By itself, not because an operator gave it up. */
static bool has_failed(const Rehearsal *rehearsal)
{
    for (size_t i = 0; i < rehearsal->plan->step_count; i++)
        if (rehearsal->report.last[i].kind == EVENT_STEP_FAILED &&
            rehearsal->report.last[i].error != ERROR_CANCELLED)
            return true;
    return false;
}

/* From the newest run on, until one has passed. */
static bool search(Journal *journal, const JournalRun *runs, size_t count, const Plan *plan,
    Rehearsal **ret, Error *error)
{
    const char *failed = "";

    for (size_t i = 0; i < count; i++) {
        AUTO(Rehearsal) *one = NULL;

        if (!read_one(journal, &runs[i], plan, &one, error))
            return false;
        if (one && one->report.run.state == RUN_DONE) {
            (void)text_copy(one->failed_since, sizeof(one->failed_since), failed);
            *ret = TAKE(one);
            return true;
        }
        if (one && failed[0] == '\0' && has_failed(one))
            failed = runs[i].id;
    }
    return true;
}

bool rehearsal_find(Journal *journal, const Plan *plan, Rehearsal **ret, Error *error)
{
    JournalRun *runs = NULL;
    size_t count = 0;
    bool good;

    *ret = NULL;
    if (plan->strategy == STRATEGY_REHEARSAL)
        return true;
    if (!journal_runs(journal, plan->cluster, &runs, &count, error))
        return false;
    good = search(journal, runs, count, plan, ret, error);
    free(runs);
    return good;
}

/* The step of the rehearsal; its plan's step_count for none. */
static size_t find_step(const Plan *plan, StepKind kind, const char *target)
{
    size_t i = 0;

    while (i < plan->step_count &&
           (plan->steps[i].kind != kind || strcmp(plan->steps[i].target, target) != 0))
        i++;
    return i;
}

static Millis time_of(const Rehearsal *rehearsal, StepKind kind, const char *target)
{
    size_t index = find_step(rehearsal->plan, kind, target);
    const RunStep *step = &rehearsal->report.run.steps[index];

    if (index == rehearsal->plan->step_count || step->state != STEP_DONE ||
        step->ended_ms < step->started_ms)
        return REHEARSAL_UNKNOWN;
    return step->ended_ms - step->started_ms;
}

Millis rehearsal_step_ms(const Rehearsal *rehearsal, const PlanStep *step)
{
    for (size_t i = 0; rehearsal && i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i].live == step->kind)
            return time_of(rehearsal, pairs[i].rehearsed, step->target);
    return REHEARSAL_UNKNOWN;
}

bool rehearsal_is_exceeded(Millis rehearsed, Millis took)
{
    return rehearsed != REHEARSAL_UNKNOWN && took > 2 * rehearsed &&
           took - rehearsed >= EXCEEDED_BY_MS;
}

static Millis measured(const Report *report, const char *database, const char *name)
{
    size_t index = find_step(report->plan, STEP_REHEARSE_BACKUP, database);

    return index == report->plan->step_count
               ? 0
               : (Millis)facts_number(&report->last[index].evidence, name, 0);
}

static Millis expected_ms(const Rehearsal *rehearsal, const PlanStep *step)
{
    Millis rehearsed = rehearsal_step_ms(rehearsal, step);

    if (step->kind == STEP_COPY_DATABASE)
        return measured(&rehearsal->report, step->target, "~restore-ms") +
               measured(&rehearsal->report, step->target, "~compare-ms");
    return rehearsed == REHEARSAL_UNKNOWN ? 0 : rehearsed;
}

Millis rehearsal_downtime_ms(const Rehearsal *rehearsal, const Plan *plan)
{
    Millis *end = memory_new(plan->step_count * sizeof(*end));
    bool *down = memory_new(plan->step_count * sizeof(*down));
    Millis longest = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const PlanStep *step = &plan->steps[i];

        down[i] = step->kind == STEP_STOP_SERVER;
        for (size_t j = 0; j < step->wait_count; j++) {
            uint32_t before = step->waits_for[j];

            down[i] = down[i] || down[before];
            end[i] = end[before] > end[i] ? end[before] : end[i];
        }
        if (down[i])
            end[i] += expected_ms(rehearsal, step);
        if (step->kind == STEP_GATE_STARTED)
            longest = end[i];
    }
    free(end);
    free(down);
    return longest;
}

static const char *pinned(const Plan *plan, const char *target, const char *name)
{
    for (size_t i = 0; i < plan->fact_count; i++)
        if (strcmp(plan->facts[i].target, target) == 0 && strcmp(plan->facts[i].name, name) == 0)
            return plan->facts[i].value;
    return NULL;
}

static void doubt_size(const PlanFact *then, const Preflight *now, Facts *ret)
{
    const char *value = now ? preflight_value(now, then->target, then->name) : NULL;
    unsigned long long bytes_then = 0, bytes_now = 0;

    if (!value || !text_to_number(then->value, UINT64_MAX, &bytes_then) ||
        !text_to_number(value, UINT64_MAX, &bytes_now) ||
        bytes_now <= bytes_then + bytes_then / GROWN_BY)
        return;
    facts_format(ret, then->target,
        "it has grown from %.1f MiB to %.1f MiB since: expect longer times, or rehearse again",
        (double)bytes_then / MIB, (double)bytes_now / MIB);
}

/* What the times of a database depend on: its own facts, not those of nodes. */
void rehearsal_doubts(
    const Rehearsal *rehearsal, const Plan *plan, const Preflight *now, Facts *ret)
{
    for (size_t i = 0; i < rehearsal->plan->fact_count; i++) {
        const PlanFact *then = &rehearsal->plan->facts[i];
        const char *value = pinned(plan, then->target, then->name);

        if (strcmp(then->name, REHEARSAL_SIZE_FACT) == 0)
            doubt_size(then, now, ret);
        if (!value || strcmp(value, then->value) == 0 ||
            find_step(rehearsal->plan, STEP_REHEARSE_BACKUP, then->target) ==
                rehearsal->plan->step_count)
            continue;
        facts_format(ret, then->target,
            "%s was '%.100s' when it was rehearsed and is '%.100s' now: rehearse again", then->name,
            then->value, value);
    }
}

void rehearsal_print_beside(Millis rehearsed, Millis took, FILE *stream)
{
    if (rehearsed == REHEARSAL_UNKNOWN)
        return;
    (void)fprintf(stream, " (rehearsed: %.1f s%s)", (double)rehearsed / 1000,
        rehearsal_is_exceeded(rehearsed, took) ? ", MUCH SLOWER than that" : "");
}

void rehearsal_print_beside_json(Millis rehearsed, Millis took, FILE *stream)
{
    if (rehearsed == REHEARSAL_UNKNOWN)
        (void)fputs("\"rehearsed_ms\":null,\"exceeds_rehearsal\":false", stream);
    else
        (void)fprintf(stream, "\"rehearsed_ms\":%" PRId64 ",\"exceeds_rehearsal\":%s", rehearsed,
            rehearsal_is_exceeded(rehearsed, took) ? "true" : "false");
}

void rehearsal_print_summary(
    const Rehearsal *rehearsal, const Plan *plan, const Preflight *now, FILE *stream)
{
    char time[WALL_TEXT_BYTES];
    FACTS_AUTO(doubts);

    wall_text(rehearsal->report.ended_ms, time);
    rehearsal_doubts(rehearsal, plan, now, &doubts);
    (void)fprintf(stream,
        "rehearsed by run %s at %s: expected downtime %.1f s, and the time to stop and start the "
        "servers (copying taken to last as long as restoring and reading back)\n",
        rehearsal->found.id, time, (double)rehearsal_downtime_ms(rehearsal, plan) / 1000);
    if (rehearsal->failed_since[0] != '\0')
        (void)fprintf(stream, "  but a later rehearsal FAILED: dss-coordinator report --run %s\n",
            rehearsal->failed_since);
    for (size_t i = 0; i < doubts.count; i++)
        (void)fprintf(
            stream, "  but database %s: %s\n", doubts.items[i].name, doubts.items[i].value);
}

void rehearsal_print_summary_json(
    const Rehearsal *rehearsal, const Plan *plan, const Preflight *now, FILE *stream)
{
    FACTS_AUTO(doubts);

    if (!rehearsal) {
        (void)fputs("\"rehearsal\":null", stream);
        return;
    }
    rehearsal_doubts(rehearsal, plan, now, &doubts);
    (void)fputs("\"rehearsal\":{", stream);
    json_member(stream, "run", rehearsal->found.id);
    (void)fputc(',', stream);
    json_member(stream, "failed_since", rehearsal->failed_since);
    (void)fprintf(stream, ",\"ended_ms\":%" PRId64 ",\"downtime_ms\":%" PRId64 ",\"doubts\":[",
        rehearsal->report.ended_ms, rehearsal_downtime_ms(rehearsal, plan));
    for (size_t i = 0; i < doubts.count; i++) {
        (void)fputs(i > 0 ? ",{" : "{", stream);
        json_member(stream, "database", doubts.items[i].name);
        (void)fputc(',', stream);
        json_member(stream, "text", doubts.items[i].value);
        (void)fputc('}', stream);
    }
    (void)fputs("]}", stream);
}

/* ---- the table of a rehearsal ---- */

const char *rehearsal_verdict(const Report *report)
{
    switch (report->run.state) {
    case RUN_DONE:
        return "PASSED";
    case RUN_ABORTED:
        return "FAILED";
    case RUN_ABORTING:
    case RUN_FORWARD:
        break;
    }
    return "NOT ENDED: 'rehearse' again, or 'abort'";
}

/* Not of the dump, which is gone, nor digests, volatile facts and lists: --json has them. */
static bool is_shown(const Fact *fact)
{
    static const char *const unshown[] = { "dump", "dump-sha256", "digest", "script-sha256" };

    for (size_t i = 0; i < sizeof(unshown) / sizeof(unshown[0]); i++)
        if (strcmp(fact->name, unshown[i]) == 0)
            return false;
    return fact->name[0] != '~' && !strchr(fact->name, ':');
}

/* What one step found, in the words of the agent. */
static void print_found(const Event *event, FILE *stream)
{
    for (size_t i = 0; i < event->evidence.count; i++) {
        const Fact *fact = &event->evidence.items[i];

        if (is_shown(fact))
            (void)fprintf(stream, "        %s = %.160s\n", fact->name, fact->value);
    }
    if (event->kind == EVENT_STEP_FAILED || event->kind == EVENT_UNDO_FAILED)
        (void)fprintf(stream, "        %s\n", event->text);
}

static void print_parts(const Report *report, const char *database, FILE *stream)
{
    Millis dump = measured(report, database, "~dump-ms");
    Millis restore = measured(report, database, "~restore-ms");
    double bytes = (double)measured(report, database, "~bytes") / MIB;

    if (restore == 0)
        return;
    (void)fprintf(stream,
        "        %.1f MiB of rows: dump %.1f s (%.1f MiB/s), restore %.1f s (%.1f MiB/s), reading "
        "back %.1f s\n",
        bytes, (double)dump / 1000, dump > 0 ? bytes * 1000 / (double)dump : 0,
        (double)restore / 1000, bytes * 1000 / (double)restore,
        (double)measured(report, database, "~compare-ms") / 1000);
}

static void print_row(const Report *report, size_t index, FILE *stream)
{
    const RunStep *step = &report->run.steps[index];
    const PlanStep *planned = &report->plan->steps[index];
    AUTO_TEXT *label = plan_step_label(report->plan, index);
    const Event *end = &report->last[index];

    (void)fprintf(stream, "  %-36s", label);
    if (end->kind == EVENT_KIND_COUNT)
        (void)fprintf(stream, " %10s  %s\n", "", step_state_name(step->state));
    else
        (void)fprintf(stream, " %8.1f s  %s\n", (double)(end->time_ms - step->started_ms) / 1000,
            end->kind == EVENT_STEP_DONE ? "done" : "FAILED");
    print_found(end, stream);
    if (planned->kind == STEP_REHEARSE_BACKUP)
        print_parts(report, planned->target, stream);
}

static void print_way_back(const Report *report, const PlanStep *step, FILE *stream)
{
    Millis restore = measured(report, step->target, "~restore-ms");

    if (step->kind == STEP_REHEARSE_BACKUP && restore > 0)
        (void)fprintf(stream, "the way back: restoring %s from its dump took %.1f s\n",
            step->target, (double)restore / 1000);
}

void rehearsal_text(const Report *report, FILE *stream)
{
    char time[WALL_TEXT_BYTES];

    wall_text(report->started_ms, time);
    (void)fprintf(stream, "Rehearsal of cluster %s, run %s, %s, %.1f s: %s\n\n",
        report->plan->cluster, report->found->id, time,
        (double)(report->ended_ms - report->started_ms) / 1000, rehearsal_verdict(report));
    for (size_t i = 0; i < report->plan->step_count; i++)
        print_row(report, i, stream);
    (void)fputc('\n', stream);
    for (size_t i = 0; i < report->plan->step_count; i++)
        print_way_back(report, &report->plan->steps[i], stream);
    if (report->run.state == RUN_ABORTED)
        (void)fputs(
            "what to do: mend what FAILED names; write the new SHA-256 of a script that you "
            "changed into cluster.xml, and 'plan' again; then 'rehearse' again\n",
            stream);
}
