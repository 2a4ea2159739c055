/* The fold refuses what cannot have happened, and the decision follows from the state alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/core/engine.h"
#include "coordinator/core/planner.h"

static const InventoryAgent agents[] = { { "a1", "127.0.0.1", 9700, 2 },
    { "a2", "127.0.0.1", 9701, 3 }, { "db", "127.0.0.1", 9702, 4 } };
static const InventoryNode nodes[] = { { "n1", "a1", "127.0.0.1", NODE_WORKER, 5 },
    { "n2", "a2", "127.0.0.2", NODE_MANAGER, 6 } };
static const InventoryAccount accounts[] = { { "reports", false }, { "carbon", true } };
static const InventoryDatabase databases[] = {
    { .name = "users",
        .agent = "db",
        .holds_users = true,
        .account = "carbon",
        .production_url = "jdbc:mysql://old/u",
        .staging_url = "jdbc:mysql://new/u",
        .script_path = "migration.sql",
        .script_sha256 = "00" },
    { .name = "registry",
        .agent = "db",
        .holds_registry = true,
        .account = "carbon",
        .accounts = accounts,
        .account_count = 2,
        .production_url = "jdbc:mysql://old/r",
        .staging_url = "jdbc:mysql://new/r" },
    { .name = "all",
        .agent = "db",
        .holds_registry = true,
        .holds_users = true,
        .account = "carbon",
        .production_url = "jdbc:mysql://old/a",
        .staging_url = "jdbc:mysql://new/a" },
};

static Inventory make_inventory(Strategy strategy, size_t database_count)
{
    return (Inventory){ .cluster = "c",
        .profile = "p",
        .strategy = strategy,
        .agents = agents,
        .agent_count = 3,
        .nodes = nodes,
        .node_count = 2,
        .databases = databases,
        .database_count = database_count,
        .limits = inventory_limits_default,
        .path = "cluster.xml",
        .text = "<cluster/>" };
}

typedef struct Fixture {
    Engine engine;
    Inventory inventory;
    Plan *plan;
    CoordinatorIo io;
    int64_t now;
    bool broken;
    unsigned writes_left; /* until it breaks; 0: it does not */
    Command sent;         /* the last one */
    unsigned sent_count;
    unsigned cancelled[STEP_KIND_COUNT];
    StepKind good_before; /* answer_all() lets steps of kinds before it succeed */
} Fixture;

static bool io_append(void *self, Event *event, Error *error)
{
    Fixture *fixture = self;

    (void)event;
    if (fixture->writes_left > 0 && --fixture->writes_left == 0)
        fixture->broken = true;
    return !fixture->broken || error_set(error, ERROR_IO, "disk full");
}

static void io_send(void *self, const char *agent, const Command *command)
{
    Fixture *fixture = self;
    Error error = { 0 };

    assert_true(command_check(command, &error));
    assert_non_null(inventory_agent(&fixture->inventory, agent));
    command_done(&fixture->sent);
    command_copy(&fixture->sent, command);
    fixture->sent_count++;
}

static void io_cancel(void *self, const char *agent, const CommandId *id, uint64_t epoch)
{
    Fixture *fixture = self;

    assert_string_equal(agent, fixture->plan->steps[id->step - 1].agent);
    assert_string_equal(id->run, "r1");
    assert_int_equal(id->attempt, fixture->engine.run.steps[id->step - 1].attempt);
    assert_int_equal(epoch, fixture->engine.run.epoch);
    fixture->cancelled[fixture->plan->steps[id->step - 1].kind]++;
}

static int64_t io_wall_ms(void *self)
{
    return ((const Fixture *)self)->now;
}

