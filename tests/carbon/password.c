#include "tests/carbon/password.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/base/memory.h"
#include "common/base/text.h"

#define CHECK_BYTES   8
#define SHA256_BYTES  32
#define KEY_STORE_MAX 65536
#define SECRET_MAX    1024
#define PLAIN         "PLAIN_TEXT"

DEFINE_AUTO(EVP_MD_CTX, EVP_MD_CTX_free)

char *password_base64(const unsigned char *bytes, size_t length)
{
    char *text = memory_new(4 * (length / 3 + 1) + 1);

    (void)EVP_EncodeBlock((unsigned char *)text, bytes, (int)length); /* length is in the text */
    return text;
}

char *password_from_base64(const char *base64, size_t *ret_length)
{
    size_t length = strlen(base64);
    AUTO_TEXT *bytes = memory_new(length + 1);
    int decoded;

    if (length == 0 || length % 4 != 0)
        return NULL;
    decoded = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)base64, (int)length);
    if (decoded < 0)
        return NULL;
    *ret_length = (size_t)decoded - (base64[length - 1] == '=') - (base64[length - 2] == '=');
    bytes[*ret_length] = '\0';
    return TAKE(bytes);
}

bool password_hash(
    const char *digest, const char *password, const char *salt, char **ret, Error *error)
{
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    const EVP_MD *kind = EVP_get_digestbyname(digest);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (*digest == '\0' || strcmp(digest, PLAIN) == 0) {
        *ret = memory_text(password);
        return true;
    }
    if (!kind)
        return error_set(error, ERROR_INVALID, "%s MessageDigest not available", digest);
    if (EVP_DigestInit_ex(context, kind, NULL) != 1 ||
        EVP_DigestUpdate(context, password, strlen(password)) != 1 ||
        (salt && EVP_DigestUpdate(context, salt, strlen(salt)) != 1) ||
        EVP_DigestFinal_ex(context, bytes, &length) != 1)
        abort();
    *ret = password_base64(bytes, length);
    return true;
}

void password_make_salt(char ret[PASSWORD_SALT_BYTES])
{
    unsigned char bytes[16];
    AUTO_TEXT *text = NULL;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort();
    text = password_base64(bytes, sizeof bytes);
    if (!text_copy(ret, PASSWORD_SALT_BYTES, text))
        abort();
}

/* SHA-256 of the key store's bytes followed by `more`. */
static bool digest_with_key(const char *key_store, const void *more, size_t length,
    unsigned char ret[SHA256_BYTES], Error *error)
{
    AUTO_FD fd = open(key_store, O_RDONLY | O_CLOEXEC);
    AUTO_TEXT *bytes = memory_new(KEY_STORE_MAX);
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    ssize_t got = fd >= 0 ? read(fd, bytes, KEY_STORE_MAX) : -1;

    if (got <= 0)
        return error_set(error, ERROR_INVALID, "Keystore %s cannot be read", key_store);
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(context, bytes, (size_t)got) != 1 ||
        EVP_DigestUpdate(context, more, length) != 1 || EVP_DigestFinal_ex(context, ret, NULL) != 1)
        abort();
    return true;
}

/* The same both ways. */
static bool apply_stream(const char *key_store, unsigned char *bytes, size_t length, Error *error)
{
    unsigned char stream[SHA256_BYTES] = { 0 };

    for (size_t i = 0; i < length; i++) {
        size_t block = i / SHA256_BYTES;

        if (i % SHA256_BYTES == 0 &&
            !digest_with_key(key_store, &block, sizeof block, stream, error))
            return false;
        bytes[i] ^= stream[i % SHA256_BYTES];
    }
    return true;
}

bool password_encrypt(const char *key_store, const char *text, char **ret, Error *error)
{
    unsigned char bytes[CHECK_BYTES + SECRET_MAX + 1], check[SHA256_BYTES];
    size_t length = strlen(text);

    if (length > SECRET_MAX)
        return error_set(error, ERROR_INVALID, "a secret is longer than %d bytes", SECRET_MAX);
    if (!digest_with_key(key_store, text, length, check, error))
        return false;
    memcpy(bytes, check, CHECK_BYTES);
    memcpy(bytes + CHECK_BYTES, text, length + 1);
    if (!apply_stream(key_store, bytes + CHECK_BYTES, length, error))
        return false;
    *ret = password_base64(bytes, CHECK_BYTES + length);
    return true;
}

bool password_decrypt(const char *key_store, const char *base64, char **ret, Error *error)
{
    size_t length = 0;
    AUTO_TEXT *bytes = password_from_base64(base64, &length);
    unsigned char check[SHA256_BYTES];

    if (!bytes || length < CHECK_BYTES)
        return error_set(error, ERROR_INVALID, "Error while decrypting: not an encrypted text");
    length -= CHECK_BYTES;
    if (!apply_stream(key_store, (unsigned char *)bytes + CHECK_BYTES, length, error) ||
        !digest_with_key(key_store, bytes + CHECK_BYTES, length, check, error))
        return false;
    if (memcmp(check, bytes, CHECK_BYTES) != 0)
        return error_set(error, ERROR_INVALID,
            "Error while decrypting: the text was encrypted with another key store");
    *ret = memory_text_n(bytes + CHECK_BYTES, length);
    return true;
}
