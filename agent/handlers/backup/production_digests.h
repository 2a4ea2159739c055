#pragma once

/*
 * The digests of production's tables, read by a thread of their own while the dump is restored
 * elsewhere. The connection belongs to that thread from start to wait or free.
 *
 * Owns: ProductionDigests are freed by production_digests_free(), which ends the reading.
 */

#include "agent/handlers/copy/rows.h"

typedef struct ProductionDigests ProductionDigests;

/* `production` reads in its snapshot; it and the catalogue have to outlive the digests. */
ProductionDigests *production_digests_start(Database *production, const CopyCatalogue *catalogue)
    __attribute__((nonnull, returns_nonnull));
/* *ret: in the order of the catalogue's tables, owned by `digests`. */
bool production_digests_wait(ProductionDigests *digests, const RowDigest **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
void production_digests_free(ProductionDigests *digests);

DEFINE_AUTO(ProductionDigests, production_digests_free)
