/* A plan as a file: the same bytes for the same plan, read back whole, refused when it was touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/os/digest.h"
#include "coordinator/core/planner.h"
#include "coordinator/io/inventory_xml.h"
#include "coordinator/io/plan_xml.h"

#define PLAN_NAME "night.plan"

static const PlanFact facts[] = {
    { "node1", "version", "3.1.1" },
    { "node1", "files <&\"'>", "a\tb\r\n c  d" },
    { "registry", "caf\xc3\xa9", "" },
    { "registry",
        "not\xff"
        "utf8",
        "control \x01 and \x7f and \xef\xbf\xbf" },
    { "users", "name", "\x1b" },
};

static Plan *example(void)
{
    AUTO(Inventory) *inventory = NULL;
    Plan *plan = NULL;
    Error error = { 0 };

    if (!inventory_read(EXAMPLE_FILE, &inventory, &error))
        fail_msg("%s", error.text);
    plan = planner_make_plan(inventory);
    plan->facts = facts;
    plan->fact_count = sizeof(facts) / sizeof(facts[0]);
    return plan;
}

static char *example_text(void)
{
    AUTO(Plan) *plan = example();

    return plan_write(plan);
}

/* `text` with a digest that fits, as somebody who knows the rule would put it; the caller frees. */
static char *sealed(const char *text)
{
    const char *at = strstr(text, " sha256=\"") + strlen(" sha256=\"");
    AUTO_TEXT *empty = memory_format("%.*s%s", (int)(at - text), text, at + 64);
    char digest[SHA256_HEX_BYTES];

    digest_of(empty, strlen(empty), digest);
    return memory_format("%.*s%s%s", (int)(at - text), text, digest, at + 64);
}

static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    if (!at)
        fail_msg("'%s' is not in the plan", from);
    return memory_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void assert_refused(const char *text, ErrorKind kind, const char *part)
{
    AUTO(Plan) *plan = NULL;
    Error error = { 0 };

    assert_false(plan_parse(PLAN_NAME, text, &plan, &error));
    assert_null(plan);
    if (error.kind != kind || !strstr(error.text, part) ||
        strncmp(error.text, PLAN_NAME ":", strlen(PLAN_NAME ":")) != 0)
        fail_msg("%s: '%s' has not '%s'", error_kind_name(error.kind), error.text, part);
}

static void assert_change_refused(
    const char *from, const char *to, ErrorKind kind, const char *part)
{
    AUTO_TEXT *text = example_text();
    AUTO_TEXT *changed = with(text, from, to);
    AUTO_TEXT *resealed = sealed(changed);

    assert_refused(changed, ERROR_OUTDATED, "it was changed after it was made");
    assert_refused(resealed, kind, part);
}

static void the_same_plan_gives_the_same_bytes(void **state)
{
    AUTO_TEXT *first = example_text();
    AUTO_TEXT *second = example_text();

    (void)state;
    assert_string_equal(first, second);
    assert_null(strchr(first, '\r'));
}

static void a_plan_is_read_back_whole(void **state)
{
    AUTO(Plan) *plan = example();
    AUTO_TEXT *text = plan_write(plan);
    AUTO_TEXT *again = NULL;
    AUTO(Plan) *read = NULL;
    Error error = { 0 };

    (void)state;
    if (!plan_parse(PLAN_NAME, text, &read, &error))
        fail_msg("%s", error.text);
    assert_string_equal(read->cluster, "orders");
    assert_int_equal(read->strategy, plan->strategy);
    assert_string_equal(read->inventory_path, EXAMPLE_FILE);
    assert_string_equal(read->inventory_text, plan->inventory_text);
    assert_string_equal(read->inventory_sha256, plan->inventory_sha256);
    assert_int_equal(read->step_count, plan->step_count);
    for (size_t i = 0; i < plan->step_count; i++) {
        assert_int_equal(read->steps[i].kind, plan->steps[i].kind);
        assert_string_equal(read->steps[i].target, plan->steps[i].target);
        assert_string_equal(read->steps[i].agent, plan->steps[i].agent);
        assert_int_equal(read->steps[i].wait_count, plan->steps[i].wait_count);
        if (plan->steps[i].wait_count > 0)
            assert_memory_equal(read->steps[i].waits_for, plan->steps[i].waits_for,
                plan->steps[i].wait_count * sizeof(uint32_t));
    }
    assert_int_equal(read->fact_count, plan->fact_count);
    for (size_t i = 0; i < plan->fact_count; i++) {
        assert_string_equal(read->facts[i].target, plan->facts[i].target);
        assert_string_equal(read->facts[i].name, plan->facts[i].name);
        assert_string_equal(read->facts[i].value, plan->facts[i].value);
    }
    again = plan_write(read);
    assert_string_equal(again, text);
}

