#pragma once

/*
 * A whole cluster in one process: the real engine, the real rules of obeying, the real
 * probe/apply/probe, on virtual time. Messages are lost, doubled and late; coordinator and agents
 * die at every place where they write, and come back from what they had written.
 */

#include "agent/core/obey.h"
#include "coordinator/core/engine.h"
#include "tests/sim/world.h"

#define SIM_AGENTS  (WORLD_NODES + 1)
#define SIM_LEDGER  512
#define SIM_JOURNAL 2048
#define SIM_QUEUE   2048

/* Parts taken out, for the test of the tests: each has to be noticed. */
typedef enum SimMutation {
    SIM_WHOLE,
    SIM_WITHOUT_LEDGER,           /* agents forget what they answered */
    SIM_WITHOUT_PROBE,            /* handlers act without looking */
    SIM_WITHOUT_WRITE_BEFORE_ACT, /* the journal reaches the disk one event late */
    SIM_WITHOUT_ASKING_AGAIN,     /* what is lost on a link that stays up is lost for good */
    SIM_WITHOUT_ORDER,            /* a late attempt begins behind a later one */
    SIM_MUTATION_COUNT,
} SimMutation;

typedef struct SimSettings {
    uint64_t seed;
    size_t nodes, databases;
    Strategy strategy;
    unsigned loss, doubling, lateness, crash, failure, whims; /* per thousand */
    unsigned silence;  /* a message is lost, the link stays up; per thousand */
    unsigned full;     /* a write of an agent fails, and it lives on; per thousand */
    unsigned half;     /* of the failures: some of the change was made; per thousand */
    unsigned clock;    /* the coordinator's clock is set anew, up to a day off; per thousand */
    Millis gone_at_ms; /* a host burns down then; 0: never */
    size_t gone;       /* … which: an agent's index */
    unsigned crash_at; /* the so-manieth write kills who writes; 0: none does */
    unsigned fail_at;  /* the so-manieth act fails; 0: none does */
    bool fail_after;   /* … although it had its effect */
    ErrorKind fail_kind;
    Millis abort_at_ms;   /* the operator asks for it then; 0: never */
    bool operator_aborts; /* on a hold rather than retry, where it is still possible */
    SimMutation mutation;
} SimSettings;

typedef struct SimOutcome {
    RunState state;
    char violation[400]; /* empty: none */
    unsigned writes, acts;
    uint64_t events; /* in the journal */
} SimOutcome;

void sim_run(const SimSettings *settings, SimOutcome *ret);

/* The rest is for sim.c and sim_agent.c alone. */

typedef struct LedgerEntry {
    CommandId id;
    CommandKind kind;
    bool finished;
    bool forgotten; /* the agent was put up again on another host, with an empty ledger */
    ResultState state;
    Error error;
    unsigned effects;
} LedgerEntry;

typedef struct Sim Sim;

typedef struct SimAgent {
    Sim *sim;
    size_t index;
    char name[NAME_MAX_BYTES];
    bool alive, gone;
    unsigned life; /* a worker dies with its agent: what it had in hand belongs to one life */
    uint64_t epoch;
    LedgerEntry ledger[SIM_LEDGER];
    size_t ledger_length;
    CommandId running[SIM_LEDGER];
    size_t running_count;
    CommandId cancelled;             /* of what runs */
    Millis free_at[WORLD_DATABASES]; /* one command works on a target at a time, in order */
    AgentConfig config;
    AgentNode node;
    AgentDatabase databases[WORLD_DATABASES];
    AgentLedgerIo io;
} SimAgent;

typedef enum ItemKind {
    ITEM_NONE,
    ITEM_TO_AGENT,
    ITEM_WORK,  /* the worker acts */
    ITEM_ENDED, /* the worker has ended */
    ITEM_CANCEL,
    ITEM_TO_COORDINATOR,
    ITEM_REFUSAL,
    ITEM_AGENT_UP,
    ITEM_AGENT_STARTS,
    ITEM_COORDINATOR_STARTS,
    ITEM_RETRY,
    ITEM_CONFIRM,
    ITEM_ABORT,
    ITEM_TICK,
    ITEM_ASK,        /* the coordinator asks again for what is under way */
    ITEM_GONE,       /* a host burns down */
    ITEM_AFTER_GONE, /* the operator does what there is to do about it */
} ItemKind;

typedef struct Item {
    ItemKind kind;
    Millis at;
    size_t agent;
    unsigned life;
    uint32_t step;
    uint64_t epoch;
    Command command;
    CommandResult result;
} Item;

struct Sim {
    SimSettings settings;
    World world;
    uint64_t random;
    Millis now, skew;
    unsigned writes, acts;
    Item queue[SIM_QUEUE];
    size_t queued;
    SimAgent agents[SIM_AGENTS];
    size_t agent_count;
    Inventory inventory;
    InventoryAgent inventory_agents[SIM_AGENTS];
    InventoryNode inventory_nodes[WORLD_NODES];
    InventoryDatabase inventory_databases[WORLD_DATABASES];
    Plan *plan;
    Engine engine;
    bool leads; /* the coordinator lives */
    uint64_t epoch;
    Event journal[SIM_JOURNAL];
    size_t journal_length; /* on the disk */
    size_t journal_late;   /* appended but not on the disk: SIM_WITHOUT_WRITE_BEFORE_ACT */
    CoordinatorIo io;
};

bool sim_chance(Sim *sim, unsigned per_thousand);
Millis sim_between(Sim *sim, Millis low, Millis high);
/* True when who writes dies right here. */
bool sim_dies(Sim *sim);
void sim_post(Sim *sim, Item *item); /* takes what the item owns */
/* The same over a link that loses, doubles and delays. */
void sim_post_over_link(Sim *sim, Item *item);
bool sim_journal_has_start(const Sim *sim, const CommandId *id);
bool sim_journal_crossed_line(const Sim *sim);

void sim_agent_init(Sim *sim, size_t index, const char *name);
void sim_agent_hears(SimAgent *agent, const Command *command);
void sim_agent_works(SimAgent *agent, const Command *command);
void sim_agent_ends(SimAgent *agent, const CommandResult *result);
void sim_agent_cancels(SimAgent *agent, const CommandId *id, uint64_t epoch);
/* The same agent on another host: it knows nothing of what was. */
void sim_agent_is_replaced(SimAgent *agent);
void sim_agent_dies(SimAgent *agent);
void sim_agent_answers(SimAgent *agent, const CommandResult *result);
