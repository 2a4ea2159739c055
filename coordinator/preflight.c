#include "coordinator/preflight.h"

#include <inttypes.h>

#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/clock.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "coordinator/core/planner.h"

#define AGENTS_UP_MS 5000 /* to dial, shake hands and say hello */
#define SKEW_WARN_MS 5000
#define SCRIPT_MAX   (512 * 1024)

static void add_target(Preflight *preflight, const char *name, const char *agent, CommandKind kind)
{
    PreflightTarget *target;

    preflight->targets =
        memory_grow(preflight->targets, (preflight->target_count + 1) * sizeof(PreflightTarget));
    target = &preflight->targets[preflight->target_count++];
    *target = (PreflightTarget){ .kind = kind };
    (void)text_copy(target->name, sizeof(target->name), name);
    (void)text_copy(target->agent, sizeof(target->agent), agent);
}

static void add_targets(Preflight *preflight, PreflightScope scope)
{
    const Inventory *inventory = preflight->inventory;

    for (size_t i = 0; i < inventory->node_count; i++)
        add_target(preflight, inventory->nodes[i].name, inventory->nodes[i].agent,
            scope == PREFLIGHT_INSPECT ? COMMAND_INSPECT_NODE : COMMAND_PREVIEW_CONFIGURATION);
    if (scope == PREFLIGHT_INSPECT)
        for (size_t i = 0; i < inventory->database_count; i++)
            add_target(preflight, inventory->databases[i].name, inventory->databases[i].agent,
                COMMAND_INSPECT_DATABASE);
}

static bool read_script(
    const Inventory *inventory, const InventoryDatabase *database, char **ret, Error *error)
{
    const char *path = database->script_path;
    AUTO_TEXT *script = NULL;
    char digest[SHA256_HEX_BYTES];
    size_t length = 0;

    if (!path)
        return true;
    if (!file_read(path, SCRIPT_MAX, &script, &length, error))
        return error_prefix(error, "%s:%u: script of database '%s': ", inventory->path,
            database->line, database->name);
    digest_of(script, length, digest);
    if (strcmp(digest, database->script_sha256) != 0)
        return error_set(error, ERROR_OUTDATED,
            "%s:%u: script %s of database '%s' has SHA-256 %s, the inventory pins %s: find out who "
            "changed it, then write the new digest into the inventory",
            inventory->path, database->line, path, database->name, digest, database->script_sha256);
    if (strlen(script) != length)
        return error_set(error, ERROR_INVALID, "script %s holds zero bytes: it is no text", path);
    *ret = TAKE(script);
    return true;
}

static void free_scripts(const Inventory *inventory, char **scripts)
{
    for (size_t i = 0; scripts && i < inventory->database_count; i++)
        free(scripts[i]);
    free(scripts);
}

bool preflight_read_scripts(const Inventory *inventory, char ***ret, Error *error)
{
    char **scripts = memory_new(inventory->database_count * sizeof(*scripts));

    for (size_t i = 0; i < inventory->database_count; i++)
        if (!read_script(inventory, &inventory->databases[i], &scripts[i], error)) {
            free_scripts(inventory, scripts);
            return false;
        }
    *ret = scripts;
    return true;
}

static void find_agent(Preflight *preflight, const FleetMember *member)
{
    const InventoryAgent *agent = member->declared;
    Facts *findings = &preflight->agent_findings;
    AUTO_TEXT *silent = memory_format(
        "agent %s (%s:%u): it has not answered", agent->name, agent->address, agent->port);

    if (member->known) {
        finding_add(findings, "AGENT-UP", FINDING_PASS, "", "agent %s: %s", agent->name,
            facts_get_or(&member->hello, "program", "?"));
        return;
    }
    finding_add(findings, member->refused ? "AGENT-TRUST" : "AGENT-UP", FINDING_FAIL,
        member->refused ? "give it a certificate and the ca.crt of this coordinator's authority "
                          "(dss-coordinator ca issue) and restart it; its log says what it refused"
                        : "start dss-agent on that host, open the port, or correct the address in "
                          "the inventory",
        "%s", member->why_down.kind != ERROR_NONE ? member->why_down.text : silent);
}

