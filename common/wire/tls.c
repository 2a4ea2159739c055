#include "common/wire/tls.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/openssl_reason.h"
#include "common/wire/tls_peer.h"
#include "common/wire/tls_reason.h"

struct TlsContext {
    SSL_CTX *ssl;
    PeerIdentity own;
};

struct TlsSession {
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    char cluster[NAME_MAX_BYTES];
    char *name, *address; /* of a dialer; else NULL */
    PeerIdentity peer;
    bool done, broken;
    Error refusal; /* why the peer's certificate was not accepted */
};

static void must(bool ok)
{
    assert(ok); /* fails only for lack of memory */
    (void)ok;
}

static TlsWanted wanted_by(const TlsSession *session)
{
    return (TlsWanted){ session->cluster, session->name, session->address };
}

/* OpenSSL's judgement first, then ours on the peer's own certificate. */
static int on_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    TlsSession *session = SSL_get_app_data(ssl);
    TlsWanted wanted = wanted_by(session);
    int depth = X509_STORE_CTX_get_error_depth(store);

    if (session->refusal.kind != ERROR_NONE)
        return 0;
    if (!good) {
        tls_reason_of_verification(store, &session->refusal);
        return 0;
    }
    if (depth > 0 || tls_peer_check(X509_STORE_CTX_get_current_cert(store), &wanted, &session->peer,
                         &session->refusal))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static bool load_revocations(SSL_CTX *ssl, const char *path, Error *error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

    must(lookup != NULL);
    if (X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1)
        return error_set(
            error, ERROR_INVALID, "%s holds no revocation list: %s", path, openssl_reason());
    must(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1);
    return true;
}

/* OpenSSL calls a file that is not there "system lib". */
static bool can_be_read(const char *path, Error *error)
{
    if (access(path, R_OK) == 0)
        return true;
    return error_set(error, ERROR_INVALID, "%s cannot be read: %s", path, strerrordesc_np(errno));
}

static bool load_files(SSL_CTX *ssl, const TlsFiles *files, Error *error)
{
    if (!can_be_read(files->ca, error) || !can_be_read(files->certificate, error) ||
        !can_be_read(files->key, error) || (files->crl && !can_be_read(files->crl, error)))
        return false;
    if (SSL_CTX_load_verify_file(ssl, files->ca) != 1)
        return error_set(
            error, ERROR_INVALID, "%s holds no certificate: %s", files->ca, openssl_reason());
    if (SSL_CTX_use_certificate_file(ssl, files->certificate, SSL_FILETYPE_PEM) != 1)
        return error_set(error, ERROR_INVALID, "%s holds no certificate: %s", files->certificate,
            openssl_reason());
    if (SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM) != 1)
        return error_set(error, ERROR_INVALID, "%s holds no key for %s: %s", files->key,
            files->certificate, openssl_reason());
    return !files->crl || load_revocations(ssl, files->crl, error);
}

/* A wrong file is noticed here and not by each peer. */
static bool own_certificate_fits(
    SSL_CTX *ssl, const char *path, const PeerIdentity *own, Error *error)
{
    char wanted[PEER_URI_BYTES], found[PEER_URI_BYTES];
    PeerIdentity identity;

    if (!tls_peer_identity(SSL_CTX_get0_certificate(ssl), &identity, error))
        return error_prefix(error, "%s: ", path);
    peer_uri(own, wanted);
    peer_uri(&identity, found);
    if (strcmp(wanted, found) != 0)
        return error_set(error, ERROR_INVALID,
            "%s is for %s, and this program is configured as %s: correct the configuration, or "
            "issue a "
            "certificate for that",
            path, found, wanted);
    return true;
}

static int no_password(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1; /* nothing may ask on a terminal */
}

