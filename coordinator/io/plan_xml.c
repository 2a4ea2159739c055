#include "coordinator/io/plan_xml.h"

#include <assert.h>
#include <libxml/chvalid.h>
#include <libxml/xmlstring.h>

#include "common/base/text.h"
#include "common/os/digest.h"
#include "common/wire/utf8.h"
#include "common/xml/xml_document.h"

#define PLAN_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define PLAN_NAMESPACE "urn:dss-upgrade:plan:1"
/* What stands before the file's own digest, and nowhere before that. */
#define BEFORE_DIGEST "\n<plan xmlns=\"" PLAN_NAMESPACE "\" sha256=\""

extern const char plan_xsd[];

static const char head[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!--\n"
    "  A plan of dss-coordinator: the steps of one upgrade, what each waits for, what was found "
    "on\n"
    "  the hosts when it was made, and the inventory that it was made from.\n"
    "\n"
    "  Read it, keep it, apply it; do not edit it. sha256 below is the digest of this file with\n"
    "  that value left empty: a file that was changed is refused. To change what will be done,\n"
    "  change the inventory and make a new plan.\n"
    "\n"
    "  A step begins when all steps that it waits for are done; what does not wait for each other\n"
    "  runs at the same time. The step cross-line is the point of no return.\n"
    "-->";

/* ---- writing ---- */

static bool fits_into_xml(const char *value)
{
    const unsigned char *at = (const unsigned char *)value;

    if (!utf8_is_valid(at, strlen(value)))
        return false;
    while (*at) {
        int length = 4;
        int point = xmlGetUTF8Char(at, &length);

        if (point < 0 || !xmlIsCharQ((unsigned)point))
            return false;
        at += length;
    }
    return true;
}

/* As `name`, or as `name`-hex where XML has no way to write the value. */
static void add_value(Text *text, const char *name, const char *value)
{
    AUTO_TEXT *hex = NULL;

    if (fits_into_xml(value)) {
        text_add(text, " %s=\"", name);
        text_add_xml(text, value);
        text_add(text, "\"");
        return;
    }
    hex = memory_new(2 * strlen(value) + 1);
    text_hex((const unsigned char *)value, strlen(value), hex);
    text_add(text, " %s-hex=\"%s\"", name, hex);
}

static void add_step(Text *text, const Plan *plan, size_t index)
{
    const PlanStep *step = &plan->steps[index];
    const StepSpec *spec = step_spec(step->kind);

    text_add(text, "    <step number=\"%zu\" kind=\"%s\"", index + 1, spec->name);
    add_value(text, "target", step->target);
    if (step->agent[0])
        add_value(text, "agent", step->agent);
    for (size_t i = 0; i < step->wait_count; i++)
        text_add(text, "%s%u", i == 0 ? " waits-for=\"" : " ", step->waits_for[i] + 1);
    if (step->wait_count > 0)
        text_add(text, "\"");
    add_value(text, "title", spec->title);
    if (spec->irreversible)
        add_value(text, "irreversible", spec->irreversible);
    text_add(text, "/>\n");
}

static void add_facts(Text *text, const Plan *plan)
{
    text_add(text, "  <facts>\n");
    for (size_t i = 0; i < plan->fact_count; i++) {
        text_add(text, "    <fact");
        add_value(text, "target", plan->facts[i].target);
        add_value(text, "name", plan->facts[i].name);
        add_value(text, "value", plan->facts[i].value);
        text_add(text, "/>\n");
    }
    text_add(text, "  </facts>\n");
}

/* Line by line as it is; only what XML would read as its own, or would not keep, is escaped. */
static void add_inventory(Text *text, const Plan *plan)
{
    assert(fits_into_xml(plan->inventory_text)); /* it was read as XML */
    text_add(text, "  <inventory");
    add_value(text, "path", plan->inventory_path);
    text_add(text, " sha256=\"%s\">", plan->inventory_sha256);
    for (const char *c = plan->inventory_text; *c; c++) {
        const char one[] = { *c, '\0' };

        if (*c == '\n' || *c == '\t')
            text_add_bytes(text, c, 1);
        else
            text_add_xml(text, one);
    }
    text_add(text, "</inventory>\n");
}

char *plan_write(const Plan *plan)
{
    TEXT_AUTO(text, SIZE_MAX / 4);
    char digest[SHA256_HEX_BYTES];
    size_t digest_at;
    AUTO_TEXT *behind = NULL;

    text_add(&text, "%s" BEFORE_DIGEST, head);
    digest_at = text.length;
    text_add(&text, "\" cluster=\"%s\" strategy=\"%s\">\n  <steps>\n", plan->cluster,
        strategy_name(plan->strategy));
    for (size_t i = 0; i < plan->step_count; i++)
        add_step(&text, plan, i);
    text_add(&text, "  </steps>\n");
    add_facts(&text, plan);
    add_inventory(&text, plan);
    text_add(&text, "</plan>\n");
    digest_of(text.bytes, text.length, digest);
    behind = memory_text(text.bytes + digest_at);
    return memory_format("%.*s%s%s", (int)digest_at, text.bytes, digest, behind);
}

/* ---- reading ---- */

static bool is_unchanged(const char *path, const char *text, Error *error)
{
    AUTO(Digest) *digest = digest_new();
    const char *found = strstr(text, BEFORE_DIGEST);
    const char *value = found ? found + strlen(BEFORE_DIGEST) : NULL;
    char hex[SHA256_HEX_BYTES];

    if (!value)
        return error_set(error, ERROR_INVALID, "%s: not a plan of dss-coordinator", path);
    if (strspn(value, "0123456789abcdef") != SHA256_HEX_BYTES - 1)
        return error_set(
            error, ERROR_OUTDATED, "%s: its digest was changed: make a new plan", path);
    digest_add(digest, text, (size_t)(value - text));
    value += SHA256_HEX_BYTES - 1;
    digest_add(digest, value, strlen(value));
    digest_end_hex(digest, hex);
    if (strncmp(hex, value - (SHA256_HEX_BYTES - 1), SHA256_HEX_BYTES - 1) != 0)
        return error_set(error, ERROR_OUTDATED,
            "%s: it was changed after it was made: its digest says %.64s, its content has %s: make "
            "a new plan",
            path, value - (SHA256_HEX_BYTES - 1), hex);
    return true;
}

typedef struct PlanReader {
    const char *path;
    Plan *plan;
    Error *error;
} PlanReader;

static bool refuse(const PlanReader *reader, const xmlNode *node, const char *what)
{
    return error_set(
        reader->error, ERROR_INVALID, "%s:%u: %s", reader->path, xml_line_of(node), what);
}

/* What the schema has made sure of is not checked again here: required attributes are there. */
static const char *required(const PlanReader *reader, const xmlNode *node, const char *name)
{
    const char *value = xml_attribute(node, name, reader->plan->arena);

    assert(value);
    return value;
}

static char from_hex(const char *digits)
{
    const char pair[] = { digits[0], digits[1], '\0' };

    return (char)strtoul(pair, NULL, 16);
}

/* The opposite of add_value(). */
static bool read_value(
    const PlanReader *reader, const xmlNode *node, const char *name, const char **ret)
{
    AUTO_TEXT *hex_name = memory_format("%s-hex", name);
    const char *plain = xml_attribute(node, name, reader->plan->arena);
    const char *hex = xml_attribute(node, hex_name, reader->plan->arena);
    char *bytes;

    if (!plain == !hex)
        return refuse(reader, node, "a value is missing or stands there twice");
    if (plain) {
        *ret = plain;
        return true;
    }
    bytes = arena_take(reader->plan->arena, strlen(hex) / 2 + 1);
    for (size_t i = 0; hex[2 * i]; i++)
        bytes[i] = from_hex(hex + 2 * i);
    *ret = bytes;
    return true;
}

/* Numbers of earlier steps, divided by blanks; what they may be is plan_check()'s to say. */
static bool read_waits(const PlanReader *reader, const xmlNode *node, size_t index, PlanStep *step)
{
    const char *text = xml_attribute(node, "waits-for", reader->plan->arena);
    uint32_t *waits;

    if (!text)
        return true;
    waits = arena_take(reader->plan->arena, index * sizeof(*waits));
    step->waits_for = waits;
    while (*(text += strspn(text, " "))) {
        char *end = NULL;
        unsigned long number = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;

        if (number == 0 || number > index || step->wait_count == index)
            return refuse(reader, node, "a step can only wait for steps before it, each once");
        waits[step->wait_count++] = (uint32_t)(number - 1);
        text = end;
    }
    return true;
}

static bool read_step(const PlanReader *reader, const xmlNode *node, size_t index, PlanStep *ret)
{
    unsigned long long number = 0;
    const char *agent = xml_attribute(node, "agent", reader->plan->arena);

    *ret = (PlanStep){
        .kind = step_kind_from_name(required(reader, node, "kind")),
        .target = required(reader, node, "target"),
        .agent = agent ? agent : "",
    };
    if (ret->kind == STEP_KIND_COUNT)
        return refuse(reader, node, "a kind of step that this program does not know");
    if (!text_to_number(required(reader, node, "number"), UINT32_MAX, &number) ||
        number != index + 1)
        return refuse(reader, node, "steps are not numbered 1, 2, 3 and so on");
    return read_waits(reader, node, index, ret);
}

static bool read_steps(const PlanReader *reader, const xmlNode *list)
{
    size_t count = xml_child_count(list);
    PlanStep *steps = arena_take(reader->plan->arena, count * sizeof(*steps));
    size_t index = 0;

    reader->plan->steps = steps;
    reader->plan->step_count = count;
    for (const xmlNode *node = xml_first(list); node; node = xml_next(node), index++)
        if (!read_step(reader, node, index, &steps[index]))
            return false;
    return true;
}

static bool read_facts(const PlanReader *reader, const xmlNode *list)
{
    size_t count = xml_child_count(list);
    PlanFact *fact = arena_take(reader->plan->arena, count * sizeof(*fact));

    reader->plan->facts = fact;
    reader->plan->fact_count = count;
    for (const xmlNode *node = xml_first(list); node; node = xml_next(node), fact++) {
        fact->target = required(reader, node, "target");
        if (!read_value(reader, node, "name", &fact->name) ||
            !read_value(reader, node, "value", &fact->value))
            return false;
    }
    return true;
}

static bool read_inventory(const PlanReader *reader, const xmlNode *node)
{
    Plan *plan = reader->plan;

    plan->inventory_text = xml_content(node, plan->arena);
    digest_of(plan->inventory_text, strlen(plan->inventory_text), plan->inventory_sha256);
    if (strcmp(plan->inventory_sha256, required(reader, node, "sha256")) != 0)
        return refuse(reader, node, "the inventory in the plan has another digest than it says");
    return read_value(reader, node, "path", &plan->inventory_path);
}

static bool read_document(const PlanReader *reader, const xmlNode *root)
{
    Plan *plan = reader->plan;
    const xmlNode *steps = xml_child(root, "steps");
    const xmlNode *facts = xml_child(root, "facts");
    const xmlNode *inventory = xml_child(root, "inventory");

    assert(steps && facts && inventory);
    plan->cluster = required(reader, root, "cluster");
    plan->strategy = strategy_from_name(required(reader, root, "strategy"));
    if (plan->strategy == STRATEGY_COUNT)
        return refuse(reader, root, "a strategy that this program does not know");
    return read_steps(reader, steps) && read_facts(reader, facts) &&
           read_inventory(reader, inventory);
}

bool plan_parse(const char *path, const char *text, Plan **ret, Error *error)
{
    const XmlFormat format = {
        .what = "a plan",
        .root = "plan",
        .namespace_uri = PLAN_NAMESPACE,
        .schema = plan_xsd,
        .max_bytes = PLAN_MAX_BYTES,
    };
    AUTO(xmlDoc) *document = NULL;
    AUTO(Plan) *plan = memory_new(sizeof(*plan));
    const PlanReader reader = { .path = path, .plan = plan, .error = error };

    plan->arena = arena_new();
    if (!is_unchanged(path, text, error) ||
        !xml_document_parse(path, text, &format, &document, error) ||
        !read_document(&reader, xmlDocGetRootElement(document)))
        return false;
    if (!plan_check(plan, error))
        return error_prefix(error, "%s: ", path);
    *ret = TAKE(plan);
    return true;
}
