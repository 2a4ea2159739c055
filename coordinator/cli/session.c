#include "coordinator/cli/session.h"

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

char *session_folder(const CliCall *call, const char *name)
{
    return memory_format("%s/%s", cli_state(call), name);
}

bool session_inventory(const CliCall *call, Inventory **ret, Error *error)
{
    if (inventory_read(cli_arg(call, 0), ret, error))
        return true;
    if (error->kind == ERROR_IO)
        error->kind = ERROR_INVALID;
    return false;
}

bool session_fleet(const CliCall *call, const Inventory *inventory, Fleet **ret, Error *error)
{
    AUTO_TEXT *tls = session_folder(call, "tls");
    AUTO_TEXT *certificate = memory_format("%s/coordinator.crt", tls);

    if (file_kind(certificate, LINKS_FOLLOWED) == FILE_ABSENT)
        return error_set(error, ERROR_INVALID,
            "%s is not there: 'dss-coordinator ca init --cluster %s' makes it, or name the folder "
            "that has it with --state",
            certificate, inventory->cluster);
    return fleet_open(inventory, tls, ret, error);
}

/* With one of these nothing is known of a host, or of what would run there. */
static bool can_be_bypassed(const char *id)
{
    static const char *const blind[] = { "AGENT-UP", "AGENT-TRUST", "INSPECTION", "SCRIPT-DIGEST" };

    for (size_t i = 0; i < sizeof(blind) / sizeof(blind[0]); i++)
        if (strcmp(blind[i], id) == 0)
            return false;
    return true;
}

bool session_bypasses(const CliCall *call, Bypasses *ret, Error *error)
{
    Bypasses bypasses = { .reason = cli_option(call, "reason") };
    size_t position = 0;
    const char *id;

    while ((id = cli_option_each(call, "bypass", &position))) {
        if (bypasses.count == sizeof(bypasses.ids) / sizeof(bypasses.ids[0]))
            return error_set(error, ERROR_INVALID, "more than %zu checks are bypassed: mend some",
                bypasses.count);
        if (!can_be_bypassed(id))
            return error_set(error, ERROR_INVALID,
                "%s cannot be bypassed: what could not be looked at may be anything; mend it", id);
        bypasses.ids[bypasses.count++] = id;
    }
    if (bypasses.count > 0 && !bypasses.reason)
        return error_set(error, ERROR_INVALID,
            "--bypass %s needs --reason TEXT: it goes into the audit log", bypasses.ids[0]);
    *ret = bypasses;
    return true;
}

bool session_parse_plan(
    const char *path, const char *text, Plan **ret_plan, Inventory **ret_inventory, Error *error)
{
    AUTO(Plan) *plan = NULL;

    if (!plan_parse(path, text, &plan, error) ||
        !inventory_parse(plan->inventory_path, plan->inventory_text, ret_inventory, error))
        return false;
    *ret_plan = TAKE(plan);
    return true;
}

int session_journal_exit(const Error *error)
{
    if (error->kind == ERROR_PRECONDITION)
        return EXIT_OTHER_COORDINATOR;
    return error->kind == ERROR_INVALID ? EXIT_USAGE : EXIT_AUDIT;
}

bool session_find_run(const CliCall *call, Journal *journal, JournalRun *ret, Error *error)
{
    const char *id = cli_option(call, "run");

    return id ? journal_find_run(journal, id, ret, error)
              : journal_last_run(journal, NULL, ret, error);
}

bool session_rehearsal(const CliCall *call, const Plan *plan, Rehearsal **ret, Error *error)
{
    AUTO(Journal) *journal = NULL;
    Error none = { 0 };

    *ret = NULL;
    if (!journal_open_to_read(cli_state(call), &journal, &none))
        return none.kind == ERROR_INVALID || error_set(error, none.kind, "%s", none.text);
    return rehearsal_find(journal, plan, ret, error);
}

typedef struct BypassUse {
    const char *id;
    bool used;
} BypassUse;

static void note_use(void *self, const char *where, const Finding *finding)
{
    BypassUse *use = self;

    (void)where;
    use->used |= finding->severity == FINDING_FAIL && strcmp(finding->id, use->id) == 0;
}

/* A typing error, or a check that passes by now. */
static void tell_useless_bypasses(const Preflight *preflight, const Bypasses *bypasses)
{
    for (size_t i = 0; i < bypasses->count; i++) {
        BypassUse use = { .id = bypasses->ids[i] };

        preflight_each_finding(preflight, note_use, &use);
        if (!use.used)
            (void)fprintf(stderr,
                "dss-coordinator: --bypass %s changes nothing: no check of that name FAILED\n",
                use.id);
    }
}

int session_judge(const CliCall *call, const Preflight *preflight, const Bypasses *bypasses,
    FindingDetail detail, FILE *stream)
{
    FindingCount count = cli_json(call) ? render_findings_json(preflight, bypasses, stream)
                                        : render_findings_text(preflight, bypasses, detail, stream);

    tell_useless_bypasses(preflight, bypasses);
    if (count.trust)
        return EXIT_REFUSED;
    return count.fail > 0 ? EXIT_PREFLIGHT : EXIT_DONE;
}

uint32_t session_step(const Plan *plan, const char *name, const char *target)
{
    unsigned long long number;
    AUTO_TEXT *wanted = target ? memory_format("%s %s", name, target) : memory_text(name);

    if (text_to_number(wanted, plan->step_count, &number) && number > 0)
        return (uint32_t)number - 1;
    for (size_t i = 0; i < plan->step_count; i++) {
        AUTO_TEXT *label = plan_step_label(plan, i);

        if (strcmp(label, wanted) == 0)
            return (uint32_t)i;
    }
    return EVENT_NO_STEP;
}
