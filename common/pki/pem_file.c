#include "common/pki/pem_file.h"

#include <assert.h>
#include <openssl/pem.h>

#include "common/base/memory.h"
#include "common/os/file.h"
#include "common/os/openssl_reason.h"

#define FILE_MAX_BYTES (64 * 1024)
#define PUBLIC_MODE    0644
#define SECRET_MODE    0600

static void must(bool ok)
{
    assert(ok); /* fails only for lack of memory */
    (void)ok;
}

/* Keys with passwords are refused: nothing may ask on a terminal. */
static int no_password(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

static bool read_pem(const char *path, BIO **ret, char **ret_text, Error *error)
{
    size_t length;

    if (!file_read(path, FILE_MAX_BYTES, ret_text, &length, error))
        return false;
    *ret = BIO_new_mem_buf(*ret_text, (int)length); /* fits: at most FILE_MAX_BYTES */
    must(*ret != NULL);
    return true;
}

bool certificate_read(const char *path, X509 **ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    BIO *pem = NULL;
    X509 *certificate;

    if (!read_pem(path, &pem, &text, error))
        return false;
    certificate = PEM_read_bio_X509(pem, NULL, no_password, NULL);
    BIO_free(pem);
    if (!certificate)
        return error_set(
            error, ERROR_INVALID, "%s holds no certificate: %s", path, openssl_reason());
    *ret = certificate;
    return true;
}

bool key_read(const char *path, EVP_PKEY **ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    BIO *pem = NULL;
    EVP_PKEY *key;

    if (!read_pem(path, &pem, &text, error))
        return false;
    key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
    BIO_free(pem);
    OPENSSL_cleanse(text, strlen(text));
    if (!key)
        return error_set(error, ERROR_INVALID, "%s holds no key: %s", path, openssl_reason());
    *ret = key;
    return true;
}

static bool write_pem(const char *path, BIO *pem, mode_t mode, Error *error)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(pem, &bytes);

    must(length > 0);
    return file_replace(path, bytes, (size_t)length, mode, error);
}

static BIO *buffer_new(void)
{
    BIO *pem = BIO_new(BIO_s_secmem()); /* cleansed when it is freed */

    must(pem != NULL);
    return pem;
}

bool certificate_write(const char *path, X509 *certificate, Error *error)
{
    BIO *pem = buffer_new();
    bool good;

    must(PEM_write_bio_X509(pem, certificate) == 1);
    good = write_pem(path, pem, PUBLIC_MODE, error);
    BIO_free(pem);
    return good;
}

bool key_write(const char *path, EVP_PKEY *key, Error *error)
{
    BIO *pem = buffer_new();
    bool good;

    must(PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1);
    good = write_pem(path, pem, SECRET_MODE, error);
    BIO_free(pem);
    return good;
}

bool revocation_list_write(const char *path, X509_CRL *list, Error *error)
{
    BIO *pem = buffer_new();
    bool good;

    must(PEM_write_bio_X509_CRL(pem, list) == 1);
    good = write_pem(path, pem, PUBLIC_MODE, error);
    BIO_free(pem);
    return good;
}
