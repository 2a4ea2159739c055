#include "agent/core/layout_form.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/memory.h"

#define KIND_MAX 40 /* bytes of "missing primary key" */

/*
 * Things by their first words, and what of a thing says which one it is: so many words, up to a
 * mark, or all of it. The longer words come first.
 */
static const struct {
    const char *kind;
    unsigned words;       /* 0: see `until` */
    const char *until;    /* NULL: the whole thing */
    bool belongs_to_none; /* not to a table */
} kinds[] = {
    { .kind = "column", .words = 2 },
    { .kind = "primary key", .words = 2 },
    { .kind = "unique index" },
    { .kind = "unique" },
    { .kind = "index" },
    { .kind = "foreign key", .until = " on " },
    { .kind = "check" },
    { .kind = "exclude" },
    { .kind = "engine", .words = 1 },
    { .kind = "trigger" },
    { .kind = "sequence", .words = 2, .belongs_to_none = true },
    { .kind = "view", .belongs_to_none = true },
    { .kind = "procedure", .belongs_to_none = true },
    { .kind = "function", .belongs_to_none = true },
    { .kind = "routine", .belongs_to_none = true },
    { .kind = "event", .belongs_to_none = true },
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static bool begins_with(const char *text, const char *word)
{
    size_t length = strlen(word);

    return strncmp(text, word, length) == 0 && text[length] == ' ';
}

/* KIND_COUNT for none. */
static size_t kind_of(const char *thing)
{
    size_t kind = 0;

    while (kind < KIND_COUNT && !begins_with(thing, kinds[kind].kind))
        kind++;
    return kind;
}

/* reading */

typedef struct Reader {
    LayoutForm *form;
    char *table; /* of the lines that follow, or NULL */
    unsigned line;
} Reader;

static bool refuse(const Reader *reader, const char *why, const char *text, Error *error)
{
    return error_set(error, ERROR_INVALID, "line %u: %s: %s", reader->line, why, text);
}

static bool begin_table(Reader *reader, const char *name, bool optional, Error *error)
{
    if (strpbrk(name, " (") || facts_get(&reader->form->things, name))
        return refuse(reader, "not the name of one more table", name, error);
    free(reader->table);
    reader->table = memory_text(name);
    if (optional)
        facts_add(&reader->form->optional, name, "");
    return true;
}

static bool read_thing(Reader *reader, const char *thing, Error *error)
{
    size_t kind = kind_of(thing);

    if (kind == KIND_COUNT)
        return refuse(reader, "not a thing of a layout", thing, error);
    if (kinds[kind].belongs_to_none)
        facts_add(&reader->form->things, "", thing);
    else if (reader->table)
        facts_add(&reader->form->things, reader->table, thing);
    else
        return refuse(reader, "no table before it", thing, error);
    return true;
}

static bool read_line(Reader *reader, const char *line, Error *error)
{
    static const char tolerate[] = "tolerate ", table[] = "table ", optional[] = "optional table ";

    if (!*line || *line == '#')
        return true;
    if (strncmp(line, tolerate, strlen(tolerate)) == 0) {
        facts_add(&reader->form->tolerated, line + strlen(tolerate), "");
        return true;
    }
    if (strncmp(line, table, strlen(table)) == 0)
        return begin_table(reader, line + strlen(table), false, error);
    if (strncmp(line, optional, strlen(optional)) == 0)
        return begin_table(reader, line + strlen(optional), true, error);
    return read_thing(reader, line, error);
}

bool layout_form_parse(const char *text, LayoutForm *ret, Error *error)
{
    Reader reader = { .form = ret };
    bool good = true;

    while (good && *text) {
        size_t length = strcspn(text, "\n"), blanks = strspn(text, " \t");
        size_t end = length;

        while (end > blanks && isspace((unsigned char)text[end - 1]))
            end--;
        AUTO_TEXT *line = memory_text_n(text + blanks, end - blanks);

        reader.line++;
        good = read_line(&reader, line, error);
        text += length + (text[length] == '\n');
    }
    free(reader.table);
    return good;
}

void layout_form_done(LayoutForm *form)
{
    facts_done(&form->things);
    facts_done(&form->optional);
    facts_done(&form->tolerated);
}

/* comparing */

typedef struct Comparison {
    const LayoutForm *form;
    const Facts *found;
    bool *wanted_done, *found_done; /* by place in their lists */
    LayoutDifferenceFunction *take;
    void *self;
} Comparison;

/* Without what stands aside. */
static size_t length_of(const char *thing)
{
    const char *aside = strstr(thing, LAYOUT_ASIDE);

    return aside ? (size_t)(aside - thing) : strlen(thing);
}

static bool same_thing(const char *a, const char *b)
{
    return length_of(a) == length_of(b) && strncmp(a, b, length_of(a)) == 0;
}

/* How much of a thing says which one it is. */
static size_t identity_length(const char *thing)
{
    size_t kind = kind_of(thing), length = length_of(thing), at = 0;
    const char *mark = NULL;

    if (kind == KIND_COUNT)
        return length;
    if (kinds[kind].until)
        mark = strstr(thing, kinds[kind].until);
    if (mark)
        return (size_t)(mark - thing);
    if (kinds[kind].words == 0)
        return length;
    for (unsigned word = 0; word < kinds[kind].words && at < length; word++)
        at += (word > 0) + strcspn(thing + at + (word > 0), " ");
    return at < length ? at : length;
}

static bool same_identity(const char *a, const char *b)
{
    return identity_length(a) == identity_length(b) && strncmp(a, b, identity_length(a)) == 0;
}

/* Whether both are the same text column but for its size, and the second has more room. */
static bool is_wider(const char *expected, const char *found)
{
    const char *a = strchr(expected, '('), *b = strchr(found, '(');
    char *end_a = NULL, *end_b = NULL;

    if (!a || !b || a - expected != b - found || !begins_with(expected, "column") ||
        strncmp(expected, found, (size_t)(a - expected)) != 0 || !strstr(expected, "char"))
        return false;
    return strtoul(a + 1, &end_a, 10) < strtoul(b + 1, &end_b, 10) && same_thing(end_a, end_b);
}

static void tell(const Comparison *comparison, const char *what, const char *table,
    const char *expected, const char *found)
{
    const char *thing = expected ? expected : found;
    size_t kind = kind_of(thing);
    char name[KIND_MAX];

    (void)snprintf(
        name, sizeof(name), "%s %s", what, kind < KIND_COUNT ? kinds[kind].kind : "thing");
    if (strcmp(thing, table) == 0)
        (void)snprintf(name, sizeof(name), "%s table", what);
    comparison->take(
        comparison->self, &(LayoutDifference){ .kind = name,
                              .table = table,
                              .expected = expected,
                              .found = found,
                              .tolerated = facts_get(&comparison->form->tolerated, name) != NULL });
}

/* The place of an unused thing of that table in `found` that is the same; or found->count. */
static size_t place_of(
    const Comparison *comparison, const Fact *wanted, bool (*same)(const char *a, const char *b))
{
    size_t i = 0;

    while (
        i < comparison->found->count &&
        (comparison->found_done[i] || strcmp(comparison->found->items[i].name, wanted->name) != 0 ||
            !same(wanted->value, comparison->found->items[i].value)))
        i++;
    return i;
}

/* A table that only one side has is one difference. */
static void compare_tables(const Comparison *comparison)
{
    const Facts *wanted = &comparison->form->things, *found = comparison->found;

    for (size_t i = 0; i < wanted->count; i++) {
        const char *name = wanted->items[i].name;

        if (!*name || facts_get(found, name))
            continue;
        if (facts_get(wanted, name) == wanted->items[i].value &&
            !facts_get(&comparison->form->optional, name))
            tell(comparison, "missing", name, name, NULL);
        comparison->wanted_done[i] = true;
    }
    for (size_t i = 0; i < found->count; i++) {
        const char *name = found->items[i].name;

        if (!*name || facts_get(wanted, name))
            continue;
        if (facts_get(found, name) == found->items[i].value)
            tell(comparison, "extra", name, NULL, name);
        comparison->found_done[i] = true;
    }
}

static void pair_equal_things(const Comparison *comparison)
{
    for (size_t i = 0; i < comparison->form->things.count; i++) {
        size_t place = comparison->wanted_done[i]
                           ? comparison->found->count
                           : place_of(comparison, &comparison->form->things.items[i], same_thing);

        if (place == comparison->found->count)
            continue;
        comparison->wanted_done[i] = comparison->found_done[place] = true;
    }
}

static void tell_the_rest(const Comparison *comparison)
{
    for (size_t i = 0; i < comparison->form->things.count; i++) {
        const Fact *wanted = &comparison->form->things.items[i];
        size_t place;

        if (comparison->wanted_done[i])
            continue;
        place = place_of(comparison, wanted, same_identity);
        if (place == comparison->found->count) {
            tell(comparison, "missing", wanted->name, wanted->value, NULL);
            continue;
        }
        comparison->found_done[place] = true;
        tell(comparison,
            is_wider(wanted->value, comparison->found->items[place].value) ? "wider" : "changed",
            wanted->name, wanted->value, comparison->found->items[place].value);
    }
    for (size_t i = 0; i < comparison->found->count; i++)
        if (!comparison->found_done[i])
            tell(comparison, "extra", comparison->found->items[i].name, NULL,
                comparison->found->items[i].value);
}

void layout_form_compare(
    const LayoutForm *form, const Facts *found, LayoutDifferenceFunction *take, void *self)
{
    Comparison comparison = { .form = form,
        .found = found,
        .wanted_done = memory_new(form->things.count + 1),
        .found_done = memory_new(found->count + 1),
        .take = take,
        .self = self };

    compare_tables(&comparison);
    pair_equal_things(&comparison);
    tell_the_rest(&comparison);
    free(comparison.wanted_done);
    free(comparison.found_done);
}

char *layout_difference_words(const LayoutDifference *difference)
{
    const char *thing = difference->expected ? difference->expected : difference->found;
    const char *verb_end = strchr(difference->kind, ' ');
    int verb = verb_end ? (int)(verb_end - difference->kind) : 0;
    bool in_table = *difference->table && strcmp(thing, difference->table) != 0;
    const char *of = in_table ? " of " : "", *table = in_table ? difference->table : "";

    if (difference->expected && difference->found)
        return memory_format("%.*s %.*s%s%s: expected %.*s, found %.*s", verb, difference->kind,
            (int)identity_length(thing), thing, of, table, (int)length_of(difference->expected),
            difference->expected, (int)length_of(difference->found), difference->found);
    if (strcmp(thing, difference->table) == 0)
        return memory_format("%s %s", difference->kind, thing);
    return memory_format(
        "%.*s %.*s%s%s", verb, difference->kind, (int)length_of(thing), thing, of, table);
}
