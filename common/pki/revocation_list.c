#include "common/os/openssl_reason.h"
#include "common/pki/certificate.h"

static bool add_entry(X509_CRL *list, const PkiEntry *entry)
{
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *moment = ASN1_TIME_set(NULL, entry->revoked);
    ASN1_INTEGER *serial = NULL;
    BIGNUM *number = NULL;
    bool good = revoked && moment && BN_hex2bn(&number, entry->serial) > 0 &&
                (serial = BN_to_ASN1_INTEGER(number, NULL)) != NULL &&
                X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
                X509_REVOKED_set_revocationDate(revoked, moment) == 1 &&
                X509_CRL_add0_revoked(list, revoked) == 1;

    if (!good)
        X509_REVOKED_free(revoked);
    ASN1_INTEGER_free(serial);
    BN_free(number);
    ASN1_TIME_free(moment);
    return good;
}

/* Grows with each revocation, as RFC 5280, 5.2.3 wants it. */
static bool set_number(X509_CRL *list, int64_t revoked)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool good = number && ASN1_INTEGER_set_int64(number, revoked + 1) == 1 &&
                X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) == 1;

    ASN1_INTEGER_free(number);
    return good;
}

static bool set_head(X509_CRL *list, const Authority *authority)
{
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    X509_NAME *issuer = X509_get_subject_name(authority->certificate);
    const ASN1_TIME *end = X509_get0_notAfter(authority->certificate);
    bool good = now && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(list, issuer) == 1 &&
                X509_CRL_set1_lastUpdate(list, now) == 1 &&
                X509_CRL_set1_nextUpdate(list, end) == 1;

    ASN1_TIME_free(now);
    return good;
}

bool revocation_list_make(
    const Authority *authority, const PkiEntries *entries, X509_CRL **ret, Error *error)
{
    AUTO(X509_CRL) *list = X509_CRL_new();
    bool good = list && set_head(list, authority);
    int64_t revoked = 0;

    for (size_t i = 0; good && i < entries->count; i++) {
        if (entries->items[i].revoked != 0) {
            good = add_entry(list, &entries->items[i]);
            revoked++;
        }
    }
    good = good && set_number(list, revoked) && X509_CRL_sort(list) == 1 &&
           X509_CRL_sign(list, authority->key, EVP_sha256()) > 0;
    if (!good)
        return error_set(
            error, ERROR_IO, "the revocation list cannot be made: %s", openssl_reason());
    *ret = TAKE(list);
    return true;
}
