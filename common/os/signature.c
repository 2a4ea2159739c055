#include "common/os/signature.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "common/base/memory.h"
#include "common/os/file.h"
#include "common/os/openssl_reason.h"

#define PEM_MAX_BYTES 4096 /* a pair of this kind has about 120 */

struct SignatureKey {
    EVP_PKEY *pair;
};

DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
DEFINE_AUTO(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_AUTO(BIO, BIO_free_all)

static void must(bool ok)
{
    assert(ok); /* fails only for lack of memory */
    (void)ok;
}

static bool write_pem(BIO *pem, const char *path, mode_t mode, Error *error)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(pem, &bytes);

    must(length > 0);
    return file_replace(path, bytes, (size_t)length, mode, error);
}

bool signing_key_make(const char *key_path, Error *error)
{
    AUTO(EVP_PKEY) *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    AUTO(BIO) *pem = BIO_new(BIO_s_secmem()); /* cleansed when it is freed */

    if (file_kind(key_path, LINKS_THEMSELVES) != FILE_ABSENT)
        return error_set(
            error, ERROR_PRECONDITION, "%s is there, a key is never replaced", key_path);
    must(pair && pem);
    must(PEM_write_bio_PKCS8PrivateKey(pem, pair, NULL, NULL, 0, NULL, NULL) == 1);
    return write_pem(pem, key_path, 0600, error);
}

bool verify_key_write(const SignatureKey *key, const char *public_path, Error *error)
{
    AUTO(BIO) *pem = BIO_new(BIO_s_mem());

    must(pem && PEM_write_bio_PUBKEY(pem, key->pair) == 1);
    return write_pem(pem, public_path, 0644, error);
}

static bool is_private(const char *path, Error *error)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return error_set(
            error, ERROR_IO, "%s cannot be examined: %s", path, strerrordesc_np(errno));
    if ((status.st_mode & 077) != 0)
        return error_set(error, ERROR_INVALID,
            "%s has mode %03o: others may read it, a signing key needs 600", path,
            status.st_mode & 0777);
    return true;
}

typedef EVP_PKEY *PemReader(BIO *pem, EVP_PKEY **pair, pem_password_cb *password, void *user);

static bool load(const char *path, PemReader *read_pair, SignatureKey **ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    AUTO(BIO) *pem = NULL;
    AUTO(EVP_PKEY) *pair = NULL;
    char no_password[] = ""; /* given, so that nothing asks for one on a terminal */
    size_t length = 0;

    if (!file_read(path, PEM_MAX_BYTES, &text, &length, error))
        return false;
    pem = BIO_new_mem_buf(text, (int)length);
    must(pem != NULL);
    pair = read_pair(pem, NULL, NULL, no_password);
    OPENSSL_cleanse(text, length);
    if (!pair)
        return error_set(error, ERROR_INVALID, "%s holds no key: %s", path, openssl_reason());
    if (EVP_PKEY_get_base_id(pair) != EVP_PKEY_ED25519)
        return error_set(error, ERROR_INVALID, "%s holds a key of another kind than Ed25519", path);
    *ret = memory_new(sizeof(**ret));
    (*ret)->pair = TAKE(pair);
    return true;
}

bool signing_key_load(const char *key_path, SignatureKey **ret, Error *error)
{
    return is_private(key_path, error) && load(key_path, PEM_read_bio_PrivateKey, ret, error);
}

bool verify_key_load(const char *public_path, SignatureKey **ret, Error *error)
{
    return load(public_path, PEM_read_bio_PUBKEY, ret, error);
}

void signature_key_free(SignatureKey *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pair);
    free(key);
}

void signature_make(
    const SignatureKey *key, const void *message, size_t length, unsigned char ret[SIGNATURE_BYTES])
{
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    size_t made = SIGNATURE_BYTES;

    must(context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pair) == 1);
    must(EVP_DigestSign(context, ret, &made, message, length) == 1 && made == SIGNATURE_BYTES);
}

bool signature_holds(const SignatureKey *key, const void *message, size_t length,
    const unsigned char signature[SIGNATURE_BYTES])
{
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    bool holds;

    must(context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pair) == 1);
    holds = EVP_DigestVerify(context, signature, SIGNATURE_BYTES, message, length) == 1;
    (void)openssl_reason(); /* a signature that does not hold leaves a word in the queue */
    return holds;
}
