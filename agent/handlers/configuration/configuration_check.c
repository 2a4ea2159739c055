#include "agent/handlers/configuration/configuration_check.h"

#include "agent/handlers/configuration/secret_mask.h"
#include "agent/handlers/database/jdbc_url.h"

/* Everything a check looks at. */
typedef struct Check {
    const ConfigurationPlan *plan;
    Datasources datasources;
    Facts *problems;
} Check;

/* The element of the file that the text names, or NULL. */
static const XmlElement *element_named(
    const XmlTree *tree, const ProfileSetting *setting, const char *text)
{
    size_t position = 0;
    const XmlElement *element;

    while ((element = xml_each(tree, NULL, setting->anchor, &position))) {
        AUTO_TEXT *key = xml_key(tree, element, setting->key);

        if (key && strcmp(key, text) == 0)
            return element;
    }
    return NULL;
}

/* The same in all files that the row names; *ret_tree is that of the element. */
static const XmlElement *target_of(
    const Check *check, const ProfileSetting *setting, const char *text, const XmlTree **ret_tree)
{
    bool elsewhere = setting->value && setting->kind == SETTING_REFERENCE;
    size_t files = 0;
    const XmlElement *element = NULL;
    const PlannedFile *file;

    while (!element && (file = plan_each_after(
                            check->plan, elsewhere ? setting->value : setting->file, &files))) {
        element = element_named(file->after, setting, text);
        *ret_tree = file->after;
    }
    return element;
}

static void note_unresolved(const Check *check, const ProfileSetting *setting,
    const PlannedFile *file, const XmlElement *element)
{
    AUTO_TEXT *text = xml_own_text(file->after, element);
    AUTO_TEXT *trimmed = xml_trimmed(text);
    const char *hint = "add it there, or correct the name";

    /* Carbon does not trim these texts. */
    if (strcmp(text, trimmed) != 0)
        hint =
            "it has blanks around it, which the server takes for a part of the name: remove them";
    facts_format(check->problems, PROBLEM_REFERENCE,
        "%s:%u: %s is \"%s\", and nothing in %s has that name: %s", file->path,
        xml_line(file->after, element), setting->meaning, text,
        setting->value ? setting->value : setting->file, hint);
}

/* The datasource that the element is, or stands in. */
static const Datasource *datasource_at(const Check *check, const XmlElement *element)
{
    for (; element; element = element->parent)
        for (size_t i = 0; i < check->datasources.count; i++)
            if (check->datasources.items[i].element == element)
                return &check->datasources.items[i];
    return NULL;
}

