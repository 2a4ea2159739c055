/* The rules of obeying, each against a ledger in memory that works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/core/obey.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define ROWS 8

typedef struct Row {
    CommandId id;
    CommandKind kind;
    uint64_t epoch;
    bool finished;
    CommandResult result;
} Row;

typedef struct Ledger {
    Row rows[ROWS];
    size_t count;
    uint64_t epoch;
    bool broken; /* every write fails */
    bool unreadable;
    bool runs; /* whatever is asked for is running */
} Ledger;

static Row *row_of(Ledger *ledger, const CommandId *id)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (command_id_equal(&ledger->rows[i].id, id))
            return &ledger->rows[i];
    return NULL;
}

static bool is_overtaken(const Ledger *ledger, const Command *command)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (obey_overtakes(&ledger->rows[i].id, ledger->rows[i].kind, command))
            return true;
    return false;
}

static bool has_rival(const Ledger *ledger, const Command *command)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (command->epoch > 0 && ledger->rows[i].epoch == command->epoch &&
            strcmp(ledger->rows[i].id.run, command->id.run) != 0)
            return true;
    return false;
}

static LedgerLookup find(void *self, const Command *command, CommandResult *ret, Error *error)
{
    Ledger *ledger = self;
    Row *row = row_of(ledger, &command->id);

    if (ledger->unreadable) {
        (void)error_set(error, ERROR_IO, "the ledger cannot be read");
        return LEDGER_FAILED;
    }
    if (row && row->kind != command->kind)
        return LEDGER_OTHER;
    if ((!row || !row->finished) && is_overtaken(ledger, command))
        return LEDGER_OVERTAKEN;
    if ((!row || !row->finished) && has_rival(ledger, command))
        return LEDGER_RIVAL;
    if (!row)
        return LEDGER_UNKNOWN;
    if (!row->finished)
        return LEDGER_ACCEPTED;
    command_result_copy(ret, &row->result);
    return LEDGER_FINISHED;
}

static bool write_fails(const Ledger *ledger, Error *error)
{
    return ledger->broken && !error_set(error, ERROR_IO, "the disk is full");
}

static bool accept(void *self, const Command *command, Error *error)
{
    Ledger *ledger = self;

    if (write_fails(ledger, error))
        return false;
    assert_null(row_of(ledger, &command->id));
    assert_true(ledger->count < ROWS);
    ledger->rows[ledger->count++] =
        (Row){ .id = command->id, .kind = command->kind, .epoch = command->epoch };
    return true;
}

static bool finish(void *self, const CommandResult *result, Error *error)
{
    Ledger *ledger = self;
    Row *row = row_of(ledger, &result->id);

    if (write_fails(ledger, error))
        return false;
    assert_non_null(row);
    row->finished = true;
    command_result_copy(&row->result, result);
    return true;
}

static bool get_epoch(void *self, uint64_t *ret, Error *error)
{
    const Ledger *ledger = self;

    if (ledger->unreadable)
        return error_set(error, ERROR_IO, "the ledger cannot be read");
    *ret = ledger->epoch;
    return true;
}

static bool set_epoch(void *self, uint64_t epoch, Error *error)
{
    Ledger *ledger = self;

    if (write_fails(ledger, error))
        return false;
    ledger->epoch = epoch;
    return true;
}

static bool is_running(void *runner, const CommandId *id)
{
    const Ledger *ledger = runner;

    (void)id;
    return ledger->runs;
}

typedef struct Agent {
    AgentNode node;
    AgentDatabase database;
    AgentConfig config;
    Ledger ledger;
    AgentLedgerIo io;
    Obey obey;
} Agent;

static int make_agent(void **state)
{
    Agent *agent = memory_new(sizeof(*agent));

    *agent = (Agent){ .node = { .name = "node1" }, .database = { .name = "userdb" } };
    agent->config = (AgentConfig){ .cluster = "orders",
        .name = "node1",
        .nodes = &agent->node,
        .node_count = 1,
        .databases = &agent->database,
        .database_count = 1 };
    agent->io = (AgentLedgerIo){ &agent->ledger, find, accept, finish, get_epoch, set_epoch };
    agent->obey = (Obey){ &agent->config, &agent->io, &agent->ledger, is_running };
    *state = agent;
    return 0;
}

static int free_agent(void **state)
{
    Agent *agent = *state;

    for (size_t i = 0; i < agent->ledger.count; i++)
        command_result_done(&agent->ledger.rows[i].result);
    free(agent);
    return 0;
}

static Command a_command(CommandKind kind, const char *target, uint64_t epoch)
{
    Command command = { .kind = kind,
        .id = { .run = "r1", .step = 4, .attempt = 1 },
        .epoch = epoch,
        .cluster = "orders",
        .deadline_s = 60 };

    assert_true(text_copy(command.target, sizeof(command.target), target));
    return command;
}

