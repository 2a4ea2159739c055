#include "common/wire/tls_peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/x509v3.h>

#include "common/base/cleanup.h"
#include "common/base/text.h"

DEFINE_AUTO(GENERAL_NAMES, GENERAL_NAMES_free)
DEFINE_AUTO(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

static const int usages[] = {
    [PEER_AGENT] = NID_server_auth,
    [PEER_COORDINATOR] = NID_client_auth,
    [PEER_OPERATOR] = NID_client_auth,
};
static_assert(sizeof(usages) / sizeof(usages[0]) == PEER_ROLE_COUNT, "every role has a usage");

static bool identity_from(const ASN1_IA5STRING *value, PeerIdentity *ret)
{
    char uri[PEER_URI_BYTES];
    int length = ASN1_STRING_length(value);

    if (length <= 0 || length >= PEER_URI_BYTES)
        return false;
    memcpy(uri, ASN1_STRING_get0_data(value), (size_t)length);
    uri[length] = '\0';
    return strlen(uri) == (size_t)length && peer_from_uri(uri, ret);
}

bool tls_peer_identity(const X509 *certificate, PeerIdentity *ret, Error *error)
{
    AUTO(GENERAL_NAMES) *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const ASN1_IA5STRING *uri = NULL;
    int count = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int kind;
        const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

        if (kind == GEN_URI) {
            uri = value;
            count++;
        }
    }
    if (count != 1 || !identity_from(uri, ret))
        return error_set(error, ERROR_REFUSED,
            "the certificate has no role of ours (%d URIs, wanted one dss-upgrade://…)", count);
    return true;
}

static bool usage_is_the_roles(const X509 *certificate, PeerRole role, Error *error)
{
    AUTO(EXTENDED_KEY_USAGE) *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    int count = sk_ASN1_OBJECT_num(usage); /* -1: there is none, or two of them */

    if (count != 1 || OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) != usages[role])
        return error_set(error, ERROR_REFUSED,
            "the certificate of a %s must have %s as its only extended key usage, it has %d",
            peer_role_name(role), OBJ_nid2sn(usages[role]), count > 0 ? count : 0);
    return true;
}

static bool lists_addresses(const X509 *certificate)
{
    AUTO(GENERAL_NAMES) *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int kind;

        (void)GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind); /* only the kind */
        if (kind == GEN_DNS || kind == GEN_IPADD)
            return true;
    }
    return false;
}

static bool is_dialled_by_its_address(X509 *certificate, const char *address, Error *error)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    bool numeric =
        inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
    unsigned flags = X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

    if (!lists_addresses(certificate))
        return true;
    if (numeric ? X509_check_ip_asc(certificate, address, 0) == 1
                : X509_check_host(certificate, address, 0, flags, NULL) == 1)
        return true;
    return error_set(error, ERROR_REFUSED,
        "the certificate lists host names or addresses, but not the dialled one, %s", address);
}

bool tls_peer_check(X509 *certificate, const TlsWanted *wanted, PeerIdentity *ret, Error *error)
{
    PeerIdentity peer;
    char uri[PEER_URI_BYTES];
    bool dialled = wanted->name != NULL;

    if (!tls_peer_identity(certificate, &peer, error))
        return false;
    peer_uri(&peer, uri);
    if (strcmp(peer.cluster, wanted->cluster) != 0)
        return error_set(error, ERROR_REFUSED, "the certificate is for %s, this cluster is %s", uri,
            wanted->cluster);
    if (dialled != (peer.role == PEER_AGENT))
        return error_set(error, ERROR_REFUSED, "the certificate is for %s, wanted is %s", uri,
            dialled ? "an agent" : "a coordinator or an operator");
    if (dialled && strcmp(peer.name, wanted->name) != 0)
        return error_set(error, ERROR_REFUSED, "the certificate is for %s, dialled was agent %s",
            uri, wanted->name);
    if (!usage_is_the_roles(certificate, peer.role, error) ||
        (dialled && !is_dialled_by_its_address(certificate, wanted->address, error)))
        return false;
    *ret = peer;
    return true;
}
