/* What a rehearsal measured, found again in the journal and shown beside an upgrade. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/os/digest.h"
#include "coordinator/core/planner.h"
#include "coordinator/io/plan_xml.h"
#include "coordinator/rehearsal.h"
#include "tests/component/journal_lab.h"

static const InventoryAgent agents[] = { { "db", "127.0.0.1", 9700, 1 } };
static const InventoryNode nodes[] = { { "n1", "db", "127.0.0.1", NODE_MANAGER, 1 } };
static const InventoryDatabase databases[] = {
    { .name = "users", .agent = "db", .holds_users = true, .account = "carbon" },
    { .name = "registry", .agent = "db", .holds_registry = true, .account = "carbon" },
};

static void write_inventory(Inventory *inventory, const char *text)
{
    inventory->text = text;
    digest_of(text, strlen(text), inventory->sha256);
}

static Inventory make_inventory(Strategy strategy)
{
    Inventory inventory = { .cluster = "orders",
        .profile = "small",
        .strategy = strategy,
        .agents = agents,
        .agent_count = 1,
        .nodes = nodes,
        .node_count = 1,
        .databases = databases,
        .database_count = 2,
        .limits = inventory_limits_default,
        .path = "cluster.xml" };

    write_inventory(&inventory, "<cluster/>");
    return inventory;
}

/* A rehearsal as it would be read: each step takes `seconds`, restoring and reading back 7 s. */
static Rehearsal *make_rehearsal(const Inventory *inventory, Millis seconds)
{
    Rehearsal *rehearsal = memory_new(sizeof(*rehearsal));
    Report *report = &rehearsal->report;

    rehearsal->plan = planner_make_rehearsal(inventory);
    report->plan = rehearsal->plan;
    run_init(&report->run, rehearsal->plan);
    report->run.state = RUN_DONE;
    report->last = memory_new(rehearsal->plan->step_count * sizeof(Event));
    for (size_t i = 0; i < rehearsal->plan->step_count; i++) {
        report->run.steps[i].state = STEP_DONE;
        report->run.steps[i].started_ms = 5000;
        report->run.steps[i].ended_ms = 5000 + seconds * 1000;
        if (rehearsal->plan->steps[i].kind == STEP_REHEARSE_BACKUP) {
            facts_add(&report->last[i].evidence, "~restore-ms", "6000");
            facts_add(&report->last[i].evidence, "~compare-ms", "1000");
        }
    }
    return rehearsal;
}

static void steps_are_shown_beside_what_stood_for_them(void **state)
{
    static const StepKind unknown[] = { STEP_STOP_SERVER, STEP_COPY_DATABASE, STEP_START_SERVER };
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED);
    AUTO(Rehearsal) *rehearsal = make_rehearsal(&inventory, 3);
    PlanStep step = { .kind = STEP_MIGRATE_PRODUCTION, .target = "users" };

    (void)state;
    assert_int_equal(rehearsal_step_ms(rehearsal, &step), 3000);
    step.kind = STEP_BACKUP_DATABASE;
    assert_int_equal(rehearsal_step_ms(rehearsal, &step), 3000);
    assert_int_equal(rehearsal_step_ms(NULL, &step), REHEARSAL_UNKNOWN);
    step.target = "another";
    assert_int_equal(rehearsal_step_ms(rehearsal, &step), REHEARSAL_UNKNOWN);
    step.target = "users";
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        step.kind = unknown[i];
        assert_int_equal(rehearsal_step_ms(rehearsal, &step), REHEARSAL_UNKNOWN);
    }
}

static void slower_is_said_only_where_it_matters(void **state)
{
    (void)state;
    assert_false(rehearsal_is_exceeded(REHEARSAL_UNKNOWN, 1000000));
    assert_false(rehearsal_is_exceeded(100, 9000));    /* 90 times, but who cares */
    assert_false(rehearsal_is_exceeded(60000, 90000)); /* 30 s more, but not twice */
    assert_false(rehearsal_is_exceeded(60000, REHEARSAL_UNKNOWN));
    assert_true(rehearsal_is_exceeded(60000, 121000));
    assert_true(rehearsal_is_exceeded(0, 10000));
}

