/*
 * Three goals about sessions: traffic is low, nobody but us is connected, and everybody has moved
 * from production to staging. All only look.
 *
 * Evidence: "~sessions" and "~statements-per-s"; "quiet-s" and "~waited-ms"; "production-sessions"
 * and "sessions-from:<address>". Statements are the server's Questions on MySQL and the database's
 * transactions on PostgreSQL.
 */

#include "agent/handlers/database/database_target.h"
#include "agent/handlers/database/session_list.h"
#include "agent/handlers/table.h"
#include "common/base/text.h"

#define POLL_MS    250
#define SHOWN_MAX  4  /* sessions named in a message */
#define SAMPLE_S   10 /* where the command says nothing */
#define QUIET_S    10
#define DEADLINE_S 120
#define LIMIT_MAX  UINT64_MAX

static bool comes_from_a_node(const Session *session, const Command *command)
{
    size_t position = 0;
    const Fact *address;

    while ((address = facts_each(&command->args, ARG_NODE_ADDRESS, &position)))
        if (session_is_from(session, address->value))
            return true;
    return false;
}

typedef bool Concern(const Session *session, const Command *command);

/* The sessions that are somebody's concern, in words: "3 sessions: …"; the caller frees. */
static char *words_of(
    const SessionList *list, const Command *command, Concern *concern, size_t *ret_count)
{
    TEXT_AUTO(text, ERROR_TEXT_MAX - 200);
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        AUTO_TEXT *words = NULL;

        if (!concern(&list->items[i], command))
            continue;
        if (++count > SHOWN_MAX)
            continue;
        words = session_words(&list->items[i]);
        text_add(&text, "%s%s%s", count > 1 ? "; " : "", words,
            comes_from_a_node(&list->items[i], command) ? "" : ", a host not in the inventory");
    }
    if (count > SHOWN_MAX)
        text_add(&text, "; and %zu more", count - SHOWN_MAX);
    *ret_count = count;
    return text_take(&text);
}

static bool anybody(const Session *session, const Command *command)
{
    (void)session;
    (void)command;
    return true;
}

static bool a_stranger(const Session *session, const Command *command)
{
    return !comes_from_a_node(session, command);
}

static bool an_old_server(const Session *session, const Command *command)
{
    return target_has_account(command, session->user) || comes_from_a_node(session, command);
}

/* low traffic */

static bool read_statements(Database *database, uint64_t *ret, Error *error)
{
    static const char *const queries[] = {
        [DATABASE_MYSQL] = "SELECT variable_value FROM information_schema.global_status"
                           " WHERE variable_name = 'QUESTIONS'",
        [DATABASE_POSTGRESQL] = "SELECT xact_commit + xact_rollback FROM pg_stat_database"
                                " WHERE datname = current_database()",
    };
    AUTO_TEXT *value = NULL;
    unsigned long long number = 0;
    Error first = { 0 };

    if (!database_value(database, queries[database_type(database)], &value, &first)) {
        /* MySQL 5.7 moved the table */
        if (database_type(database) != DATABASE_MYSQL || first.kind != ERROR_DATABASE) {
            *error = first;
            return false;
        }
        if (!database_value(database,
                "SELECT variable_value FROM performance_schema.global_status"
                " WHERE variable_name = 'Questions'",
                &value, error))
            return false;
    }
    if (!value || !text_to_number(value, LIMIT_MAX, &number))
        return error_set(error, ERROR_DATABASE, "the server does not count its statements");
    *ret = number;
    return true;
}

static bool count_sessions(Database *database, const Command *command, uint64_t *ret, Error *error)
{
    AUTO(SessionList) *list = NULL;

    if (!session_list_read(database, command, &list, error))
        return false;
    *ret = 0;
    for (size_t i = 0; i < list->count; i++)
        *ret += target_has_account(command, list->items[i].user);
    return true;
}

typedef struct Traffic {
    uint64_t sessions;   /* most seen at once */
    uint64_t statements; /* per second, without our own */
} Traffic;

