#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/memory.h"
#include "common/os/file.h"
#include "common/pki/pem_file.h"
#include "common/pki/pki.h"

/* A fresh folder per test: "ca" and "out" are made in it. */
typedef struct Place {
    char *folder, *ca, *out;
} Place;

static int make_place(void **state)
{
    Place *place = memory_new(sizeof(*place));
    char pattern[] = "/tmp/pki_test.XXXXXX";
    Error error = { 0 };

    place->folder = memory_text(mkdtemp(pattern));
    place->ca = memory_format("%s/ca", place->folder);
    place->out = memory_format("%s/out", place->folder);
    *state = place;
    return pki_init(place->ca, "prod", &error) ? 0 : -1;
}

static int remove_place(void **state)
{
    Place *place = *state;
    Error error = { 0 };
    bool gone = file_remove_tree(place->folder, &error);

    free(place->folder);
    free(place->ca);
    free(place->out);
    free(place);
    return gone ? 0 : -1;
}

static X509 *certificate_of(const char *folder, const char *name)
{
    AUTO_TEXT *path = memory_format("%s/%s.crt", folder, name);
    X509 *certificate;
    Error error = { 0 };

    if (!certificate_read(path, &certificate, &error))
        fail_msg("%s", error.text);
    return certificate;
}

static mode_t mode_of(const char *folder, const char *name)
{
    AUTO_TEXT *path = memory_format("%s/%s", folder, name);
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void issue(const Place *place, PeerRole role, const char *name)
{
    PkiRequest request = { .role = role, .name = name };
    Error error = { 0 };

    if (!pki_issue(place->ca, &request, place->out, &error))
        fail_msg("%s", error.text);
}

/* What OpenSSL says of NAME.crt against our ca.crt and ca.crl, as a server or client. */
static int verdict(const Place *place, const char *name, int purpose)
{
    AUTO(X509) *certificate = certificate_of(place->out, name);
    AUTO_TEXT *ca = memory_format("%s/ca.crt", place->ca);
    AUTO_TEXT *crl = memory_format("%s/ca.crl", place->ca);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int result;

    assert_int_equal(X509_STORE_load_file(store, ca), 1);
    assert_int_equal(X509_load_crl_file(
                         X509_STORE_add_lookup(store, X509_LOOKUP_file()), crl, X509_FILETYPE_PEM),
        1);
    assert_int_equal(
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_X509_STRICT), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
    X509_STORE_CTX_set_purpose(context, purpose);
    result = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

static void an_authority_is_private_and_made_once(void **state)
{
    const Place *place = *state;
    char cluster[NAME_MAX_BYTES];
    Error error = { 0 };

    assert_int_equal(mode_of(place->folder, "ca"), 0700);
    assert_int_equal(mode_of(place->ca, "ca.key"), 0600);
    assert_true(pki_cluster(place->ca, cluster, &error));
    assert_string_equal(cluster, "prod");
    assert_false(pki_init(place->ca, "other", &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    error = (Error){ 0 };
    assert_false(pki_init(place->out, "a/b", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_int_equal(file_kind(place->out, LINKS_FOLLOWED), FILE_ABSENT);
}

static void each_role_gets_the_one_usage_that_is_its(void **state)
{
    const Place *place = *state;

    issue(place, PEER_AGENT, "node1");
    issue(place, PEER_COORDINATOR, "lead");
    issue(place, PEER_OPERATOR, "anna");
    assert_int_equal(verdict(place, "node1", X509_PURPOSE_SSL_SERVER), X509_V_OK);
    assert_int_equal(verdict(place, "node1", X509_PURPOSE_SSL_CLIENT), X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(verdict(place, "lead", X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    assert_int_equal(verdict(place, "lead", X509_PURPOSE_SSL_SERVER), X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(verdict(place, "anna", X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    for (const char *const *name = (const char *const[]){ "node1", "lead", "anna", NULL }; *name;
         name++) {
        AUTO(X509) *certificate = certificate_of(place->out, *name);
        EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);

        assert_int_equal(sk_ASN1_OBJECT_num(usage), 1);
        EXTENDED_KEY_USAGE_free(usage);
        assert_int_equal(X509_check_ca(certificate), 0);
    }
}

static void key_and_certificate_belong_together(void **state)
{
    const Place *place = *state;
    AUTO_TEXT *path = memory_format("%s/node1.key", place->out);
    AUTO(EVP_PKEY) *key = NULL;
    AUTO(X509) *certificate = NULL;
    Error error = { 0 };

    issue(place, PEER_AGENT, "node1");
    assert_true(key_read(path, &key, &error));
    certificate = certificate_of(place->out, "node1");
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    assert_int_equal(mode_of(place->out, "node1.key"), 0600);
    assert_true(EVP_PKEY_is_a(key, "EC"));
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
}

static void the_certificate_says_who_and_where(void **state)
{
    const Place *place = *state;
    const char *const addresses[] = { "node1.example.org", "10.0.0.7", "fe80::1" };
    PkiRequest request = { PEER_AGENT, "node1", addresses, 3, 30 };
    AUTO(X509) *certificate = NULL;
    GENERAL_NAMES *names;
    const ASN1_IA5STRING *uri;
    int kind;
    Error error = { 0 };

    assert_true(pki_issue(place->ca, &request, place->out, &error));
    certificate = certificate_of(place->out, "node1");
    assert_int_equal(X509_check_host(certificate, "node1.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "10.0.0.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "fe80::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "10.0.0.8", 0), 0);
    names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(names), 4);
    uri = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &kind);
    assert_int_equal(kind, GEN_URI);
    assert_string_equal(ASN1_STRING_get0_data(uri), "dss-upgrade://prod/agent/node1");
    GENERAL_NAMES_free(names);
}

static void assert_refused(const Place *place, PkiRequest request, const char *says)
{
    PKI_ENTRIES_AUTO(entries);
    Error error = { 0 };

    assert_false(pki_issue(place->ca, &request, place->out, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    if (!strstr(error.text, says))
        fail_msg("'%s' does not say: %s", error.text, says);
    assert_true(pki_list(place->ca, &entries, &(Error){ 0 }));
    assert_int_equal(entries.count, 0);
}

static void bad_requests_leave_nothing(void **state)
{
    const Place *place = *state;
    const char *const comma[] = { "a,DNS:b" };
    const char *const empty[] = { "" };

    assert_refused(place, (PkiRequest){ PEER_AGENT, "../x", NULL, 0, 0 }, "is not a name");
    assert_refused(place, (PkiRequest){ PEER_AGENT, "ca", NULL, 0, 0 }, "is not a name");
    assert_refused(place, (PkiRequest){ PEER_AGENT, "x", comma, 1, 0 }, "neither a host name");
    assert_refused(place, (PkiRequest){ PEER_AGENT, "x", empty, 1, 0 }, "neither a host name");
    assert_refused(place, (PkiRequest){ PEER_AGENT, "x", comma, 33, 0 }, "33 addresses");
    assert_refused(place, (PkiRequest){ PEER_AGENT, "x", NULL, 0, 3651 }, "3651 days");
    assert_refused(place, (PkiRequest){ PEER_ROLE_COUNT, "x", NULL, 0, 1 }, "unknown role");
}

static void nothing_is_overwritten(void **state)
{
    const Place *place = *state;
    PkiRequest request = { .role = PEER_AGENT, .name = "node1" };
    AUTO_TEXT *key = memory_format("%s/node1.key", place->out);
    PKI_ENTRIES_AUTO(entries);
    Error error = { 0 };

    issue(place, PEER_AGENT, "node1");
    assert_false(pki_issue(place->ca, &request, place->out, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    assert_non_null(strstr(error.text, key));
    assert_true(pki_list(place->ca, &entries, &(Error){ 0 }));
    assert_int_equal(entries.count, 1);
}

static void what_is_revoked_is_refused_and_the_rest_is_not(void **state)
{
    const Place *place = *state;
    PKI_ENTRIES_AUTO(entries);
    Error error = { 0 };
    size_t count;

    issue(place, PEER_AGENT, "node1");
    issue(place, PEER_AGENT, "node2");
    issue(place, PEER_AGENT, "node3");
    assert_true(pki_revoke(place->ca, "node1", &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(verdict(place, "node1", X509_PURPOSE_SSL_SERVER), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(place, "node2", X509_PURPOSE_SSL_SERVER), X509_V_OK);
    assert_true(pki_list(place->ca, &entries, &error));
    assert_true(pki_revoke(place->ca, entries.items[2].serial, &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(verdict(place, "node3", X509_PURPOSE_SSL_SERVER), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(place, "node1", X509_PURPOSE_SSL_SERVER), X509_V_ERR_CERT_REVOKED);
    assert_true(pki_revoke(place->ca, "node1", &count, &error));
    assert_int_equal(count, 0);
    assert_true(pki_revoke(place->ca, "nobody", &count, &error));
    assert_int_equal(count, 0);
}

static void the_list_says_all_that_was_issued(void **state)
{
    const Place *place = *state;
    PkiRequest request = { .role = PEER_OPERATOR, .name = "anna", .days = 10 };
    PKI_ENTRIES_AUTO(entries);
    Error error = { 0 };
    size_t count;

    issue(place, PEER_AGENT, "node1");
    assert_true(pki_issue(place->ca, &request, place->out, &error));
    assert_true(pki_revoke(place->ca, "node1", &count, &error));
    assert_true(pki_list(place->ca, &entries, &error));
    assert_int_equal(entries.count, 2);
    assert_string_equal(entries.items[0].name, "node1");
    assert_int_equal(entries.items[0].role, PEER_AGENT);
    assert_in_range(entries.items[0].revoked, time(NULL) - 60, time(NULL));
    assert_string_equal(entries.items[1].name, "anna");
    assert_int_equal(entries.items[1].role, PEER_OPERATOR);
    assert_int_equal(entries.items[1].revoked, 0);
    assert_in_range(
        entries.items[1].not_after, time(NULL) + 10 * 86400 - 60, time(NULL) + 10 * 86400 + 60);
    assert_string_not_equal(entries.items[0].serial, entries.items[1].serial);
}

static void days_left_are_counted(void **state)
{
    const Place *place = *state;
    PkiRequest request = { .role = PEER_AGENT, .name = "node1", .days = 10 };
    AUTO_TEXT *path = memory_format("%s/node1.crt", place->out);
    Error error = { 0 };
    long days;

    assert_true(pki_issue(place->ca, &request, place->out, &error));
    assert_true(pki_days_left(path, &days, &error));
    assert_in_range(days, 9, 10);
    assert_false(pki_days_left(place->out, &days, &error));
}

static void two_commands_at_once_are_refused(void **state)
{
    const Place *place = *state;
    PkiRequest request = { .role = PEER_AGENT, .name = "node1" };
    AUTO_FD lock = open(place->ca, O_RDONLY | O_CLOEXEC);
    Error error = { 0 };
    size_t count;

    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_false(pki_issue(place->ca, &request, place->out, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
    error = (Error){ 0 };
    assert_false(pki_revoke(place->ca, "node1", &count, &error));
    assert_int_equal(error.kind, ERROR_PRECONDITION);
}

static void a_damaged_index_is_named_and_kept(void **state)
{
    const Place *place = *state;
    PkiRequest request = { .role = PEER_AGENT, .name = "node1" };
    AUTO_TEXT *path = memory_format("%s/index", place->ca);
    AUTO_TEXT *text = NULL;
    Error error = { 0 };
    size_t length;

    assert_true(file_replace(path, "x\ty\n", 4, 0600, &error));
    assert_false(pki_issue(place->ca, &request, place->out, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
    assert_non_null(strstr(error.text, "line 1"));
    assert_true(file_read(path, 100, &text, &length, &(Error){ 0 }));
    assert_string_equal(text, "x\ty\n");
}

static void a_foreign_key_is_noticed(void **state)
{
    const Place *place = *state;
    AUTO_TEXT *key = memory_format("%s/ca.key", place->ca);
    AUTO(EVP_PKEY) *other = EVP_EC_gen("P-256");
    char cluster[NAME_MAX_BYTES];
    Error error = { 0 };

    assert_true(key_write(key, other, &error));
    assert_false(pki_cluster(place->ca, cluster, &error));
    assert_int_equal(error.kind, ERROR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_authority_is_private_and_made_once),
        TEST(each_role_gets_the_one_usage_that_is_its),
        TEST(key_and_certificate_belong_together),
        TEST(the_certificate_says_who_and_where),
        TEST(bad_requests_leave_nothing),
        TEST(nothing_is_overwritten),
        TEST(what_is_revoked_is_refused_and_the_rest_is_not),
        TEST(the_list_says_all_that_was_issued),
        TEST(days_left_are_counted),
        TEST(two_commands_at_once_are_refused),
        TEST(a_damaged_index_is_named_and_kept),
        TEST(a_foreign_key_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
