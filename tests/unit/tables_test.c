/* Whole tables, not examples: steps, states, commands, events. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/core/event.h"
#include "coordinator/core/step_state.h"
#include "coordinator/core/step_table.h"

static void a_final_state_leads_nowhere(void **state)
{
    unsigned final = 0;

    (void)state;
    for (StepState from = 0; from < STEP_STATE_COUNT; from++) {
        assert_non_null(step_state_name(from));
        final += step_state_is_final(from);
        for (StepState to = 0; to < STEP_STATE_COUNT; to++)
            if (step_state_is_final(from))
                assert_false(step_state_allows(from, to));
    }
    assert_int_equal(final, 2); /* skipped, undone */
}

static void every_state_can_be_reached_from_pending(void **state)
{
    bool reached[STEP_STATE_COUNT] = { [STEP_PENDING] = true };

    (void)state;
    for (unsigned round = 0; round < STEP_STATE_COUNT; round++)
        for (StepState from = 0; from < STEP_STATE_COUNT; from++)
            for (StepState to = 0; to < STEP_STATE_COUNT; to++)
                reached[to] = reached[to] || (reached[from] && step_state_allows(from, to));
    for (StepState to = 0; to < STEP_STATE_COUNT; to++)
        assert_true(reached[to]);
}

static void every_step_can_be_taken_back_or_says_why_not(void **state)
{
    (void)state;
    for (StepKind kind = 0; kind < STEP_KIND_COUNT; kind++) {
        const StepSpec *spec = step_spec(kind);

        assert_non_null(spec->name);
        assert_non_null(spec->title);
        assert_int_equal(step_kind_from_name(spec->name), kind);
        assert_int_equal(step_kind_is_gate(kind), spec->command == COMMAND_NONE);
        assert_true(spec->undo != COMMAND_NONE || spec->harmless || spec->irreversible);
        assert_true(step_kind_is_gate(kind) || spec->attempts > 0);
        assert_true(spec->procedure_line <= 14);
        if (spec->undo != COMMAND_NONE)
            assert_int_equal(command_target(spec->undo), command_target(spec->command));
    }
    assert_int_equal(step_kind_from_name("no-such-step"), STEP_KIND_COUNT);
}

static void an_undo_takes_back_and_nothing_else_does(void **state)
{
    (void)state;
    for (StepKind kind = 0; kind < STEP_KIND_COUNT; kind++) {
        assert_false(command_takes_back(step_spec(kind)->command));
        if (step_spec(kind)->undo != COMMAND_NONE)
            assert_true(command_takes_back(step_spec(kind)->undo));
    }
}

static void every_line_of_the_procedure_has_a_step(void **state)
{
    bool covered[15] = { [5] = true }; /* the types are compared by check-staging and inspection */

    (void)state;
    for (StepKind kind = 0; kind < STEP_KIND_COUNT; kind++)
        covered[step_spec(kind)->procedure_line] = true;
    for (unsigned line = 1; line <= 14; line++)
        assert_true(covered[line]);
}

static void names_lead_there_and_back(void **state)
{
    (void)state;
    for (CommandKind kind = 0; kind < COMMAND_KIND_COUNT; kind++)
        assert_int_equal(command_from_name(command_name(kind)), kind);
    assert_int_equal(command_from_name("rm"), COMMAND_KIND_COUNT);
    assert_string_equal(command_name(COMMAND_KIND_COUNT), "unknown");
    for (EventKind kind = 0; kind < EVENT_KIND_COUNT; kind++)
        assert_int_equal(event_from_name(event_name(kind)), kind);
    assert_int_equal(event_from_name("nothing"), EVENT_KIND_COUNT);
    assert_string_equal(event_name(EVENT_KIND_COUNT), "unknown");
    for (ResultState result = 0; result < RESULT_STATE_COUNT; result++)
        assert_int_equal(result_state_from_name(result_state_name(result)), result);
    assert_int_equal(result_state_from_name(""), RESULT_STATE_COUNT);
    assert_string_equal(result_state_name(RESULT_STATE_COUNT), "unknown");
    for (ErrorKind kind = 0; kind < ERROR_KIND_COUNT; kind++)
        assert_int_equal(error_kind_from_name(error_kind_name(kind)), kind);
    assert_int_equal(error_kind_from_name("?"), ERROR_KIND_COUNT);
}

static void a_copied_event_stands_alone(void **state)
{
    EVENT_AUTO(event);
    Event copy;

    (void)state;
    event.kind = EVENT_STEP_DONE;
    facts_add(&event.evidence, "files", "12");
    event_copy(&copy, &event);
    event_done(&event);
    assert_string_equal(facts_get(&copy.evidence, "files"), "12");
    event_done(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_final_state_leads_nowhere),
        cmocka_unit_test(every_state_can_be_reached_from_pending),
        cmocka_unit_test(every_step_can_be_taken_back_or_says_why_not),
        cmocka_unit_test(an_undo_takes_back_and_nothing_else_does),
        cmocka_unit_test(every_line_of_the_procedure_has_a_step),
        cmocka_unit_test(names_lead_there_and_back),
        cmocka_unit_test(a_copied_event_stands_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
