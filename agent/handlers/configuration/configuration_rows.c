/* The rows of a profile that carry values and elements. */
#include "agent/handlers/configuration/configuration_plan.h"
#include "agent/handlers/configuration/secret_mask.h"
#include "agent/handlers/configuration/xml_edit.h"

#define SECRET_ALIAS "secretAlias" /* of secure vault: the text is a dummy then */

/* A row at work: which files it is about. */
typedef struct Row {
    ConfigurationPlan *plan;
    const ProfileSetting *setting;
    const char *old_xpath;
    PlannedFile *from, *to;
} Row;

static bool open_row(ConfigurationPlan *plan, const ProfileSetting *setting, Row *ret, Error *error)
{
    *ret = (Row){ .plan = plan,
        .setting = setting,
        .old_xpath = setting->old_xpath ? setting->old_xpath : setting->xpath };
    return plan_file(
               plan, setting->old_file ? setting->old_file : setting->file, &ret->from, error) &&
           plan_file(plan, setting->file, &ret->to, error);
}

typedef struct Values {
    const char *before, *after;
} Values;

/* Whether a value is secret is told by all the names that lead to it. */
static void note_value(
    ConfigurationPlan *plan, const ProfileSetting *setting, const char *path, const Values *values)
{
    if (name_is_secret(setting->meaning) || (setting->xpath && name_is_secret(setting->xpath)) ||
        (setting->name && name_is_secret(setting->name)))
        plan_note_change(plan, path, "%s: changed (not shown)", setting->meaning);
    else
        plan_note_value(plan, path, setting->meaning, values->before, values->after);
}

static const XmlElement *old_element(const Row *row)
{
    return row->from->old ? xml_find(row->from->old, NULL, row->old_xpath) : NULL;
}

static bool absent(const ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    if (!setting->required)
        return true;
    return error_set(error, ERROR_PRECONDITION,
        "%s/%s: %s (%s) is not there: is this the home of %s %s, as it was unpacked?",
        plan->node->new_home, setting->file, setting->xpath, setting->meaning,
        plan->profile->product, plan->profile->version);
}

/* Puts a small element into a tree: <Name attribute="key">text</Name>. */
static bool append_new(XmlTree **tree, const XmlElement *parent, const Text *text, Error *error)
{
    AUTO(XmlTree) *from = NULL;

    return xml_tree_parse("a new element", text->bytes, text->length, &from, error) &&
           xml_append_child(tree, parent, from, from->elements[0], error);
}

/* The element is missing in the new file: a copy of the old one goes to the end of its parent. */
static bool append_copy(const Row *row, const XmlElement *source, Error *error)
{
    AUTO_TEXT *parent_path = xml_path_parent(row->setting->xpath);
    const XmlElement *parent = xml_find(row->to->after, NULL, parent_path);
    AUTO_TEXT *text = xml_own_text(row->from->old, source);

    if (!parent)
        return error_set(error, ERROR_PRECONDITION, "%s/%s: %s (%s) has no place: there is no %s",
            row->plan->node->new_home, row->setting->file, row->setting->xpath,
            row->setting->meaning, parent_path);
    if (!xml_append_child(&row->to->after, parent, row->from->old, source, error))
        return false;
    note_value(row->plan, row->setting, row->to->path, &(Values){ NULL, text });
    return true;
}

/* Blanks around a value mean nothing: an element that was copied may have some. */
static bool set_texts(ConfigurationPlan *plan, const ProfileSetting *setting, PlannedFile *to,
    const char *value, Error *error)
{
    size_t position = 0;
    XmlElement *element;

    while ((element = xml_each(to->after, NULL, setting->xpath, &position))) {
        AUTO_TEXT *raw = xml_own_text(to->after, element);
        AUTO_TEXT *present = xml_trimmed(raw);

        if (strcmp(present, value) == 0) {
            plan->unchanged++;
            continue;
        }
        if (!xml_set_text(&to->after, element, value, error))
            return false;
        note_value(plan, setting, to->path, &(Values){ present, value });
    }
    return true;
}

static bool replace_by_alias(const Row *row, const XmlElement *source, Error *error)
{
    const XmlElement *target = xml_find(row->to->after, NULL, row->setting->xpath);

    if (xml_same_meaning(row->to->after, target, row->from->old, source)) {
        row->plan->unchanged++;
        return true;
    }
    if (!xml_replace_element(&row->to->after, target, row->from->old, source, error))
        return false;
    plan_note_change(row->plan, row->to->path, "%s: taken over with its secure vault alias",
        row->setting->meaning);
    return true;
}

