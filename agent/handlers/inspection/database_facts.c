/*
 * The goal "what is there is known": facts of a database that a plan is pinned to, and findings.
 *
 * Evidence: "type", "server-version@production", "server-version@staging", "layout",
 * "layout-fingerprint"; volatile "~data-bytes", "~blob-max-bytes", "~sessions"; findings. That a
 * server cannot be reached is a finding, not an error: the other side is looked at all the same.
 */

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/inspection/database_checks.h"
#include "agent/handlers/table.h"
#include "common/os/clock.h"

static bool read_facts(Inspection *inspection, Error *error)
{
    Facts *evidence = inspection->io->evidence;
    Database *production = inspection->side[SIDE_PRODUCTION];
    char fingerprint[SHA256_HEX_BYTES];

    facts_add(evidence, "type", database_type_name(inspection->config->type));
    if (inspection->side[SIDE_STAGING])
        facts_add(evidence, "server-version@staging",
            database_server_version(inspection->side[SIDE_STAGING]));
    if (!production)
        return true;
    facts_add(evidence, "server-version@production", database_server_version(production));
    if (!layout_find(production, inspection->io->profile, &inspection->layout, error) ||
        !layout_fingerprint(production, fingerprint, error))
        return false;
    facts_add(evidence, "layout", inspection->layout.name);
    facts_add(evidence, "layout-fingerprint", fingerprint);
    return true;
}

static bool probe(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    Inspection inspection = {
        .io = io, .command = command, .until = clock_now() + (Millis)1000 * INSPECTION_S
    };
    bool known;

    if (!target_config(io, command, &inspection.config, error))
        return false;
    for (DatabaseSide side = 0; side < SIDE_COUNT; side++)
        (void)database_checks_connect(&inspection, side); /* the finding says it */
    known = read_facts(&inspection, error);
    if (known) {
        database_checks_run(&inspection, staging_checks);
        database_checks_run(&inspection, server_checks);
        database_checks_run(&inspection, production_checks);
        database_checks_run(&inspection, size_checks);
        database_checks_run(&inspection, data_checks);
    }
    database_checks_done(&inspection);
    *ret_holds = known;
    return known;
}

const Handler handler_inspect_database = {
    .goal = "what is there is known",
    .probe = probe,
};
