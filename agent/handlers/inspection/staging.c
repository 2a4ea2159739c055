/*
 * The goal "staging is fit to take production's data": the checks of staging once more, when the
 * run begins, as a gate. Evidence: the findings.
 */

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/inspection/database_checks.h"
#include "agent/handlers/table.h"

static bool connect_both(Inspection *inspection, Error *error)
{
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++)
        if (!database_checks_open(inspection, side, error))
            return false;
    return true;
}

/* The first FAIL becomes the error; the report has them all. */
static bool all_pass(const Facts *evidence, const Command *command, Error *error)
{
    size_t position = 0;
    const Fact *fact;

    while ((fact = facts_each(evidence, FINDING_FACT, &position))) {
        Finding finding;
        bool fails;

        if (!finding_parse(fact->value, &finding))
            continue;
        fails = finding.severity == FINDING_FAIL;
        if (fails)
            (void)error_set(error, ERROR_PRECONDITION, "%s of %s: %s: %s", finding.id,
                command->target, finding.evidence, finding.remedy);
        finding_done(&finding);
        if (fails)
            return false;
    }
    return true;
}

static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    Inspection inspection = { .io = io, .command = command };
    bool fit;

    if (!target_config(io, command, &inspection.config, error))
        return false;
    fit = connect_both(&inspection, error);
    if (fit) {
        database_checks_run(&inspection, staging_checks);
        fit = all_pass(io->evidence, command, error);
    }
    database_checks_done(&inspection);
    *ret_holds = fit;
    return fit;
}

const Handler handler_check_staging = {
    .goal = "the staging database is empty and fit to take production's data",
    .probe = probe,
};