bool plan_carry_text(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    Row row;
    const XmlElement *source;
    bool is_there;
    AUTO_TEXT *raw = NULL;
    AUTO_TEXT *value = NULL;

    if (!open_row(plan, setting, &row, error))
        return false;
    is_there = row.to->after && xml_find(row.to->after, NULL, setting->xpath);
    if (!row.to->after || (setting->required && !is_there))
        return absent(plan, setting, error);
    source = old_element(&row);
    if (source)
        raw = setting->name ? xml_attribute_text(row.from->old, source, setting->name)
                            : xml_own_text(row.from->old, source);
    if (!raw)
        return true;
    if (!is_there && !setting->name)
        return append_copy(&row, source, error);
    if (!setting->name && xml_attribute_place(row.from->old, source, SECRET_ALIAS))
        return replace_by_alias(&row, source, error);
    value = xml_trimmed(raw);
    return set_texts(plan, setting, row.to, value, error);
}

bool plan_set_text(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    PlannedFile *to;

    if (!plan_file(plan, setting->file, &to, error))
        return false;
    if (!to->after || !xml_find(to->after, NULL, setting->xpath))
        return absent(plan, setting, error);
    return set_texts(plan, setting, to, setting->value, error);
}

bool plan_carry_attribute(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    Row row;
    const XmlElement *source, *target;
    AUTO_TEXT *value = NULL;
    AUTO_TEXT *present = NULL;

    if (!open_row(plan, setting, &row, error))
        return false;
    target = row.to->after ? xml_find(row.to->after, NULL, setting->xpath) : NULL;
    if (!target)
        return absent(plan, setting, error);
    source = old_element(&row);
    value = source ? xml_attribute_text(row.from->old, source, setting->name) : NULL;
    present = xml_attribute_text(row.to->after, target, setting->name);
    if (!value)
        return true;
    if (present && strcmp(present, value) == 0) {
        plan->unchanged++;
        return true;
    }
    if (!xml_set_attribute(&row.to->after, target, setting->name, value, error))
        return false;
    note_value(plan, setting, row.to->path, &(Values){ present, value });
    return true;
}

/* The element of the new file that is the same one: by its key, or the only one. */
static const XmlElement *same_element(
    const XmlTree *tree, const ProfileSetting *setting, const char *key)
{
    size_t position = 0;
    const XmlElement *element;

    if (!setting->key)
        return xml_find(tree, NULL, setting->xpath);
    while ((element = xml_each(tree, NULL, setting->xpath, &position))) {
        AUTO_TEXT *other = xml_key(tree, element, setting->key);

        if (other && key && strcmp(other, key) == 0)
            return element;
    }
    return NULL;
}

static bool insert_element(const Row *row, const XmlElement *source, Error *error)
{
    const ProfileSetting *setting = row->setting;
    AUTO_TEXT *parent_path = xml_path_parent(setting->xpath);
    const XmlElement *anchor =
        setting->anchor ? xml_find(row->to->after, NULL, setting->anchor) : NULL;
    const XmlElement *parent = xml_find(row->to->after, NULL, parent_path);

    if (anchor)
        return xml_insert_before(&row->to->after, anchor, row->from->old, source, error);
    if (parent)
        return xml_append_child(&row->to->after, parent, row->from->old, source, error);
    return error_set(error, ERROR_PRECONDITION, "%s has no place: there is no %s", setting->meaning,
        parent_path);
}

static bool carry_element(const Row *row, const XmlElement *source, Error *error)
{
    const ProfileSetting *setting = row->setting;
    AUTO_TEXT *key = setting->key ? xml_key(row->from->old, source, setting->key) : NULL;
    const XmlElement *target = same_element(row->to->after, setting, key);

    if (target && xml_same_meaning(row->to->after, target, row->from->old, source)) {
        row->plan->unchanged++;
        return true;
    }
    if (target ? !xml_replace_element(&row->to->after, target, row->from->old, source, error)
               : !insert_element(row, source, error))
        return error_prefix(error, "%s: ", row->to->path);
    plan_note_change(row->plan, row->to->path, "%s: %s %s", setting->meaning,
        key ? key : "all of it", target ? "replaced by that of the old home" : "added");
    return true;
}

