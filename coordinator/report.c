#include "coordinator/report.h"

#include <inttypes.h>

#include "common/base/json.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "coordinator/rehearsal.h"

#define FACTS_SHOWN 5 /* of one step, in the text */
#define LINES       14

static const char *const lines[LINES] = {
    "staging database is there, empty, and fits",
    "databases and homes backed up, and the backups proven",
    "all servers on the database stopped together, with proof",
    "done at low traffic",
    "database types are supported and the same",
    "the point where nobody can roll back",
    "downtime is the switch of databases",
    "migration script run",
    "data copied to the staging database, every row compared",
    "master-datasources.xml, user-mgt.xml, registry.xml written",
    "deployment and tenant folders copied",
    "servers started, manager first",
    "checkpoints: tables, columns, keys, rows, permissions",
    "user stores, users and tenants created and removed again",
};

static void keep_word(Report *report, const Event *event)
{
    report->words = memory_grow(report->words, (report->word_count + 1) * sizeof(Event));
    event_copy(&report->words[report->word_count++], event);
}

/* What a rehearsal found stays its result when it is dropped again. */
static bool is_kept(const Report *report, const Event *event)
{
    return event->kind == EVENT_UNDO_DONE && report->plan->strategy == STRATEGY_REHEARSAL &&
           report->last[event->step].kind != EVENT_KIND_COUNT;
}

static void keep_end(Report *report, const Event *event)
{
    if (is_kept(report, event))
        return;
    event_done(&report->last[event->step]);
    event_copy(&report->last[event->step], event);
}

static void note_downtime(Report *report, const Event *event)
{
    StepKind kind = report->plan->steps[event->step].kind;

    if (event->kind == EVENT_STEP_STARTED && kind == STEP_STOP_SERVER && report->down_from_ms == 0)
        report->down_from_ms = event->time_ms;
    if (event->kind == EVENT_STEP_DONE && kind == STEP_GATE_STARTED)
        report->down_until_ms = event->time_ms;
}

static bool take_event(void *self, const Event *event, Error *error)
{
    Report *report = self;

    if (!run_apply(&report->run, event, error))
        return false;
    if (report->started_ms == 0)
        report->started_ms = event->time_ms;
    report->ended_ms = event->time_ms;
    switch (event->kind) {
    case EVENT_STEP_DONE:
    case EVENT_STEP_FAILED:
    case EVENT_UNDO_DONE:
    case EVENT_UNDO_FAILED:
        keep_end(report, event);
        note_downtime(report, event);
        break;
    case EVENT_STEP_STARTED:
        note_downtime(report, event);
        break;
    case EVENT_LINE_CONFIRMED:
    case EVENT_ABORT_REQUESTED:
    case EVENT_RETRY_REQUESTED:
    case EVENT_SKIP_REQUESTED:
    case EVENT_CHECK_BYPASSED:
        keep_word(report, event);
        break;
    case EVENT_RUN_STARTED:
    case EVENT_LEAD_TAKEN:
    case EVENT_UNDO_STARTED:
    case EVENT_RUN_DONE:
    case EVENT_RUN_ABORTED:
    case EVENT_KIND_COUNT:
        break;
    }
    return true;
}

bool report_make(
    Journal *journal, const Plan *plan, const JournalRun *found, Report *ret, Error *error)
{
    Report report = { .plan = plan, .found = found };

    run_init(&report.run, plan);
    report.last = memory_new(plan->step_count * sizeof(Event));
    for (size_t i = 0; i < plan->step_count; i++)
        report.last[i].kind = EVENT_KIND_COUNT;
    if (!journal_read(journal, found->id, take_event, &report, error)) {
        report_done(&report);
        return false;
    }
    *ret = report;
    return true;
}

void report_done(Report *report)
{
    for (size_t i = 0; report->last && i < report->plan->step_count; i++)
        event_done(&report->last[i]);
    for (size_t i = 0; i < report->word_count; i++)
        event_done(&report->words[i]);
    free(report->last);
    free(report->words);
    run_done(&report->run);
    *report = (Report){ 0 };
}

static const char *verdict(const Report *report)
{
    if (report->plan->strategy == STRATEGY_REHEARSAL)
        return rehearsal_verdict(report);
    switch (report->run.state) {
    case RUN_DONE:
        return "DONE: the cluster runs the new release on the staging database";
    case RUN_ABORTED:
        return "ABORTED: the cluster runs the old release on the old database";
    case RUN_ABORTING:
        return "NOT ENDED: being taken back";
    case RUN_FORWARD:
        break;
    }
    return "NOT ENDED: dss-coordinator status says where it stands";
}

