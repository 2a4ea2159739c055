#include "agent/handlers/copy/definitions.h"

#include <assert.h>
#include <ctype.h>

#include "common/model/finding.h"

#define SHOWN_BEFORE 40 /* bytes of a text that are the same on both sides */

/* Roles may differ between the servers; orphans are counted, they are no definition. */
static const char *const step_names[] = {
    [COPY_STEP_BEFORE] = "schema or sequence",
    [COPY_STEP_INDEX] = "index or constraint",
    [COPY_STEP_KEY] = "constraint",
    [COPY_STEP_FOREIGN_KEY] = "foreign key",
    [COPY_STEP_ORPHANS] = NULL,
    [COPY_STEP_COUNTER] = "sequence value",
    [COPY_STEP_OWNER] = NULL,
};
static_assert(sizeof(step_names) / sizeof(step_names[0]) == COPY_STEP_KIND_COUNT,
    "every CopyStepKind has a row");

/*
 * PostgreSQL shows (x)::text = ANY ((ARRAY['a'::character varying])::text[]) for what was declared
 * as x IN ('a'), and shows it with other casts and parentheses once that text was read back. So
 * outside of quotes these do not count.
 */
static const char *skip_noise(const char *at)
{
    static const char *const noise[] = { "(", ")", "::text[]", "::text", "::character varying[]",
        "::character varying" };

    for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
        if (strncmp(at, noise[i], strlen(noise[i])) == 0)
            return skip_noise(at + strlen(noise[i]));
    return at;
}

static bool same_definition(DatabaseType type, const char *a, const char *b)
{
    bool quoted = false;

    if (type != DATABASE_POSTGRESQL)
        return strcmp(a, b) == 0;
    for (;; a++, b++) {
        if (!quoted) {
            a = skip_noise(a);
            b = skip_noise(b);
        }
        if (*a != *b || *a == '\0')
            return *a == *b;
        quoted ^= *a == '\'';
    }
}

/* Where two texts are shown from, so that what differs is seen: a little before it. */
static size_t where_to_show(const char *a, const char *b)
{
    size_t at = 0;

    while (a[at] != '\0' && a[at] == b[at])
        at++;
    at = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0;
    while (at > 0 && ((unsigned char)a[at] & 0xc0) == 0x80) /* not amid a character */
        at--;
    return at;
}

/* Both texts from a little before their first difference on. */
static bool fail_different(
    const DefinitionsOf *of, const char *what, const char *a, const char *b, Error *error)
{
    size_t skipped = where_to_show(a, b);

    return error_set(error, ERROR_MISMATCH,
        "%s is not the same on %s: production has '%s%.300s', %s '%s%.300s'", what, of->where,
        skipped > 0 ? "…" : "", a + skipped, of->where, skipped > 0 ? "…" : "", b + skipped);
}

static const CopyStep *find_step(const CopyCatalogue *in, const CopyStep *step)
{
    for (size_t i = 0; i < in->step_count; i++)
        if (in->steps[i].kind == step->kind && strcmp(in->steps[i].name, step->name) == 0 &&
            same_definition(in->type, in->steps[i].sql, step->sql))
            return &in->steps[i];
    return NULL;
}

/* The step of that kind and name whose definition `other` does not have. */
static const CopyStep *find_changed(
    const CopyCatalogue *in, const CopyStep *step, const CopyCatalogue *other)
{
    for (size_t i = 0; i < in->step_count; i++)
        if (in->steps[i].kind == step->kind && strcmp(in->steps[i].name, step->name) == 0 &&
            !find_step(other, &in->steps[i]))
            return &in->steps[i];
    return NULL;
}

