#include "agent/handlers/configuration/configuration.h"

#include "agent/handlers/configuration/configuration_check.h"
#include "agent/handlers/configuration/configuration_plan.h"
#include "agent/handlers/configuration/configuration_store.h"
#include "agent/handlers/configuration/secret_mask.h"
#include "agent/handlers/configuration/unified_diff.h"
#include "agent/handlers/table.h"
#include "common/os/digest.h"
#include "common/os/file.h"

#define DIFF_MAX     ((size_t)64 << 10)  /* of one file */
#define DIFFS_MAX    ((size_t)256 << 10) /* of all: evidence travels in one frame */
#define DIFF_CUT_OFF "\n(cut off here)\n"

/* A plan that may be carried out: nothing in it would keep a server from starting right. */
static bool make_checked_plan(
    AgentIo *io, const Command *command, ConfigurationPlan **ret, Error *error)
{
    AUTO(ConfigurationPlan) *plan = NULL;

    if (!configuration_plan_make(io, command, &plan, error) || !configuration_check(plan, error))
        return error_prefix(error, "node %s: ", command->target);
    *ret = TAKE(plan);
    return true;
}

static void add_changes(AgentIo *io, const ConfigurationPlan *plan)
{
    for (size_t i = 0; i < plan->changes.count; i++)
        facts_add(io->evidence, plan->changes.items[i].name, plan->changes.items[i].value);
    facts_format(io->evidence, "changes", "%zu", plan->changes.count);
}

static void add_diff(AgentIo *io, const PlannedFile *file, size_t *left)
{
    AUTO_TEXT *before = file->before ? secret_mask_file(file->before) : memory_text("");
    AUTO_TEXT *after = secret_mask_file(file->after);
    AUTO_TEXT *name = memory_format("~diff:%s", file->path);
    size_t max = *left < DIFF_MAX ? *left : DIFF_MAX;
    TEXT_AUTO(diff, max + 1);

    unified_diff(file->path, before, after, &diff);
    *left -= diff.length < *left ? diff.length : *left;
    facts_format(io->evidence, name, "%s%s", diff.bytes, diff.overflow ? DIFF_CUT_OFF : "");
}

static bool probe_preview(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(ConfigurationPlan) *plan = NULL;
    size_t left = DIFFS_MAX;

    if (!make_checked_plan(io, command, &plan, error))
        return false;
    add_changes(io, plan);
    facts_format(io->evidence, "unchanged", "%zu", plan->unchanged);
    for (size_t i = 0; i < plan->file_count; i++)
        if (plan->files[i]->changed && plan->files[i]->after)
            add_diff(io, plan->files[i], &left);
    *ret_holds = true;
    return true;
}

static bool add_file_digests(AgentIo *io, const ConfigurationPlan *plan, Error *error)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", plan->node->new_home, plan->files[i]->path);
        AUTO_TEXT *name = memory_format("file:%s", plan->files[i]->path);
        char digest[SHA256_HEX_BYTES];

        if (file_kind(path, LINKS_FOLLOWED) != FILE_REGULAR)
            continue;
        if (!digest_of_file(path, digest, error))
            return false;
        facts_add(io->evidence, name, digest);
    }
    return true;
}

static bool probe_configured(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(ConfigurationPlan) *plan = NULL;
    Error not_marked = { 0 };

    if (!make_checked_plan(io, command, &plan, error))
        return false;
    *ret_holds = !plan_has_changes(plan) && configuration_check_mark(io, plan->node, &not_marked);
    if (!*ret_holds)
        return not_marked.kind == ERROR_NONE || not_marked.kind == ERROR_PRECONDITION ||
               error_set(error, not_marked.kind, "%s", not_marked.text);
    if (!facts_get(io->evidence, "changes"))
        facts_add(io->evidence, "changes", "0");
    facts_format(io->evidence, "unchanged", "%zu", plan->unchanged);
    return add_file_digests(io, plan, error);
}

static bool configure(AgentIo *io, const Command *command, Error *error)
{
    AUTO(ConfigurationPlan) *plan = NULL;

    if (!make_checked_plan(io, command, &plan, error))
        return false;
    add_changes(io, plan);
    return configuration_save_originals(io, plan, error) && configuration_write(plan, error) &&
           configuration_set_mark(io, plan, error);
}

static bool find_node(
    const AgentIo *io, const Command *command, const AgentNode **ret, Error *error)
{
    *ret = agent_config_node(io->config, command->target);
    return *ret || error_set(error, ERROR_INVALID, "this agent's configuration has no node %s",
                       command->target);
}

static bool probe_restored(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    const AgentNode *node;
    bool has_originals = false;

    if (!find_node(io, command, &node, error) ||
        !configuration_has_originals(io, node, &has_originals, error))
        return false;
    *ret_holds = !has_originals;
    return true;
}

static bool restore(AgentIo *io, const Command *command, Error *error)
{
    const AgentNode *node;

    return find_node(io, command, &node, error) && configuration_put_back(io, node, error);
}

bool configuration_is_in_place(AgentIo *io, const AgentNode *node, Error *error)
{
    return configuration_check_mark(io, node, error);
}

const Handler handler_preview_configuration = {
    .goal = "the configuration of the new home is known beforehand",
    .probe = probe_preview,
};

const Handler handler_configure_node = {
    .goal = "the new home's configuration leads to the staging databases",
    .probe = probe_configured,
    .apply = configure,
};

const Handler handler_restore_configuration = {
    .goal = "the new home's configuration is as it was found",
    .probe = probe_restored,
    .apply = restore,
};
