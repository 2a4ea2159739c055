#include "agent/handlers/copy/definitions.h"

#include "common/model/finding.h"

#define SHOWN_BEFORE 40 /* bytes of a text that are the same on both sides */

static bool step_is_compared(CopyStepKind kind)
{
    return kind != COPY_STEP_OWNER; /* roles may differ between the servers */
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

static bool fail_difference(
    const DefinitionsOf *of, const char *what, const char *a, const char *b, Error *error)
{
    size_t at = where_to_show(a, b);
    const char *dots = at > 0 ? "…" : "";

    return error_set(error, ERROR_MISMATCH,
        "%s is not the same on %s: production has '%s%.300s', %s '%s%.300s'", what, of->where, dots,
        a + at, of->where, dots, b + at);
}

static bool compare_steps(
    const DefinitionsOf *of, const CopyCatalogue *a, const CopyCatalogue *b, Error *error)
{
    size_t j = 0;

    for (size_t i = 0; i < a->step_count; i++) {
        if (!step_is_compared(a->steps[i].kind))
            continue;
        while (j < b->step_count && !step_is_compared(b->steps[j].kind))
            j++;
        if (j == b->step_count || strcmp(a->steps[i].sql, b->steps[j].sql) != 0)
            return fail_difference(of, a->steps[i].name, a->steps[i].sql,
                j < b->step_count ? b->steps[j].sql : "nothing more", error);
        j++;
    }
    return true;
}

static bool compare_table(
    const DefinitionsOf *of, const CopyTable *a, const CopyTable *b, Error *error)
{
    AUTO_TEXT *what = memory_format("table %s", a->name);

    if (!b)
        return error_set(error, ERROR_MISMATCH, "table %s is not on %s", a->name, of->where);
    return strcmp(a->create, b->create) == 0 ||
           fail_difference(of, what, a->create, b->create, error);
}

/* The digits before the second dot: servers of one such version write definitions alike. */
static bool versions_are_alike(const char *a, const char *b)
{
    size_t length = strcspn(a, ".");

    if (a[length] == '.')
        length += 1 + strspn(a + length + 1, "0123456789");
    return strncmp(a, b, length) == 0 && strchr("0123456789", b[length]) == NULL;
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

    if (!copy_catalogue_read(of->made, &made, error))
        return error_prefix(error, "%s: ", of->where);
    if (made->table_count != of->catalogue->table_count)
        return error_set(error, ERROR_MISMATCH, "production has %zu tables, %s %zu",
            of->catalogue->table_count, of->where, made->table_count);
    if (!versions_are_alike(
            database_server_version(of->production), database_server_version(of->made))) {
        tell_versions(of, evidence);
        return true;
    }
    for (size_t i = 0; i < made->table_count; i++)
        if (!compare_table(of, &of->catalogue->tables[i],
                copy_catalogue_table(made, of->catalogue->tables[i].name), error))
            return false;
    return compare_steps(of, of->catalogue, made, error);
}
