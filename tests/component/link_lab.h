#pragma once

/* What the tests of links share: an authority, hubs, and turning them until something happens. */

#include <stddef.h>

#include "common/wire/link.h"

#define LAB_LIMIT_MS 60000 /* a test fails when nothing happens for so long */
#define LAB_HUBS_MAX 64

typedef struct Lab {
    char *folder, *ca;
    LinkHub *hubs[LAB_HUBS_MAX];
    size_t hub_count;
} Lab;

typedef struct HubOrder {
    PeerRole role;
    const char *name;
    Millis handshake_ms, silence_ms;
    const char *crl; /* or NULL */
} HubOrder;

/* Setup and teardown of a cmocka test; the state is a Lab. */
int lab_begin(void **state);
int lab_end(void **state);

/* "FOLDER/name.ending"; the caller frees. */
char *lab_path(const Lab *lab, const char *name, const char *ending);
void lab_issue(const Lab *lab, PeerRole role, const char *name);
/* Issues its certificate, if there is none, and makes the hub; freed by lab_end(). */
LinkHub *lab_hub(Lab *lab, const HubOrder *order);
/* The same, listening on a free port of 127.0.0.1. */
LinkHub *lab_agent(Lab *lab, const HubOrder *order);
void lab_free_hub(Lab *lab, LinkHub *hub);

/* Turns all hubs until that hub has such an event; events of others and other kinds are thrown
 * away. */
LinkEvent lab_await(Lab *lab, LinkHub *hub, LinkEventKind kind);
/* The next event of any hub, or false after that long. */
bool lab_next(Lab *lab, Millis limit, LinkHub **ret_hub, LinkEvent *ret);
/* Turns all hubs for that long; nothing may happen but that dials fail. */
void lab_turn(Lab *lab, Millis duration);
/* A dialled link that is up on both ends; *ret_accepted is the other end. Rejections of others may
 * come meanwhile. */
Link *lab_connect(Lab *lab, LinkHub *from, LinkHub *to, const char *name, Link **ret_accepted);