static void set_rules(SSL_CTX *ssl)
{
    must(SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1);
    must(SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1);
    must(SSL_CTX_set_num_tickets(ssl, 0) == 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    SSL_CTX_set_verify_depth(ssl, 0); /* the authority signs peers, nobody between */
    SSL_CTX_set_default_passwd_cb(ssl, no_password);
}

bool tls_context_new(const TlsFiles *files, const PeerIdentity *own, TlsContext **ret, Error *error)
{
    AUTO(TlsContext) *context = memory_new(sizeof(*context));

    ERR_clear_error();
    context->own = *own;
    context->ssl = SSL_CTX_new(TLS_method());
    must(context->ssl != NULL);
    set_rules(context->ssl);
    if (!load_files(context->ssl, files, error) ||
        !own_certificate_fits(context->ssl, files->certificate, own, error))
        return false;
    *ret = TAKE(context);
    return true;
}

void tls_context_free(TlsContext *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

static TlsSession *session_new(const TlsContext *context)
{
    TlsSession *session = memory_new(sizeof(*session));

    session->ssl = SSL_new(context->ssl);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    must(session->ssl && session->in && session->out);
    BIO_set_mem_eof_return(session->in, -1); /* empty means "later", not "the end" */
    BIO_set_mem_eof_return(session->out, -1);
    SSL_set_bio(session->ssl, session->in, session->out);
    SSL_set_app_data(session->ssl, session);
    must(text_copy(session->cluster, sizeof(session->cluster), context->own.cluster));
    return session;
}

TlsSession *tls_session_dial(const TlsContext *context, const char *name, const char *address)
{
    TlsSession *session = session_new(context);

    session->name = memory_text(name);
    session->address = memory_text(address);
    SSL_set_connect_state(session->ssl);
    return session;
}

TlsSession *tls_session_listen(const TlsContext *context)
{
    TlsSession *session = session_new(context);

    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_free(TlsSession *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    free(session->name);
    free(session->address);
    free(session);
}

void tls_session_receive(TlsSession *session, const uint8_t *bytes, size_t length)
{
    assert(length <= INT_MAX);
    if (length > 0 && !session->broken)
        must(BIO_write(session->in, bytes, (int)length) == (int)length);
}

/* Fatal for good: OpenSSL must not be called again after it failed. */
static TlsOutcome broken(TlsSession *session, int code, Error *error)
{
    session->broken = true;
    if (session->refusal.kind != ERROR_NONE)
        *error = session->refusal;
    else if (code == SSL_ERROR_ZERO_RETURN)
        (void)error_set(error, ERROR_UNREACHABLE, "the peer closed the connection");
    else
        tls_reason_of_failure(error);
    ERR_clear_error();
    return TLS_BROKEN;
}

static TlsOutcome outcome_of(TlsSession *session, int result, Error *error)
{
    int code = SSL_get_error(session->ssl, result);

    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return TLS_WAITS;
    return broken(session, code, error);
}

TlsOutcome tls_session_handshake(TlsSession *session, Error *error)
{
    int result;

    assert(!session->broken);
    ERR_clear_error();
    result = SSL_do_handshake(session->ssl);
    if (result != 1)
        return outcome_of(session, result, error);
    assert(SSL_get_verify_result(session->ssl) == X509_V_OK);
    assert(session->peer.name[0] != '\0' && SSL_version(session->ssl) == TLS1_3_VERSION);
    session->done = true;
    return TLS_DONE;
}

TlsOutcome tls_session_read(
    TlsSession *session, uint8_t *buffer, size_t capacity, size_t *ret_length, Error *error)
{
    int result;

    assert(session->done && !session->broken);
    ERR_clear_error();
    result = SSL_read_ex(session->ssl, buffer, capacity, ret_length);
    return result == 1 ? TLS_DONE : outcome_of(session, result, error);
}

bool tls_session_write(TlsSession *session, const uint8_t *bytes, size_t length, Error *error)
{
    size_t written;
    int result;

    assert(session->done && !session->broken && length > 0);
    ERR_clear_error();
    result = SSL_write_ex(session->ssl, bytes, length, &written);
    if (result == 1) {
        assert(written == length); /* memory takes everything */
        return true;
    }
    (void)broken(session, SSL_get_error(session->ssl, result), error); /* it says false already */
    return false;
}

size_t tls_session_output(TlsSession *session, uint8_t *buffer, size_t capacity)
{
    int got = BIO_read(session->out, buffer, capacity < INT_MAX ? (int)capacity : INT_MAX);

    return got > 0 ? (size_t)got : 0;
}

void tls_session_end(TlsSession *session)
{
    if (!session->done || session->broken)
        return;
    (void)SSL_shutdown(session->ssl); /* writes to memory; the peer's answer is not awaited */
    session->broken = true;
    ERR_clear_error();
}

const PeerIdentity *tls_session_peer(const TlsSession *session)
{
    assert(session->done);
    return &session->peer;
}

long tls_session_days_left(const TlsSession *session)
{
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    int days = 0, seconds = 0;

    assert(certificate);
    must(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) == 1);
    return seconds < 0 ? days - 1 : days;
}

static bool verifies(X509_STORE_CTX *store, Error *error)
{
    if (X509_verify_cert(store) == 1)
        return true;
    tls_reason_of_verification(store, error);
    return false;
}

bool tls_session_is_still_good(const TlsSession *session, const TlsContext *context, Error *error)
{
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    TlsWanted wanted = wanted_by(session);
    PeerIdentity peer;
    bool good;

    must(store && certificate &&
         X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context->ssl), certificate, NULL) == 1);
    must(X509_STORE_CTX_set_default(store, session->name ? "ssl_server" : "ssl_client") == 1);
    good = verifies(store, error) && tls_peer_check(certificate, &wanted, &peer, error);
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return good;
}