static Fixture *make_fixture(Strategy strategy, size_t database_count)
{
    static const char *const scripts[] = { "SELECT 1;", NULL, NULL };
    static const PlanFact facts[] = { { "db", "other", "x" }, { "db", "profile-sha256", "abc" } };
    Fixture *fixture = memory_new(sizeof(*fixture));
    Event start = { .serial = 1, .kind = EVENT_RUN_STARTED, .step = EVENT_NO_STEP };
    EngineSettings settings = { .inventory = &fixture->inventory,
        .io = &fixture->io,
        .actor = "tester",
        .run_id = "r1",
        .scripts = scripts };
    Error error = { 0 };

    fixture->inventory = make_inventory(strategy, database_count);
    fixture->plan = planner_make_plan(&fixture->inventory);
    fixture->plan->facts = facts;
    fixture->plan->fact_count = 2;
    fixture->io = (CoordinatorIo){ fixture, io_append, io_send, io_cancel, io_wall_ms };
    fixture->now = 1000;
    assert_true(plan_check(fixture->plan, &error));
    settings.plan = fixture->plan;
    engine_init(&fixture->engine, &settings);
    assert_true(engine_replay(&fixture->engine, &start, &error));
    return fixture;
}

static void free_fixture(Fixture *fixture)
{
    command_done(&fixture->sent);
    engine_done(&fixture->engine);
    plan_free(fixture->plan);
    free(fixture);
}

static uint32_t find_step(const Fixture *fixture, StepKind kind)
{
    uint32_t i = 0;

    while (fixture->plan->steps[i].kind != kind)
        i++;
    return i;
}

static ErrorKind apply(Fixture *fixture, EventKind kind, uint32_t step, uint64_t number)
{
    Event event = { .serial = fixture->engine.run.serial + 1,
        .kind = kind,
        .step = step,
        .number = number,
        .time_ms = fixture->now,
        .error = ERROR_DATABASE };
    Error error = { 0 };

    return engine_replay(&fixture->engine, &event, &error) ? ERROR_NONE : error.kind;
}

/* Answers all that is under way with `state`, until the engine waits for something else. */
static Action answer_all(Fixture *fixture, ResultState state, ErrorKind kind)
{
    Action action = { 0 };
    Error error = { 0 };

    for (unsigned round = 0; round < 1000; round++) {
        bool answered = false;

        assert_true(engine_advance(&fixture->engine, &action, &error));
        if (action.kind != ACTION_WAIT)
            return action;
        for (uint32_t i = 0; i < fixture->plan->step_count; i++) {
            const RunStep *step = &fixture->engine.run.steps[i];
            COMMAND_RESULT_AUTO(result);

            if (step->state != STEP_RUNNING && step->state != STEP_UNDOING)
                continue;
            result.id = (CommandId){ "r1", i + 1, step->attempt };
            if (fixture->plan->steps[i].kind >= fixture->good_before) {
                result.state = state;
                result.error.kind = kind;
            }
            assert_true(engine_on_result(&fixture->engine, &result, &error));
            answered = true;
        }
        if (!answered)
            fixture->now += action.wait_ms;
    }
    fail_msg("no end");
    return action;
}

static ErrorKind request(Fixture *fixture, EventKind kind, uint32_t step)
{
    EVENT_AUTO(event);
    Error error = { 0 };

    event.kind = kind;
    event.step = step;
    return engine_request(&fixture->engine, &event, &error) ? ERROR_NONE : error.kind;
}

static void a_journal_that_cannot_be_is_refused(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    Event event = { .serial = 7, .kind = EVENT_RUN_STARTED };
    Error error = { 0 };
    uint32_t first = find_step(fixture, STEP_CHECK_STAGING);
    uint32_t stop = find_step(fixture, STEP_STOP_SERVER);

    (void)state;
    assert_false(run_apply(&fixture->engine.run, &event, &error)); /* a gap */
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_KIND_COUNT, 0, 0), ERROR_CORRUPT);
    assert_true(fixture->engine.run.started);
    assert_int_equal(apply(fixture, EVENT_RUN_STARTED, EVENT_NO_STEP, 0), ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_LEAD_TAKEN, EVENT_NO_STEP, 3), ERROR_NONE);
    assert_int_equal(apply(fixture, EVENT_LEAD_TAKEN, EVENT_NO_STEP, 3), ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, 9999, 1), ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, stop, 1), ERROR_CORRUPT);  /* too early */
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, first, 2), ERROR_CORRUPT); /* attempt */
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, first, 1), ERROR_NONE);
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, first, 2), ERROR_CORRUPT); /* runs */
    assert_int_equal(apply(fixture, EVENT_UNDO_STARTED, first, 2), ERROR_CORRUPT); /* no abort */
    assert_int_equal(apply(fixture, EVENT_STEP_DONE, first, 0), ERROR_NONE);
    assert_int_equal(apply(fixture, EVENT_STEP_DONE, first, 0), ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_STEP_FAILED, first, 0), ERROR_CORRUPT);
    assert_int_equal(fixture->engine.run.steps[first].error, ERROR_NONE); /* nothing was changed */
    assert_int_equal(apply(fixture, EVENT_RUN_DONE, EVENT_NO_STEP, 0), ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_RUN_ABORTED, EVENT_NO_STEP, 0), ERROR_CORRUPT);
    assert_int_equal(apply(fixture, EVENT_CHECK_BYPASSED, EVENT_NO_STEP, 0), ERROR_NONE);
    free_fixture(fixture);
}

