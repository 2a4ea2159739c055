#include "common/base/memory.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"
#include "coordinator/core/planner.h"

static bool write_plan(const CliCall *call, const Plan *plan, const Preflight *now, Error *error)
{
    AUTO(Rehearsal) *rehearsal = NULL;
    AUTO_TEXT *text = plan_write(plan);
    const char *path = cli_option(call, "output");
    char digest[SHA256_HEX_BYTES];
    PlanView view = { .plan = plan, .sha256 = digest, .now = now };

    digest_of(text, strlen(text), digest);
    if (!session_rehearsal(call, plan, &rehearsal, error) ||
        (path && !file_replace(path, text, strlen(text), 0644, error)))
        return false;
    view.rehearsal = rehearsal;
    if (cli_json(call))
        render_plan_json(&view, stdout);
    else
        render_plan_text(&view, stdout);
    return true;
}

static int run_plan(const CliCall *call, Error *error)
{
    AUTO(Inventory) *inventory = NULL;
    AUTO(Fleet) *fleet = NULL;
    AUTO(Plan) *plan = NULL;
    PREFLIGHT_AUTO(preflight);
    Bypasses bypasses = { 0 };
    int code;

    if (!session_bypasses(call, &bypasses, error) || !session_inventory(call, &inventory, error) ||
        !session_fleet(call, inventory, &fleet, error) ||
        !preflight_run(fleet, inventory, PREFLIGHT_INSPECT, &preflight, error))
        return cli_exit_code(error->kind);
    code = session_judge(call, &preflight, &bypasses, FINDINGS_NOTABLE, stderr);
    if (code != EXIT_DONE) {
        (void)fprintf(stderr, "dss-coordinator: no plan was written: mend what FAILED, or bypass a "
                              "check with --bypass CHECK --reason TEXT\n");
        return code;
    }
    plan = planner_make_plan(inventory);
    preflight_pin(&preflight, fleet, plan);
    return write_plan(call, plan, &preflight, error) ? EXIT_DONE : cli_exit_code(error->kind);
}

const CliCommand cmd_plan = {
    .name = "plan",
    .arguments = "CLUSTER.XML",
    .summary = "write down every step, pinned to what the hosts look like now",
    .example = "plan cluster.xml -o night.plan",
    .options = { { "output", "FILE", "where the plan goes (also -o); else it is only shown",
                     false },
        SESSION_OPTION_BYPASS, SESSION_OPTION_REASON },
    .min_args = 1,
    .max_args = 1,
    .run = run_plan,
};
