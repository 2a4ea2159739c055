#include "common/model/peer.h"

#include <assert.h>

#include "common/base/text.h"

#define SCHEME "dss-upgrade://"

static const char *const roles[] = {
    [PEER_AGENT] = "agent",
    [PEER_COORDINATOR] = "coordinator",
    [PEER_OPERATOR] = "operator",
};
static_assert(sizeof(roles) / sizeof(roles[0]) == PEER_ROLE_COUNT, "every PeerRole has a name");
static_assert(
    sizeof(SCHEME) + 2 * sizeof("/") + 2 * NAME_MAX_BYTES + sizeof("coordinator") <= PEER_URI_BYTES,
    "the longest identity fits");

const char *peer_role_name(PeerRole role)
{
    return role < PEER_ROLE_COUNT ? roles[role] : "unknown";
}

PeerRole peer_role_from_name(const char *name)
{
    PeerRole role = PEER_AGENT;

    while (role < PEER_ROLE_COUNT && strcmp(roles[role], name) != 0)
        role++;
    return role;
}

void peer_uri(const PeerIdentity *identity, char ret[PEER_URI_BYTES])
{
    assert(name_is_valid(identity->cluster) && name_is_valid(identity->name));
    (void)snprintf(ret, PEER_URI_BYTES, SCHEME "%s/%s/%s", identity->cluster,
        peer_role_name(identity->role), identity->name); /* fits: asserted above */
}

/* The part up to the next slash or the end; NULL when it is too long. */
static const char *take_part(const char *from, char ret[NAME_MAX_BYTES])
{
    size_t length = strcspn(from, "/");

    if (length >= NAME_MAX_BYTES)
        return NULL;
    memcpy(ret, from, length);
    ret[length] = '\0';
    return from + length + (from[length] == '/' ? 1 : 0);
}

bool peer_from_uri(const char *uri, PeerIdentity *ret)
{
    PeerIdentity identity = { .role = PEER_AGENT };
    char role[NAME_MAX_BYTES] = "", again[PEER_URI_BYTES];
    const char *at = uri;

    if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
        return false;
    at = take_part(at + strlen(SCHEME), identity.cluster);
    at = at ? take_part(at, role) : NULL;
    at = at ? take_part(at, identity.name) : NULL;
    identity.role = peer_role_from_name(role);
    if (!at || identity.role == PEER_ROLE_COUNT || !name_is_valid(identity.cluster) ||
        !name_is_valid(identity.name))
        return false;
    peer_uri(&identity, again);
    if (strcmp(uri, again) != 0) /* one way to write it, and nothing behind it */
        return false;
    *ret = identity;
    return true;
}