static void a_run_begins_with_its_bypasses_or_not_at_all(void **state)
{
    PlanStep step = { STEP_GATE_QUIET, "c", "", NULL, 0 };
    Plan plan = { .steps = &step, .step_count = 1 };
    Event event = { .serial = 1, .kind = EVENT_CHECK_BYPASSED, .step = EVENT_NO_STEP };
    Error error = { 0 };
    RUN_AUTO(run);

    (void)state;
    run_init(&run, &plan);
    assert_true(run_apply(&run, &event, &error));
    event = (Event){ .serial = 2, .kind = EVENT_LEAD_TAKEN, .number = 1 };
    assert_false(run_apply(&run, &event, &error)); /* the next bypass may have been lost */
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    event.kind = EVENT_RUN_STARTED;
    error = (Error){ 0 };
    assert_true(run_apply(&run, &event, &error));
    event = (Event){ .serial = 3, .kind = EVENT_LEAD_TAKEN, .number = 1 };
    assert_true(run_apply(&run, &event, &error));
}

static void both_strategies_reach_the_end_when_confirmed(void **state)
{
    (void)state;
    for (Strategy strategy = 0; strategy < STRATEGY_REHEARSAL; strategy++) {
        Fixture *fixture = make_fixture(strategy, 3);
        Error error = { 0 };
        Action action;

        assert_true(engine_lead(&fixture->engine, 1, &error));
        action = answer_all(fixture, RESULT_DONE, ERROR_NONE);
        assert_int_equal(action.kind, ACTION_CONFIRM);
        assert_false(run_line_is_crossed(&fixture->engine.run));
        assert_int_equal(request(fixture, EVENT_LINE_CONFIRMED, EVENT_NO_STEP), ERROR_NONE);
        action = answer_all(fixture, RESULT_ALREADY, ERROR_NONE);
        assert_int_equal(action.kind, ACTION_NONE);
        assert_int_equal(fixture->engine.run.state, RUN_DONE);
        assert_true(run_line_is_crossed(&fixture->engine.run));
        assert_int_equal(
            request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_PRECONDITION);
        assert_int_equal(request(fixture, EVENT_LINE_CONFIRMED, EVENT_NO_STEP), ERROR_PRECONDITION);
        free_fixture(fixture);
    }
}

static void an_abort_takes_back_and_is_refused_behind_the_line(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 2);
    uint32_t line = find_step(fixture, STEP_CROSS_LINE);
    uint32_t folders = find_step(fixture, STEP_VERIFY_HOME) - 1; /* the last that has an undo */
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    action = answer_all(fixture, RESULT_DONE, ERROR_NONE);
    assert_int_equal(action.kind, ACTION_CONFIRM);
    assert_int_equal(action.step, line);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(apply(fixture, EVENT_UNDO_STARTED, folders, 99), ERROR_CORRUPT);
    action = answer_all(fixture, RESULT_FAILED, ERROR_DATABASE);
    assert_int_equal(action.kind, ACTION_HOLD); /* an undo is stuck */
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, folders), ERROR_NONE); /* it too */
    action = answer_all(fixture, RESULT_FAILED, ERROR_DATABASE);
    for (unsigned tries = 0; action.kind == ACTION_HOLD && tries < 100; tries++) {
        assert_int_equal(request(fixture, EVENT_RETRY_REQUESTED, action.step), ERROR_NONE);
        action = answer_all(fixture, RESULT_DONE, ERROR_NONE);
    }
    assert_int_equal(action.kind, ACTION_NONE);
    assert_int_equal(fixture->engine.run.state, RUN_ABORTED);
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, line, 1), ERROR_CORRUPT);
    free_fixture(fixture);

    fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    assert_true(engine_lead(&fixture->engine, 1, &error));
    (void)answer_all(fixture, RESULT_DONE, ERROR_NONE);
    assert_int_equal(request(fixture, EVENT_LINE_CONFIRMED, EVENT_NO_STEP), ERROR_NONE);
    fixture->good_before = STEP_MIGRATE_PRODUCTION;
    assert_int_equal(
        answer_all(fixture, RESULT_FAILED, ERROR_DATABASE).kind, ACTION_HOLD); /* the script */
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_PRECONDITION);
    free_fixture(fixture);
}

