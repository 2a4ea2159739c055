#pragma once

/*
 * Who a program is: cluster, role and name, as its certificate says it in one URI:
 * dss-upgrade://CLUSTER/agent|coordinator|operator/NAME
 */

#include "common/model/command.h"

typedef enum PeerRole {
    PEER_AGENT,
    PEER_COORDINATOR,
    PEER_OPERATOR,
    PEER_ROLE_COUNT,
} PeerRole;

typedef struct PeerIdentity {
    PeerRole role;
    char cluster[NAME_MAX_BYTES];
    char name[NAME_MAX_BYTES];
} PeerIdentity;

#define PEER_URI_BYTES 192

const char *peer_role_name(PeerRole role);
PeerRole peer_role_from_name(const char *name) __attribute__((nonnull)); /* or the count */

/* Asserts that both names are valid. */
void peer_uri(const PeerIdentity *identity, char ret[PEER_URI_BYTES]) __attribute__((nonnull));
bool peer_from_uri(const char *uri, PeerIdentity *ret) __attribute__((nonnull));
