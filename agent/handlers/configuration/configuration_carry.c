/* The rows of a profile that carry datasources and whole files. */
#include <dirent.h>

#include "agent/handlers/configuration/configuration_plan.h"
#include "agent/handlers/configuration/datasource.h"
#include "agent/handlers/configuration/jar_class.h"
#include "agent/handlers/configuration/secret_mask.h"
#include "agent/handlers/configuration/xml_edit.h"
#include "agent/handlers/database/jdbc_url.h"
#include "common/os/digest.h"
#include "common/os/file.h"

#define DATASOURCE_PARENT "datasources-configuration/datasources"
#define PROPERTIES_MAX    ((size_t)4 << 20)

static bool is_embedded(const char *url)
{
    JdbcUrl parsed;
    Error ignored = { 0 }; /* a url that cannot be parsed leads to no file of the home */

    return url && jdbc_url_parse(url, &parsed, &ignored) && parsed.embedded;
}

static bool differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

/* One sentence for each value that an operator looks for, or one for all the others. */
static void note_datasource(ConfigurationPlan *plan, const PlannedFile *file,
    const Datasource *wanted, const Datasource *present)
{
    const UrlPair *pair = wanted->url ? plan_database_of(plan, wanted->url) : NULL;
    const char *old_url = present ? present->url : (pair ? pair->production : NULL);
    AUTO_TEXT *url = memory_format("%s url", wanted->name);
    AUTO_TEXT *user = memory_format("%s account", wanted->name);
    AUTO_TEXT *driver = memory_format("%s driver", wanted->name);
    bool url_differs = differ(wanted->url, old_url);
    bool user_differs = differ(wanted->user, present ? present->user : NULL);
    bool driver_differs = differ(wanted->driver, present ? present->driver : NULL);

    if (!present)
        plan_note_change(plan, file->path, "%s: datasource added", wanted->name);
    if (url_differs)
        plan_note_value(plan, file->path, url, old_url, wanted->url);
    if (user_differs)
        plan_note_value(plan, file->path, user, present ? present->user : NULL, wanted->user);
    if (driver_differs)
        plan_note_value(plan, file->path, driver, present ? present->driver : NULL, wanted->driver);
    if (present && !url_differs && !user_differs && !driver_differs)
        plan_note_change(
            plan, file->path, "%s: settings taken over from the old home", wanted->name);
}

static const Datasource *datasource_named(const Datasources *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

static bool carry_datasource(
    ConfigurationPlan *plan, PlannedFile *file, const Datasource *wanted, Error *error)
{
    DATASOURCES_AUTO(there);
    const Datasource *present;
    const XmlElement *parent;

    datasources_add(&there, file->path, file->after);
    present = datasource_named(&there, wanted->name);
    /* A file of the old home is no database of the new one: it keeps its own. */
    if (present && (is_embedded(wanted->url) || xml_same_meaning(file->after, present->element,
                                                    file->old, wanted->element))) {
        plan->unchanged++;
        return true;
    }
    note_datasource(plan, file, wanted, present);
    if (present)
        return xml_replace_element(
            &file->after, present->element, file->old, wanted->element, error);
    parent = xml_find(file->after, NULL, DATASOURCE_PARENT);
    if (!parent)
        return error_set(error, ERROR_PRECONDITION, "%s/%s: there is no %s", plan->node->new_home,
            file->path, DATASOURCE_PARENT);
    return xml_append_child(&file->after, parent, file->old, wanted->element, error);
}

/* A file that the site added goes along whole. */
static bool add_datasources_file(ConfigurationPlan *plan, PlannedFile *file, Error *error)
{
    AUTO_TEXT *absolute = memory_format("%s/%s", plan->node->new_home, file->path);
    DATASOURCES_AUTO(added);

    if (!xml_tree_parse(absolute, file->old->bytes, file->old->length, &file->after, error))
        return false;
    datasources_add(&added, file->path, file->after);
    for (size_t i = 0; i < added.count; i++)
        note_datasource(plan, file, &added.items[i], NULL);
    return true;
}

static bool carry_datasources_file(ConfigurationPlan *plan, PlannedFile *file, Error *error)
{
    DATASOURCES_AUTO(wanted);

    if (!file->old)
        return true;
    if (!file->after)
        return add_datasources_file(plan, file, error);
    datasources_add(&wanted, file->path, file->old);
    for (size_t i = 0; i < wanted.count; i++)
        if (!carry_datasource(plan, file, &wanted.items[i], error))
            return error_prefix(error, "datasource %s: ", wanted.items[i].name);
    return true;
}

/* What only the new home has may name production too, from a try that was given up. */
static bool rewrite_what_is_left(ConfigurationPlan *plan, PlannedFile *file, Error *error)
{
    size_t length = file->after->length;
    AUTO_TEXT *was = memory_text_n(file->after->bytes, length);

    if (!plan_rewrite_urls(plan, file->path, &file->after, error))
        return false;
    if (length != file->after->length || memcmp(was, file->after->bytes, length) != 0)
        plan_note_change(plan, file->path, "a production url of the new home leads to staging now");
    return true;
}

bool plan_carry_datasources(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    PlannedFile *first;

    if (!plan_file(plan, setting->file, &first, error))
        return false;
    if (setting->required && !first->after)
        return error_set(error, ERROR_PRECONDITION, "%s/%s (%s) is not there", plan->node->new_home,
            setting->file, setting->meaning);
    if (setting->value && !plan_files(plan, setting->value, error))
        return false;
    for (size_t i = 0; i < plan->file_count; i++) {
        PlannedFile *file = plan->files[i];

        if (!datasource_path_matches(setting, file->path))
            continue;
        if (!carry_datasources_file(plan, file, error) ||
            (file->after && !rewrite_what_is_left(plan, file, error)))
            return false;
    }
    return true;
}

/* The whole file is taken from the old home, unless it is equal already. */
static bool carry_whole_file(
    ConfigurationPlan *plan, const ProfileSetting *setting, const char *path, Error *error)
{
    AUTO_TEXT *old_path = memory_format("%s/%s", plan->node->old_home, path);
    AUTO_TEXT *new_path = memory_format("%s/%s", plan->node->new_home, path);
    char old_digest[SHA256_HEX_BYTES], new_digest[SHA256_HEX_BYTES] = "";
    FileKind kind = file_kind(new_path, LINKS_FOLLOWED);
    PlannedFile *file;

    if (file_kind(old_path, LINKS_FOLLOWED) != FILE_REGULAR)
        return true;
    if (!digest_of_file(old_path, old_digest, error) ||
        (kind == FILE_REGULAR && !digest_of_file(new_path, new_digest, error)) ||
        !plan_file(plan, path, &file, error))
        return false;
    if (strcmp(old_digest, new_digest) == 0) {
        plan->unchanged++;
        return true;
    }
    if (file->copy_from)
        return true;
    file->copy_from = TAKE(old_path);
    file->changed = true;
    plan_note_change(plan, path, "%s: file %s, sha256 %s", setting->meaning,
        kind == FILE_REGULAR ? "replaced by that of the old home" : "taken from the old home",
        old_digest);
    return true;
}

/* Whether the properties file has a line that is no comment. */
static bool has_active_line(const char *home, const char *path)
{
    AUTO_TEXT *absolute = memory_format("%s/%s", home, path);
    AUTO_TEXT *bytes = NULL;
    size_t length = 0;
    Error ignored = { 0 }; /* absent: not active */

    if (!file_read(absolute, PROPERTIES_MAX, &bytes, &length, &ignored))
        return false;
    for (const char *line = bytes; *line;) {
        const char *end = strchrnul(line, '\n');
        size_t blanks = strspn(line, " \t\r");

        if (line + blanks < end && line[blanks] != '#' && line[blanks] != '!')
            return true;
        line = *end ? end + 1 : end;
    }
    return false;
}

bool plan_file_is_wanted(const ConfigurationPlan *plan, const ProfileSetting *setting)
{
    return !setting->anchor || has_active_line(plan->node->old_home, setting->anchor);
}

bool plan_carry_file(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    const char *slash = strrchr(setting->file, '/');
    AUTO_TEXT *folder = memory_text_n(setting->file, slash ? (size_t)(slash - setting->file) : 0);
    AUTO_TEXT *absolute = memory_format("%s/%s", plan->node->old_home, folder);
    struct dirent **entries = NULL;
    int count;
    bool good = true;

    if (!plan_file_is_wanted(plan, setting))
        return true;
    count = scandir(absolute, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);

        if (good && plan_path_matches(setting->file, path))
            good = carry_whole_file(plan, setting, path, error);
        free(entries[i]);
    }
    free(entries);
    return good;
}

