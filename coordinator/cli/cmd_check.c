#include "common/base/json.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"

#define DIFF_FACT "~diff:" /* evidence of a preview: the file follows */

static int run_check(const CliCall *call, Error *error)
{
    AUTO(Inventory) *inventory = NULL;
    AUTO(Fleet) *fleet = NULL;
    PREFLIGHT_AUTO(preflight);
    Bypasses bypasses = { 0 };

    if (!session_bypasses(call, &bypasses, error) || !session_inventory(call, &inventory, error) ||
        !session_fleet(call, inventory, &fleet, error) ||
        !preflight_run(fleet, inventory, PREFLIGHT_INSPECT, &preflight, error))
        return cli_exit_code(error->kind);
    return session_judge(call, &preflight, &bypasses, FINDINGS_ALL, stdout);
}

const CliCommand cmd_check = {
    .name = "check",
    .arguments = "CLUSTER.XML",
    .summary = "look at every host and database, and say what would stop the upgrade",
    .example = "check cluster.xml",
    .options = { SESSION_OPTION_BYPASS, SESSION_OPTION_REASON },
    .min_args = 1,
    .max_args = 1,
    .run = run_check,
};

static void print_agent(const CliCall *call, const FleetMember *member, bool first)
{
    const InventoryAgent *agent = member->declared;
    const char *state = member->known ? "up" : member->refused ? "refused" : "down";

    if (!cli_json(call)) {
        (void)printf("%-16s %-8s %s:%u  %s  clock %+lld ms  profile %s %s\n", agent->name, state,
            agent->address, agent->port, facts_get_or(&member->hello, "program", "-"),
            (long long)member->clock_skew_ms, facts_get_or(&member->hello, "profile", "-"),
            member->known ? "" : member->why_down.text);
        return;
    }
    (void)printf("%s{", first ? "" : ",");
    json_member(stdout, "name", agent->name);
    (void)printf(",");
    json_member(stdout, "state", state);
    (void)printf(",\"clock_skew_ms\":%lld,", (long long)member->clock_skew_ms);
    json_member(stdout, "program", facts_get_or(&member->hello, "program", ""));
    (void)printf(",");
    json_member(stdout, "why", member->known ? "" : member->why_down.text);
    (void)printf("}");
}

static int run_agents(const CliCall *call, Error *error)
{
    AUTO(Inventory) *inventory = NULL;
    AUTO(Fleet) *fleet = NULL;
    int code = EXIT_DONE;

    if (!session_inventory(call, &inventory, error) ||
        !session_fleet(call, inventory, &fleet, error))
        return cli_exit_code(error->kind);
    fleet_wait_for_all(fleet, 10000);
    if (cli_json(call))
        (void)printf("{\"agents\":[");
    for (size_t i = 0; i < inventory->agent_count; i++) {
        const FleetMember *member = fleet_member(fleet, inventory->agents[i].name);

        print_agent(call, member, i == 0);
        if (!member->known)
            code = member->refused ? EXIT_REFUSED : EXIT_UNKNOWN;
    }
    if (cli_json(call))
        (void)printf("]}\n");
    return code;
}

const CliCommand cmd_agents = {
    .name = "agents",
    .arguments = "CLUSTER.XML",
    .summary = "who is there: version, clock, profile",
    .example = "agents cluster.xml",
    .min_args = 1,
    .max_args = 1,
    .run = run_agents,
};

static void print_preview(const PreflightTarget *target)
{
    (void)printf("%s:\n", target->name);
    for (size_t i = 0; i < target->result.evidence.count; i++) {
        const Fact *fact = &target->result.evidence.items[i];

        if (strcmp(fact->name, "change") == 0)
            (void)printf("  %s\n", fact->value);
        else if (strncmp(fact->name, DIFF_FACT, strlen(DIFF_FACT)) == 0)
            (void)printf("%s\n", fact->value);
    }
    if (target->result.state == RESULT_FAILED)
        (void)printf("  %s\n", target->result.error.text);
}

/* {"target":…,"changes":[{"what":…}],"files":[{"path":…,"diff":…}],"error":…} */
static void print_preview_json(const PreflightTarget *target, bool first)
{
    const Facts *evidence = &target->result.evidence;
    bool any = false;

    (void)printf("%s{", first ? "" : ",");
    json_member(stdout, "target", target->name);
    (void)printf(",\"changes\":[");
    for (size_t i = 0; i < evidence->count; i++) {
        if (strcmp(evidence->items[i].name, "change") != 0)
            continue;
        (void)printf("%s{", any ? "," : "");
        json_member(stdout, "what", evidence->items[i].value);
        (void)printf("}");
        any = true;
    }
    (void)printf("],\"files\":[");
    any = false;
    for (size_t i = 0; i < evidence->count; i++) {
        if (strncmp(evidence->items[i].name, DIFF_FACT, strlen(DIFF_FACT)) != 0)
            continue;
        (void)printf("%s{", any ? "," : "");
        json_member(stdout, "path", evidence->items[i].name + strlen(DIFF_FACT));
        (void)printf(",");
        json_member(stdout, "diff", evidence->items[i].value);
        (void)printf("}");
        any = true;
    }
    (void)printf("],");
    json_member(
        stdout, "error", target->result.state == RESULT_FAILED ? target->result.error.text : "");
    (void)printf("}");
}

static void print_previews(const CliCall *call, const Preflight *preflight)
{
    bool first = true;

    if (cli_json(call))
        (void)printf("{\"targets\":[");
    for (size_t i = 0; i < preflight->target_count; i++) {
        if (!preflight->targets[i].answered)
            continue;
        if (cli_json(call))
            print_preview_json(&preflight->targets[i], first);
        else
            print_preview(&preflight->targets[i]);
        first = false;
    }
    if (cli_json(call))
        (void)printf("]}\n");
}

static int run_config_diff(const CliCall *call, Error *error)
{
    AUTO(Inventory) *inventory = NULL;
    AUTO(Fleet) *fleet = NULL;
    PREFLIGHT_AUTO(preflight);
    Bypasses none = { 0 };

    if (!session_inventory(call, &inventory, error) ||
        !session_fleet(call, inventory, &fleet, error) ||
        !preflight_run(fleet, inventory, PREFLIGHT_PREVIEW, &preflight, error))
        return cli_exit_code(error->kind);
    print_previews(call, &preflight);
    return session_judge(call, &preflight, &none, FINDINGS_NOTABLE, stderr);
}

const CliCommand cmd_config_diff = {
    .name = "config diff",
    .arguments = "CLUSTER.XML",
    .summary = "show each change that would be made to the new homes' configuration",
    .example = "config diff cluster.xml",
    .min_args = 1,
    .max_args = 1,
    .run = run_config_diff,
};