static void a_damaged_backup_holds_before_the_line(void **state)
{
    for (Strategy strategy = STRATEGY_DOCUMENTED; strategy <= STRATEGY_COPY_FIRST; strategy++) {
        Fixture *fixture = make_fixture(strategy, 1);
        Error error = { 0 };

        (void)state;
        assert_true(engine_lead(&fixture->engine, 1, &error));
        assert_int_equal(
            apply(fixture, EVENT_STEP_STARTED, find_step(fixture, STEP_VERIFY_DUMP), 1),
            ERROR_CORRUPT); /* without the word */
        assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_CONFIRM);
        assert_int_equal(request(fixture, EVENT_LINE_CONFIRMED, EVENT_NO_STEP), ERROR_NONE);
        assert_int_equal(answer_all(fixture, RESULT_FAILED, ERROR_MISMATCH).kind, ACTION_HOLD);
        assert_false(run_line_is_crossed(&fixture->engine.run));
        assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
        free_fixture(fixture);
    }
}

static void transient_failures_are_tried_again_and_then_held(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_COPY_FIRST, 1);
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    action = answer_all(fixture, RESULT_FAILED, ERROR_TIMEOUT);
    assert_int_equal(action.kind, ACTION_HOLD);
    assert_true(fixture->engine.run.steps[action.step].attempt > 1);
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, action.step), ERROR_PRECONDITION);
    action.step = find_step(fixture, STEP_MEASURE_TRAFFIC);
    assert_int_equal(fixture->engine.run.steps[action.step].state, STEP_FAILED);
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, action.step), ERROR_NONE);
    assert_int_equal(request(fixture, EVENT_RETRY_REQUESTED, action.step), ERROR_PRECONDITION);
    action.step = find_step(fixture, STEP_STOP_SERVER);
    assert_int_equal(request(fixture, EVENT_RETRY_REQUESTED, action.step), ERROR_PRECONDITION);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_NONE);
    assert_int_equal(fixture->engine.run.state, RUN_ABORTED); /* nothing was to be undone */
    free_fixture(fixture);
}

static void transient_undo_failures_are_tried_again(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_COPY_FIRST, 1);
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_CONFIRM);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    action = answer_all(fixture, RESULT_FAILED, ERROR_TIMEOUT);
    assert_int_equal(action.kind, ACTION_HOLD);
    assert_int_equal(fixture->engine.run.steps[action.step].state, STEP_STUCK);
    assert_true(fixture->engine.run.steps[action.step].backward > 1);
    free_fixture(fixture);
}

static void an_abort_waits_for_what_runs(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_true(engine_advance(&fixture->engine, &action, &error));
    assert_true(run_running(&fixture->engine.run) > 1);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_true(engine_advance(&fixture->engine, &action, &error));
    assert_int_equal(action.kind, ACTION_WAIT);
    free_fixture(fixture);
}

static void an_abort_cuts_short_what_takes_long_and_is_taken_back(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_true(engine_advance(&fixture->engine, &action, &error));
    engine_ask_again(&fixture->engine);
    assert_int_equal(fixture->cancelled[STEP_BACKUP_HOME], 0);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(fixture->cancelled[STEP_BACKUP_HOME], 2);
    assert_int_equal(fixture->cancelled[STEP_CHECK_STAGING], 0);
    engine_ask_again(&fixture->engine); /* the first may be lost */
    assert_int_equal(fixture->cancelled[STEP_BACKUP_HOME], 4);
    assert_int_equal(answer_all(fixture, RESULT_FAILED, ERROR_CANCELLED).kind, ACTION_NONE);
    assert_int_equal(fixture->engine.run.state, RUN_ABORTED);
    free_fixture(fixture);
}