/* A plan stands alone: its inventory is read from it, with the same lines in messages. */
static void the_inventory_in_a_plan_is_a_good_one(void **state)
{
    AUTO_TEXT *text = example_text();
    AUTO(Plan) *plan = NULL;
    AUTO(Inventory) *inventory = NULL;
    Error error = { 0 };

    (void)state;
    assert_true(plan_parse(PLAN_NAME, text, &plan, &error));
    if (!inventory_parse(plan->inventory_path, plan->inventory_text, &inventory, &error))
        fail_msg("%s", error.text);
    assert_string_equal(inventory->sha256, plan->inventory_sha256);
}

static void a_reader_sees_what_it_is_and_where_the_line_lies(void **state)
{
    AUTO_TEXT *text = example_text();

    (void)state;
    assert_non_null(strstr(text, "do not edit it"));
    assert_non_null(strstr(text, "title=\"POINT OF NO RETURN: the operator confirms\""));
    assert_non_null(strstr(text, "\n  &lt;agents&gt;\n")); /* line by line */
}

static void every_changed_byte_is_found(void **state)
{
    AUTO_TEXT *text = example_text();
    size_t length = strlen(text);

    (void)state;
    for (size_t i = 0; i < length; i += 7) {
        AUTO(Plan) *plan = NULL;
        Error error = { 0 };
        char before = text[i];

        text[i] = before == 'x' ? 'y' : 'x';
        assert_false(plan_parse(PLAN_NAME, text, &plan, &error));
        assert_true(error.kind == ERROR_OUTDATED || error.kind == ERROR_INVALID);
        text[i] = before;
    }
}

static void a_plan_that_is_cut_off_or_longer_is_refused(void **state)
{
    AUTO_TEXT *text = example_text();
    AUTO_TEXT *longer = memory_format("%s\n", text);

    (void)state;
    assert_refused(longer, ERROR_OUTDATED, "it was changed after it was made");
    text[strlen(text) / 2] = '\0';
    assert_refused(text, ERROR_OUTDATED, "it was changed after it was made");
}

static void a_changed_digest_is_refused(void **state)
{
    AUTO_TEXT *text = example_text();
    AUTO_TEXT *without = NULL;

    (void)state;
    without = with(text, " sha256=\"", " sha256=\"!");
    assert_refused(without, ERROR_OUTDATED, "its digest was changed");
}

static void another_file_is_no_plan(void **state)
{
    (void)state;
    assert_refused("", ERROR_INVALID, "not a plan");
    assert_refused("<plan/>", ERROR_INVALID, "not a plan");
    assert_refused("\x7f"
                   "ELF",
        ERROR_INVALID, "not a plan");
}

