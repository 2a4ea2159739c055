#include "agent/handlers/configuration/configuration_plan.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdarg.h>

#include "agent/handlers/configuration/secret_mask.h"
#include "agent/handlers/configuration/xml_edit.h"
#include "agent/handlers/database/jdbc_url.h"
#include "common/os/file.h"

#define VALUE_SHOWN_MAX 400 /* bytes of one value in a sentence */

/* A row that only says what has to be true needs its files read. */
static bool read_row_files(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    bool is_local = setting->kind == SETTING_LOCAL_DATASOURCE;

    return plan_files(plan, setting->file, error) &&
           (is_local || !setting->value || plan_files(plan, setting->value, error));
}

static PlanRow *const rows[] = {
    [SETTING_CARRY_TEXT] = plan_carry_text,
    [SETTING_CARRY_ATTRIBUTE] = plan_carry_attribute,
    [SETTING_CARRY_ELEMENTS] = plan_carry_elements,
    [SETTING_CARRY_PROPERTIES] = plan_carry_properties,
    [SETTING_CARRY_DATASOURCES] = plan_carry_datasources,
    [SETTING_CARRY_FILE] = plan_carry_file,
    [SETTING_CARRY_DRIVERS] = plan_carry_drivers,
    [SETTING_SET_TEXT] = plan_set_text,
    [SETTING_REWRITE_URL] = plan_rewrite_url,
    [SETTING_REFERENCE] = read_row_files,
    [SETTING_LOCAL_DATASOURCE] = read_row_files,
};

void configuration_plan_free(ConfigurationPlan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->file_count; i++) {
        PlannedFile *file = plan->files[i];

        xml_tree_free(file->old);
        xml_tree_free(file->before);
        xml_tree_free(file->after);
        free(file->copy_from);
        free(file->path);
        free(file);
    }
    free(plan->files);
    facts_done(&plan->changes);
    free(plan);
}

static bool is_xml(const char *path)
{
    size_t length = strlen(path);

    return length > 4 && strcmp(path + length - 4, ".xml") == 0;
}

/* *ret stays NULL when the home has no such file. */
static bool read_tree(const char *home, const char *path, XmlTree **ret, Error *error)
{
    AUTO_TEXT *absolute = memory_format("%s/%s", home, path);

    if (!is_xml(path) || file_kind(absolute, LINKS_FOLLOWED) == FILE_ABSENT)
        return true;
    return xml_tree_read(absolute, ret, error);
}

static bool read_file(ConfigurationPlan *plan, PlannedFile *file, Error *error)
{
    if (!read_tree(plan->node->old_home, file->path, &file->old, error) ||
        !read_tree(plan->node->new_home, file->path, &file->before, error))
        return false;
    if (file->old && !plan_rewrite_urls(plan, file->path, &file->old, error))
        return false;
    if (!file->before)
        return true;
    return xml_tree_parse(
        file->before->path, file->before->bytes, file->before->length, &file->after, error);
}

bool plan_file(ConfigurationPlan *plan, const char *path, PlannedFile **ret, Error *error)
{
    PlannedFile *file;

    for (size_t i = 0; i < plan->file_count; i++)
        if (strcmp(plan->files[i]->path, path) == 0) {
            *ret = plan->files[i];
            return true;
        }
    file = memory_new(sizeof(*file));
    *file = (PlannedFile){ .path = memory_text(path) };
    plan->files = memory_grow(plan->files, (plan->file_count + 1) * sizeof(PlannedFile *));
    plan->files[plan->file_count++] = file;
    *ret = file;
    return read_file(plan, file, error);
}

static bool plan_folder(
    ConfigurationPlan *plan, const char *home, const char *pattern, Error *error)
{
    const char *slash = strrchr(pattern, '/');
    AUTO_TEXT *folder = memory_text_n(pattern, slash ? (size_t)(slash - pattern) : 0);
    AUTO_TEXT *absolute = memory_format("%s/%s", home, folder);
    struct dirent **entries = NULL;
    int count = scandir(absolute, &entries, NULL, alphasort);
    bool good = true;

    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);
        PlannedFile *file;

        if (good && plan_path_matches(pattern, path))
            good = plan_file(plan, path, &file, error);
        free(entries[i]);
    }
    free(entries);
    return good;
}

bool plan_files(ConfigurationPlan *plan, const char *pattern, Error *error)
{
    return plan_folder(plan, plan->node->old_home, pattern, error) &&
           plan_folder(plan, plan->node->new_home, pattern, error);
}