static void the_operators_word_is_tried_whatever_else_holds(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    uint32_t second = find_step(fixture, STEP_BACKUP_HOME) + 1;
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    action = answer_all(fixture, RESULT_FAILED, ERROR_DATABASE);
    assert_int_equal(action.kind, ACTION_HOLD);
    assert_int_not_equal(action.step, second);
    assert_int_equal(request(fixture, EVENT_RETRY_REQUESTED, second), ERROR_NONE);
    assert_true(engine_advance(&fixture->engine, &action, &error));
    assert_int_equal(fixture->engine.run.steps[second].state, STEP_RUNNING);
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_HOLD);
    assert_int_equal(fixture->engine.run.steps[second].state, STEP_DONE);
    free_fixture(fixture);
}

/* Ends well what is under way on all other agents, and says what is waited for then. */
static Action answer_all_but(Fixture *fixture, const char *lost)
{
    Action action = { 0 };
    Error error = { 0 };
    bool answered;

    do {
        answered = false;
        assert_true(engine_advance(&fixture->engine, &action, &error));
        for (uint32_t i = 0; i < fixture->plan->step_count; i++) {
            COMMAND_RESULT_AUTO(result);

            if (!run_step_is_under_way(&fixture->engine.run, i) ||
                strcmp(fixture->plan->steps[i].agent, lost) == 0)
                continue;
            result.id = (CommandId){ "r1", i + 1, fixture->engine.run.steps[i].attempt };
            assert_true(engine_on_result(&fixture->engine, &result, &error));
            answered = true;
        }
    } while (answered);
    return action;
}

static void an_abort_leaves_a_lost_host_behind(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    uint32_t check = find_step(fixture, STEP_CHECK_STAGING);
    Error error = { 0 };
    unsigned skips = 0;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_CONFIRM);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, check), ERROR_PRECONDITION);
    while (answer_all_but(fixture, "a1").kind == ACTION_WAIT)
        for (uint32_t i = 0; i < fixture->plan->step_count; i++)
            if (run_step_is_under_way(&fixture->engine.run, i)) {
                assert_string_equal(fixture->plan->steps[i].agent, "a1");
                assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, i), ERROR_NONE);
                skips++;
            }
    assert_int_equal(fixture->engine.run.state, RUN_ABORTED);
    assert_int_equal(skips, 3); /* folders, configuration, the old server */
    free_fixture(fixture);
}

static void an_abort_leaves_no_database_behind(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    uint32_t check = find_step(fixture, STEP_CHECK_STAGING);
    uint32_t lock = find_step(fixture, STEP_LOCK_ACCOUNTS);
    Error error = { 0 };
    Action action;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_CONFIRM);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(answer_all_but(fixture, "db").kind, ACTION_WAIT);
    assert_int_equal(fixture->engine.run.steps[lock].state, STEP_UNDOING);
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, lock), ERROR_PRECONDITION);
    free_fixture(fixture);

    fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_true(engine_advance(&fixture->engine, &action, &error));
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, check), ERROR_PRECONDITION);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(request(fixture, EVENT_SKIP_REQUESTED, check), ERROR_NONE); /* it only reads */
    free_fixture(fixture);
}

/* Not since it was done: hours may lie between the stop and the abort. */
static void taking_back_is_timed_by_itself(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    const RunStep *lock = &fixture->engine.run.steps[find_step(fixture, STEP_LOCK_ACCOUNTS)];
    int64_t abort_ms;
    Error error = { 0 };

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_CONFIRM);
    assert_true(lock->started_ms > 0);
    assert_int_equal(run_step_began_ms(lock), lock->started_ms);
    fixture->now += 3600 * 1000;
    abort_ms = fixture->now;
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    (void)answer_all(fixture, RESULT_DONE, ERROR_NONE);
    assert_int_equal(lock->state, STEP_UNDONE);
    assert_true(run_step_began_ms(lock) >= abort_ms);
    assert_true(lock->ended_ms >= run_step_began_ms(lock));
    free_fixture(fixture);
}