/* The digest is no signature: what it seals is still looked at. */
static void nonsense_with_a_good_digest_is_refused(void **state)
{
    (void)state;
    assert_change_refused("</steps>", "</stops>", ERROR_INVALID, "tag mismatch");
    assert_change_refused("<steps>", "<stops/><steps>", ERROR_INVALID, "'stops'");
    assert_change_refused("kind=\"stop-server\"", "kind=\"stop-servers\"", ERROR_INVALID,
        "a kind of step that this program does not know");
    assert_change_refused("strategy=\"copy-first\"", "strategy=\"fast\"", ERROR_INVALID,
        "a strategy that this program does not know");
    assert_change_refused("<step number=\"2\"", "<step number=\"3\"", ERROR_INVALID,
        "steps are not numbered 1, 2, 3");
    assert_change_refused("waits-for=\"", "waits-for=\"99 ", ERROR_INVALID, "steps before it");
    assert_change_refused("waits-for=\"", "waits-for=\"0 ", ERROR_INVALID, "steps before it");
    assert_change_refused("waits-for=\"", "waits-for=\"+1 ", ERROR_INVALID, "'+1' is not a valid");
    assert_change_refused("waits-for=\"", "waits-for=\"&#9;", ERROR_INVALID, "steps before it");
    assert_change_refused("waits-for=\"1 2 ", "waits-for=\"2 1 ", ERROR_CORRUPT, "not in order");
    assert_change_refused("agent=\"db1\"", "", ERROR_CORRUPT, "no valid target or agent");
    assert_change_refused(
        "value=\"3.1.1\"", "value=\"3.1.1\" value-hex=\"00\"", ERROR_INVALID, "twice");
    assert_change_refused("value=\"3.1.1\"", "", ERROR_INVALID, "a value is missing");
    assert_change_refused("value-hex=\"", "value-hex=\"0", ERROR_INVALID, "value-hex");
    assert_change_refused("traffic-sample-s=", "traffic-sample_s=", ERROR_INVALID,
        "the inventory in the plan has another digest");
    assert_change_refused("?>\n", "?><!DOCTYPE plan [<!ENTITY a \"b\">]>\n", ERROR_INVALID,
        "a DOCTYPE is not allowed");
}

static void a_step_cannot_wait_more_often_than_there_are_steps(void **state)
{
    TEXT_AUTO(waits, 100000);

    (void)state;
    text_add(&waits, "waits-for=\"");
    for (size_t i = 0; i < 10000; i++)
        text_add(&waits, "1 ");
    assert_change_refused("waits-for=\"", waits.bytes, ERROR_INVALID, "each once");
}

/* 1,000 nodes with what was found on each: more than the library takes by default in one piece. */
static void a_large_plan_is_read_back_and_a_larger_one_is_refused(void **state)
{
    enum { FACTS = 60000 };
    AUTO(Plan) *plan = example();
    AUTO_TEXT *value = memory_new(201);
    PlanFact *many = arena_take(plan->arena, FACTS * sizeof(*many));
    AUTO_TEXT *text = NULL;
    AUTO(Plan) *read = NULL;
    AUTO_TEXT *larger = NULL;
    Error error = { 0 };

    (void)state;
    memset(value, '<', 200);
    for (size_t i = 0; i < FACTS; i++)
        many[i] = (PlanFact){ "node1", "file", value };
    plan->facts = many;
    plan->fact_count = FACTS;
    text = plan_write(plan);
    assert_true(strlen(text) > 40 * 1024 * 1024);
    if (!plan_parse(PLAN_NAME, text, &read, &error))
        fail_msg("%s", error.text);
    assert_int_equal(read->fact_count, FACTS);

    larger = memory_format("%s%*s", text, 30 * 1024 * 1024, "");
    {
        AUTO_TEXT *resealed = sealed(larger);

        assert_refused(resealed, ERROR_INVALID, "a plan has at most 67108864");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_plan_gives_the_same_bytes),
        cmocka_unit_test(a_plan_is_read_back_whole),
        cmocka_unit_test(the_inventory_in_a_plan_is_a_good_one),
        cmocka_unit_test(a_reader_sees_what_it_is_and_where_the_line_lies),
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(a_plan_that_is_cut_off_or_longer_is_refused),
        cmocka_unit_test(a_changed_digest_is_refused),
        cmocka_unit_test(another_file_is_no_plan),
        cmocka_unit_test(nonsense_with_a_good_digest_is_refused),
        cmocka_unit_test(a_step_cannot_wait_more_often_than_there_are_steps),
        cmocka_unit_test(a_large_plan_is_read_back_and_a_larger_one_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
