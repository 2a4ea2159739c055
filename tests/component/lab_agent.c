#include "tests/component/lab_agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/clock.h"

#define ENTRIES     500
#define KEY_BYTES   200
#define VALUE_BYTES 16384
#define DEAD        77 /* exit code of a child that died where it should */

typedef struct Entry {
    char key[KEY_BYTES], value[VALUE_BYTES];
} Entry;

typedef struct Ledger {
    unsigned count, written, pauses;
    Entry entries[ENTRIES];
} Ledger;

struct LabAgent {
    const AgentConfig *config;
    const Profile *profile;
    Ledger *ledger; /* shared with children */
    unsigned dies_at;
    DeathPlace place;
};

LabAgent *lab_agent_new(const AgentConfig *config, const Profile *profile)
{
    LabAgent *agent = memory_new(sizeof(*agent));

    agent->config = config;
    agent->profile = profile;
    agent->ledger = mmap(NULL, sizeof(Ledger), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(agent->ledger != MAP_FAILED);
    return agent;
}

void lab_agent_free(LabAgent *agent)
{
    if (!agent)
        return;
    assert_int_equal(munmap(agent->ledger, sizeof(Ledger)), 0);
    free(agent);
}

static Entry *find(const LabAgent *agent, const char *key)
{
    for (unsigned i = 0; i < agent->ledger->count; i++)
        if (strcmp(agent->ledger->entries[i].key, key) == 0)
            return &agent->ledger->entries[i];
    return NULL;
}

static Millis now(void *self)
{
    (void)self;
    return clock_now();
}

static bool pause_for(void *self, Millis duration, Error *error)
{
    LabAgent *agent = self;

    (void)error;
    if (++agent->ledger->pauses == agent->dies_at && agent->place == DIES_AT_PAUSE)
        _exit(DEAD);
    if (duration > 0)
        (void)usleep((useconds_t)duration * 1000);
    return true;
}

static bool remember(void *self, const char *key, const char *value, Error *error)
{
    LabAgent *agent = self;
    Ledger *ledger = agent->ledger;
    Entry *entry = find(agent, key);

    const bool dies = ++ledger->written == agent->dies_at && agent->place != DIES_AT_PAUSE;

    if (dies && agent->place == DIES_BEFORE_WRITING)
        _exit(DEAD);
    if (!entry) {
        assert_true(ledger->count < ENTRIES);
        entry = &ledger->entries[ledger->count++];
    }
    if (!text_copy(entry->key, KEY_BYTES, key) || !text_copy(entry->value, VALUE_BYTES, value))
        return error_set(error, ERROR_IO, "the test's ledger has no room for %s", key);
    if (dies)
        _exit(DEAD);
    return true;
}

static bool recall(void *self, const char *key, char **ret, Error *error)
{
    const Entry *entry = find(self, key);

    (void)error;
    *ret = entry ? memory_text(entry->value) : NULL;
    return true;
}

static bool forget(void *self, const char *prefix, Error *error)
{
    Ledger *ledger = ((LabAgent *)self)->ledger;
    unsigned kept = 0;

    (void)error;
    for (unsigned i = 0; i < ledger->count; i++)
        if (strncmp(ledger->entries[i].key, prefix, strlen(prefix)) != 0) {
            if (kept != i)
                ledger->entries[kept] = ledger->entries[i];
            kept++;
        }
    ledger->count = kept;
    return true;
}

static void progress(void *self, const char *what, uint64_t done, uint64_t total)
{
    (void)self;
    (void)what;
    assert_true(done <= total);
}

AgentIo lab_agent_io(LabAgent *agent, Facts *evidence)
{
    return (AgentIo){
        .self = agent,
        .config = agent->config,
        .profile = agent->profile,
        .evidence = evidence,
        .now = now,
        .pause = pause_for,
        .remember = remember,
        .recall = recall,
        .forget = forget,
        .progress = progress,
    };
}

const char *lab_agent_known(const LabAgent *agent, const char *key)
{
    const Entry *entry = find(agent, key);

    return entry ? entry->value : NULL;
}

void lab_agent_forget(LabAgent *agent, const char *prefix)
{
    Error error = { 0 };

    assert_true(forget(agent, prefix, &error));
}

unsigned lab_agent_entries(const LabAgent *agent)
{
    return agent->ledger->written;
}

static int run_in_child(LabAgent *agent, const Handler *handler, const Command *command)
{
    FACTS_AUTO(evidence);
    AgentIo io = lab_agent_io(agent, &evidence);
    ResultState state;
    Error error = { 0 };

    if (handler_run(handler, &io, command, &state, &error))
        return 0;
    (void)fprintf(stderr, "%s\n", error.text);
    return 1;
}

bool lab_agent_dies(LabAgent *agent, const Handler *handler, const Command *command, unsigned entry,
    DeathPlace place)
{
    pid_t child;
    int status = 0;

    agent->dies_at =
        entry + (place == DIES_AT_PAUSE ? agent->ledger->pauses : agent->ledger->written);
    agent->place = place;
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run_in_child(agent, handler, command));
    assert_int_equal(waitpid(child, &status, 0), child);
    agent->dies_at = 0;
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != DEAD)
        fail_msg("entry %u: the handler failed", entry);
    return WEXITSTATUS(status) == DEAD;
}

ResultState lab_agent_succeeds(
    LabAgent *agent, const Handler *handler, const Command *command, Facts *evidence)
{
    AgentIo io = lab_agent_io(agent, evidence);
    ResultState state = RESULT_FAILED;
    Error error = { 0 };

    if (!handler_run(handler, &io, command, &state, &error))
        fail_msg("%s", error.text);
    return state;
}

void lab_agent_fails(LabAgent *agent, const Handler *handler, const Command *command,
    ErrorKind kind, const char *words)
{
    FACTS_AUTO(evidence);
    AgentIo io = lab_agent_io(agent, &evidence);
    ResultState state = RESULT_DONE;
    Error error = { 0 };

    if (handler_run(handler, &io, command, &state, &error))
        fail_msg("it succeeded, expected: %s", words);
    if (error.kind != kind || !strstr(error.text, words))
        fail_msg("expected %s: …%s…\n     got %s: %s", error_kind_name(kind), words,
            error_kind_name(error.kind), error.text);
}