static void what_may_be_skipped_leaves_nothing_to_take_back(void **state)
{
    (void)state;
    for (StepKind kind = 0; kind < STEP_KIND_COUNT; kind++)
        if (step_spec(kind)->may_skip)
            assert_int_equal(step_spec(kind)->undo, COMMAND_NONE);
}

static void a_broken_journal_stops_everything_before_the_act(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    Error error = { 0 };
    Action action;

    (void)state;
    fixture->broken = true;
    assert_false(engine_lead(&fixture->engine, 1, &error));
    fixture->broken = false;
    error = (Error){ 0 };
    assert_true(engine_lead(&fixture->engine, 1, &error));
    fixture->broken = true;
    assert_false(engine_advance(&fixture->engine, &action, &error));
    assert_int_equal(error.kind, ERROR_IO);
    assert_int_equal(fixture->sent_count, 0);
    free_fixture(fixture);
}

static void a_new_leader_sends_again_and_ends_open_gates(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    Error error = { 0 };
    Action action;
    unsigned before;
    uint32_t gate = find_step(fixture, STEP_GATE_READY_TO_STOP);

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_true(engine_advance(&fixture->engine, &action, &error));
    before = fixture->sent_count;
    assert_true(engine_lead(&fixture->engine, 2, &error));
    assert_int_equal(fixture->sent_count, 2 * before);
    assert_int_equal(fixture->sent.epoch, 2);
    engine_on_agent_up(&fixture->engine, "nobody");
    assert_int_equal(fixture->sent_count, 2 * before);
    engine_on_agent_up(&fixture->engine, "db");
    assert_true(fixture->sent_count > 2 * before);
    for (uint32_t i = 0; i < gate; i++)
        if (fixture->engine.run.steps[i].state == STEP_RUNNING)
            assert_int_equal(apply(fixture, EVENT_STEP_DONE, i, 0), ERROR_NONE);
    assert_int_equal(apply(fixture, EVENT_STEP_STARTED, gate, 1), ERROR_NONE);
    fixture->writes_left = 2; /* the lead is written, the end of the gate is not */
    assert_false(engine_lead(&fixture->engine, 3, &error));
    fixture->broken = false;
    error = (Error){ 0 };
    assert_true(engine_lead(&fixture->engine, 4, &error));
    assert_int_equal(fixture->engine.run.steps[gate].state, STEP_DONE);
    free_fixture(fixture);
}

static void answers_that_nobody_waits_for_change_nothing(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_DOCUMENTED, 1);
    CommandResult result = { .id = { "r1", 1, 1 }, .state = RESULT_DONE };
    Error error = { 0 };
    Action action;
    uint64_t serial;

    (void)state;
    assert_true(engine_lead(&fixture->engine, 4, &error));
    assert_true(engine_advance(&fixture->engine, &action, &error));
    serial = fixture->engine.run.serial;
    result.id.step = 0;
    assert_true(engine_on_result(&fixture->engine, &result, &error));
    result.id = (CommandId){ "r2", 1, 1 };
    assert_true(engine_on_result(&fixture->engine, &result, &error));
    result.id = (CommandId){ "r1", 1, 9 };
    assert_true(engine_on_result(&fixture->engine, &result, &error));
    result.id = (CommandId){ "r1", 1, 1 };
    assert_true(engine_on_refusal(&fixture->engine, &result.id, 3, "an old epoch", &error));
    assert_int_equal(fixture->engine.run.serial, serial);
    assert_true(engine_on_refusal(&fixture->engine, &result.id, 4, "no such node", &error));
    assert_int_equal(fixture->engine.run.steps[0].state, STEP_FAILED);
    assert_int_equal(fixture->engine.run.steps[0].error, ERROR_REFUSED);
    free_fixture(fixture);
}

