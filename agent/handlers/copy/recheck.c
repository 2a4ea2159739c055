#include "agent/handlers/copy/recheck.h"

#include "agent/handlers/copy/definitions.h"
#include "agent/handlers/copy/difference.h"
#include "agent/handlers/copy/rows.h"
#include "common/model/finding.h"

#define WORDS_MAX 600 /* bytes of a message */

typedef struct Rechecking {
    const RecheckOf *of;
    bool holds;
} Rechecking;

static void tell(Rechecking *rechecking, const char *words)
{
    rechecking->holds = false;
    finding_add(rechecking->of->io->evidence, "COPY-CHANGED", FINDING_WARN,
        "find out who writes to staging; the copy is made anew", "%s", words);
}

static void tell_table(Rechecking *rechecking, const CopyTable *table)
{
    const RecheckOf *of = rechecking->of;
    Error unseen = { 0 };
    TEXT_AUTO(words, WORDS_MAX);

    text_add(&words, "table %s: ", table->name);
    if (!difference_find(of->production, of->staging, table, &words, &unseen))
        text_add(&words, "which rows differ cannot be told: %.200s", unseen.text);
    tell(rechecking, words.bytes);
}

/* A table that is not in the catalogue, or is no longer readable, was told with the definitions. */
static bool check_table(void *self, const CopiedTable *known, Error *error)
{
    Rechecking *rechecking = self;
    const CopyTable *table = copy_catalogue_table(rechecking->of->catalogue, known->name);
    const RowsChunk all = { .table = table };
    RowsMeter meter = { .io = rechecking->of->io, .doing = "verifying" };
    char hex[ROW_DIGEST_HEX_BYTES];
    RowDigest found;

    if (!table)
        return true;
    if (!rows_digest(rechecking->of->staging, &all, &meter, &found, error))
        return false;
    row_digest_hex(&found, hex);
    if (found.rows != known->rows || strcmp(hex, known->digest) != 0)
        tell_table(rechecking, table);
    return true;
}

bool recheck(const RecheckOf *of, const Copied *copied, bool *ret_holds, Error *error)
{
    const DefinitionsOf definitions = { of->production, of->catalogue, of->staging, "staging" };
    Rechecking rechecking = { of, true };
    Error difference = { 0 };

    if (!definitions_compare(&definitions, of->io->evidence, &difference)) {
        if (difference.kind != ERROR_MISMATCH) {
            *error = difference;
            return false;
        }
        tell(&rechecking, difference.text);
    } else if (!copied_each(copied, check_table, &rechecking, error)) {
        return false;
    }
    *ret_holds &= rechecking.holds;
    return true;
}
