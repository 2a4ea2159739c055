#include "agent/handlers/configuration/configuration.h"

#include "agent/handlers/configuration/configuration_check.h"
#include "agent/handlers/configuration/configuration_plan.h"
#include "agent/handlers/database/jdbc_url.h"
#include "common/model/finding.h"
#include "common/os/digest.h"
#include "common/os/file.h"

/* What configuration_problems() may find, and what each means to the upgrade. */
static const struct {
    const char *problem, *id, *fine;
    FindingSeverity severity;
} checks[] = {
    { PROBLEM_TYPE, "CONF-DATASOURCE-TYPE",
        "registry and users are in databases that can be upgraded", FINDING_FAIL },
    { PROBLEM_REFERENCE, "CONF-REFERENCES", "every name resolves", FINDING_FAIL },
    { PROBLEM_USERS, "CONF-USERS-DATASOURCE",
        "registry and users lead to the databases that hold them", FINDING_FAIL },
    { PROBLEM_PRODUCTION, "CONF-PRODUCTION-LEFT", "no url of the new home leads to production",
        FINDING_FAIL },
    { PROBLEM_DRIVER, "CONF-DRIVER-JAR", "every database driver has its jar", FINDING_FAIL },
    { PROBLEM_LOCAL, "CONF-LOCAL-REGISTRY", "the local registry is the node's own", FINDING_WARN },
};

static void add_problem_findings(Facts *evidence, const ConfigurationPlan *plan)
{
    FACTS_AUTO(problems);

    configuration_problems(plan, &problems);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        size_t position = 0;
        const Fact *each;

        if (!facts_get(&problems, checks[i].problem))
            finding_add(evidence, checks[i].id, FINDING_PASS, "", "%s", checks[i].fine);
        while ((each = facts_each(&problems, checks[i].problem, &position)))
            finding_add(evidence, checks[i].id, checks[i].severity,
                "correct the named file, or the inventory, and check again", "%s", each->value);
    }
}

/* How many datasources of the old home, as it stands on disk, lead to that url. */
static size_t old_datasources_at(const ConfigurationPlan *plan, const char *url)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->file_count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", plan->node->old_home, plan->files[i]->path);
        AUTO(XmlTree) *tree = NULL;
        DATASOURCES_AUTO(list);
        Error ignored = { 0 }; /* the plan has read it, or found that it is no XML */

        if (!plan->files[i]->old || !xml_tree_read(path, &tree, &ignored))
            continue;
        datasources_add(&list, plan->files[i]->path, tree);
        for (size_t k = 0; k < list.count; k++)
            count += list.items[k].url && jdbc_urls_lead_to_same(list.items[k].url, url);
    }
    return count;
}

/* Which account the servers use for a database; two for one is worth a look before accounts lock.
 */
static void add_database_findings(
    Facts *evidence, const Datasources *list, const ConfigurationPlan *plan, size_t pair)
{
    const char *database = plan->pairs[pair].database;
    size_t at_staging = old_datasources_at(plan, plan->pairs[pair].staging);
    AUTO_TEXT *name = memory_format("account:%s", database);
    const char *account = NULL;
    size_t used = 0, accounts = 0;

    for (size_t i = 0; i < list->count; i++) {
        const Datasource *datasource = &list->items[i];

        if (!datasource->url || plan_database_of(plan, datasource->url) != &plan->pairs[pair])
            continue;
        used++;
        if (datasource->user && (!account || strcmp(account, datasource->user) != 0)) {
            account = datasource->user;
            accounts++;
            facts_add(evidence, name, account);
        }
    }
    if (used == 0)
        finding_add(evidence, "CONF-DATASOURCE-MATCHES", FINDING_FAIL,
            "correct the production url in the inventory, or leave the database out",
            "no datasource of the node leads to database %s of the inventory", database);
    else if (at_staging > 0)
        finding_add(evidence, "CONF-DATASOURCE-MATCHES", FINDING_FAIL,
            "the inventory's production url is the one that the old servers use: correct it",
            "%zu datasources of the old home lead to the staging url of database %s: are the urls "
            "exchanged?",
            at_staging, database);
    else
        finding_add(evidence, "CONF-DATASOURCE-MATCHES", FINDING_PASS, "",
            "%zu datasources lead to database %s", used, database);
    finding_add(evidence, "CONF-ACCOUNT", accounts > 1 ? FINDING_WARN : FINDING_PASS,
        accounts > 1
            ? "name each of them in cluster.xml: only those are locked out while databases "
              "are moved"
            : "",
        "%zu accounts are used for database %s", accounts, database);
}

/* Several files may go along on one condition. */
static bool condition_was_seen(const ConfigurationPlan *plan, size_t row)
{
    const ProfileSetting *settings = plan->profile->settings;

    for (size_t i = 0; i < row; i++)
        if (settings[i].kind == SETTING_CARRY_FILE && settings[i].anchor && settings[row].anchor &&
            strcmp(settings[i].anchor, settings[row].anchor) == 0)
            return true;
    return false;
}