static void find_clock(Preflight *preflight, const FleetMember *member)
{
    int64_t skew = member->clock_skew_ms < 0 ? -member->clock_skew_ms : member->clock_skew_ms;

    finding_add(&preflight->agent_findings, "AGENT-CLOCK",
        skew > SKEW_WARN_MS ? FINDING_WARN : FINDING_PASS,
        skew > SKEW_WARN_MS ? "set the clock (NTP): times in logs will not fit together" : "",
        "agent %s: its clock differs by %" PRId64 " ms", member->declared->name,
        member->clock_skew_ms);
}

static void find_profile(Preflight *preflight, const Fleet *fleet, const FleetMember *member)
{
    const FleetMember *first = fleet_member(fleet, preflight->inventory->agents[0].name);
    const char *name = facts_get_or(&member->hello, "profile", "?");
    const char *digest = facts_get_or(&member->hello, "profile-sha256", "?");
    const char *other = facts_get_or(&first->hello, "profile-sha256", digest);
    bool right = strcmp(name, preflight->inventory->profile) == 0;
    bool same = strcmp(digest, other) == 0;

    finding_add(&preflight->agent_findings, "AGENT-PROFILE",
        right && same ? FINDING_PASS : FINDING_FAIL,
        right && same ? "" : "install the same dss-agent package and profile on all hosts",
        "agent %s has profile %s (%.12s…), the inventory names %s, agent %s has %.12s…",
        member->declared->name, name, digest, preflight->inventory->profile, first->declared->name,
        other);
}

static void look_at_agents(Preflight *preflight, const Fleet *fleet)
{
    for (size_t i = 0; i < preflight->inventory->agent_count; i++) {
        const FleetMember *member = fleet_member(fleet, preflight->inventory->agents[i].name);

        find_agent(preflight, member);
        if (!member->known)
            continue;
        find_clock(preflight, member);
        find_profile(preflight, fleet, member);
    }
}

static const char *script_for(const Preflight *preflight, const char *database)
{
    for (size_t i = 0; preflight->scripts && i < preflight->inventory->database_count; i++)
        if (strcmp(preflight->inventory->databases[i].name, database) == 0)
            return preflight->scripts[i];
    return NULL;
}

static void ask(const Preflight *preflight, Fleet *fleet, size_t index, const char *run)
{
    const PreflightTarget *target = &preflight->targets[index];
    COMMAND_AUTO(command);

    command.kind = target->kind;
    command.id = (CommandId){ .step = (uint32_t)index + 1, .attempt = 1 };
    command.deadline_s = planner_deadline_s(preflight->inventory, target->kind);
    (void)text_copy(command.id.run, sizeof(command.id.run), run);
    (void)text_copy(command.cluster, sizeof(command.cluster), preflight->inventory->cluster);
    (void)text_copy(command.target, sizeof(command.target), target->name);
    planner_inspect_args(preflight->inventory, target->kind, target->name,
        script_for(preflight, target->name), &command.args);
    fleet_send(fleet, target->agent, &command);
}

static void ask_agent(const Preflight *preflight, Fleet *fleet, const char *agent, const char *run)
{
    for (size_t i = 0; i < preflight->target_count; i++)
        if (!preflight->targets[i].answered && strcmp(preflight->targets[i].agent, agent) == 0)
            ask(preflight, fleet, i, run);
}

static void take_answer(Preflight *preflight, const FleetEvent *event, const char *run)
{
    const Message *message = &event->message;
    bool refusal = event->kind == FLEET_REFUSAL;
    const CommandId *id = refusal ? &message->id : &message->result.id;
    PreflightTarget *target;

    if (strcmp(id->run, run) != 0 || id->step == 0 || id->step > preflight->target_count)
        return;
    target = &preflight->targets[id->step - 1];
    if (target->answered)
        return;
    target->answered = true;
    if (!refusal) {
        command_result_copy(&target->result, &message->result);
        return;
    }
    target->result.state = RESULT_FAILED;
    (void)error_set(&target->result.error, ERROR_REFUSED, "agent %s refused: %s", target->agent,
        message->text ? message->text : "without a word");
}

static bool is_complete(const Preflight *preflight, const Fleet *fleet)
{
    for (size_t i = 0; i < preflight->target_count; i++)
        if (!preflight->targets[i].answered &&
            fleet_member(fleet, preflight->targets[i].agent)->known)
            return false;
    return true;
}