static ObeyMove asked(Agent *agent, const Command *command, Error *error)
{
    CommandResult result = { 0 };
    ObeyMove move = obey_command(&agent->obey, command, &result, error);

    assert_true((move == OBEY_REFUSE) == (error->kind != ERROR_NONE));
    command_result_done(&result);
    return move;
}

static void assert_refused(Agent *agent, const Command *command, ErrorKind kind, const char *words)
{
    size_t rows = agent->ledger.count;
    Error error = { 0 };

    assert_int_equal(asked(agent, command, &error), OBEY_REFUSE);
    assert_int_equal(error.kind, kind);
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
    assert_int_equal(agent->ledger.count, rows);
}

static void an_unknown_command_is_accepted_and_runs(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    assert_int_equal(agent->ledger.count, 1);
    assert_int_equal(agent->ledger.epoch, 3);
}

static void a_command_that_runs_is_waited_for(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    agent->ledger.runs = true;
    assert_int_equal(asked(agent, &command, &error), OBEY_WAIT);
    assert_int_equal(agent->ledger.count, 1);
}

static void a_command_during_which_the_agent_died_runs_again(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    assert_int_equal(agent->ledger.count, 1);
}

static void a_finished_command_is_answered_and_not_run(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    COMMAND_RESULT_AUTO(ended);
    COMMAND_RESULT_AUTO(answer);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    ended.id = command.id;
    ended.state = RESULT_FAILED;
    (void)error_set(&ended.error, ERROR_TIMEOUT, "it took too long");
    facts_add(&ended.evidence, "pid", "4711");
    assert_true(obey_finish(&agent->obey, &ended, &error));
    assert_int_equal(obey_command(&agent->obey, &command, &answer, &error), OBEY_ANSWER);
    assert_int_equal(answer.state, RESULT_FAILED);
    assert_string_equal(answer.error.text, "it took too long");
    assert_string_equal(facts_get(&answer.evidence, "pid"), "4711");
}

static void a_finished_command_of_a_new_leader_is_answered_too(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    COMMAND_RESULT_AUTO(ended);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    ended.id = command.id;
    assert_true(obey_finish(&agent->obey, &ended, &error));
    command.epoch = 4;
    assert_int_equal(asked(agent, &command, &error), OBEY_ANSWER);
    assert_int_equal(agent->ledger.epoch, 4);
}

static void the_next_attempt_is_another_command(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    command.id.attempt = 2;
    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    assert_int_equal(agent->ledger.count, 2);
}

static void an_attempt_behind_a_later_one_never_begins(void **state)
{
    Agent *agent = *state;
    Command stop = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    Command start = a_command(COMMAND_START_OLD_SERVER, "node1", 3);
    Error error = { 0 };

    start.id.attempt = 2;
    assert_int_equal(asked(agent, &start, &error), OBEY_RUN);
    assert_refused(agent, &stop, ERROR_REFUSED, "behind a later attempt");
    start.id.step++; /* another step is taken back */
    assert_int_equal(asked(agent, &start, &error), OBEY_RUN);
}

static void a_run_that_is_taken_back_goes_forward_no_more_but_the_next_does(void **state)
{
    Agent *agent = *state;
    Command clear = a_command(COMMAND_CLEAR_STAGING, "userdb", 3);
    Command migrate = a_command(COMMAND_MIGRATE_DATABASE, "userdb", 3);
    Error error = { 0 };

    assert_int_equal(asked(agent, &clear, &error), OBEY_RUN);
    migrate.id.step++;
    assert_refused(agent, &migrate, ERROR_REFUSED, "the abort of its run");
    assert_true(text_copy(migrate.id.run, sizeof(migrate.id.run), "r2"));
    assert_refused(agent, &migrate, ERROR_REFUSED, "two coordinators");
    migrate.epoch++;
    assert_int_equal(asked(agent, &migrate, &error), OBEY_RUN);
}

static void another_cluster_is_refused(void **state)
{
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 9);

    assert_true(text_copy(command.cluster, sizeof(command.cluster), "billing"));
    assert_refused(*state, &command, ERROR_REFUSED, "cluster is 'billing'");
    assert_int_equal(((Agent *)*state)->ledger.epoch, 0);
}

static void a_lower_epoch_is_refused_and_named(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);

    agent->ledger.epoch = 5;
    assert_refused(agent, &command, ERROR_REFUSED,
        "epoch 3 is lower than 5: another coordinator has taken the lead");
    assert_int_equal(agent->ledger.epoch, 5);
}

static void epoch_zero_may_look_and_not_touch(void **state)
{
    Agent *agent = *state;
    Command look = a_command(COMMAND_INSPECT_NODE, "node1", 0);
    Command touch = a_command(COMMAND_STOP_OLD_SERVER, "node1", 0);
    Error error = { 0 };

    agent->ledger.epoch = 5;
    assert_int_equal(asked(agent, &look, &error), OBEY_RUN);
    assert_int_equal(agent->ledger.epoch, 5);
    touch.id.step = 5;
    assert_refused(agent, &touch, ERROR_REFUSED, "needs an epoch above 0");
}

