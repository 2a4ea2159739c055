#pragma once

/*
 * What an agent says to whom: messages of links in, workers started, results out.
 *
 * Every result is in the ledger before it is sent. A message for a link that is down is dropped:
 * the coordinator asks again, and is answered from the ledger.
 *
 *   conversation_init(), .hub is set by the caller, then in turn conversation_hear() for each event
 *   of the hub and conversation_work(); conversation_done() closes the hub as well
 */

#include "agent/agent.h"
#include "agent/jobs.h"
#include "agent/ledger.h"

typedef struct Conversation {
    const AgentSettings *settings;
    Log log;
    LinkHub *hub;
    Ledger *ledger;
    AgentLedgerIo ledger_io;
    Obey obey;
    WorkerSettings worker;
    Jobs jobs;
} Conversation;

/* Stays where it is: it holds pointers into itself. */
bool conversation_init(Conversation *talk, const AgentSettings *settings, Error *error)
    __attribute__((nonnull, warn_unused_result));
void conversation_done(Conversation *talk) __attribute__((nonnull));

void conversation_hear(Conversation *talk, const LinkEvent *event) __attribute__((nonnull));
/* Takes what the workers have to say and starts those whose targets are free. */
void conversation_work(Conversation *talk, Millis now) __attribute__((nonnull));