static bool collect(Preflight *preflight, Fleet *fleet, const char *run, Error *error)
{
    Millis until = clock_now() + 1000 * (Millis)planner_deadline_s(
                                            preflight->inventory, COMMAND_INSPECT_DATABASE);

    while (!is_complete(preflight, fleet) && clock_now() < until) {
        FLEET_EVENT_AUTO(event);

        fleet_wait(fleet, until - clock_now(), &event);
        if (event.kind == FLEET_SIGNAL)
            return error_set(error, ERROR_CANCELLED, "stopped by a signal; nothing was changed");
        if (event.kind == FLEET_UP)
            ask_agent(preflight, fleet, event.member->declared->name, run);
        if (event.kind == FLEET_RESULT || event.kind == FLEET_REFUSAL)
            take_answer(preflight, &event, run);
    }
    return true;
}

/* What could not be looked at is a finding too. */
static void find_unanswered(Preflight *preflight, const Fleet *fleet)
{
    for (size_t i = 0; i < preflight->target_count; i++) {
        const PreflightTarget *target = &preflight->targets[i];
        bool bad = target->answered && target->result.state == RESULT_FAILED;

        if (target->answered && !bad)
            continue;
        if (!bad && !fleet_member(fleet, target->agent)->known)
            continue; /* AGENT-UP says it */
        finding_add(&preflight->agent_findings, "INSPECTION", FINDING_FAIL,
            "read the agent's log on that host, mend it, and check again", "%s %s: %s",
            command_name(target->kind), target->name,
            bad ? target->result.error.text : "no answer in time");
    }
}

static bool account_is_named(const InventoryDatabase *database, const char *account)
{
    bool named = strcmp(database->account, account) == 0;

    for (size_t i = 0; i < database->account_count; i++)
        named |= strcmp(database->accounts[i].name, account) == 0;
    return named;
}

/* Node and inventory have to agree on it: an account that is not named is not locked out. */
static void find_accounts(
    Preflight *preflight, const PreflightTarget *node, const InventoryDatabase *database)
{
    AUTO_TEXT *name = memory_format("account:%s", database->name);
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(&node->result.evidence, name, &position)))
        if (!account_is_named(database, fact->value))
            finding_add(&preflight->agent_findings, "CONF-ACCOUNT-NAMED", FINDING_FAIL,
                "write the account of the servers into the inventory (account=\"…\"), or add one "
                "more with <account name=\"…\"/>: an account that is not named is not locked out",
                "%s:%u: node %s logs in to database %s as '%s', the inventory names '%s'%s",
                preflight->inventory->path, database->line, node->name, database->name, fact->value,
                database->account, database->account_count > 0 ? " and others" : "");
}

static void look_at_accounts(Preflight *preflight)
{
    const Inventory *inventory = preflight->inventory;

    for (size_t i = 0; i < preflight->target_count; i++)
        for (size_t j = 0; j < inventory->database_count; j++)
            if (preflight->targets[i].kind == COMMAND_INSPECT_NODE)
                find_accounts(preflight, &preflight->targets[i], &inventory->databases[j]);
}

static void look_at_scripts(Preflight *preflight)
{
    Error error = { 0 };

    if (!preflight_read_scripts(preflight->inventory, &preflight->scripts, &error))
        finding_add(&preflight->agent_findings, "SCRIPT-DIGEST", FINDING_FAIL,
            "put the right script there, or pin the digest of the one that is meant", "%s",
            error.text);
}

bool preflight_run(
    Fleet *fleet, const Inventory *inventory, PreflightScope scope, Preflight *ret, Error *error)
{
    char run[RUN_ID_MAX_BYTES];

    *ret = (Preflight){ .inventory = inventory };
    (void)snprintf(run, sizeof(run), "check-%" PRIx64 "-%x", (uint64_t)wall_now(),
        (unsigned)getpid()); /* unique: agents answer a known id from their ledger; fits */
    fleet_wait_for_all(fleet, AGENTS_UP_MS);
    add_targets(ret, scope);
    look_at_scripts(ret);
    look_at_agents(ret, fleet);
    for (size_t i = 0; i < inventory->agent_count; i++)
        ask_agent(ret, fleet, inventory->agents[i].name, run);
    if (!collect(ret, fleet, run, error)) {
        preflight_done(ret);
        return false;
    }
    find_unanswered(ret, fleet);
    look_at_accounts(ret);
    return true;
}

void preflight_done(Preflight *preflight)
{
    for (size_t i = 0; i < preflight->target_count; i++)
        command_result_done(&preflight->targets[i].result);
    free(preflight->targets);
    facts_done(&preflight->agent_findings);
    if (preflight->inventory)
        free_scripts(preflight->inventory, preflight->scripts);
    *preflight = (Preflight){ 0 };
}

