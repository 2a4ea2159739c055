/* Probe, apply, probe: nothing is believed done until it was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/core/handler.h"

/* A lamp that can be stuck, and eyes that can fail. */
typedef struct Lamp {
    bool lit, stuck, defect;
    unsigned looks, blind_at; /* the so-manieth look fails; 0: none does */
    unsigned switched;
} Lamp;

static bool look(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    Lamp *lamp = io->self;

    (void)command;
    if (++lamp->looks == lamp->blind_at)
        return error_set(error, ERROR_IO, "nothing can be seen");
    *ret_holds = lamp->lit;
    return true;
}

static bool light(AgentIo *io, const Command *command, Error *error)
{
    Lamp *lamp = io->self;

    (void)command;
    if (lamp->defect)
        return error_set(error, ERROR_COMMAND_FAILED, "the switch broke");
    lamp->switched++;
    lamp->lit = !lamp->stuck;
    return true;
}

static ErrorKind run(Lamp *lamp, const Handler *handler, ResultState *ret)
{
    AgentIo io = { .self = lamp };
    Command command = { .kind = COMMAND_STOP_OLD_SERVER };
    Error error = { 0 };

    return handler_run(handler, &io, &command, ret, &error) ? ERROR_NONE : error.kind;
}

static const Handler lighting = { "the lamp is lit", look, light };
static const Handler looking = { "the lamp is lit", look, NULL };

static void what_is_so_is_left_alone(void **state)
{
    Lamp lamp = { .lit = true };
    ResultState result = RESULT_FAILED;

    (void)state;
    assert_int_equal(run(&lamp, &lighting, &result), ERROR_NONE);
    assert_int_equal(result, RESULT_ALREADY);
    assert_int_equal(lamp.switched, 0);
}

static void what_is_not_so_is_done_and_seen(void **state)
{
    Lamp lamp = { .lit = false };
    ResultState result = RESULT_FAILED;

    (void)state;
    assert_int_equal(run(&lamp, &lighting, &result), ERROR_NONE);
    assert_int_equal(result, RESULT_DONE);
    assert_int_equal(lamp.looks, 2);
}

static void what_is_done_without_effect_has_failed(void **state)
{
    Lamp stuck = { .stuck = true }, defect = { .defect = true };
    ResultState result;

    (void)state;
    assert_int_equal(run(&stuck, &lighting, &result), ERROR_COMMAND_FAILED);
    assert_int_equal(run(&defect, &lighting, &result), ERROR_COMMAND_FAILED);
    assert_int_equal(defect.looks, 1);
}

static void what_cannot_be_seen_has_failed(void **state)
{
    ResultState result;

    (void)state;
    for (unsigned look_number = 1; look_number <= 2; look_number++) {
        Lamp lamp = { .blind_at = look_number };

        assert_int_equal(run(&lamp, &lighting, &result), ERROR_IO);
        assert_int_equal(lamp.switched, look_number - 1);
    }
}

static void a_goal_that_is_only_looked_at_holds_or_fails(void **state)
{
    Lamp dark = { .lit = false }, lit = { .lit = true };
    ResultState result;

    (void)state;
    assert_int_equal(run(&dark, &looking, &result), ERROR_PRECONDITION);
    assert_int_equal(run(&lit, &looking, &result), ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_so_is_left_alone),
        cmocka_unit_test(what_is_not_so_is_done_and_seen),
        cmocka_unit_test(what_is_done_without_effect_has_failed),
        cmocka_unit_test(what_cannot_be_seen_has_failed),
        cmocka_unit_test(a_goal_that_is_only_looked_at_holds_or_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