static bool compare_steps(const DefinitionsOf *of, const CopyCatalogue *made, Error *error)
{
    for (size_t i = 0; i < of->catalogue->step_count; i++) {
        const CopyStep *step = &of->catalogue->steps[i], *changed;

        if (!step_names[step->kind] || find_step(made, step))
            continue;
        AUTO_TEXT *what = memory_format("%s %s", step_names[step->kind], step->name);

        changed = find_changed(made, step, of->catalogue);
        if (changed)
            return fail_different(of, what, step->sql, changed->sql, error);
        return error_set(error, ERROR_MISMATCH, "%s is missing on %s: production has '%.300s'",
            what, of->where, step->sql);
    }
    for (size_t i = 0; i < made->step_count; i++)
        if (step_names[made->steps[i].kind] && !find_step(of->catalogue, &made->steps[i]))
            return error_set(error, ERROR_MISMATCH,
                "%s %s is only on %s: '%.300s', production does not have it",
                step_names[made->steps[i].kind], made->steps[i].name, of->where,
                made->steps[i].sql);
    return true;
}

static bool compare_tables(const DefinitionsOf *of, const CopyCatalogue *made, Error *error)
{
    for (size_t i = 0; i < of->catalogue->table_count; i++) {
        const CopyTable *table = &of->catalogue->tables[i];
        const CopyTable *other = copy_catalogue_table(made, table->name);
        AUTO_TEXT *what = memory_format("table %s", table->name);

        if (!other)
            return error_set(error, ERROR_MISMATCH, "%s is missing on %s", what, of->where);
        if (!same_definition(made->type, table->create, other->create))
            return fail_different(of, what, table->create, other->create, error);
    }
    if (made->table_count != of->catalogue->table_count)
        return error_set(error, ERROR_MISMATCH, "production has %zu tables, %s %zu",
            of->catalogue->table_count, of->where, made->table_count);
    return true;
}

static bool has_leftover(const CopyCatalogue *in, const CopyLeftover *leftover)
{
    for (size_t i = 0; i < in->leftover_count; i++)
        if (strcmp(in->leftovers[i].kind, leftover->kind) == 0 &&
            strcmp(in->leftovers[i].name, leftover->name) == 0)
            return true;
    return false;
}

bool definitions_compare_leftovers(const DefinitionsOf *of, Error *error)
{
    AUTO(CopyCatalogue) *made = NULL;

    if (!copy_catalogue_read(of->made, &made, error))
        return error_prefix(error, "%s: ", of->where);
    for (size_t i = 0; i < of->catalogue->leftover_count; i++) {
        const CopyLeftover *leftover = &of->catalogue->leftovers[i];

        if (strcmp(leftover->kind, "setting") != 0 && !has_leftover(made, leftover))
            return error_set(error, ERROR_MISMATCH, "%s %s is missing on %s", leftover->kind,
                leftover->name, of->where);
    }
    return true;
}

/* The digits before the second dot: servers of one such version write definitions alike. */
bool definitions_are_comparable(const DefinitionsOf *of)
{
    const char *a = database_server_version(of->production);
    const char *b = database_server_version(of->made);
    size_t length = strcspn(a, ".");

    if (a[length] == '.')
        length += 1 + strspn(a + length + 1, "0123456789");
    return strncmp(a, b, length) == 0 && !isdigit((unsigned char)b[length]);
}

static void tell_versions(const DefinitionsOf *of, Facts *evidence)
{
    finding_add(evidence, "COPY-DEFINITIONS", FINDING_WARN,
        "compare the definitions of the tables by hand, or use servers of one version",
        "the servers have versions %s and %s, whose definitions differ in wording",
        database_server_version(of->production), database_server_version(of->made));
}

bool definitions_compare(const DefinitionsOf *of, Facts *evidence, Error *error)
{
    AUTO(CopyCatalogue) *made = NULL;

    if (!definitions_are_comparable(of)) {
        tell_versions(of, evidence);
        return true;
    }
    if (!copy_catalogue_read(of->made, &made, error))
        return error_prefix(error, "%s: ", of->where);
    return compare_tables(of, made, error) && compare_steps(of, made, error);
}
