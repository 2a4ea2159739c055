#include "agent/handlers/backup/compressed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <zstd.h>

#include "common/base/memory.h"
#include "common/os/file.h"

/* The smallest of the levels that were measured on dumps; higher ones are slower and no smaller. */
#define LEVEL 2
/* One program feeds it: more threads have nothing to do. */
#define WORKERS    2
#define BLOCK_READ ((size_t)256 << 10) /* bytes */

struct CompressedWriter {
    char *path;
    int fd;
    ZSTD_CCtx *context;
    Digest *digest;
    void *block;
    size_t block_bytes;
    CompressedFile file;
};

static bool failed(const char *path, const char *what, Error *error)
{
    return error_set(error, ERROR_IO, "%s cannot be %s: %s", path, what, strerrordesc_np(errno));
}

static bool set_up(const CompressedWriter *writer)
{
    /* a library without threads refuses workers, and compresses in this one */
    (void)ZSTD_CCtx_setParameter(writer->context, ZSTD_c_nbWorkers, WORKERS);
    return !ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, LEVEL)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_checksumFlag, 1));
}

bool compressed_writer_open(const char *path, CompressedWriter **ret, Error *error)
{
    AUTO(CompressedWriter) *writer = memory_new(sizeof(*writer));

    writer->path = memory_text(path);
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (writer->fd < 0)
        return failed(path, "written", error);
    writer->digest = digest_new();
    writer->block_bytes = ZSTD_CStreamOutSize();
    writer->block = memory_new(writer->block_bytes);
    writer->context = ZSTD_createCCtx();
    if (!writer->context || !set_up(writer))
        return error_set(error, ERROR_IO, "%s: the compression cannot be set up", path);
    *ret = TAKE(writer);
    return true;
}

static bool fail_full(const CompressedWriter *writer, Error *error)
{
    return error_set(error, ERROR_IO,
        "%s: %s after %llu MiB of it (%llu MiB before compression): make room there, or set "
        "another "
        "backup directory in agent.xml",
        writer->path, strerrordesc_np(errno), (unsigned long long)writer->file.bytes >> 20,
        (unsigned long long)writer->file.plain_bytes >> 20);
}

static bool write_block(CompressedWriter *writer, size_t length, Error *error)
{
    Error failure = { 0 };

    if (!file_write_all(writer->fd, writer->block, length, writer->path, &failure)) {
        if (errno == ENOSPC || errno == EDQUOT)
            return fail_full(writer, error);
        *error = failure;
        return false;
    }
    digest_add(writer->digest, writer->block, length);
    writer->file.bytes += length;
    return true;
}

/* Feeds it and writes what comes out; *ret_left: bytes that are still inside (ZSTD_e_end). */
static bool compress(CompressedWriter *writer, ZSTD_inBuffer *input, ZSTD_EndDirective directive,
    size_t *ret_left, Error *error)
{
    ZSTD_outBuffer output = { writer->block, writer->block_bytes, 0 };

    *ret_left = ZSTD_compressStream2(writer->context, &output, input, directive);
    if (ZSTD_isError(*ret_left))
        return error_set(error, ERROR_IO, "%s cannot be compressed: %s", writer->path,
            ZSTD_getErrorName(*ret_left));
    return output.pos == 0 || write_block(writer, output.pos, error);
}

bool compressed_writer_add(CompressedWriter *writer, const void *bytes, size_t length, Error *error)
{
    ZSTD_inBuffer input = { bytes, length, 0 };
    size_t left;

    while (input.pos < input.size)
        if (!compress(writer, &input, ZSTD_e_continue, &left, error))
            return false;
    writer->file.plain_bytes += length;
    return true;
}

bool compressed_writer_end(CompressedWriter *writer, CompressedFile *ret, Error *error)
{
    ZSTD_inBuffer nothing = { "", 0, 0 };
    size_t left = 1;

    while (left > 0)
        if (!compress(writer, &nothing, ZSTD_e_end, &left, error))
            return false;
    if (fsync(writer->fd) != 0)
        return failed(writer->path, "synced", error);
    digest_end_hex(writer->digest, writer->file.sha256);
    *ret = writer->file;
    return true;
}

void compressed_writer_free(CompressedWriter *writer)
{
    if (!writer)
        return;
    if (writer->fd >= 0)
        (void)close(writer->fd); /* what counts was synced */
    (void)ZSTD_freeCCtx(writer->context);
    digest_free(writer->digest);
    free(writer->block);
    free(writer->path);
    free(writer);
}

typedef struct Reading {
    const char *path;
    int fd;
    ZSTD_DCtx *context;
    void *packed, *plain;
    size_t plain_bytes;
    bool complete; /* nothing is expected after what was read */
} Reading;

static bool unpack(Reading *reading, size_t length, CompressedSink *sink, void *self, Error *error)
{
    ZSTD_inBuffer input = { reading->packed, length, 0 };
    ZSTD_outBuffer output;

    do {
        size_t expected;

        output = (ZSTD_outBuffer){ reading->plain, reading->plain_bytes, 0 };
        expected = ZSTD_decompressStream(reading->context, &output, &input);
        if (ZSTD_isError(expected))
            return error_set(error, ERROR_CORRUPT, "%s is damaged: %s", reading->path,
                ZSTD_getErrorName(expected));
        reading->complete = expected == 0;
        if (output.pos > 0 && !sink(self, reading->plain, output.pos, error))
            return false;
        /* a full buffer may leave something inside */
    } while (input.pos < input.size || (output.pos == output.size && !reading->complete));
    return true;
}

static bool read_all(Reading *reading, CompressedSink *sink, void *self, Error *error)
{
    ssize_t got;

    while ((got = read(reading->fd, reading->packed, BLOCK_READ)) > 0)
        if (!unpack(reading, (size_t)got, sink, self, error))
            return false;
    if (got < 0)
        return failed(reading->path, "read", error);
    if (!reading->complete)
        return error_set(error, ERROR_CORRUPT, "%s ends too early", reading->path);
    return true;
}

bool compressed_file_read(const char *path, CompressedSink *sink, void *self, Error *error)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_TEXT *packed = memory_new(BLOCK_READ);
    AUTO_TEXT *plain = memory_new(BLOCK_READ);
    Reading reading = { .path = path,
        .fd = fd,
        .context = ZSTD_createDCtx(),
        .packed = packed,
        .plain = plain,
        .plain_bytes = BLOCK_READ };
    bool read;

    if (fd < 0) {
        (void)ZSTD_freeDCtx(reading.context);
        return failed(path, "read", error);
    }
    read = reading.context ? read_all(&reading, sink, self, error)
                           : error_set(error, ERROR_IO, "%s: no memory to unpack it", path);
    (void)ZSTD_freeDCtx(reading.context);
    return read;
}
