#include "tests/fakes/crafted_certificate.h"

#include <assert.h>
#include <openssl/x509v3.h>

#include "common/base/memory.h"
#include "common/pki/certificate.h"

static void must(bool ok)
{
    assert(ok);
    (void)ok;
}

static void extend(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    must(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

void craft_certificate(const char *authority, const CraftedCertificate *crafted, const char *folder)
{
    AUTO_TEXT *certificate_path = memory_format("%s/%s.crt", folder, crafted->file);
    AUTO_TEXT *key_path = memory_format("%s/%s.key", folder, crafted->file);
    AUTO(EVP_PKEY) *key = key_make();
    AUTO(X509) *certificate = X509_new();
    AUTHORITY_AUTO(signer);
    Error error = { 0 };

    must(authority_load(authority, &signer, &error));
    must(X509_set_version(certificate, X509_VERSION_3) == 1);
    must(ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), 4711) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(certificate), crafted->begins_s) != NULL);
    must(X509_gmtime_adj(X509_getm_notAfter(certificate), crafted->ends_s) != NULL);
    must(X509_set_pubkey(certificate, key) == 1);
    must(X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate)) == 1);
    if (crafted->names)
        extend(certificate, NID_subject_alt_name, crafted->names);
    if (crafted->usages)
        extend(certificate, NID_ext_key_usage, crafted->usages);
    must(X509_sign(certificate, signer.key, EVP_sha256()) > 0);
    must(certificate_write(certificate_path, certificate, &error));
    must(key_write(key_path, key, &error));
}
