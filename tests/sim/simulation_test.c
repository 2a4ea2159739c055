/*
 * The promise behind all others: whatever dies, whatever is lost, nothing is done twice, nothing is
 * done too early, and every run ends well or is taken back.
 *
 * DSS_SIM_RUNS (10000) and DSS_SIM_SEED (printed) choose the random schedules.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "tests/sim/sim.h"

static const SimSettings calm = { .seed = 1, .nodes = 2, .databases = 1 };

static SimOutcome run_well(const SimSettings *settings)
{
    SimOutcome outcome;

    sim_run(settings, &outcome);
    if (outcome.violation[0] != '\0')
        fail_msg("seed %llu, %s, %zu nodes, %zu databases, crash at %u, fail at %u, abort at "
                 "%lld: %s",
            (unsigned long long)settings->seed, strategy_name(settings->strategy), settings->nodes,
            settings->databases, settings->crash_at, settings->fail_at,
            (long long)settings->abort_at_ms, outcome.violation);
    return outcome;
}

static void calm_weather_upgrades_the_cluster(void **state)
{
    (void)state;
    for (Strategy strategy = 0; strategy < STRATEGY_COUNT; strategy++)
        for (size_t nodes = 1; nodes <= WORLD_NODES; nodes++) {
            SimSettings settings = calm;

            settings.strategy = strategy;
            settings.nodes = nodes;
            settings.databases = 1 + nodes % 2;
            assert_int_equal(run_well(&settings).state, RUN_DONE);
        }
}

static unsigned crash_everywhere(SimSettings settings, RunState end)
{
    SimOutcome outcome;

    settings.crash_at = 0;
    do {
        settings.crash_at++;
        outcome = run_well(&settings);
        assert_int_equal(outcome.state, end);
    } while (outcome.writes >= settings.crash_at);
    return settings.crash_at - 1;
}

static void a_crash_at_every_write_changes_nothing(void **state)
{
    (void)state;
    for (Strategy strategy = 0; strategy < STRATEGY_COUNT; strategy++) {
        SimSettings settings = calm;

        settings.strategy = strategy;
        print_message("%s: %u writes, each of them the last of its program\n",
            strategy_name(strategy), crash_everywhere(settings, RUN_DONE));
    }
}

static void a_crash_at_every_write_of_an_abort_changes_nothing(void **state)
{
    (void)state;
    for (Strategy strategy = 0; strategy < STRATEGY_REHEARSAL; strategy++) {
        SimSettings settings = calm;

        settings.strategy = strategy;
        settings.operator_aborts = true; /* when asked for his word */
        print_message("%s, aborted at the line: %u writes\n", strategy_name(strategy),
            crash_everywhere(settings, RUN_ABORTED));
    }
}

static void fail_everywhere(SimSettings settings)
{
    SimOutcome outcome;

    settings.fail_at = 0;
    do {
        settings.fail_at++;
        outcome = run_well(&settings);
    } while (outcome.acts >= settings.fail_at);
}

static void every_act_may_fail_once(void **state)
{
    (void)state;
    for (Strategy strategy = 0; strategy < STRATEGY_COUNT; strategy++)
        for (unsigned variant = 0; variant < 8; variant++) {
            SimSettings settings = calm;

            settings.strategy = strategy;
            settings.fail_kind = variant & 1 ? ERROR_TIMEOUT : ERROR_DATABASE;
            settings.fail_after = (variant & 2) != 0;
            settings.operator_aborts = (variant & 4) != 0;
            fail_everywhere(settings);
        }
}

static void an_abort_at_any_moment_brings_the_old_cluster_back_or_is_refused(void **state)
{
    unsigned aborted = 0, done = 0;

    (void)state;
    for (Strategy strategy = 0; strategy < STRATEGY_COUNT; strategy++)
        for (Millis at = 1; at < 400000; at += 500) {
            SimSettings settings = calm;
            SimOutcome outcome;

            settings.strategy = strategy;
            settings.abort_at_ms = at;
            outcome = run_well(&settings);
            aborted += outcome.state == RUN_ABORTED;
            done += outcome.state == RUN_DONE;
        }
    print_message("%u aborted, %u too late\n", aborted, done);
    assert_true(aborted > 100);
    assert_true(done > 100);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    unsigned long long number;

    return text && text_to_number(text, UINT64_MAX, &number) ? number : otherwise;
}

static SimSettings stormy(uint64_t seed)
{
    SimSettings settings = { .seed = seed,
        .nodes = 1 + seed % WORLD_NODES,
        .databases = 1 + seed / 4 % WORLD_DATABASES,
        .strategy = (Strategy)(seed / 8 % STRATEGY_COUNT),
        .loss = 50,
        .doubling = 100,
        .lateness = 50,
        .crash = 10,
        .failure = 20,
        .whims = 200,
        .silence = 20,
        .full = 5,
        .half = 300,
        .clock = 5 };

    if (seed % 3 == 0)
        settings.abort_at_ms = 1 + (Millis)(seed * 7919 % 600000);
    if (seed % 5 == 0) {
        settings.gone_at_ms = 1 + (Millis)(seed * 6007 % 600000);
        settings.gone = seed / 5 % (settings.nodes + 1);
    }
    return settings;
}

static void random_storms_end_well(void **state)
{
    uint64_t seed = number_from("DSS_SIM_SEED", (uint64_t)time(NULL) * 1000003);
    uint64_t runs = number_from("DSS_SIM_RUNS", 10000);
    uint64_t ends[2] = { 0, 0 }, events = 0;

    (void)state;
    print_message("DSS_SIM_SEED=%llu DSS_SIM_RUNS=%llu\n", (unsigned long long)seed,
        (unsigned long long)runs);
    for (uint64_t i = 0; i < runs; i++) {
        SimSettings settings = stormy(seed + i);
        SimOutcome outcome = run_well(&settings);

        ends[outcome.state == RUN_DONE]++;
        events += outcome.events;
    }
    print_message("%llu done, %llu aborted, %llu events\n", (unsigned long long)ends[1],
        (unsigned long long)ends[0], (unsigned long long)events);
}

/* The tests above are worth something only if they notice what is missing. */
static void what_is_taken_out_is_noticed(void **state)
{
    static const char *const names[] = { "nothing", "the ledger", "the probe", "write before act",
        "asking again", "the order of attempts" };

    (void)state;
    for (SimMutation mutation = SIM_WITHOUT_LEDGER; mutation < SIM_MUTATION_COUNT; mutation++) {
        SimOutcome outcome = { .violation = "" };
        uint64_t seed = 0;

        while (outcome.violation[0] == '\0' && seed < 2000) {
            SimSettings settings = stormy(++seed);

            settings.mutation = mutation;
            sim_run(&settings, &outcome);
        }
        print_message("without %s: seed %llu: %s\n", names[mutation], (unsigned long long)seed,
            outcome.violation);
        assert_true(outcome.violation[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm_weather_upgrades_the_cluster),
        cmocka_unit_test(a_crash_at_every_write_changes_nothing),
        cmocka_unit_test(a_crash_at_every_write_of_an_abort_changes_nothing),
        cmocka_unit_test(every_act_may_fail_once),
        cmocka_unit_test(an_abort_at_any_moment_brings_the_old_cluster_back_or_is_refused),
        cmocka_unit_test(what_is_taken_out_is_noticed),
        cmocka_unit_test(random_storms_end_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
