/*
 * replay FOLDER SEED ROUNDS: runs a fuzzer's function over the files of a folder and over changed
 * copies of them, always the same ones for the same seed. For compilers without libFuzzer, as a
 * test; what is found is told by file, seed and round.
 */

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>

#include "common/base/memory.h"

#define CHANGED_MAX 1024 /* bytes of a file that are taken to be changed */
#define CHANGES_MAX 6

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

typedef struct File {
    char *path, *bytes;
    size_t length;
} File;

static struct {
    File *files;
    size_t count;
} corpus;

static char at_work[512]; /* what is told when the function ends the program */
static uint64_t seed;

static void tell(int number)
{
    ssize_t ignored = write(STDERR_FILENO, at_work, strlen(at_work));

    (void)ignored;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static size_t random_below(size_t limit)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return limit == 0 ? 0 : (size_t)(seed >> 33) % limit;
}

static int add_file(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    FILE *file;
    File *one;

    (void)place;
    if (kind != FTW_F)
        return 0;
    corpus.files = memory_grow(corpus.files, (corpus.count + 1) * sizeof(File));
    one = &corpus.files[corpus.count++];
    *one = (File){ memory_text(path), memory_new((size_t)status->st_size + 1), 0 };
    file = fopen(path, "rb");
    if (!file)
        return 1;
    one->length = fread(one->bytes, 1, (size_t)status->st_size, file);
    return fclose(file);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const File *)a)->path, ((const File *)b)->path);
}

/* A piece of the bytes is put in again elsewhere: doubled, moved over others, or left out. */
static size_t change(char *bytes, size_t length)
{
    size_t from = random_below(length), to = random_below(length);
    size_t piece = 1 + random_below(length - from < 32 ? length - from : 32);

    switch (random_below(4)) {
    case 0:
        bytes[to] = (char)random_below(256);
        return length;
    case 1:
        memmove(bytes + from, bytes + from + piece, length - from - piece);
        return length - piece;
    case 2:
        if (piece > length - to)
            piece = length - to;
        memmove(bytes + to, bytes + from, piece);
        return length;
    default:
        memmove(bytes + to + piece, bytes + to, length - to);
        return length + piece;
    }
}

static void run_changed(size_t round)
{
    const File *file = &corpus.files[random_below(corpus.count)];
    size_t begin = file->length > CHANGED_MAX ? random_below(file->length - CHANGED_MAX) : 0;
    size_t length = file->length - begin < CHANGED_MAX ? file->length - begin : CHANGED_MAX;
    AUTO_TEXT *bytes = memory_new(length + (size_t)CHANGES_MAX * 32 + 1);

    (void)snprintf(at_work, sizeof(at_work), "in round %zu, a changed %s\n", round, file->path);
    memcpy(bytes, file->bytes + begin, length);
    for (size_t i = 1 + random_below(CHANGES_MAX); i > 0 && length > 1; i--)
        length = change(bytes, length);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
}

int main(int count, char **words)
{
    size_t rounds;

    if (count != 4 || nftw(words[1], add_file, 16, FTW_PHYS) != 0 || corpus.count == 0)
        return 2;
    seed = strtoull(words[2], NULL, 10);
    rounds = strtoul(words[3], NULL, 10);
    qsort(corpus.files, corpus.count, sizeof(File), by_path);
    (void)signal(SIGABRT, tell);
    (void)signal(SIGSEGV, tell);
    (void)printf("seed %" PRIu64 ", %zu files, %zu rounds\n", seed, corpus.count, rounds);
    for (size_t i = 0; i < corpus.count; i++) {
        (void)snprintf(at_work, sizeof(at_work), "in %s\n", corpus.files[i].path);
        (void)LLVMFuzzerTestOneInput(
            (const uint8_t *)corpus.files[i].bytes, corpus.files[i].length);
    }
    for (size_t round = 0; round < rounds; round++)
        run_changed(round);
    for (size_t i = 0; i < corpus.count; i++) {
        free(corpus.files[i].path);
        free(corpus.files[i].bytes);
    }
    free(corpus.files);
    return 0;
}