static void downtime_is_the_longest_chain_behind_the_stop(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED);
    AUTO(Rehearsal) *rehearsal = make_rehearsal(&inventory, 3);
    AUTO(Plan) *documented = planner_make_plan(&inventory);
    AUTO(Plan) *copy_first = NULL;

    (void)state;
    inventory.strategy = STRATEGY_COPY_FIRST;
    copy_first = planner_make_plan(&inventory);
    /* backup, migration, two checkpoints; copying as restoring; no check before the stop */
    assert_int_equal(rehearsal_downtime_ms(rehearsal, documented), 4 * 3000 + 7000);
    assert_int_equal(rehearsal_downtime_ms(rehearsal, copy_first), 3 * 3000 + 7000);
}

static void numbers_from_another_world_are_doubted(void **state)
{
    static const PlanFact then[] = { { "users", "layout", "4.0" }, { "n1", "java", "6" },
        { "users", REHEARSAL_SIZE_FACT, "1000000" }, { "registry", REHEARSAL_SIZE_FACT, "1000" } };
    static const PlanFact now[] = { { "users", "layout", "4.1" }, { "n1", "java", "7" } };
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED);
    AUTO(Rehearsal) *rehearsal = make_rehearsal(&inventory, 3);
    AUTO(Plan) *plan = planner_make_plan(&inventory);
    PreflightTarget targets[2] = { { .name = "users" }, { .name = "registry" } };
    Preflight seen = { .targets = targets, .target_count = 2 };
    FACTS_AUTO(none);
    FACTS_AUTO(doubts);

    (void)state;
    rehearsal->plan->facts = then;
    rehearsal->plan->fact_count = 4;
    plan->facts = then;
    plan->fact_count = 2;
    facts_add(&targets[0].result.evidence, REHEARSAL_SIZE_FACT, "1250000");
    facts_add(&targets[1].result.evidence, REHEARSAL_SIZE_FACT, "1300");
    rehearsal_doubts(rehearsal, plan, NULL, &none);
    assert_int_equal(none.count, 0);
    plan->facts = now;
    rehearsal_doubts(rehearsal, plan, &seen, &doubts);
    assert_int_equal(doubts.count, 2);
    assert_string_equal(doubts.items[0].name, "users");
    assert_non_null(strstr(doubts.items[0].value, "layout was '4.0'"));
    assert_string_equal(doubts.items[1].name, "registry");
    assert_non_null(strstr(doubts.items[1].value, "has grown"));
    facts_done(&targets[0].result.evidence);
    facts_done(&targets[1].result.evidence);
}

static void append(Journal *journal, const char *run, uint64_t *serial, EventKind kind,
    uint32_t step, uint64_t number)
{
    Event event = { .serial = ++*serial, .kind = kind, .step = step, .number = number };
    Error error = { 0 };

    lab_must(journal_append(journal, run, &event, &error), &error);
}

typedef enum HowItEnds {
    WELL,
    GIVEN_UP, /* by an operator */
    BADLY,    /* its first step failed */
} HowItEnds;

static void add_run(Journal *journal, const char *id, const Plan *plan, HowItEnds end)
{
    bool good = end == WELL;
    AUTO_TEXT *text = plan_write(plan);
    uint64_t serial = 0;
    Error error = { 0 };

    lab_must(journal_new_run(journal, id, "orders", text, &error), &error);
    append(journal, id, &serial, EVENT_RUN_STARTED, EVENT_NO_STEP, 0);
    append(journal, id, &serial, EVENT_LEAD_TAKEN, EVENT_NO_STEP, 1);
    for (uint32_t i = 0; good && i < plan->step_count; i++) {
        append(journal, id, &serial, EVENT_STEP_STARTED, i, 1);
        append(journal, id, &serial, EVENT_STEP_DONE, i, 1);
    }
    if (end == BADLY) {
        append(journal, id, &serial, EVENT_STEP_STARTED, 0, 1);
        append(journal, id, &serial, EVENT_STEP_FAILED, 0, 1);
    }
    if (!good)
        append(journal, id, &serial, EVENT_ABORT_REQUESTED, EVENT_NO_STEP, 0);
    append(journal, id, &serial, good ? EVENT_RUN_DONE : EVENT_RUN_ABORTED, EVENT_NO_STEP, 0);
}

