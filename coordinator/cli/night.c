#include "coordinator/cli/night.h"

#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "coordinator/rehearsal.h"

#define PLAN_MAX (64 * 1024 * 1024)

void night_done(Night *night)
{
    for (size_t i = 0; night->scripts && i < night->inventory->database_count; i++)
        free(night->scripts[i]);
    free(night->scripts);
    fleet_close(night->fleet);
    journal_close(night->journal);
    rehearsal_free(night->rehearsal);
    plan_free(night->plan);
    inventory_free(night->inventory);
}

int night_read_plan(const CliCall *call, Night *night, char **ret_text, Error *error)
{
    size_t length = 0;

    if (file_read(cli_arg(call, 0), PLAN_MAX, ret_text, &length, error) &&
        session_parse_plan(cli_arg(call, 0), *ret_text, &night->plan, &night->inventory, error))
        return EXIT_DONE;
    return error->kind == ERROR_IO ? EXIT_USAGE : cli_exit_code(error->kind);
}

bool night_confirms(const CliCall *call, const Night *night, Error *error)
{
    const char *confirm = cli_option(call, "confirm");

    if (!confirm || strcmp(confirm, night->plan->cluster) == 0)
        return true;
    return error_set(error, ERROR_INVALID,
        "--confirm %s is not the name of this cluster, which is %s", confirm, night->plan->cluster);
}

static bool has_ended(const Run *run)
{
    return !run->started || run->state == RUN_DONE || run->state == RUN_ABORTED;
}

static bool look_at_last_run(Journal *journal, const char *cluster, OpenRun *ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    AUTO(Plan) *plan = NULL;
    RUN_AUTO(run);
    Error none = { 0 };

    *ret = (OpenRun){ 0 };
    if (!journal_last_run(journal, cluster, &ret->found, &none))
        return none.kind == ERROR_INVALID || error_set(error, none.kind, "%s", none.text);
    if (!journal_plan(journal, ret->found.id, &text, error) ||
        !plan_parse(ret->found.id, text, &plan, error))
        return false;
    run_init(&run, plan);
    if (!lead_replay(journal, ret->found.id, &run, error))
        return false;
    ret->there = !has_ended(&run);
    ret->rehearsal = plan->strategy == STRATEGY_REHEARSAL;
    return true;
}

int night_open_journal(
    const CliCall *call, Night *night, const char *cluster, OpenRun *ret, Error *error)
{
    if (!journal_open(cli_state(call), &night->journal, error))
        return session_journal_exit(error);
    return look_at_last_run(night->journal, cluster, ret, error) ? EXIT_DONE : EXIT_AUDIT;
}

int night_refuse_open_run(const OpenRun *open, Error *error)
{
    if (!open->there)
        return EXIT_DONE;
    (void)error_set(error, ERROR_OUTDATED,
        "%s %s of cluster %s has not ended: 'resume' or 'abort' it first",
        open->rehearsal ? "rehearsal" : "run", open->found.id, open->found.cluster);
    return EXIT_HELD;
}

static bool all_agents_are_there(const Night *night)
{
    for (size_t i = 0; i < night->inventory->agent_count; i++)
        if (!fleet_member(night->fleet, night->inventory->agents[i].name)->known)
            return false;
    return true;
}

int night_look_again(
    const CliCall *call, Night *night, const Bypasses *bypasses, Preflight *ret, Error *error)
{
    int code;

    if (!preflight_run(night->fleet, night->inventory, PREFLIGHT_INSPECT, ret, error))
        return cli_exit_code(error->kind);
    if (all_agents_are_there(night) &&
        (!preflight_read_scripts(night->inventory, &night->scripts, error) ||
            !preflight_matches(ret, night->fleet, night->plan, error)))
        return cli_exit_code(error->kind);
    code = session_judge(call, ret, bypasses, FINDINGS_NOTABLE, stderr);
    if (code == EXIT_PREFLIGHT)
        (void)error_set(error, ERROR_PRECONDITION,
            "nothing was begun, nothing is touched: mend what FAILED, or bypass a check with "
            "--bypass CHECK --reason TEXT");
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

int night_begin(
    const CliCall *call, Night *night, const char *text, const Bypasses *bypasses, Error *error)
{
    char digest[SHA256_HEX_BYTES];

    digest_of(text, strlen(text), digest);
    make_run_id(night->run_id);
    if (!journal_new_run(night->journal, night->run_id, night->plan->cluster, text, error) ||
        !write_first_events(call, night, bypasses, digest, error))
        return EXIT_AUDIT;
    (void)fprintf(cli_json(call) ? stderr : stdout, "run %s of cluster %s\n", night->run_id,
        night->plan->cluster);
    return rehearsal_find(night->journal, night->plan, &night->rehearsal, error) ? EXIT_DONE
                                                                                 : EXIT_AUDIT;
}

int night_load_run(const CliCall *call, Night *night, const JournalRun *run, Error *error)
{
    AUTO_TEXT *text = NULL;

    if (!journal_plan(night->journal, run->id, &text, error))
        return session_journal_exit(error);
    (void)text_copy(night->run_id, sizeof(night->run_id), run->id);
    if (!session_parse_plan("the journal's plan", text, &night->plan, &night->inventory, error) ||
        !rehearsal_find(night->journal, night->plan, &night->rehearsal, error))
        return EXIT_AUDIT;
    if (!night_confirms(call, night, error) ||
        !preflight_read_scripts(night->inventory, &night->scripts, error) ||
        !session_fleet(call, night->inventory, &night->fleet, error))
        return cli_exit_code(error->kind);
    return EXIT_DONE;
}

LeadSettings night_lead_settings(const CliCall *call, const Night *night)
{
    return (LeadSettings){ .journal = night->journal,
        .fleet = night->fleet,
        .inventory = night->inventory,
        .plan = night->plan,
        .rehearsal = night->rehearsal,
        .scripts = (const char *const *)night->scripts,
        .run_id = night->run_id,
        .actor = cli_actor(call),
        .confirm = cli_option(call, "confirm"),
        .lines = stdout };
}