static bool is_volatile(const Fact *fact)
{
    return fact->name[0] == '~';
}

/* Measurements are shown where nothing else proves the step. */
static bool has_only_volatile(const Facts *facts)
{
    for (size_t i = 0; i < facts->count; i++)
        if (!is_volatile(&facts->items[i]))
            return false;
    return true;
}

/* One fact of a long list: a table, a statement, a file, a checkpoint. */
static bool is_detail(const Fact *fact)
{
    return strchr(fact->name, ':') != NULL;
}

/* What sums up comes first, then the beginning of the lists. */
static void print_evidence(const Event *event, FILE *stream)
{
    bool all = has_only_volatile(&event->evidence);
    size_t shown = 0, more = 0;

    for (unsigned details = 0; details < 2; details++)
        for (size_t i = 0; i < event->evidence.count; i++) {
            const Fact *fact = &event->evidence.items[i];

            if ((is_volatile(fact) && !all) || is_detail(fact) != (details == 1))
                continue;
            if (shown++ < FACTS_SHOWN)
                (void)fprintf(stream, "        %s = %.160s\n",
                    fact->name + (is_volatile(fact) ? 1 : 0), fact->value);
            else
                more++;
        }
    if (more > 0)
        (void)fprintf(stream, "        and %zu more: report --json\n", more);
}

static const char *end_in_words(const Report *report, size_t step)
{
    return step_state_name(report->run.steps[step].state);
}

static Millis rehearsed_ms(const Report *report, size_t index)
{
    return rehearsal_step_ms(report->rehearsal, &report->plan->steps[index]);
}

static void print_step(const Report *report, size_t index, FILE *stream)
{
    const RunStep *step = &report->run.steps[index];
    AUTO_TEXT *label = plan_step_label(report->plan, index);
    int64_t began = run_step_began_ms(step);

    (void)fprintf(stream, "      %-8s %s", end_in_words(report, index), label);
    if (began > 0 && step->ended_ms >= began) {
        (void)fprintf(stream, ", %.1f s", (double)(step->ended_ms - began) / 1000);
        rehearsal_print_beside(rehearsed_ms(report, index), step->ended_ms - began, stream);
    }
    if (step->attempt > 1)
        (void)fprintf(stream, ", %" PRIu32 " attempts", step->attempt);
    if (report->last[index].kind == EVENT_STEP_FAILED ||
        report->last[index].kind == EVENT_UNDO_FAILED)
        (void)fprintf(stream, ": %s", report->last[index].text);
    (void)fputc('\n', stream);
    print_evidence(&report->last[index], stream);
}

static double seconds_down(const Report *report)
{
    return (double)(report->down_until_ms - report->down_from_ms) / 1000;
}

/* What no step of its own stands for. */
static void print_special(const Report *report, unsigned line, FILE *stream)
{
    if (line == 5)
        for (size_t i = 0; i < report->plan->fact_count; i++)
            if (strcmp(report->plan->facts[i].name, "type") == 0)
                (void)fprintf(stream, "      database %s: production and staging are %s\n",
                    report->plan->facts[i].target, report->plan->facts[i].value);
    if (line == 6)
        (void)fprintf(stream, "      the line is %s\n",
            run_line_is_crossed(&report->run) ? "crossed" : "not crossed");
    if (line == 7 && report->down_until_ms > 0)
        (void)fprintf(stream,
            "      %.1f s from the first stop until all new servers were healthy\n",
            seconds_down(report));
    if (line == 7 && report->rehearsal) {
        (void)fputs("      ", stream);
        rehearsal_print_summary(report->rehearsal, report->plan, NULL, stream);
    }
}

static void print_line(const Report *report, unsigned line, FILE *stream)
{
    (void)fprintf(stream, "\n  %2u  %s\n", line, lines[line - 1]);
    print_special(report, line, stream);
    for (size_t i = 0; i < report->plan->step_count; i++)
        if (step_spec(report->plan->steps[i].kind)->procedure_line == line)
            print_step(report, i, stream);
}

static void print_time(FILE *stream, const char *what, int64_t wall_ms)
{
    char time[WALL_TEXT_BYTES];

    wall_text(wall_ms, time);
    (void)fprintf(stream, "%s %s\n", what, time);
}

