#include "agent/handlers/configuration/xml_tree.h"

#define MAX_STEPS 32

/* One step: "name" and what stands in its brackets. */
typedef struct Step {
    const char *name, *predicates;
    size_t name_length, predicates_length;
} Step;

/* The end of the step that begins at `at`: a slash outside of brackets and quotes, or the end. */
static const char *step_end(const char *at)
{
    bool inside = false;
    char quote = '\0';

    for (; *at; at++) {
        if (quote) {
            if (*at == quote)
                quote = '\0';
        } else if (inside && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (*at == '[' || *at == ']') {
            inside = *at == '[';
        } else if (*at == '/' && !inside) {
            break;
        }
    }
    return at;
}

static size_t split_path(const char *path, Step steps[MAX_STEPS])
{
    size_t count = 0;

    while (*path && count < MAX_STEPS) {
        const char *end = step_end(path);
        Step *step = &steps[count++];

        *step = (Step){ .name = path, .name_length = strcspn(path, "[/") };
        step->predicates = path + step->name_length;
        step->predicates_length = (size_t)(end - step->predicates);
        path = *end ? end + 1 : end;
    }
    return count;
}

static bool trimmed_equals(const char *text, const char *value, size_t length)
{
    AUTO_TEXT *trimmed = xml_trimmed(text);

    return strlen(trimmed) == length && memcmp(trimmed, value, length) == 0;
}

static bool subject_equals(const XmlTree *tree, const XmlElement *element, const char *subject,
    const char *value, size_t length)
{
    size_t position = element->index + 1;
    const XmlElement *each;

    if (subject[0] == '@') {
        AUTO_TEXT *text = xml_attribute_text(tree, element, subject + 1);

        return text && trimmed_equals(text, value, length);
    }
    while ((each = xml_each(tree, element, subject, &position))) {
        AUTO_TEXT *text = xml_own_text(tree, each);

        if (trimmed_equals(text, value, length))
            return true;
    }
    return false;
}

/* All of [subject='value'][…]; a text that is none of these matches nothing. */
static bool predicates_hold(const XmlTree *tree, const XmlElement *element, const Step *step)
{
    const char *at = step->predicates, *end = at + step->predicates_length;

    while (at < end) {
        const char *equals = memchr(at, '=', (size_t)(end - at));
        const char *close = equals && equals + 1 < end && strchr("'\"", equals[1])
                                ? memchr(equals + 2, equals[1], (size_t)(end - equals) - 2)
                                : NULL;
        AUTO_TEXT *subject = NULL;

        if (*at != '[' || !close || close + 1 >= end || close[1] != ']')
            return false;
        subject = memory_text_n(at + 1, (size_t)(equals - at) - 1);
        if (!subject_equals(tree, element, subject, equals + 2, (size_t)(close - equals) - 2))
            return false;
        at = close + 2;
    }
    return true;
}

static bool step_matches(const XmlTree *tree, const XmlElement *element, const Step *step)
{
    AUTO_TEXT *name = memory_text_n(step->name, step->name_length);

    return (strcmp(name, "*") == 0 || xml_name_is(tree, element, name)) &&
           predicates_hold(tree, element, step);
}

static bool path_matches(const XmlTree *tree, const XmlElement *from, const XmlElement *element,
    const Step *steps, size_t count)
{
    while (
        count > 0 && element && element != from && step_matches(tree, element, &steps[count - 1])) {
        element = element->parent;
        count--;
    }
    return count == 0 && element == from;
}

XmlElement *xml_each(
    const XmlTree *tree, const XmlElement *from, const char *path, size_t *position)
{
    Step steps[MAX_STEPS];
    size_t count = split_path(path, steps);
    size_t end = from ? from->index + xml_subtree_count(from) : tree->count;

    if (from && *position <= from->index)
        *position = from->index + 1;
    while (*position < end) {
        XmlElement *element = tree->elements[(*position)++];

        if (element->depth + 1 == (from ? from->depth + 1 : 0) + count &&
            path_matches(tree, from, element, steps, count))
            return element;
    }
    return NULL;
}

XmlElement *xml_find(const XmlTree *tree, const XmlElement *from, const char *path)
{
    size_t position = 0;

    return xml_each(tree, from, path, &position);
}

char *xml_text_at(const XmlTree *tree, const XmlElement *from, const char *path)
{
    const XmlElement *element = xml_find(tree, from, path);

    return element ? xml_own_text(tree, element) : NULL;
}

char *xml_key(const XmlTree *tree, const XmlElement *element, const char *key)
{
    if (key[0] == '@')
        return xml_attribute_text(tree, element, key + 1);
    if (strcmp(key, ".") == 0)
        return xml_own_text(tree, element);
    return xml_text_at(tree, element, key);
}

char *xml_path_parent(const char *path)
{
    const char *last = path;

    for (const char *end = step_end(path); *end; end = step_end(end + 1))
        last = end;
    return memory_text_n(path, (size_t)(last - path));
}