static void each_in(const Facts *facts, const char *where,
    void (*take)(void *self, const char *where, const Finding *finding), void *self)
{
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(facts, FINDING_FACT, &position))) {
        Finding finding;

        if (!finding_parse(fact->value, &finding))
            continue;
        take(self, where, &finding);
        finding_done(&finding);
    }
}

void preflight_each_finding(const Preflight *preflight,
    void (*take)(void *self, const char *where, const Finding *finding), void *self)
{
    each_in(&preflight->agent_findings, preflight->inventory->cluster, take, self);
    for (size_t i = 0; i < preflight->target_count; i++)
        each_in(&preflight->targets[i].result.evidence, preflight->targets[i].name, take, self);
}

const char *preflight_value(const Preflight *preflight, const char *target, const char *name)
{
    for (size_t i = 0; i < preflight->target_count; i++)
        if (strcmp(preflight->targets[i].name, target) == 0 &&
            facts_get(&preflight->targets[i].result.evidence, name))
            return facts_get(&preflight->targets[i].result.evidence, name);
    return NULL;
}

typedef struct Pins {
    Arena *arena;
    PlanFact *facts;
    size_t count;
} Pins;

static void pin(Pins *pins, const char *target, const char *name, const char *value)
{
    pins->facts = memory_grow(pins->facts, (pins->count + 1) * sizeof(PlanFact));
    pins->facts[pins->count++] = (PlanFact){
        .target = arena_text(pins->arena, target),
        .name = arena_text(pins->arena, name),
        .value = arena_text(pins->arena, value),
    };
}

static void gather(const Preflight *preflight, const Fleet *fleet, Pins *pins)
{
    for (size_t i = 0; i < preflight->inventory->agent_count; i++) {
        const char *agent = preflight->inventory->agents[i].name;

        pin(pins, agent, ARG_PROFILE_SHA256,
            facts_get_or(&fleet_member(fleet, agent)->hello, "profile-sha256", ""));
    }
    for (size_t i = 0; i < preflight->target_count; i++) {
        const PreflightTarget *target = &preflight->targets[i];

        for (size_t j = 0; j < target->result.evidence.count; j++)
            if (target->result.evidence.items[j].name[0] != '~')
                pin(pins, target->name, target->result.evidence.items[j].name,
                    target->result.evidence.items[j].value);
    }
}

void preflight_pin(const Preflight *preflight, const Fleet *fleet, Plan *plan)
{
    Pins pins = { .arena = plan->arena };
    PlanFact *facts;

    gather(preflight, fleet, &pins);
    facts = arena_take(plan->arena, pins.count * sizeof(PlanFact));
    if (pins.count > 0)
        memcpy(facts, pins.facts, pins.count * sizeof(PlanFact));
    free(pins.facts);
    plan->facts = facts;
    plan->fact_count = pins.count;
}

static bool facts_are_equal(const Pins *now, const Plan *plan, Error *error)
{
    for (size_t i = 0; i < plan->fact_count && i < now->count; i++) {
        const PlanFact *was = &plan->facts[i];
        const PlanFact *is = &now->facts[i];

        if (strcmp(was->target, is->target) != 0 || strcmp(was->name, is->name) != 0)
            return error_set(error, ERROR_OUTDATED,
                "the plan pins '%s' of %s, now '%s' of %s stands there: make a new plan", was->name,
                was->target, is->name, is->target);
        if (strcmp(was->value, is->value) != 0)
            return error_set(error, ERROR_OUTDATED,
                "%s of %s was '%.200s' when the plan was made and is '%.200s' now: find out who "
                "changed it, then make a new plan",
                was->name, was->target, was->value, is->value);
    }
    if (now->count != plan->fact_count)
        return error_set(error, ERROR_OUTDATED,
            "the plan pins %zu facts, now there are %zu: make a new plan", plan->fact_count,
            now->count);
    return true;
}

bool preflight_matches(
    const Preflight *preflight, const Fleet *fleet, const Plan *plan, Error *error)
{
    AUTO(Arena) *arena = arena_new();
    Pins now = { .arena = arena };
    bool equal;

    gather(preflight, fleet, &now);
    equal = facts_are_equal(&now, plan, error);
    free(now.facts);
    return equal;
}
