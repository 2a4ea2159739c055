#pragma once

/*
 * The agents of one cluster: dials all, knows who is up, carries commands out and answers in.
 *
 * Owns: a Fleet is freed by fleet_close(); an event's message by fleet_event_done().
 * Errors: ERROR_REFUSED own certificates, ERROR_IO own files.
 */

#include "common/wire/link.h"
#include "coordinator/core/inventory.h"

typedef struct Fleet Fleet;

typedef struct FleetMember {
    const InventoryAgent *declared;
    bool up, known;        /* known: its Hello has come since it was last up */
    bool refused;          /* TLS or role: it will not come up by waiting */
    Millis down_since;     /* since when it is not known */
    int64_t clock_skew_ms; /* its wall clock less ours */
    Facts hello;           /* "program", "profile", "profile-sha256", "command"… */
    Error why_down;        /* kind ERROR_NONE: never tried */
} FleetMember;

typedef enum FleetEventKind {
    FLEET_NOTHING, /* the time is over */
    FLEET_UP,      /* the agent is there and has said hello */
    FLEET_DOWN,
    FLEET_RESULT,
    FLEET_REFUSAL,
    FLEET_PROGRESS,
    FLEET_SIGNAL, /* `signal` was received */
} FleetEventKind;

typedef struct FleetEvent {
    FleetEventKind kind;
    const FleetMember *member;
    Message message; /* result, refusal, progress */
    int signal;
} FleetEvent;

/* `tls_folder` holds coordinator.crt, coordinator.key, ca.crt and, where there is one, ca.crl. */
bool fleet_open(const Inventory *inventory, const char *tls_folder, Fleet **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void fleet_close(Fleet *fleet);
const FleetMember *fleet_member(const Fleet *fleet, const char *agent) __attribute__((nonnull));

/* Waits for one event, at most so long. SIGINT and SIGTERM arrive as events, from the opening of
 * the fleet to the end of the process. */
void fleet_wait(Fleet *fleet, Millis timeout, FleetEvent *ret) __attribute__((nonnull));
void fleet_event_done(FleetEvent *event) __attribute__((nonnull));
/* Until each agent has said hello or was refused, or the time is over. */
void fleet_wait_for_all(Fleet *fleet, Millis timeout) __attribute__((nonnull));

/* Lost when the agent is not up: whoever sends asks again at FLEET_UP. */
void fleet_send(Fleet *fleet, const char *agent, const Command *command) __attribute__((nonnull));
/* Asks for the early end of a command; its result tells. Lost when the agent is not up. */
void fleet_cancel(Fleet *fleet, const char *agent, const CommandId *id, uint64_t epoch)
    __attribute__((nonnull));

DEFINE_AUTO(Fleet, fleet_close)
#define FLEET_EVENT_AUTO(name) __attribute__((cleanup(fleet_event_done))) FleetEvent name = { 0 }