static void add_file_findings(
    Facts *evidence, const ConfigurationPlan *plan, const ProfileSetting *setting)
{
    if (setting->anchor && plan_file_is_wanted(plan, setting))
        finding_add(evidence, "CONF-SECURE-VAULT", FINDING_WARN,
            "each start needs the key store's password in the file that the server reads",
            "%s: %s is active in the old home", setting->meaning, setting->anchor);
    else if (setting->anchor)
        finding_add(
            evidence, "CONF-SECURE-VAULT", FINDING_PASS, "", "%s: not active", setting->meaning);
    else
        finding_add(evidence, "CONF-KEYSTORE", FINDING_PASS, "",
            "%s: taken from the old home where they differ", setting->meaning);
}

/* What was looked at when the plan was made has to be the same when it is carried out. */
static bool add_digests(Facts *evidence, const ConfigurationPlan *plan, Error *error)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", plan->node->old_home, plan->files[i]->path);
        AUTO_TEXT *name = memory_format("conf:old:%s", plan->files[i]->path);
        char digest[SHA256_HEX_BYTES];

        if (file_kind(path, LINKS_FOLLOWED) != FILE_REGULAR)
            continue;
        if (!digest_of_file(path, digest, error))
            return false;
        facts_add(evidence, name, digest);
    }
    return true;
}

static bool pack_has_datasource(const ConfigurationPlan *plan, const char *path, const char *name)
{
    DATASOURCES_AUTO(list);

    for (size_t i = 0; i < plan->file_count; i++)
        if (plan->files[i]->before && strcmp(plan->files[i]->path, path) == 0)
            datasources_add(&list, path, plan->files[i]->before);
    for (size_t i = 0; i < list.count; i++)
        if (strcmp(list.items[i].name, name) == 0)
            return true;
    return false;
}

/* A database in a file of the old home goes along as a setting, its content does not. */
static void add_local_database_findings(
    Facts *evidence, const ConfigurationPlan *plan, const Datasources *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const Datasource *datasource = &list->items[i];
        JdbcUrl url;
        Error ignored = { 0 }; /* told by other findings */

        if (datasource->url && jdbc_url_parse(datasource->url, &url, &ignored) && url.embedded &&
            !pack_has_datasource(plan, datasource->path, datasource->name))
            finding_add(evidence, "CONF-LOCAL-DATABASE", FINDING_WARN,
                "copy its files to the new home by hand while both servers are stopped",
                "%s: datasource %s leads to %s in files of the node", datasource->path,
                datasource->name, jdbc_kind_name(url.kind));
    }
}

/* The new release rolls back: it has the setting in its own file, older files may lack it. */
static void add_auto_commit_findings(
    Facts *evidence, const ConfigurationPlan *plan, const Datasources *list)
{
    size_t without = 0;

    for (size_t i = 0; i < list->count; i++) {
        const Datasource *datasource = &list->items[i];
        const char *value = datasource->auto_commit ? datasource->auto_commit : "absent";

        if (!datasource->url || !plan_database_of(plan, datasource->url) ||
            strcasecmp(value, "false") == 0)
            continue;
        without++;
        finding_add(evidence, "CONF-AUTOCOMMIT", FINDING_WARN,
            "write <defaultAutoCommit>false</defaultAutoCommit> into its configuration: rollbacks "
            "fail else",
            "%s: defaultAutoCommit of datasource %s is %s", datasource->path, datasource->name,
            value);
    }
    if (without == 0)
        finding_add(evidence, "CONF-AUTOCOMMIT", FINDING_PASS, "",
            "datasources of moved databases do not commit by themselves");
}

static void add_findings(AgentIo *io, const ConfigurationPlan *plan)
{
    Error error = { 0 };
    DATASOURCES_AUTO(list);

    finding_add(io->evidence, "CONF-PARSES", FINDING_PASS, "",
        "%zu configuration files of both homes can be read and edited", plan->file_count);
    add_problem_findings(io->evidence, plan);
    plan_datasources(plan, &list);
    add_local_database_findings(io->evidence, plan, &list);
    add_auto_commit_findings(io->evidence, plan, &list);
    for (size_t i = 0; i < plan->pair_count; i++)
        add_database_findings(io->evidence, &list, plan, i);
    for (size_t i = 0; i < plan->profile->setting_count; i++)
        if (plan->profile->settings[i].kind == SETTING_CARRY_FILE && !condition_was_seen(plan, i))
            add_file_findings(io->evidence, plan, &plan->profile->settings[i]);
    if (!add_digests(io->evidence, plan, &error))
        finding_add(io->evidence, "CONF-PARSES", FINDING_FAIL,
            "let the agent's user read the old home", "%s", error.text);
}

void configuration_findings(AgentIo *io, const AgentNode *node, const Command *command)
{
    AUTO(ConfigurationPlan) *plan = NULL;
    Error error = { 0 };

    if (configuration_plan_make(io, command, &plan, &error))
        add_findings(io, plan);
    else
        finding_add(io->evidence,
            error.kind == ERROR_PRECONDITION ? "CONF-COMPLETE" : "CONF-PARSES", FINDING_FAIL,
            "correct the named file and check again", "node %s: %s", node->name, error.text);
}