static bool measure(
    AgentIo *io, Database *database, const Command *command, Traffic *ret, Error *error)
{
    uint64_t sample_s = facts_number(&command->args, ARG_SAMPLE_S, SAMPLE_S);
    uint64_t before = 0, after = 0, own = 1, sessions = 0;
    Millis started;

    *ret = (Traffic){ 0 };
    if (!read_statements(database, &before, error))
        return false;
    started = io->now(io->self);
    do {
        if (!count_sessions(database, command, &sessions, error))
            return false;
        own += database_type(database) == DATABASE_MYSQL ? 2 : 1;
        if (sessions > ret->sessions)
            ret->sessions = sessions;
        if (!io->pause(io->self, 1000, error))
            return false;
        io->progress(io->self, "seconds of traffic", (uint64_t)(io->now(io->self) - started) / 1000,
            sample_s);
    } while (io->now(io->self) - started < (Millis)sample_s * 1000);
    if (!read_statements(database, &after, error))
        return false;
    started = io->now(io->self) - started;
    after = after > before + own ? after - before - own : 0;
    ret->statements = after * 1000 / (uint64_t)(started > 0 ? started : 1);
    return true;
}

static bool probe_traffic(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *database = NULL;
    unsigned long long sessions_max = facts_number(&command->args, ARG_SESSIONS_MAX, LIMIT_MAX);
    unsigned long long statements_max = facts_number(&command->args, ARG_STATEMENTS_MAX, LIMIT_MAX);
    Traffic traffic;

    if (!target_open(io, command, SIDE_PRODUCTION, &database, error) ||
        !measure(io, database, command, &traffic, error))
        return false;
    facts_format(io->evidence, "~sessions", "%llu", (unsigned long long)traffic.sessions);
    facts_format(io->evidence, "~statements-per-s", "%llu", (unsigned long long)traffic.statements);
    if (traffic.sessions > sessions_max || traffic.statements > statements_max)
        return error_set(error, ERROR_PRECONDITION,
            "traffic on %s is not low: %llu sessions of %s (at most %llu), %llu statements per "
            "second (at most %llu): wait for a quieter time, or raise the limits in the inventory",
            command->target, (unsigned long long)traffic.sessions,
            facts_get_or(&command->args, ARG_ACCOUNT, "the account"), sessions_max,
            (unsigned long long)traffic.statements, statements_max);
    *ret_holds = true;
    return true;
}

/* nobody is connected */

typedef struct Quiet {
    Database *database;
    Millis started, deadline, quiet;
    Millis quiet_since;    /* nobody was seen since */
    Millis stranger_since; /* somebody from elsewhere was seen at every look since; -1: not */
} Quiet;

static bool hold_for(const Command *command, const char *words, size_t count, Error *error)
{
    return error_set(error, ERROR_PRECONDITION, "%zu session%s still at %s: %s", count,
        count == 1 ? " is" : "s are", command->target, words);
}

/* One look. *ret_done: quiet for long enough. Fails when there is no hope left. */
static bool look(AgentIo *io, const Command *command, Quiet *quiet, bool *ret_done, Error *error)
{
    AUTO(SessionList) *list = NULL;
    AUTO_TEXT *all = NULL;
    AUTO_TEXT *strangers = NULL;
    size_t count = 0, strange = 0;
    Millis now;

    if (!session_list_read(quiet->database, command, &list, error))
        return false;
    now = io->now(io->self);
    all = words_of(list, command, anybody, &count);
    strangers = words_of(list, command, a_stranger, &strange);
    io->progress(io->self, "sessions left", 0, count);
    if (count > 0)
        quiet->quiet_since = now;
    if (strange == 0)
        quiet->stranger_since = -1;
    else if (quiet->stranger_since < 0)
        quiet->stranger_since = now;
    *ret_done = count == 0 && now - quiet->quiet_since >= quiet->quiet;
    if (strange > 0 && now - quiet->stranger_since >= quiet->quiet)
        return hold_for(command, strangers, strange, error); /* no server of ours: it stays */
    if (!*ret_done && now >= quiet->deadline) {
        if (count > 0)
            return hold_for(command, all, count, error);
        return error_set(error, ERROR_PRECONDITION,
            "sessions come and go at %s: it was not quiet for %lld s", command->target,
            (long long)quiet->quiet / 1000);
    }
    return true;
}

