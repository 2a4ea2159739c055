#pragma once

/*
 * The product's own certificate authority: one per cluster, one folder.
 *
 *   pki_init(folder, "prod")                     once: key, certificate, empty revocation list
 *   pki_issue(folder, &request, out)             out/NAME.crt, out/NAME.key, out/ca.crt
 *   pki_revoke(folder, "node1", &count)          into folder/ca.crl, to be copied to the peers
 *
 * Folder (mode 700): ca.key (600), ca.crt, ca.crl, index: one line per certificate, fields divided
 * by tabs: serial (hex), role, name, end of validity, "-" or the moment of revocation (RFC 3339,
 * UTC). The index is written before a certificate leaves, so every certificate there is stands in
 * it. Changes hold a lock on the folder; a second one at the same time is refused.
 *
 * Certificates: ECDSA P-256; the role once as a URI (common/model/peer.h) and once as the only
 * extended key usage: agents serve, coordinator and operators are clients. With addresses, a dialer
 * accepts the agent only at one of them.
 * The revocation list is valid as long as the CA is: an old list must not lock everybody out.
 *
 * Errors: ERROR_INVALID for requests and damaged files, ERROR_PRECONDITION when something is there
 * already or the folder is in use, ERROR_IO.
 */

#include <time.h>

#include "common/model/peer.h"

#define PKI_SERIAL_BYTES  40 /* 16 bytes in hex, and the end */
#define PKI_ADDRESSES_MAX 32
#define PKI_CA_DAYS       3650
#define PKI_DAYS_DEFAULT  365

typedef struct PkiRequest {
    PeerRole role;
    const char *name;
    const char *const *addresses; /* host names and IP addresses; may be NULL when there are none */
    size_t address_count;
    unsigned days; /* 0: PKI_DAYS_DEFAULT; never longer than the CA's own */
} PkiRequest;

typedef struct PkiEntry {
    char serial[PKI_SERIAL_BYTES];
    PeerRole role;
    char name[NAME_MAX_BYTES];
    time_t not_after;
    time_t revoked; /* 0: it is not */
} PkiEntry;

typedef struct PkiEntries {
    PkiEntry *items;
    size_t count;
} PkiEntries;

bool pki_init(const char *folder, const char *cluster, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* The cluster that the authority is for. */
bool pki_cluster(const char *folder, char ret[NAME_MAX_BYTES], Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Refuses to overwrite a NAME.crt or NAME.key: to renew, issue into another folder. */
bool pki_issue(const char *folder, const PkiRequest *request, const char *out, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* By serial, or all certificates of that name; counts those that were not revoked before. */
bool pki_revoke(const char *folder, const char *serial_or_name, size_t *ret_count, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool pki_list(const char *folder, PkiEntries *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void pki_entries_done(PkiEntries *entries) __attribute__((nonnull));
/* Whole days until the certificate in the file ends; negative when it has. */
bool pki_days_left(const char *certificate_file, long *ret, Error *error)
    __attribute__((nonnull, warn_unused_result));

#define PKI_ENTRIES_AUTO(name) __attribute__((cleanup(pki_entries_done))) PkiEntries name = { 0 }
