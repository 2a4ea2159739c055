#include "common/pki/pki.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/file.h"
#include "common/pki/certificate.h"
#include "common/pki/pki_index.h"

#define FOLDER_MODE 0700

/* Held until the descriptor is closed. */
static bool lock_folder(const char *folder, int *ret, Error *error)
{
    AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_set(
            error, ERROR_IO, "%s cannot be opened: %s", folder, strerrordesc_np(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, ERROR_PRECONDITION,
            "another command works with the authority in %s: try again when it has ended", folder);
    *ret = fd;
    fd = -1;
    return true;
}

static bool write_revocations(
    const char *folder, const Authority *authority, const PkiEntries *entries, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/ca.crl", folder);
    AUTO(X509_CRL) *list = NULL;

    return revocation_list_make(authority, entries, &list, error) &&
           revocation_list_write(path, list, error);
}

/* The certificate last: with it the authority is there, without it init can be run again. */
bool pki_init(const char *folder, const char *cluster, Error *error)
{
    AUTO_TEXT *certificate = memory_format("%s/ca.crt", folder);
    AUTO_TEXT *key = memory_format("%s/ca.key", folder);
    AUTHORITY_AUTO(authority);
    PkiEntries none = { 0 };
    AUTO_FD lock = -1;

    if (!name_is_valid(cluster))
        return error_set(error, ERROR_INVALID, "'%.64s' is not a cluster's name", cluster);
    if (!file_make_folders(folder, FOLDER_MODE, error) || !lock_folder(folder, &lock, error))
        return false;
    if (file_kind(certificate, LINKS_FOLLOWED) != FILE_ABSENT)
        return error_set(error, ERROR_PRECONDITION,
            "%s is there already: an authority is made once; to make another, name another folder",
            certificate);
    return authority_make(cluster, &authority, error) && key_write(key, authority.key, error) &&
           pki_index_write(folder, &none, error) &&
           write_revocations(folder, &authority, &none, error) &&
           certificate_write(certificate, authority.certificate, error);
}

bool pki_cluster(const char *folder, char ret[NAME_MAX_BYTES], Error *error)
{
    AUTHORITY_AUTO(authority);

    if (!authority_load(folder, &authority, error))
        return false;
    (void)text_copy(ret, NAME_MAX_BYTES, authority.cluster); /* the same size */
    return true;
}

static bool request_is_valid(const PkiRequest *request, Error *error)
{
    if (request->role >= PEER_ROLE_COUNT)
        return error_set(error, ERROR_INVALID, "unknown role %u", (unsigned)request->role);
    if (!name_is_valid(request->name) || strcmp(request->name, "ca") == 0)
        return error_set(error, ERROR_INVALID,
            "'%.64s' is not a name for a certificate (letters, digits, dot, dash, underscore; not "
            "'ca')",
            request->name);
    if (request->address_count > PKI_ADDRESSES_MAX)
        return error_set(error, ERROR_INVALID, "%zu addresses, at most %d fit",
            request->address_count, PKI_ADDRESSES_MAX);
    if (request->days > PKI_CA_DAYS)
        return error_set(error, ERROR_INVALID, "%u days, at most %d", request->days, PKI_CA_DAYS);
    return true;
}

static bool is_free(const char *out, const char *name, const char *ending, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/%s.%s", out, name, ending);

    if (file_kind(path, LINKS_THEMSELVES) == FILE_ABSENT)
        return true;
    return error_set(error, ERROR_PRECONDITION,
        "%s is there already: issue into another folder, or remove it first", path);
}

static bool record(
    const char *folder, const PkiRequest *request, const X509 *certificate, Error *error)
{
    PKI_ENTRIES_AUTO(entries);
    PkiEntry entry = { .role = request->role };

    if (!pki_index_read(folder, &entries, error))
        return false;
    certificate_describe(certificate, &entry);
    (void)text_copy(entry.name, sizeof(entry.name), request->name); /* fits: a valid name */
    pki_index_add(&entries, &entry);
    return pki_index_write(folder, &entries, error);
}

/* The key before the certificate: a certificate in `out` has its key beside it. */
static bool write_out(
    const char *out, const char *name, X509 *certificate, EVP_PKEY *key, Error *error)
{
    AUTO_TEXT *key_path = memory_format("%s/%s.key", out, name);
    AUTO_TEXT *certificate_path = memory_format("%s/%s.crt", out, name);

    return key_write(key_path, key, error) &&
           certificate_write(certificate_path, certificate, error);
}

bool pki_issue(const char *folder, const PkiRequest *request, const char *out, Error *error)
{
    AUTO_TEXT *authority_path = memory_format("%s/ca.crt", out);
    AUTHORITY_AUTO(authority);
    AUTO(EVP_PKEY) *key = NULL;
    AUTO(X509) *certificate = NULL;
    AUTO_FD lock = -1;

    if (!request_is_valid(request, error) || !lock_folder(folder, &lock, error) ||
        !authority_load(folder, &authority, error))
        return false;
    key = key_make();
    return certificate_make(&authority, request, key, &certificate, error) &&
           file_make_folders(out, FOLDER_MODE, error) &&
           is_free(out, request->name, "key", error) && is_free(out, request->name, "crt", error) &&
           record(folder, request, certificate, error) &&
           certificate_write(authority_path, authority.certificate, error) &&
           write_out(out, request->name, certificate, key, error);
}

static bool is_meant(const PkiEntry *entry, const char *serial_or_name)
{
    return entry->revoked == 0 &&
           (strcmp(entry->serial, serial_or_name) == 0 || strcmp(entry->name, serial_or_name) == 0);
}

bool pki_revoke(const char *folder, const char *serial_or_name, size_t *ret_count, Error *error)
{
    AUTHORITY_AUTO(authority);
    PKI_ENTRIES_AUTO(entries);
    AUTO_FD lock = -1;
    size_t count = 0;

    if (!lock_folder(folder, &lock, error) || !authority_load(folder, &authority, error) ||
        !pki_index_read(folder, &entries, error))
        return false;
    for (size_t i = 0; i < entries.count; i++) {
        if (is_meant(&entries.items[i], serial_or_name)) {
            entries.items[i].revoked = time(NULL);
            count++;
        }
    }
    /* written even when nothing is new: the list may be missing after a crash between the two */
    if (!pki_index_write(folder, &entries, error) ||
        !write_revocations(folder, &authority, &entries, error))
        return false;
    *ret_count = count;
    return true;
}

bool pki_list(const char *folder, PkiEntries *ret, Error *error)
{
    return pki_index_read(folder, ret, error);
}

bool pki_days_left(const char *certificate_file, long *ret, Error *error)
{
    AUTO(X509) *certificate = NULL;
    int days, seconds;

    if (!certificate_read(certificate_file, &certificate, error))
        return false;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        return error_set(
            error, ERROR_INVALID, "%s: the end of validity cannot be read", certificate_file);
    *ret = seconds < 0 ? days - 1 : days;
    return true;
}