bool plan_carry_elements(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    Row row;
    size_t position = 0;
    const XmlElement *source;

    if (!open_row(plan, setting, &row, error))
        return false;
    if (!row.to->after)
        return absent(plan, setting, error);
    while (row.from->old && (source = xml_each(row.from->old, NULL, row.old_xpath, &position)))
        if (!carry_element(&row, source, error))
            return false;
    return true;
}

/* "Old=New Dropped=": what the property is called in the new file; NULL: it is not carried. */
static char *new_name_of(const ProfileSetting *setting, const char *name)
{
    AUTO_TEXT *wanted = memory_format(" %s=", name);
    AUTO_TEXT *renames = memory_format(" %s", setting->value ? setting->value : "");
    const char *found = strstr(renames, wanted);
    size_t length;

    if (!found)
        return memory_text(name);
    found += strlen(wanted);
    length = strcspn(found, " ");
    return length > 0 ? memory_text_n(found, length) : NULL;
}

/* One property of the old file. */
typedef struct Property {
    const char *name, *value; /* name in the new file */
} Property;

static bool add_property(ConfigurationPlan *plan, const ProfileSetting *setting, PlannedFile *to,
    const Property *property, Error *error)
{
    const XmlElement *parent = xml_find(to->after, NULL, setting->xpath);
    AUTO_TEXT *what = memory_format("%s: %s", setting->meaning, property->name);
    TEXT_AUTO(text, 1 << 16);

    text_add(&text, "<Property name=\"");
    text_add_xml(&text, property->name);
    text_add(&text, "\">");
    text_add_xml(&text, property->value);
    text_add(&text, "</Property>");
    if (!append_new(&to->after, parent, &text, error))
        return error_prefix(error, "%s: ", to->path);
    plan_note_value(plan, to->path, what, NULL, property->value);
    return true;
}

static bool carry_property(ConfigurationPlan *plan, const ProfileSetting *setting, PlannedFile *to,
    const Property *property, Error *error)
{
    AUTO_TEXT *xpath = memory_format("%s/Property[@name='%s']", setting->xpath, property->name);
    AUTO_TEXT *what = memory_format("%s: %s", setting->meaning, property->name);
    ProfileSetting one = { .file = setting->file, .xpath = xpath, .meaning = what };

    if (strchr(property->name, '\''))
        return error_set(error, ERROR_INVALID, "%s: the property name %s has a quote in it",
            to->path, property->name);
    if (!xml_find(to->after, NULL, xpath))
        return add_property(plan, setting, to, property, error);
    return set_texts(plan, &one, to, property->value, error);
}

bool plan_carry_properties(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    Row row;
    const XmlElement *source, *each;
    size_t position = 0;

    if (!open_row(plan, setting, &row, error))
        return false;
    if (!row.to->after || !xml_find(row.to->after, NULL, setting->xpath))
        return absent(plan, setting, error);
    source = old_element(&row);
    while (source && (each = xml_each(row.from->old, source, "Property", &position))) {
        AUTO_TEXT *old_name = xml_attribute_text(row.from->old, each, "name");
        AUTO_TEXT *name = old_name ? new_name_of(setting, old_name) : NULL;
        AUTO_TEXT *raw = xml_own_text(row.from->old, each);
        AUTO_TEXT *value = xml_trimmed(raw);
        Property property = { .name = name, .value = value };

        if (name && !carry_property(plan, setting, row.to, &property, error))
            return false;
    }
    return true;
}

bool plan_rewrite_url(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error)
{
    if (!plan_files(plan, setting->file, error))
        return false;
    for (size_t i = 0; i < plan->file_count; i++) {
        PlannedFile *file = plan->files[i];
        size_t before = file->after ? file->after->length : 0;
        AUTO_TEXT *was = NULL;

        if (!file->after || !plan_path_matches(setting->file, file->path))
            continue;
        was = memory_text_n(file->after->bytes, before);
        if (!plan_rewrite_urls(plan, file->path, &file->after, error))
            return false;
        if (before != file->after->length || memcmp(was, file->after->bytes, before) != 0)
            plan_note_change(plan, file->path, "%s: leads to staging now", setting->meaning);
        else
            plan->unchanged++;
    }
    return true;
}