static bool home_has_class(
    const ConfigurationPlan *plan, const ProfileSetting *setting, const char *class_name)
{
    AUTO_TEXT *folders =
        memory_format("%s %s", setting->file, setting->value ? setting->value : "");

    for (const char *at = folders; *at;) {
        size_t length = strcspn(at, " ");
        AUTO_TEXT *folder = memory_format("%s/%.*s", plan->node->new_home, (int)length, at);
        AUTO_TEXT *jar = jar_folder_find(folder, class_name);

        if (jar)
            return true;
        at += length;
        at += strspn(at, " ");
    }
    return false;
}

bool plan_has_driver(
    const ConfigurationPlan *plan, const ProfileSetting *setting, const char *class_name)
{
    for (size_t i = 0; i < plan->file_count; i++)
        if (plan->files[i]->copy_from && jar_has_class(plan->files[i]->copy_from, class_name))
            return true;
    return home_has_class(plan, setting, class_name);
}

void plan_datasources(const ConfigurationPlan *plan, Datasources *ret)
{
    for (size_t i = 0; i < plan->profile->setting_count; i++) {
        const ProfileSetting *setting = &plan->profile->settings[i];

        for (size_t k = 0; setting->kind == SETTING_CARRY_DATASOURCES && k < plan->file_count; k++)
            if (plan->files[k]->after && datasource_path_matches(setting, plan->files[k]->path))
                datasources_add(ret, plan->files[k]->path, plan->files[k]->after);
    }
}

/* The old home's jar is looked at even where the new home has one, so that it is pinned. */
static bool carry_driver(
    ConfigurationPlan *plan, const ProfileSetting *setting, const char *driver, Error *error)
{
    AUTO_TEXT *folder = memory_format("%s/%s", plan->node->old_home, setting->file);
    AUTO_TEXT *jar = jar_folder_find(folder, driver);
    AUTO_TEXT *path = jar ? memory_format("%s/%s", setting->file, jar) : NULL;
    PlannedFile *file;

    if (path && !plan_file(plan, path, &file, error))
        return false;
    if (plan_has_driver(plan, setting, driver)) {
        plan->unchanged++;
        return true;
    }
    return !path || carry_whole_file(plan, setting, path, error);
}

bool plan_carry_drivers(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    DATASOURCES_AUTO(list);

    plan_datasources(plan, &list);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].driver && !is_embedded(list.items[i].url) &&
            !carry_driver(plan, setting, list.items[i].driver, error))
            return false;
    return true;
}