static void the_newest_that_passed_is_found(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED);
    AUTO(Journal) *journal = lab_open(*state);
    AUTO(Plan) *plan = planner_make_plan(&inventory);
    AUTO(Plan) *of_this = planner_make_rehearsal(&inventory);
    AUTO(Plan) *of_another = NULL;
    AUTO(Rehearsal) *before = NULL;
    AUTO(Rehearsal) *found = NULL;
    AUTO(Rehearsal) *newer = NULL;
    AUTO(Rehearsal) *of_rehearsal = NULL;
    Error error = { 0 };

    write_inventory(&inventory, "<other/>");
    of_another = planner_make_rehearsal(&inventory);
    lab_must(rehearsal_find(journal, plan, &before, &error), &error);
    assert_null(before);
    add_run(journal, "first", of_this, WELL);
    add_run(journal, "broken", of_this, BADLY);
    add_run(journal, "second", of_this, WELL);
    add_run(journal, "given-up", of_this, GIVEN_UP);
    add_run(journal, "another", of_another, BADLY);
    add_run(journal, "live", plan, BADLY);
    lab_must(rehearsal_find(journal, plan, &found, &error), &error);
    assert_string_equal(found->found.id, "second");
    assert_string_equal(found->failed_since, "");
    add_run(journal, "failed", of_this, BADLY);
    lab_must(rehearsal_find(journal, plan, &newer, &error), &error);
    assert_string_equal(newer->found.id, "second");
    assert_string_equal(newer->failed_since, "failed");
    lab_must(rehearsal_find(journal, of_this, &of_rehearsal, &error), &error);
    assert_null(of_rehearsal);
}

static char *table_of(Journal *journal, const char *run, const Plan *plan)
{
    JournalRun found;
    Report report;
    Error error = { 0 };
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    assert_non_null(stream);
    lab_must(journal_find_run(journal, run, &found, &error), &error);
    lab_must(report_make(journal, plan, &found, &report, &error), &error);
    rehearsal_text(&report, stream);
    report_done(&report);
    assert_int_equal(fclose(stream), 0);
    return text;
}

/* Its undo went well: what it failed of is the news. */
static void a_step_that_failed_and_was_dropped_says_why(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED);
    AUTO(Journal) *journal = lab_open(*state);
    AUTO(Plan) *plan = planner_make_rehearsal(&inventory);
    AUTO_TEXT *text = plan_write(plan);
    AUTO_TEXT *table = NULL;
    Event failed = { .serial = 6, .kind = EVENT_STEP_FAILED, .step = 2, .error = ERROR_DATABASE };
    uint64_t serial = 0;
    Error error = { 0 };

    lab_must(journal_new_run(journal, "r", "orders", text, &error), &error);
    append(journal, "r", &serial, EVENT_RUN_STARTED, EVENT_NO_STEP, 0);
    append(journal, "r", &serial, EVENT_LEAD_TAKEN, EVENT_NO_STEP, 1);
    append(journal, "r", &serial, EVENT_STEP_STARTED, 0, 1);
    append(journal, "r", &serial, EVENT_STEP_DONE, 0, 1);
    append(journal, "r", &serial, EVENT_STEP_STARTED, 2, 1);
    (void)snprintf(failed.text, sizeof(failed.text), "the disk is full");
    facts_add(&failed.evidence, "rows", "17");
    lab_must(journal_append(journal, "r", &failed, &error), &error);
    event_done(&failed);
    serial++;
    append(journal, "r", &serial, EVENT_ABORT_REQUESTED, EVENT_NO_STEP, 0);
    append(journal, "r", &serial, EVENT_UNDO_STARTED, 2, 2);
    append(journal, "r", &serial, EVENT_UNDO_DONE, 2, 2);
    append(journal, "r", &serial, EVENT_RUN_ABORTED, EVENT_NO_STEP, 0);
    table = table_of(journal, "r", plan);
    assert_non_null(strstr(table, ": FAILED\n"));
    assert_non_null(strstr(table, "s  FAILED\n        rows = 17\n        the disk is full\n"));
    assert_non_null(strstr(table, "pending\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_shown_beside_what_stood_for_them),
        cmocka_unit_test(slower_is_said_only_where_it_matters),
        cmocka_unit_test(downtime_is_the_longest_chain_behind_the_stop),
        cmocka_unit_test(numbers_from_another_world_are_doubted),
        JOURNAL_TEST(the_newest_that_passed_is_found),
        JOURNAL_TEST(a_step_that_failed_and_was_dropped_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