void report_text(const Report *report, FILE *stream)
{
    (void)fprintf(stream, "Upgrade of cluster %s, strategy %s, run %s\n%s\n", report->plan->cluster,
        strategy_name(report->plan->strategy), report->found->id, verdict(report));
    print_time(stream, "from", report->started_ms);
    print_time(stream, "to  ", report->ended_ms);
    (void)fprintf(stream, "plan SHA-256 %s\ninventory SHA-256 %s\n", report->found->plan_sha256,
        report->plan->inventory_sha256);
    (void)fprintf(stream, "\nThe procedure, line by line\n");
    for (unsigned line = 1; line <= LINES; line++)
        print_line(report, line, stream);
    (void)fprintf(stream, "\nWhat operators said\n");
    for (size_t i = 0; i < report->word_count; i++) {
        const Event *event = &report->words[i];
        char time[WALL_TEXT_BYTES];

        wall_text(event->time_ms, time);
        (void)fprintf(
            stream, "  %s %s %s: %s\n", time, event->actor, event_name(event->kind), event->text);
    }
    if (report->word_count == 0)
        (void)fprintf(stream, "  nothing\n");
}

static void json_step(const Report *report, size_t index, FILE *stream)
{
    const Event *event = &report->last[index];
    const PlanStep *planned = &report->plan->steps[index];
    const RunStep *step = &report->run.steps[index];

    (void)fprintf(stream, "{\"number\":%zu,\"line\":%u,", index + 1,
        step_spec(planned->kind)->procedure_line);
    json_member(stream, "name", step_spec(planned->kind)->name);
    (void)fputc(',', stream);
    json_member(stream, "target", planned->target);
    (void)fputc(',', stream);
    json_member(stream, "state", end_in_words(report, index));
    (void)fprintf(stream,
        ",\"attempts\":%" PRIu32 ",\"started_ms\":%" PRId64 ",\"ended_ms\":%" PRId64 ",",
        step->attempt, step->started_ms, step->ended_ms);
    rehearsal_print_beside_json(
        rehearsed_ms(report, index), step->ended_ms - step->started_ms, stream);
    (void)fputs(",\"evidence\":[", stream);
    for (size_t i = 0; i < event->evidence.count; i++) {
        (void)fputs(i > 0 ? ",{" : "{", stream);
        json_member(stream, "name", event->evidence.items[i].name);
        (void)fputc(',', stream);
        json_member(stream, "value", event->evidence.items[i].value);
        (void)fputc('}', stream);
    }
    (void)fputs("],", stream);
    json_member(stream, "text", event->text);
    (void)fputc('}', stream);
}

static void json_words(const Report *report, FILE *stream)
{
    for (size_t i = 0; i < report->word_count; i++) {
        const Event *event = &report->words[i];
        char time[WALL_TEXT_BYTES];

        wall_text(event->time_ms, time);
        (void)fputs(i > 0 ? ",{" : "{", stream);
        json_member(stream, "time", time);
        (void)fputc(',', stream);
        json_member(stream, "actor", event->actor);
        (void)fputc(',', stream);
        json_member(stream, "kind", event_name(event->kind));
        (void)fputc(',', stream);
        json_member(stream, "text", event->text);
        (void)fputc('}', stream);
    }
}

void report_json(const Report *report, FILE *stream)
{
    (void)fputc('{', stream);
    json_member(stream, "run", report->found->id);
    (void)fputc(',', stream);
    json_member(stream, "cluster", report->plan->cluster);
    (void)fputc(',', stream);
    json_member(stream, "strategy", strategy_name(report->plan->strategy));
    (void)fputc(',', stream);
    json_member(stream, "verdict", verdict(report));
    (void)fputc(',', stream);
    json_member(stream, "plan_sha256", report->found->plan_sha256);
    (void)fprintf(stream,
        ",\"started_ms\":%" PRId64 ",\"ended_ms\":%" PRId64 ",\"downtime_s\":%.1f,",
        report->started_ms, report->ended_ms,
        report->down_until_ms > 0 ? seconds_down(report) : 0.0);
    rehearsal_print_summary_json(report->rehearsal, report->plan, NULL, stream);
    (void)fputs(",\"lines\":[", stream);
    for (unsigned line = 1; line <= LINES; line++) {
        (void)fprintf(stream, "%s{\"line\":%u,", line > 1 ? "," : "", line);
        json_member(stream, "title", lines[line - 1]);
        (void)fputc('}', stream);
    }
    (void)fputs("],\"steps\":[", stream);
    for (size_t i = 0; i < report->plan->step_count; i++) {
        if (i > 0)
            (void)fputc(',', stream);
        json_step(report, i, stream);
    }
    (void)fputs("],\"words\":[", stream);
    json_words(report, stream);
    (void)fputs("]}\n", stream);
}
