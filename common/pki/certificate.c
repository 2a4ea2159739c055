#include "common/pki/certificate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/openssl_reason.h"
#include "common/pki/pem_file.h"

#define SERIAL_BYTES  16
#define CLOCK_SLACK_S (-300) /* hosts whose clocks are a little late accept it at once */
#define DAY_S         (24 * 3600)

static const char *const usages[] = {
    [PEER_AGENT] = "serverAuth",
    [PEER_COORDINATOR] = "clientAuth",
    [PEER_OPERATOR] = "clientAuth",
};
static_assert(sizeof(usages) / sizeof(usages[0]) == PEER_ROLE_COUNT, "every role has a usage");

/* For calls that fail only for lack of memory or because of a mistake of ours. */
static void must(bool ok)
{
    assert(ok);
    (void)ok;
}

void authority_done(Authority *authority)
{
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
    *authority = (Authority){ 0 };
}

EVP_PKEY *key_make(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    must(key != NULL);
    return key;
}

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    must(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void set_random_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *number;

    must(RAND_bytes(bytes, sizeof(bytes)) == 1);
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and always of one length */
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL);
    BN_free(number);
}

static void set_names(X509 *certificate, const char *organisation, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    must(X509_NAME_add_entry_by_txt(
             name, "O", MBSTRING_UTF8, (const unsigned char *)organisation, -1, -1, 0) == 1);
    must(X509_NAME_add_entry_by_txt(
             name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) == 1);
}

static X509 *empty_certificate(EVP_PKEY *key, unsigned days)
{
    X509 *certificate = X509_new();

    must(certificate && X509_set_version(certificate, X509_VERSION_3) == 1);
    set_random_serial(certificate);
    must(X509_gmtime_adj(X509_getm_notBefore(certificate), CLOCK_SLACK_S) != NULL);
    must(X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * DAY_S) != NULL);
    must(X509_set_pubkey(certificate, key) == 1);
    return certificate;
}

bool authority_make(const char *cluster, Authority *ret, Error *error)
{
    AUTO(EVP_PKEY) *key = key_make();
    AUTO(X509) *certificate = empty_certificate(key, PKI_CA_DAYS);

    set_names(certificate, cluster, "DSS upgrade authority");
    must(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1);
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
    if (X509_sign(certificate, key, EVP_sha256()) == 0)
        return error_set(
            error, ERROR_IO, "the authority's certificate cannot be signed: %s", openssl_reason());
    must(text_copy(ret->cluster, sizeof(ret->cluster), cluster));
    ret->key = TAKE(key);
    ret->certificate = TAKE(certificate);
    return true;
}

static bool host_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= 253 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
               length;
}

static bool add_address(Text *names, const char *address, Error *error)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1)
        text_add(names, ",IP:%s", address);
    else if (host_name_is_valid(address))
        text_add(names, ",DNS:%s", address);
    else
        return error_set(
            error, ERROR_INVALID, "'%.100s' is neither a host name nor an IP address", address);
    return true;
}

static bool add_names(
    const Authority *authority, const PkiRequest *request, X509 *certificate, Error *error)
{
    PeerIdentity identity = { .role = request->role };
    char uri[PEER_URI_BYTES];
    TEXT_AUTO(names, PEER_URI_BYTES + 300 * PKI_ADDRESSES_MAX);

    must(text_copy(identity.cluster, NAME_MAX_BYTES, authority->cluster));
    must(text_copy(identity.name, NAME_MAX_BYTES, request->name));
    peer_uri(&identity, uri);
    text_add(&names, "URI:%s", uri);
    for (size_t i = 0; i < request->address_count; i++)
        if (!add_address(&names, request->addresses[i], error))
            return false;
    must(!names.overflow);
    add_extension(certificate, authority->certificate, NID_subject_alt_name, names.bytes);
    return true;
}

bool certificate_make(
    const Authority *authority, const PkiRequest *request, EVP_PKEY *key, X509 **ret, Error *error)
{
    unsigned days = request->days > 0 ? request->days : PKI_DAYS_DEFAULT;
    AUTO(X509) *certificate = empty_certificate(key, days);
    TEXT_AUTO(usage, 100);

    if (ASN1_TIME_compare(
            X509_get0_notAfter(certificate), X509_get0_notAfter(authority->certificate)) > 0)
        return error_set(error, ERROR_INVALID,
            "a certificate of %u days would outlive the authority: ask for fewer days, or make a "
            "new authority",
            days);
    set_names(certificate, authority->cluster, request->name);
    must(X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)) == 1);
    add_extension(certificate, authority->certificate, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, authority->certificate, NID_key_usage, "critical,digitalSignature");
    text_add(&usage, "critical,%s", usages[request->role]);
    add_extension(certificate, authority->certificate, NID_ext_key_usage, usage.bytes);
    add_extension(certificate, authority->certificate, NID_subject_key_identifier, "hash");
    add_extension(
        certificate, authority->certificate, NID_authority_key_identifier, "keyid:always");
    if (!add_names(authority, request, certificate, error))
        return false;
    if (X509_sign(certificate, authority->key, EVP_sha256()) == 0)
        return error_set(error, ERROR_IO, "the certificate cannot be signed: %s", openssl_reason());
    *ret = TAKE(certificate);
    return true;
}

void certificate_describe(const X509 *certificate, PkiEntry *ret)
{
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    unsigned char bytes[SERIAL_BYTES];
    struct tm end;

    must(serial && BN_bn2binpad(serial, bytes, sizeof(bytes)) == SERIAL_BYTES);
    text_hex(bytes, sizeof(bytes), ret->serial);
    BN_free(serial);
    must(ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1);
    ret->not_after = timegm(&end);
    ret->revoked = 0;
}

bool authority_load(const char *folder, Authority *ret, Error *error)
{
    AUTO_TEXT *key_path = memory_format("%s/ca.key", folder);
    AUTO_TEXT *certificate_path = memory_format("%s/ca.crt", folder);
    AUTHORITY_AUTO(loaded);

    if (!certificate_read(certificate_path, &loaded.certificate, error) ||
        !key_read(key_path, &loaded.key, error))
        return error_prefix(error, "%s: no authority of ours: ", folder);
    if (X509_check_private_key(loaded.certificate, loaded.key) != 1)
        return error_set(error, ERROR_CORRUPT, "%s: ca.key does not belong to ca.crt (%s)", folder,
            openssl_reason());
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(loaded.certificate), NID_organizationName,
            loaded.cluster, NAME_MAX_BYTES) <= 0 ||
        !name_is_valid(loaded.cluster))
        return error_set(
            error, ERROR_INVALID, "%s is no authority of ours: it names no cluster", folder);
    *ret = loaded;
    loaded = (Authority){ 0 };
    return true;
}
