#include "coordinator/io/audit_head.h"

#include <inttypes.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"

#define HEAD_MAX_BYTES 512

static void add_signed_part(Text *text, const AuditHead *head)
{
    text_add(
        text, "dss-upgrade audit head 1\nserial %" PRId64 "\nhash %s\n", head->serial, head->hash);
}

bool audit_head_write(
    const char *path, const AuditHead *head, const SignatureKey *key, Error *error)
{
    TEXT_AUTO(text, HEAD_MAX_BYTES);
    unsigned char signature[SIGNATURE_BYTES];
    char hex[2 * SIGNATURE_BYTES + 1];

    add_signed_part(&text, head);
    signature_make(key, text.bytes, text.length, signature);
    text_hex(signature, sizeof(signature), hex);
    text_add(&text, "signature %s\n", hex);
    return file_replace(path, text.bytes, text.length, 0600, error);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static bool read_signature(const char *hex, unsigned char ret[SIGNATURE_BYTES])
{
    for (size_t i = 0; i < SIGNATURE_BYTES; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = high >= 0 ? hex_digit(hex[2 * i + 1]) : -1;

        if (low < 0)
            return false;
        ret[i] = (unsigned char)(high * 16 + low);
    }
    return strcmp(hex + 2 * (size_t)SIGNATURE_BYTES, "\n") == 0;
}

/* Only exactly the form in which it is written. */
static bool parse(const char *text, const SignatureKey *key, AuditHead *ret)
{
    TEXT_AUTO(expected, HEAD_MAX_BYTES);
    unsigned char signature[SIGNATURE_BYTES];
    char serial[20] = "";
    unsigned long long number = 0;
    size_t signed_length;

    if (sscanf(text, "dss-upgrade audit head 1 serial %19[0-9] hash %64[0-9a-f] ", serial,
            ret->hash) != 2 ||
        !text_to_number(serial, INT64_MAX, &number) || number == 0)
        return false;
    ret->serial = (int64_t)number;
    add_signed_part(&expected, ret);
    signed_length = expected.length;
    text_add(&expected, "signature ");
    return strncmp(text, expected.bytes, expected.length) == 0 &&
           read_signature(text + expected.length, signature) &&
           signature_holds(key, text, signed_length, signature);
}

bool audit_head_read(const char *path, const SignatureKey *key, AuditHead *ret, Error *error)
{
    AUTO_TEXT *text = NULL;
    size_t length = 0;
    AuditHead head = { 0 };

    if (file_kind(path, LINKS_FOLLOWED) != FILE_ABSENT) {
        if (!file_read(path, HEAD_MAX_BYTES, &text, &length, error))
            return false;
        if (!parse(text, key, &head))
            return error_set(error, ERROR_CORRUPT,
                "%s is not signed by this key: it was changed, or the key is another one", path);
    }
    *ret = head;
    return true;
}