static bool is_word_in(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static bool check_kind(const Check *check, const Datasource *datasource, JdbcUrl *ret)
{
    Error error = { 0 };

    *ret = (JdbcUrl){ .kind = JDBC_UNKNOWN };
    if (!datasource->url)
        facts_format(check->problems, PROBLEM_TYPE, "%s: datasource %s has no url",
            datasource->path, datasource->name);
    else if (!jdbc_url_parse(datasource->url, ret, &error))
        facts_format(check->problems, PROBLEM_TYPE, "%s: datasource %s: %s", datasource->path,
            datasource->name, error.text);
    else if (strcmp(datasource->type, "RDBMS") != 0)
        facts_format(check->problems, PROBLEM_TYPE,
            "%s: datasource %s is of type %s, and only RDBMS can hold a registry or users",
            datasource->path, datasource->name, datasource->type);
    else
        return true;
    return false;
}

/* A datasource that the registry or the user store refers to. */
static void check_referenced(
    const Check *check, const ProfileSetting *setting, const Datasource *datasource)
{
    const UrlPair *pair;
    JdbcUrl url;

    if (!check_kind(check, datasource, &url))
        return;
    if (url.embedded && !setting->holds)
        return; /* a registry of the node's own */
    if (jdbc_database_type(url.kind) == DATABASE_TYPE_COUNT) {
        facts_format(check->problems, PROBLEM_TYPE,
            "%s: datasource %s (%s) leads to %s: only MySQL, MariaDB and PostgreSQL can be "
            "upgraded by this program",
            datasource->path, datasource->name, setting->meaning, jdbc_kind_name(url.kind));
        return;
    }
    pair = plan_database_of(check->plan, datasource->url);
    if (!pair || (setting->holds && !is_word_in(pair->holds, setting->holds))) {
        AUTO_TEXT *shown = secret_mask_url(datasource->url);

        facts_format(check->problems, PROBLEM_USERS,
            "%s: datasource %s (%s) leads to %s, which is %s%s%s: correct the inventory's urls and "
            "what its databases hold",
            datasource->path, datasource->name, setting->meaning, shown,
            pair ? "database " : "no database of the inventory", pair ? pair->database : "",
            pair ? " and does not hold that" : "");
    }
}

static void check_reference(const Check *check, const ProfileSetting *setting)
{
    size_t files = 0;
    bool any = false;
    const PlannedFile *file;

    while ((file = plan_each_after(check->plan, setting->file, &files))) {
        size_t position = 0;
        const XmlElement *element;

        while ((element = xml_each(file->after, NULL, setting->xpath, &position))) {
            AUTO_TEXT *text = xml_own_text(file->after, element);
            const XmlTree *tree = NULL;
            const XmlElement *target = target_of(check, setting, text, &tree);
            const Datasource *datasource = target ? datasource_at(check, target) : NULL;

            any = true;
            if (!target)
                note_unresolved(check, setting, file, element);
            if (datasource)
                check_referenced(check, setting, datasource);
        }
    }
    if (!any && setting->required)
        facts_format(check->problems, PROBLEM_REFERENCE, "%s: there is no %s (%s)", setting->file,
            setting->xpath, setting->meaning);
}

static void check_local(const Check *check, const ProfileSetting *setting)
{
    size_t files = 0;
    const PlannedFile *file = plan_each_after(check->plan, setting->file, &files);
    AUTO_TEXT *name = file ? xml_text_at(file->after, NULL, setting->xpath) : NULL;
    const XmlTree *tree = NULL;
    const XmlElement *target = name ? target_of(check, setting, name, &tree) : NULL;
    AUTO_TEXT *jndi = target ? xml_text_at(tree, target, setting->value) : NULL;
    const Datasource *datasource = jndi ? datasources_by_jndi(&check->datasources, jndi) : NULL;
    JdbcUrl url;
    Error ignored = { 0 }; /* reported by check_kind() */

    if (datasource && datasource->url && jdbc_url_parse(datasource->url, &url, &ignored) &&
        !url.embedded)
        facts_format(check->problems, PROBLEM_LOCAL,
            "%s: %s is %s, which leads to datasource %s on a server: nodes that share it disturb "
            "each other, it should be a database of the node's own",
            setting->file, setting->meaning, name, datasource->name);
}

static void check_production(const Check *check)
{
    for (size_t i = 0; i < check->datasources.count; i++) {
        const Datasource *datasource = &check->datasources.items[i];

        if (datasource->url && plan_staging_url(check->plan, datasource->url))
            facts_format(check->problems, PROBLEM_PRODUCTION,
                "%s: datasource %s still leads to a production database: a new server must never "
                "be connected to it",
                datasource->path, datasource->name);
    }
}

static bool needs_driver(const Datasource *datasource)
{
    JdbcUrl url;
    Error ignored = { 0 }; /* only known databases need a known driver */

    return datasource->driver && datasource->url &&
           jdbc_url_parse(datasource->url, &url, &ignored) &&
           jdbc_database_type(url.kind) != DATABASE_TYPE_COUNT;
}

static void check_drivers(const Check *check, const ProfileSetting *setting)
{
    for (size_t i = 0; i < check->datasources.count; i++) {
        const Datasource *datasource = &check->datasources.items[i];

        if (needs_driver(datasource) && !plan_has_driver(check->plan, setting, datasource->driver))
            facts_format(check->problems, PROBLEM_DRIVER,
                "%s: datasource %s needs class %s, and no jar in %s/%s has it, nor one of the old "
                "home: put the driver's jar there",
                datasource->path, datasource->name, datasource->driver, check->plan->node->new_home,
                setting->file);
    }
}

void configuration_problems(const ConfigurationPlan *plan, Facts *ret)
{
    Check check = { .plan = plan, .problems = ret };

    plan_datasources(plan, &check.datasources);
    check_production(&check);
    for (size_t i = 0; i < plan->profile->setting_count; i++) {
        const ProfileSetting *setting = &plan->profile->settings[i];

        if (setting->kind == SETTING_REFERENCE)
            check_reference(&check, setting);
        if (setting->kind == SETTING_LOCAL_DATASOURCE)
            check_local(&check, setting);
        if (setting->kind == SETTING_CARRY_DRIVERS)
            check_drivers(&check, setting);
    }
    datasources_done(&check.datasources);
}

bool configuration_check(const ConfigurationPlan *plan, Error *error)
{
    FACTS_AUTO(problems);
    const char *first = NULL;
    size_t count = 0;

    configuration_problems(plan, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        if (strcmp(problems.items[i].name, PROBLEM_LOCAL) == 0)
            continue;
        if (!first)
            first = problems.items[i].value;
        count++;
    }
    if (!first)
        return true;
    return error_set(error, ERROR_PRECONDITION, "%s (%zu problems in all)", first, count);
}
