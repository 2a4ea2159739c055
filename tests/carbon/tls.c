#include "tests/carbon/tls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/base/cleanup.h"
#include "common/base/memory.h"

#define VALID_S  (3650L * 24 * 3600)
#define KEY_BITS 2048

DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(X509, X509_free)
DEFINE_AUTO(SSL_CTX, SSL_CTX_free)

static bool use_new_key(SSL_CTX *context)
{
    AUTO(EVP_PKEY) *key = EVP_RSA_gen(KEY_BITS);
    AUTO(X509) *certificate = X509_new();
    X509_NAME *name = certificate ? X509_get_subject_name(certificate) : NULL;

    return key && name && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) &&
           X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           X509_sign(certificate, key, EVP_sha256()) > 0 &&
           SSL_CTX_use_certificate(context, certificate) == 1 &&
           SSL_CTX_use_PrivateKey(context, key) == 1;
}

static bool use_file(SSL_CTX *context, const char *path)
{
    return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1 &&
           SSL_CTX_use_certificate_file(context, path, SSL_FILETYPE_PEM) == 1;
}

bool tls_new_context(const char *home, SSL_CTX **ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/repository/resources/security/standin.pem", home);
    AUTO(SSL_CTX) *context = SSL_CTX_new(TLS_server_method());
    bool given = access(path, R_OK) == 0;

    if (!context || SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) != 1)
        abort();
    if (given ? !use_file(context, path) : !use_new_key(context))
        return error_set(error, ERROR_INVALID, "no key and certificate could be had%s%s",
            given ? " from " : "", given ? path : "");
    *ret = TAKE(context);
    return true;
}