static bool probe_quiet(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *database = NULL;
    unsigned long long quiet_s = facts_number(&command->args, ARG_QUIET_S, QUIET_S);
    unsigned long long deadline_s = facts_number(&command->args, ARG_DEADLINE_S, DEADLINE_S);
    Quiet quiet = { .stranger_since = -1 };
    bool done = false;

    if (!target_open(io, command, SIDE_PRODUCTION, &database, error))
        return false;
    quiet.database = database;
    quiet.started = quiet.quiet_since = io->now(io->self);
    quiet.quiet = (Millis)quiet_s * 1000;
    quiet.deadline =
        quiet.started + (Millis)(deadline_s > quiet_s ? deadline_s : quiet_s + 1) * 1000;
    while (true) {
        if (!look(io, command, &quiet, &done, error))
            return false;
        if (done)
            break;
        if (!io->pause(io->self, POLL_MS, error))
            return false;
    }
    facts_format(io->evidence, "quiet-s", "%llu", quiet_s);
    facts_format(
        io->evidence, "~waited-ms", "%lld", (long long)(io->now(io->self) - quiet.started));
    *ret_holds = true;
    return true;
}

/* everybody has moved */

static bool nobody_at_production(Database *database, const Command *command, Error *error)
{
    AUTO(SessionList) *list = NULL;
    AUTO_TEXT *words = NULL;
    size_t count = 0;

    if (!session_list_read(database, command, &list, error))
        return false;
    words = words_of(list, command, an_old_server, &count);
    return count == 0 || error_set(error, ERROR_PRECONDITION,
                             "production of %s still has %zu session%s of the servers: %s",
                             command->target, count, count == 1 ? "" : "s", words);
}

static size_t sessions_from(const SessionList *list, const char *address)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += session_is_from(&list->items[i], address);
    return count;
}

/* Fills `counts` with "sessions-from:<address>"; names the first node that is missing. */
static bool all_at_staging(Database *database, const Command *command, Facts *counts, Error *error)
{
    AUTO(SessionList) *list = NULL;
    const char *missing = NULL;
    size_t position = 0;
    const Fact *address;

    if (!session_list_read(database, NULL, &list, error))
        return false;
    while ((address = facts_each(&command->args, ARG_NODE_ADDRESS, &position))) {
        AUTO_TEXT *name = memory_format("sessions-from:%s", address->value);
        size_t count = sessions_from(list, address->value);

        facts_format(counts, name, "%zu", count);
        if (count == 0 && !missing)
            missing = address->value;
    }
    return !missing || error_set(error, ERROR_PRECONDITION,
                           "staging of %s has no session from %s: does the server there use the "
                           "new database?",
                           command->target, missing);
}

static bool probe_switched(AgentIo *io, const Command *command, bool *ret_holds, Error *error)
{
    AUTO(Database) *production = NULL;
    AUTO(Database) *staging = NULL;
    Millis deadline =
        io->now(io->self) + (Millis)facts_number(&command->args, ARG_DEADLINE_S, DEADLINE_S) * 1000;

    if (!target_open(io, command, SIDE_PRODUCTION, &production, error) ||
        !target_open(io, command, SIDE_STAGING, &staging, error))
        return false;
    while (true) {
        FACTS_AUTO(counts);
        Error why = { 0 };

        if (nobody_at_production(production, command, &why) &&
            all_at_staging(staging, command, &counts, &why)) {
            facts_add(io->evidence, "production-sessions", "0");
            for (size_t i = 0; i < counts.count; i++)
                facts_add(io->evidence, counts.items[i].name, counts.items[i].value);
            *ret_holds = true;
            return true;
        }
        if (why.kind != ERROR_PRECONDITION || io->now(io->self) >= deadline) {
            *error = why;
            return false;
        }
        if (!io->pause(io->self, POLL_MS, error))
            return false;
    }
}

const Handler handler_measure_traffic = {
    .goal = "traffic at the database is below the limits",
    .probe = probe_traffic,
};

const Handler handler_prove_quiet = {
    .goal = "nobody is connected to the old database",
    .probe = probe_quiet,
};

const Handler handler_prove_switched = {
    .goal = "all servers work on the new database and none on the old one",
    .probe = probe_switched,
};