static void commands_carry_what_their_kind_takes(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED, 3);

    (void)state;
    for (CommandKind kind = COMMAND_NONE + 1; kind < COMMAND_KIND_COUNT; kind++) {
        bool database = command_target(kind) == TARGET_DATABASE;
        Command command = { .kind = kind, .id = { "r1", 1, 1 }, .cluster = "c" };
        Error error = { 0 };

        (void)snprintf(command.target, sizeof(command.target), "%s", database ? "users" : "n1");
        command.deadline_s = planner_deadline_s(&inventory, kind);
        planner_inspect_args(&inventory, kind, command.target, "SELECT 1;", &command.args);
        assert_true(command_check(&command, &error));
        if (command_takes(kind, ARG_SCRIPT))
            assert_string_equal(facts_get(&command.args, ARG_SCRIPT), "SELECT 1;");
        command_done(&command);
    }
}

static void sides_and_scripts_follow_the_step(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED, 3);
    PlanStep production = { .kind = STEP_MIGRATE_PRODUCTION, .target = "users", .agent = "db" };
    PlanStep staging = { .kind = STEP_MIGRATE_STAGING, .target = "registry", .agent = "db" };
    FACTS_AUTO(first);
    FACTS_AUTO(second);

    (void)state;
    planner_command_args(&inventory, &production, COMMAND_MIGRATE_DATABASE, "S;", &first);
    assert_string_equal(facts_get(&first, ARG_SIDE), "production");
    assert_string_equal(facts_get(&first, ARG_SCRIPT), "S;");
    planner_command_args(&inventory, &staging, COMMAND_MIGRATE_DATABASE, "S;", &second);
    assert_string_equal(facts_get(&second, ARG_SIDE), "staging");
    assert_null(facts_get(&second, ARG_SCRIPT)); /* no script of the operator for this one */
}

static void all_accounts_are_named_and_the_main_one_first(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED, 3);
    PlanStep lock = { .kind = STEP_LOCK_ACCOUNTS, .target = "registry", .agent = "db" };
    FACTS_AUTO(args);

    (void)state;
    planner_command_args(&inventory, &lock, COMMAND_LOCK_ACCOUNTS, NULL, &args);
    assert_int_equal(args.count, 3);
    assert_string_equal(args.items[0].value, "carbon");
    assert_string_equal(args.items[1].value, "reports");
    assert_string_equal(args.items[2].name, ARG_WATCHED);
    assert_string_equal(args.items[2].value, "carbon");
}

static void plans_are_the_same_for_the_same_inventory_and_managers_start_first(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_COPY_FIRST, 2);
    AUTO(Plan) *one = planner_make_plan(&inventory);
    AUTO(Plan) *two = planner_make_plan(&inventory);
    size_t first = 0;

    (void)state;
    assert_int_equal(one->step_count, two->step_count);
    for (size_t i = 0; i < one->step_count; i++) {
        AUTO_TEXT *label = plan_step_label(one, i);
        AUTO_TEXT *same = plan_step_label(two, i);

        assert_string_equal(label, same);
        assert_int_equal(one->steps[i].wait_count, two->steps[i].wait_count);
    }
    while (one->steps[first].kind != STEP_START_SERVER)
        first++;
    assert_string_equal(one->steps[first].target, "n2");
    assert_string_equal(one->steps[first + 1].target, "n1");
    assert_int_equal(one->steps[first + 1].waits_for[one->steps[first + 1].wait_count - 1], first);
}

static void a_plan_that_cannot_be_is_refused(void **state)
{
    static const uint32_t itself[] = { 0 }, order[] = { 1, 0 };
    PlanStep steps[] = { { STEP_GATE_QUIET, "c", "", itself, 0 },
        { STEP_GATE_QUIET, "c", "", itself, 1 }, { STEP_GATE_QUIET, "c", "", order, 2 } };
    Plan plan = { .steps = steps, .step_count = 0 };
    Error error = { 0 };

    (void)state;
    assert_false(plan_check(&plan, &error));
    plan.step_count = 2;
    error = (Error){ 0 };
    assert_true(plan_check(&plan, &error));
    plan.step_count = 3;
    assert_false(plan_check(&plan, &error));
    steps[0].wait_count = 1;
    error = (Error){ 0 };
    assert_false(plan_check(&plan, &error));
    steps[0].wait_count = 0;
    steps[0].agent = "somebody"; /* a gate belongs to nobody */
    error = (Error){ 0 };
    assert_false(plan_check(&plan, &error));
    plan_free(NULL);
}