static void a_target_that_is_not_configured_is_refused(void **state)
{
    Command node = a_command(COMMAND_STOP_OLD_SERVER, "node2", 3);
    Command database = a_command(COMMAND_COPY_DATABASE, "node1", 3);
    Command swapped = a_command(COMMAND_STOP_OLD_SERVER, "userdb", 3);

    assert_refused(*state, &node, ERROR_REFUSED, "has no node 'node2'");
    assert_refused(*state, &database, ERROR_REFUSED, "has no database 'node1'");
    assert_refused(*state, &swapped, ERROR_REFUSED, "has no node 'userdb'");
}

static void a_malformed_command_is_refused_before_its_epoch_counts(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 9);

    command.deadline_s = 0;
    assert_refused(agent, &command, ERROR_INVALID, "deadline");
    command = a_command(COMMAND_NONE, "node1", 9);
    assert_refused(agent, &command, ERROR_INVALID, "unknown command");
    command = a_command(COMMAND_STOP_OLD_SERVER, "../etc", 9);
    assert_refused(agent, &command, ERROR_INVALID, "not valid");
    command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 9);
    facts_add(&command.args, "path", "/etc/passwd");
    assert_refused(agent, &command, ERROR_INVALID, "takes no argument 'path'");
    command_done(&command);
    assert_int_equal(agent->ledger.epoch, 0);
}

static void an_id_with_another_content_is_refused(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    Error error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    command.kind = COMMAND_START_OLD_SERVER;
    assert_refused(agent, &command, ERROR_REFUSED, "r1/4/1 is known with another content");
}

static void nothing_runs_that_the_ledger_did_not_keep(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);

    agent->ledger.broken = true;
    assert_refused(agent, &command, ERROR_IO, "disk is full");
    agent->ledger.epoch = 3; /* now it is the acceptance that fails */
    assert_refused(agent, &command, ERROR_IO, "disk is full");
    agent->ledger.broken = false;
    agent->ledger.unreadable = true;
    assert_refused(agent, &command, ERROR_IO, "cannot be read");
    command = a_command(COMMAND_INSPECT_NODE, "node1", 0);
    assert_refused(agent, &command, ERROR_IO, "cannot be read");
}

static void a_result_that_was_not_kept_may_not_be_sent(void **state)
{
    Agent *agent = *state;
    Command command = a_command(COMMAND_STOP_OLD_SERVER, "node1", 3);
    COMMAND_RESULT_AUTO(ended);
    Error broken = { 0 }, error = { 0 };

    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
    ended.id = command.id;
    agent->ledger.broken = true;
    assert_false(obey_finish(&agent->obey, &ended, &broken));
    agent->ledger.broken = false;
    assert_int_equal(asked(agent, &command, &error), OBEY_RUN);
}

static void a_greeting_with_a_higher_epoch_takes_the_lead(void **state)
{
    Agent *agent = *state;
    Error lower = { 0 }, other = { 0 }, error = { 0 };

    assert_true(obey_leader(&agent->obey, "orders", 7, &error));
    assert_int_equal(agent->ledger.epoch, 7);
    assert_true(obey_leader(&agent->obey, "orders", 7, &error));
    assert_true(obey_leader(&agent->obey, "orders", 0, &error));
    assert_false(obey_leader(&agent->obey, "orders", 6, &lower));
    assert_false(obey_leader(&agent->obey, "billing", 8, &other));
    assert_int_equal(agent->ledger.epoch, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_agent, free_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_command_is_accepted_and_runs),
        TEST(a_command_that_runs_is_waited_for),
        TEST(a_command_during_which_the_agent_died_runs_again),
        TEST(a_finished_command_is_answered_and_not_run),
        TEST(a_finished_command_of_a_new_leader_is_answered_too),
        TEST(the_next_attempt_is_another_command),
        TEST(an_attempt_behind_a_later_one_never_begins),
        TEST(a_run_that_is_taken_back_goes_forward_no_more_but_the_next_does),
        TEST(another_cluster_is_refused),
        TEST(a_lower_epoch_is_refused_and_named),
        TEST(epoch_zero_may_look_and_not_touch),
        TEST(a_target_that_is_not_configured_is_refused),
        TEST(a_malformed_command_is_refused_before_its_epoch_counts),
        TEST(an_id_with_another_content_is_refused),
        TEST(nothing_runs_that_the_ledger_did_not_keep),
        TEST(a_result_that_was_not_kept_may_not_be_sent),
        TEST(a_greeting_with_a_higher_epoch_takes_the_lead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