bool plan_path_matches(const char *pattern, const char *path)
{
    return fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

PlannedFile *plan_each_after(const ConfigurationPlan *plan, const char *pattern, size_t *position)
{
    while (*position < plan->file_count) {
        PlannedFile *file = plan->files[(*position)++];

        if (file->after && plan_path_matches(pattern, file->path))
            return file;
    }
    return NULL;
}

void plan_note_change(ConfigurationPlan *plan, const char *path, const char *format, ...)
{
    va_list arguments;
    char text[2 * VALUE_SHOWN_MAX + 400];

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* cutting off is right here */
    va_end(arguments);
    facts_format(&plan->changes, "change", "%s: %s", path, text);
}

void plan_note_value(ConfigurationPlan *plan, const char *path, const char *what,
    const char *old_value, const char *new_value)
{
    AUTO_TEXT *from = secret_mask_url(old_value ? old_value : "(none)");
    AUTO_TEXT *to = secret_mask_url(new_value ? new_value : "(none)");

    if (name_is_secret(what))
        plan_note_change(plan, path, "%s: changed (not shown)", what);
    else
        plan_note_change(
            plan, path, "%s: %.*s -> %.*s", what, VALUE_SHOWN_MAX, from, VALUE_SHOWN_MAX, to);
}

const char *plan_staging_url(const ConfigurationPlan *plan, const char *url)
{
    for (size_t i = 0; i < plan->pair_count; i++)
        if (jdbc_urls_lead_to_same(url, plan->pairs[i].production))
            return plan->pairs[i].staging;
    return NULL;
}

const UrlPair *plan_database_of(const ConfigurationPlan *plan, const char *url)
{
    for (size_t i = 0; i < plan->pair_count; i++)
        if (jdbc_urls_lead_to_same(url, plan->pairs[i].production) ||
            jdbc_urls_lead_to_same(url, plan->pairs[i].staging))
            return &plan->pairs[i];
    return NULL;
}

/* "user@jdbc:…" keeps what stands before the url. */
static bool rewrite_text(
    const ConfigurationPlan *plan, XmlTree **tree, XmlElement *element, Error *error)
{
    AUTO_TEXT *raw = xml_own_text(*tree, element);
    AUTO_TEXT *text = xml_trimmed(raw);
    const char *url = strstr(text, "jdbc:");
    const char *staging = url ? plan_staging_url(plan, url) : NULL;
    AUTO_TEXT *rewritten = NULL;

    if (!staging)
        return true;
    rewritten = memory_format("%.*s%s", (int)(url - text), text, staging);
    return xml_set_text(tree, element, rewritten, error);
}

static bool rewrite_at(
    const ConfigurationPlan *plan, const char *xpath, XmlTree **tree, Error *error)
{
    size_t position = 0;
    XmlElement *element;

    while ((element = xml_each(*tree, NULL, xpath, &position)))
        if (!rewrite_text(plan, tree, element, error))
            return false;
    return true;
}

bool plan_rewrite_urls(
    const ConfigurationPlan *plan, const char *path, XmlTree **tree, Error *error)
{
    for (size_t i = 0; i < plan->profile->setting_count; i++) {
        const ProfileSetting *setting = &plan->profile->settings[i];

        if (setting->kind == SETTING_REWRITE_URL && plan_path_matches(setting->file, path) &&
            !rewrite_at(plan, setting->xpath, tree, error))
            return false;
        if (setting->kind == SETTING_CARRY_DATASOURCES && datasource_path_matches(setting, path))
            for (size_t k = 0; k < datasource_url_path_count; k++)
                if (!rewrite_at(plan, datasource_url_paths[k], tree, error))
                    return false;
    }
    return true;
}

bool plan_has_changes(const ConfigurationPlan *plan)
{
    for (size_t i = 0; i < plan->file_count; i++)
        if (plan->files[i]->changed)
            return true;
    return false;
}

static bool read_pairs(ConfigurationPlan *plan, const Command *command, Error *error)
{
    static const struct {
        const char *argument;
        size_t offset;
    } fields[] = {
        { ARG_DATABASE, offsetof(UrlPair, database) },
        { ARG_HOLDS, offsetof(UrlPair, holds) },
        { ARG_PRODUCTION_URL, offsetof(UrlPair, production) },
        { ARG_STAGING_URL, offsetof(UrlPair, staging) },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t position = 0, count = 0;
        const Fact *fact;

        while ((fact = facts_each(&command->args, fields[i].argument, &position))) {
            if (count == URL_PAIRS_MAX)
                return error_set(error, ERROR_INVALID, "more than %d databases", URL_PAIRS_MAX);
            memcpy((char *)&plan->pairs[count++] + fields[i].offset, &fact->value,
                sizeof(fact->value));
        }
        if (i == 0)
            plan->pair_count = count;
        if (count != plan->pair_count || count == 0)
            return error_set(error, ERROR_INVALID, "%zu databases, but %zu values of %s",
                plan->pair_count, count, fields[i].argument);
    }
    return true;
}

/* What is equal to the byte was not changed, whatever was edited on the way. */
static void find_changed_files(ConfigurationPlan *plan)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        PlannedFile *file = plan->files[i];

        if (file->after)
            file->changed =
                !file->before || file->before->length != file->after->length ||
                memcmp(file->before->bytes, file->after->bytes, file->after->length) != 0;
    }
}

/* Which drivers are needed is known when all datasources are. */
typedef enum RowPass { ALL_BUT_DRIVERS, DRIVERS } RowPass;

static bool apply_rows(ConfigurationPlan *plan, RowPass pass, Error *error)
{
    for (size_t i = 0; i < plan->profile->setting_count; i++) {
        const ProfileSetting *setting = &plan->profile->settings[i];

        if ((setting->kind == SETTING_CARRY_DRIVERS) == (pass == DRIVERS) &&
            !rows[setting->kind](plan, setting, error))
            return false;
    }
    return true;
}

bool configuration_plan_make(
    const AgentIo *io, const Command *command, ConfigurationPlan **ret, Error *error)
{
    AUTO(ConfigurationPlan) *plan = memory_new(sizeof(*plan));

    *plan = (ConfigurationPlan){ .node = agent_config_node(io->config, command->target),
        .profile = io->profile };
    if (!plan->node)
        return error_set(
            error, ERROR_INVALID, "this agent's configuration has no node %s", command->target);
    if (!read_pairs(plan, command, error))
        return false;
    if (!apply_rows(plan, ALL_BUT_DRIVERS, error) || !apply_rows(plan, DRIVERS, error))
        return false;
    find_changed_files(plan);
    *ret = TAKE(plan);
    return true;
}