static void a_plan_without_a_line_is_never_crossed(void **state)
{
    PlanStep step = { STEP_GATE_QUIET, "c", "", NULL, 0 };
    Plan plan = { .steps = &step, .step_count = 1 };
    RUN_AUTO(run);

    (void)state;
    run_init(&run, &plan);
    assert_false(run_line_is_crossed(&run));
}

static void a_rehearsal_stops_locks_and_crosses_nothing(void **state)
{
    Inventory inventory = make_inventory(STRATEGY_DOCUMENTED, 2);
    AUTO(Plan) *plan = planner_make_rehearsal(&inventory);
    Error error = { 0 };

    (void)state;
    assert_true(plan_check(plan, &error));
    assert_int_equal(plan->strategy, STRATEGY_REHEARSAL);
    assert_int_equal(plan->step_count, 10);
    for (size_t i = 0; i < plan->step_count; i++) {
        const StepSpec *spec = step_spec(plan->steps[i].kind);

        assert_int_equal(spec->scope, SCOPE_DATABASE);
        assert_null(spec->irreversible);
        assert_true(
            spec->command == COMMAND_CHECK_STAGING || spec->command >= COMMAND_REHEARSE_BACKUP);
    }
}

static void a_rehearsal_that_fails_is_dropped(void **state)
{
    Fixture *fixture = make_fixture(STRATEGY_REHEARSAL, 3);
    Error error = { 0 };

    (void)state;
    assert_true(engine_lead(&fixture->engine, 1, &error));
    assert_int_equal(answer_all(fixture, RESULT_FAILED, ERROR_DATABASE).kind, ACTION_HOLD);
    assert_int_equal(request(fixture, EVENT_ABORT_REQUESTED, EVENT_NO_STEP), ERROR_NONE);
    assert_int_equal(answer_all(fixture, RESULT_DONE, ERROR_NONE).kind, ACTION_NONE);
    assert_int_equal(fixture->engine.run.state, RUN_ABORTED);
    free_fixture(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_that_cannot_be_is_refused),
        cmocka_unit_test(a_run_begins_with_its_bypasses_or_not_at_all),
        cmocka_unit_test(both_strategies_reach_the_end_when_confirmed),
        cmocka_unit_test(an_abort_takes_back_and_is_refused_behind_the_line),
        cmocka_unit_test(a_damaged_backup_holds_before_the_line),
        cmocka_unit_test(transient_failures_are_tried_again_and_then_held),
        cmocka_unit_test(transient_undo_failures_are_tried_again),
        cmocka_unit_test(an_abort_waits_for_what_runs),
        cmocka_unit_test(an_abort_cuts_short_what_takes_long_and_is_taken_back),
        cmocka_unit_test(the_operators_word_is_tried_whatever_else_holds),
        cmocka_unit_test(an_abort_leaves_a_lost_host_behind),
        cmocka_unit_test(an_abort_leaves_no_database_behind),
        cmocka_unit_test(taking_back_is_timed_by_itself),
        cmocka_unit_test(what_may_be_skipped_leaves_nothing_to_take_back),
        cmocka_unit_test(a_broken_journal_stops_everything_before_the_act),
        cmocka_unit_test(a_new_leader_sends_again_and_ends_open_gates),
        cmocka_unit_test(answers_that_nobody_waits_for_change_nothing),
        cmocka_unit_test(commands_carry_what_their_kind_takes),
        cmocka_unit_test(sides_and_scripts_follow_the_step),
        cmocka_unit_test(all_accounts_are_named_and_the_main_one_first),
        cmocka_unit_test(plans_are_the_same_for_the_same_inventory_and_managers_start_first),
        cmocka_unit_test(a_plan_that_cannot_be_is_refused),
        cmocka_unit_test(a_plan_without_a_line_is_never_crossed),
        cmocka_unit_test(a_rehearsal_stops_locks_and_crosses_nothing),
        cmocka_unit_test(a_rehearsal_that_fails_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
