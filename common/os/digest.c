#include "common/os/digest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>

#include "common/base/memory.h"
#include "common/base/text.h"

#define READ_BYTES (256 * 1024)

struct Digest {
    EVP_MD_CTX *context;
};

static void must(int ok)
{
    assert(ok == 1); /* SHA-256 is always there; a failure is lack of memory */
    (void)ok;
}

Digest *digest_new(void)
{
    Digest *digest = memory_new(sizeof(*digest));

    digest->context = EVP_MD_CTX_new();
    assert(digest->context);
    must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
    return digest;
}

void digest_free(Digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void digest_add(Digest *digest, const void *bytes, size_t length)
{
    if (length > 0)
        must(EVP_DigestUpdate(digest->context, bytes, length));
}

void digest_end(Digest *digest, unsigned char ret[SHA256_BYTES])
{
    must(EVP_DigestFinal_ex(digest->context, ret, NULL));
    must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
}

void digest_end_hex(Digest *digest, char ret[SHA256_HEX_BYTES])
{
    unsigned char bytes[SHA256_BYTES];

    digest_end(digest, bytes);
    text_hex(bytes, sizeof(bytes), ret);
}

void digest_of(const void *bytes, size_t length, char ret[SHA256_HEX_BYTES])
{
    AUTO(Digest) *digest = digest_new();

    digest_add(digest, bytes, length);
    digest_end_hex(digest, ret);
}

bool digest_of_file(const char *path, char ret[SHA256_HEX_BYTES], Error *error)
{
    AUTO(Digest) *digest = digest_new();
    AUTO_TEXT *buffer = memory_new(READ_BYTES);
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return error_set(error, ERROR_IO, "%s cannot be opened: %s", path, strerrordesc_np(errno));
    while ((got = read(fd, buffer, READ_BYTES)) > 0)
        digest_add(digest, buffer, (size_t)got);
    if (got < 0)
        return error_set(error, ERROR_IO, "%s cannot be read: %s", path, strerrordesc_np(errno));
    digest_end_hex(digest, ret);
    return true;
}
