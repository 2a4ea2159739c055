#include "agent/handlers/backup/production_digests.h"

#include <assert.h>
#include <pthread.h>

struct ProductionDigests {
    Database *production;
    const CopyCatalogue *catalogue;
    pthread_t thread;
    bool joined;
    RowsMeter meter;
    RowDigest *digests;
    Error error; /* its kind is ERROR_NONE when all went well */
};

static void *read_all(void *self)
{
    ProductionDigests *digests = self;

    for (size_t i = 0; i < digests->catalogue->table_count; i++) {
        const RowsChunk all = { .table = &digests->catalogue->tables[i] };

        if (!rows_digest(
                digests->production, &all, &digests->meter, &digests->digests[i], &digests->error))
            break;
    }
    return NULL;
}

ProductionDigests *production_digests_start(Database *production, const CopyCatalogue *catalogue)
{
    ProductionDigests *digests = memory_new(sizeof(*digests));
    int started;

    digests->production = production;
    digests->catalogue = catalogue;
    digests->digests = memory_new((catalogue->table_count + 1) * sizeof(RowDigest));
    started = pthread_create(&digests->thread, NULL, read_all, digests);
    assert(started == 0); /* as little to be had as memory */
    (void)started;
    return digests;
}

static void join(ProductionDigests *digests)
{
    if (!digests->joined)
        (void)pthread_join(digests->thread, NULL); /* fails only when joined twice */
    digests->joined = true;
}

bool production_digests_wait(ProductionDigests *digests, const RowDigest **ret, Error *error)
{
    join(digests);
    *ret = digests->digests;
    if (digests->error.kind == ERROR_NONE)
        return true;
    *error = digests->error;
    return error_prefix(error, "production: ");
}

void production_digests_free(ProductionDigests *digests)
{
    if (!digests)
        return;
    atomic_store(&digests->meter.stopped, true);
    join(digests);
    free(digests->digests);
    free(digests);
}
