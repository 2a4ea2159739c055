#include "coordinator/cli/render.h"

#include "common/base/json.h"

bool bypasses_have(const Bypasses *bypasses, const char *id)
{
    for (size_t i = 0; i < bypasses->count; i++)
        if (strcmp(bypasses->ids[i], id) == 0)
            return true;
    return false;
}

typedef struct Rendering {
    FILE *stream;
    const Bypasses *bypasses;
    FindingCount count;
    FindingDetail detail;
} Rendering;

static bool count_finding(Rendering *rendering, const Finding *finding)
{
    bool bypassed =
        finding->severity == FINDING_FAIL && bypasses_have(rendering->bypasses, finding->id);

    rendering->count.pass += finding->severity == FINDING_PASS;
    rendering->count.warn += finding->severity == FINDING_WARN;
    rendering->count.fail += finding->severity == FINDING_FAIL && !bypassed;
    rendering->count.bypassed += bypassed;
    if (finding->severity == FINDING_FAIL && !bypassed && strcmp(finding->id, "AGENT-TRUST") == 0)
        rendering->count.trust = true;
    return bypassed;
}

static void print_finding(void *self, const char *where, const Finding *finding)
{
    Rendering *rendering = self;
    bool bypassed = count_finding(rendering, finding);

    if (finding->severity == FINDING_PASS && rendering->detail == FINDINGS_NOTABLE)
        return;
    (void)fprintf(rendering->stream, "%-4s %-26s %-12s %s%s\n",
        finding_severity_name(finding->severity), finding->id, where, finding->evidence,
        bypassed ? " (bypassed)" : "");
    if (finding->remedy[0] != '\0')
        (void)fprintf(
            rendering->stream, "     %-26s %-12s what to do: %s\n", "", "", finding->remedy);
}

static void print_finding_json(void *self, const char *where, const Finding *finding)
{
    Rendering *rendering = self;
    bool first = rendering->count.pass + rendering->count.warn + rendering->count.fail +
                     rendering->count.bypassed ==
                 0;
    bool bypassed = count_finding(rendering, finding);

    (void)fputs(first ? "{" : ",{", rendering->stream);
    json_member(rendering->stream, "id", finding->id);
    (void)fputc(',', rendering->stream);
    json_member(rendering->stream, "severity", finding_severity_name(finding->severity));
    (void)fputc(',', rendering->stream);
    json_member(rendering->stream, "where", where);
    (void)fputc(',', rendering->stream);
    json_member(rendering->stream, "evidence", finding->evidence);
    (void)fputc(',', rendering->stream);
    json_member(rendering->stream, "remedy", finding->remedy);
    (void)fprintf(rendering->stream, ",\"bypassed\":%s}", bypassed ? "true" : "false");
}

FindingCount render_findings_text(
    const Preflight *preflight, const Bypasses *bypasses, FindingDetail detail, FILE *stream)
{
    Rendering rendering = { .stream = stream, .bypasses = bypasses, .detail = detail };

    preflight_each_finding(preflight, print_finding, &rendering);
    (void)fprintf(stream, "%u passed, %u warnings, %u FAILED, %u bypassed\n", rendering.count.pass,
        rendering.count.warn, rendering.count.fail, rendering.count.bypassed);
    return rendering.count;
}

FindingCount render_findings_json(
    const Preflight *preflight, const Bypasses *bypasses, FILE *stream)
{
    Rendering rendering = { .stream = stream, .bypasses = bypasses };

    (void)fputs("{\"findings\":[", stream);
    preflight_each_finding(preflight, print_finding_json, &rendering);
    (void)fprintf(stream, "],\"passed\":%u,\"warnings\":%u,\"failed\":%u,\"bypassed\":%u}\n",
        rendering.count.pass, rendering.count.warn, rendering.count.fail, rendering.count.bypassed);
    return rendering.count;
}

static void print_waits(const PlanStep *step, FILE *stream)
{
    for (size_t i = 0; i < step->wait_count; i++)
        (void)fprintf(stream, "%s%u", i > 0 ? "," : " after ", step->waits_for[i] + 1);
}

static void print_step(const PlanView *view, size_t index, FILE *stream)
{
    const PlanStep *step = &view->plan->steps[index];
    const StepSpec *spec = step_spec(step->kind);

    if (step->kind == STEP_CROSS_LINE)
        (void)fprintf(stream, "---- POINT OF NO RETURN: before it 'abort' brings the old cluster "
                              "back; behind it the only way is forward ----\n");
    (void)fprintf(stream, "%3zu  %-22s %-12s %s", index + 1, spec->name,
        step_kind_is_gate(step->kind) ? "" : step->target, spec->title);
    print_waits(step, stream);
    rehearsal_print_beside(rehearsal_step_ms(view->rehearsal, step), 0, stream);
    (void)fputc('\n', stream);
    if (spec->irreversible && step->kind != STEP_CROSS_LINE)
        (void)fprintf(
            stream, "     %-22s %-12s cannot be taken back: %s\n", "", "", spec->irreversible);
}

void render_plan_text(const PlanView *view, FILE *stream)
{
    const Plan *plan = view->plan;

    (void)fprintf(stream,
        "Plan for cluster %s, strategy %s, %zu steps\ninventory %s (SHA-256 %s)\nplan SHA-256 "
        "%s\n\n",
        plan->cluster, strategy_name(plan->strategy), plan->step_count, plan->inventory_path,
        plan->inventory_sha256, view->sha256);
    for (size_t i = 0; i < plan->step_count; i++)
        print_step(view, i, stream);
    (void)fputc('\n', stream);
    if (view->rehearsal)
        rehearsal_print_summary(view->rehearsal, plan, view->now, stream);
    else
        (void)fprintf(stream,
            "no rehearsal of this inventory has passed: 'dss-coordinator rehearse "
            "PLAN' tries the script beside running servers and times it\n");
}

void render_plan_json(const PlanView *view, FILE *stream)
{
    const Plan *plan = view->plan;

    (void)fputc('{', stream);
    json_member(stream, "cluster", plan->cluster);
    (void)fputc(',', stream);
    json_member(stream, "strategy", strategy_name(plan->strategy));
    (void)fputc(',', stream);
    json_member(stream, "sha256", view->sha256);
    (void)fputc(',', stream);
    rehearsal_print_summary_json(view->rehearsal, plan, view->now, stream);
    (void)fputs(",\"steps\":[", stream);
    for (size_t i = 0; i < plan->step_count; i++) {
        const PlanStep *step = &plan->steps[i];

        (void)fprintf(stream, "%s{\"number\":%zu,", i > 0 ? "," : "", i + 1);
        json_member(stream, "name", step_spec(step->kind)->name);
        (void)fputc(',', stream);
        json_member(stream, "target", step->target);
        (void)fputc(',', stream);
        json_member(stream, "agent", step->agent);
        (void)fputc(',', stream);
        rehearsal_print_beside_json(rehearsal_step_ms(view->rehearsal, step), 0, stream);
        (void)fputs(",\"after\":[", stream);
        for (size_t j = 0; j < step->wait_count; j++)
            (void)fprintf(stream, "%s%u", j > 0 ? "," : "", step->waits_for[j] + 1);
        (void)fputs("]}", stream);
    }
    (void)fputs("]}\n", stream);
}
